"""PURE: the rules of a plan over the facts of one patient: what is met, what can't be told, and what follows.

A rule fires on true alone. Unknown is `cannot-tell`; an expression that can't be worked out is an engine failure
(Broken) and never "not met". The trace is derived from the facts that the expressions name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.contradictions import CONFLICT, contradictions
from fhir_svc.criteria.expressions import Expression
from fhir_svc.criteria.facts import KINDS
from fhir_svc.criteria.findings import Control, Findings, Want
from fhir_svc.criteria.plan import LEVELS, Action, Rule
from fhir_svc.criteria.support import grounds, reports, with_reports
from fhir_svc.criteria.tracing import asked, facts_of, unsettled
from fhir_svc.decision import Fact, Message, Outcome, Review, RuleOutcome
from fhir_svc.knowledge import Knowledge, Pathway
from fhir_svc.record import Record, Site, Stored

OUTCOMES = {True: Outcome.MET, False: Outcome.NOT_MET, None: Outcome.CANNOT_TELL}


@dataclass(slots=True)
class Drawn:
    """What the active actions of all rules ask for, as they are walked."""

    wants: list[Want] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    messages: dict[str, tuple[list[str], list[str], dict[str, Stored]]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    levels: dict[str, str] = field(default_factory=dict)
    standing: list[str | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


class Evaluator:
    """One walk over all rules of a pathway for one patient."""

    def __init__(self, case: Case, pathway: Pathway) -> None:
        self.case, self.pathway, self.drawn = case, pathway, Drawn()

    def judge(self, rule: Rule) -> RuleOutcome:
        """What a rule says, and what its active actions ask for."""
        outcome = OUTCOMES[rule.condition.truth(self.case.value)]
        active = list(self._active(rule.action, met=outcome is Outcome.MET))
        for action in active:
            self._draw(rule, action)
        self._note(rule, [action for action in active if action.note])
        found = reports(self.case, rule.condition)
        facts = with_reports(self.case, facts_of(self.case, self.pathway.trail.of_rule(rule)), found)
        return RuleOutcome(
            id=rule.id,
            title=rule.action.title,
            outcome=outcome,
            facts=facts,
            missing=self._missing(rule, outcome, active),
            citation=rule.citation,
            level=self.drawn.levels.get(rule.id),
            deciding=with_reports(self.case, (self.case.fact(name) for name in found), found),
            basis=self._basis(facts, active),
        )

    def _basis(self, facts: Iterable[Fact], active: list[Action]) -> tuple[Fact, ...]:
        """The facts whose change is a change: a new weight is none where weight decides nothing."""
        conditions = [action.condition for action in active if action.condition is not None]
        names = {name for each in conditions for name in reports(self.case, each)}
        return tuple(fact for fact in facts if fact.name in names or not _is_number(fact.value))

    def _active(self, action: Action, *, met: bool) -> Iterator[Action]:
        """The actions that act: the rule itself where it is met, branches that are true, and asides that are."""
        if met:
            yield action
        taken = False
        for inner in action.actions:
            if (
                inner.control is not None
                or not (met or inner.aside)
                or (taken and action.first_only and not inner.aside)
            ):
                continue
            if inner.condition is None or inner.condition.truth(self.case.value) is True:
                taken = taken or not inner.aside
                yield from self._active(inner, met=True)

    def _draw(self, rule: Rule, action: Action) -> None:
        drawn = self.drawn
        drawn.flags.update(action.flags)
        if action.standing:
            drawn.standing.append(action.level)
        elif action.level is not None:
            drawn.levels[rule.id] = highest([action.level, drawn.levels.get(rule.id)]) or action.level
        if action.order is not None:
            drawn.wants.append(Want(action.order, action.priority, rule.id, self._reasons(rule)))
        if action.review:
            text = rule.action.title if action is rule.action else f"{rule.action.title}: {action.text}"
            drawn.reviews.append(
                Review(
                    rule.id,
                    action.priority,
                    (rule.id,),
                    action.level,
                    text,
                    action=action.id,
                    grounds=grounds(self.case, rule.action, action),
                )
            )
        if action.message is not None:
            self._send(rule, action)

    def _note(self, rule: Rule, notes: list[Action]) -> None:
        """Put notes on the rule's orders, or ask for a review where it wants none."""
        wants = self.drawn.wants
        own = [at for at, want in enumerate(wants) if want.rule == rule.id]
        for note in notes:
            for at in own:
                wants[at] = replace(wants[at], notes=(*wants[at].notes, note.text))
            if not own:
                self.drawn.reviews.append(Review(rule.id, note.priority, (rule.id,), None, note.text))

    def _send(self, rule: Rule, action: Action) -> None:
        """One message for each reason, whatever number of rules send it."""
        rules, missing, on = self.drawn.messages.setdefault(action.message or "", ([], [], {}))
        wanted = [] if action.condition is None else asked(self.case, self.pathway.trail, action.condition)
        rules.extend({rule.id} - set(rules))
        on.update((source.reference, source) for source in grounds(self.case, rule.action, action))
        missing.extend(name for name in wanted if name not in missing)
        self.drawn.asked.extend(wanted)

    def _reasons(self, rule: Rule) -> tuple[dict[str, Any], ...]:
        value = self.case.value
        return tuple(
            dict(reason.concept)
            for reason in rule.action.reasons
            if reason.when is None or reason.when.truth(value) is True
        )

    def _missing(self, rule: Rule, outcome: Outcome, active: list[Action]) -> tuple[str, ...]:
        found = unsettled(self.case, rule.condition)
        if outcome is not Outcome.NOT_MET or active:
            conditions = (rule.condition, *(action.condition for action in active if action.condition is not None))
            found += [name for each in conditions for name in asked(self.case, self.pathway.trail, each)]
        return tuple(dict.fromkeys(found))

    def controls(self) -> Iterator[Control]:
        """Every safety control of the plan with what it came out as."""
        for rule in self.pathway.plan.rules:
            for action in rule.action.everything():
                if action.control is not None and action.condition is not None:
                    yield Control(
                        id=action.id,
                        rule=rule.id,
                        outcome=OUTCOMES[self._both(rule.condition, action.condition)],
                        effect=action.control.effect,
                        orders=action.control.orders,
                        replacement=action.control.replacement,
                        consult=action.control.consult,
                        blocker=action.control.blocker,
                        flags=action.flags,
                        facts=tuple(facts_of(self.case, self.pathway.trail.names((action.condition,)))),
                        text=action.text or action.title,
                    )

    def _both(self, *conditions: Expression) -> bool | None:
        """False wins, then unknown."""
        said = {condition.truth(self.case.value) for condition in conditions}
        return False if False in said else None if None in said else True

    def onset(self, rule: Rule) -> datetime:
        """The latest moment at which what met a red-flag rule can have begun."""
        onsets = []
        for name in self.pathway.trail.names((rule.condition,), through=True):
            reading, declared = self.case.read(name), self.pathway.declarations.facts.get(name)
            moment = self.case.moment(reading.date) if declared and declared.kind == "highest" else None
            onsets += [reading.onset] if reading.onset else []
            onsets += [self.case.clipped(moment)] if moment and reading.value is not None else []
        return max(onsets, default=self.case.at)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def highest(levels: list[str | None]) -> str | None:
    """The most urgent of these levels, None for none."""
    return min((level for level in levels if level is not None), key=LEVELS.index, default=None)


def find(record: Record, knowledge: Knowledge, site: Site, at: datetime, plan: str = "lbp-lss") -> Findings:
    """What the rules of a plan find over a patient's record at T."""
    pathway = knowledge.pathway(plan)
    case = Case(record, pathway.declarations, KINDS, _own(site, pathway, knowledge), at, knowledge.vocabulary)
    evaluator = Evaluator(case, pathway)
    outcomes = [evaluator.judge(rule) for rule in pathway.plan.rules]
    drawn = evaluator.drawn
    met = [rule for rule, outcome in zip(pathway.plan.rules, outcomes, strict=True) if outcome.outcome is Outcome.MET]
    red_flags = [rule for rule in met if rule.red_flag]
    facts = {name: case.fact(name) for name in (*pathway.declarations.parameters, *pathway.declarations.facts)}
    return Findings(
        at=at,
        criteria=pathway.plan.canonical,
        level=highest([*drawn.levels.values(), *drawn.standing]) or _level_of_forms(case),
        rules=tuple(outcomes),
        wants=tuple(drawn.wants),
        controls=tuple(evaluator.controls()),
        flags=frozenset(drawn.flags.union(*(fact.flags for fact in facts.values())) - {CONFLICT} | drawn.flags),
        reviews=tuple(drawn.reviews),
        messages=tuple(_messages(drawn)),
        concerns=tuple(contradictions(case, met)),
        red_flags=tuple(rule.id for rule in red_flags),
        onsets={rule.id: evaluator.onset(rule) for rule in red_flags},
        facts=facts,
        missing=_all_missing(drawn, outcomes),
        data_required=any(rule.data_required for rule in met),
        next_change=case.next_change,
    )


def _own(site: Site, pathway: Pathway, knowledge: Knowledge) -> Site:
    """The site without its values for other pathways; one that no pathway has stays, and is refused."""
    others = {name for other in knowledge.pathways.values() for name in other.declarations.parameters}
    others -= pathway.declarations.parameters.keys()
    return Site(site.timezone, {name: value for name, value in site.values.items() if name not in others})


def _messages(drawn: Drawn) -> Iterator[Message]:
    for name, (rules, missing, on) in drawn.messages.items():
        yield Message(name, tuple(rules), tuple(missing), tuple(on[reference] for reference in sorted(on)))


def _all_missing(drawn: Drawn, outcomes: list[RuleOutcome]) -> tuple[str, ...]:
    unknown = (name for rule in outcomes if rule.outcome is Outcome.CANNOT_TELL for name in rule.missing)
    return tuple(dict.fromkeys((*drawn.asked, *unknown)))


def _level_of_forms(case: Case) -> str | None:
    """With nothing fired the newest completed form decides; at equal times the form of the higher rank."""
    completed = [
        (responses.current.authored.start, responses.form.rank, responses.form.level)
        for responses in case.forms.values()
        if responses.current is not None
    ]
    return max(completed)[2] if completed else None
