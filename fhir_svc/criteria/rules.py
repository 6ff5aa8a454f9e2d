"""PURE: the rules of a plan over the facts of one patient: what is met, what can't be told, and what follows.

A rule fires on true alone. Unknown is `cannot-tell`; an expression that can't be worked out is an engine failure (Broken)
and never "not met". The trace is derived from the facts that the expressions name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.expressions import Expression
from fhir_svc.criteria.facts import KINDS, leaves_unknown
from fhir_svc.criteria.findings import Control, Findings, Want
from fhir_svc.criteria.plan import LEVELS, Action, Plan, Rule
from fhir_svc.decision import Concern, Fact, Message, Outcome, Review, RuleOutcome
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Record, Site

CONFLICT = "CONFLICT"
TRACED_KINDS = frozenset({"expression", "stated", "known", "unknown", "doubt", "score", "worst", "unusable"})
"""Facts made of other facts: the trace shows what they are made of."""


@dataclass(slots=True)
class Drawn:
    """What the active actions of all rules ask for, as they are walked."""

    wants: list[Want] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    messages: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    levels: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def raise_level(self, rule: str, level: str | None) -> None:
        """Of the levels of a rule's branches the highest counts."""
        if level is not None:
            self.levels[rule] = highest([level, *([self.levels[rule]] if rule in self.levels else [])]) or level


def highest(levels: list[str]) -> str | None:
    """The most urgent of these levels, None for none."""
    return min(levels, key=LEVELS.index, default=None)


def find(record: Record, knowledge: Knowledge, site: Site, at: datetime, plan: str = "lbp-lss") -> Findings:
    """What the rules of a plan find over a patient's record at T."""
    pathway = knowledge.pathway(plan)
    case = Case(record, pathway.declarations, KINDS, site, at, knowledge.vocabulary)
    drawn = Drawn()
    outcomes = [_judge(case, rule, drawn) for rule in pathway.plan.rules]
    met = {outcome.id for outcome in outcomes if outcome.outcome is Outcome.MET}
    facts = {
        name: case.read(name).fact(name) for name in (*pathway.declarations.parameters, *pathway.declarations.facts)
    }
    for fact in facts.values():
        drawn.flags.update(fact.flags - {CONFLICT})
    return Findings(
        at=at,
        criteria=pathway.plan.canonical,
        level=highest(list(drawn.levels.values())) or _level_of_forms(case),
        rules=tuple(outcomes),
        wants=tuple(drawn.wants),
        controls=tuple(_controls(case, pathway.plan)),
        flags=frozenset(drawn.flags),
        reviews=tuple(drawn.reviews),
        messages=tuple(
            Message(reason, tuple(rules), tuple(missing)) for reason, (rules, missing) in drawn.messages.items()
        ),
        concerns=tuple(_conflicts(case, outcomes)),
        red_flags=tuple(rule.id for rule in pathway.plan.rules if rule.red_flag and rule.id in met),
        onsets={
            rule.id: onset
            for rule in pathway.plan.rules
            if rule.red_flag and rule.id in met
            for onset in [_onset(case, rule)]
        },
        facts=facts,
        missing=_all_missing(drawn, outcomes),
        data_required=any(rule.data_required and rule.id in met for rule in pathway.plan.rules),
        next_change=case.next_change,
    )


def _all_missing(drawn: Drawn, outcomes: list[RuleOutcome]) -> tuple[str, ...]:
    unsettled = (name for rule in outcomes if rule.outcome is Outcome.CANNOT_TELL for name in rule.missing)
    return tuple(dict.fromkeys((*drawn.asked, *unsettled)))


def _level_of_forms(case: Case) -> str | None:
    """With nothing fired the newest completed form decides; at equal times the form of the higher rank."""
    current = [responses for responses in case.forms.values() if responses.current is not None]
    newest = max(
        current,
        key=lambda found: (found.current.authored.start if found.current else case.at, found.form.rank),
        default=None,
    )
    return newest.form.level if newest else None


def _judge(case: Case, rule: Rule, drawn: Drawn) -> RuleOutcome:
    assert rule.action.condition is not None  # noqa: S101 - a plan without it is refused at load
    truth = rule.action.condition.truth(case.value)
    outcome = {True: Outcome.MET, False: Outcome.NOT_MET, None: Outcome.CANNOT_TELL}[truth]
    active = list(_active(case, rule.action, met=truth is True))
    for action in active:
        _draw(case, rule, action, drawn)
    return RuleOutcome(
        id=rule.id,
        title=rule.action.title,
        outcome=outcome,
        facts=tuple(_facts(case, _expressions(rule))),
        missing=_missing(case, rule, outcome, active),
        citation=rule.citation,
        level=drawn.levels.get(rule.id),
    )


def _active(case: Case, action: Action, *, met: bool) -> Iterator[Action]:
    """The actions that act: the rule itself where it is met, branches that are true, and asides that are."""
    if met:
        yield action
    taken = False
    for inner in action.actions:
        if inner.control is not None or not (met or inner.aside) or (taken and action.first_only and not inner.aside):
            continue
        if inner.condition is None or inner.condition.truth(case.value) is True:
            taken = taken or (not inner.aside and inner.condition is not None)
            yield from _active(case, inner, met=True)


def _draw(case: Case, rule: Rule, action: Action, drawn: Drawn) -> None:
    drawn.flags.update(action.flags)
    drawn.raise_level(rule.id, action.level)
    if action.order is not None:
        drawn.wants.append(Want(action.order, action.priority or "routine", rule.id, _reasons(case, rule), ()))
    if action.review:
        text = action.text or rule.action.text
        drawn.reviews.append(Review(rule.id, action.priority or "routine", (rule.id,), action.level, text))
    if action.message is not None:
        _send(case, rule, action, drawn)


def _send(case: Case, rule: Rule, action: Action, drawn: Drawn) -> None:
    """One message for each reason, whatever number of rules send it."""
    rules, missing = drawn.messages.setdefault(action.message or "", ([], []))
    asked = [] if action.condition is None else _asked(case, action.condition)
    rules.extend({rule.id} - set(rules))
    missing.extend(name for name in asked if name not in missing)
    drawn.asked.extend(asked)


def _reasons(case: Case, rule: Rule) -> tuple[dict[str, object], ...]:
    return tuple(
        dict(reason.concept)
        for reason in rule.action.reasons
        if reason.when is None or reason.when.truth(case.value) is True
    )


def _expressions(rule: Rule) -> tuple[Expression, ...]:
    return tuple(action.condition for action in rule.action.everything() if action.condition is not None)


def _names(case: Case, expressions: tuple[Expression, ...], *, summaries: bool = True) -> Iterator[str]:
    """The facts that expressions rest on, down to those made of the record; a summary stands for what is below it."""
    pending = [name for expression in reversed(expressions) for name in reversed(expression.names)]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        declared = case.declarations.facts.get(name)
        if declared is None or declared.kind not in TRACED_KINDS or (summaries and declared.role == "summary"):
            yield name
            continue
        if declared.kind == "score" or declared.unit is not None:
            yield name
        below = [*declared.of, *(declared.expression.names if declared.expression else ())]
        below += [inner for item in declared.items if item.expression for inner in item.expression.names]
        pending.extend(reversed(below))


def _facts(case: Case, expressions: tuple[Expression, ...]) -> Iterator[Fact]:
    for name in _names(case, expressions):
        reading = case.read(name)
        if reading.value is not None or reading.sources:
            yield reading.fact(name)


def _missing(case: Case, rule: Rule, outcome: Outcome, active: list[Action]) -> tuple[str, ...]:
    condition = rule.action.condition
    assert condition is not None  # noqa: S101 - a plan without it is refused at load
    found = [leaf for name in condition.unsettled(case.value) for leaf in leaves_unknown(case, name)]
    if outcome is not Outcome.NOT_MET or active:
        conditions = (condition, *(action.condition for action in active if action.condition is not None))
        found += [name for expression in conditions for name in _asked(case, expression)]
    return tuple(dict.fromkeys(found))


def _asked(case: Case, expression: Expression) -> list[str]:
    """What the facts of the kind `unknown` that an expression names, itself or through others, found missing."""
    found: list[str] = []
    pending = list(expression.names)
    seen: set[str] = set()
    while pending:
        name = pending.pop(0)
        declared = case.declarations.facts.get(name)
        if name in seen or declared is None:
            continue
        seen.add(name)
        if declared.kind == "unknown":
            found.extend(case.read(name).missing)
        elif declared.kind == "expression" and declared.expression and declared.role != "summary":
            pending.extend(declared.expression.names)
    return found


def _controls(case: Case, plan: Plan) -> Iterator[Control]:
    for rule in plan.rules:
        for action in rule.action.everything():
            if action.control is None or action.condition is None:
                continue
            truth = action.condition.truth(case.value)
            yield Control(
                id=action.id,
                rule=rule.id,
                outcome={True: Outcome.MET, False: Outcome.NOT_MET, None: Outcome.CANNOT_TELL}[truth],
                effect=action.control.effect,
                orders=action.control.orders,
                replacement=action.control.replacement,
                consult=action.control.consult,
                blocker=action.control.blocker,
                flags=action.flags,
                facts=tuple(_facts(case, (action.condition,))),
                text=action.text or action.title,
            )


def _conflicts(case: Case, outcomes: list[RuleOutcome]) -> Iterator[Concern]:
    """Each contradiction with both sides; those between an answer and a measurement come as the rule's own facts."""
    rule = next((outcome for outcome in outcomes if any(fact.name == "conflict" for fact in outcome.facts)), None)
    if rule is None or rule.outcome is not Outcome.MET:
        return
    shown = False
    for name in case.declarations.facts:
        reading = case.read(name)
        if CONFLICT in reading.flags:
            shown = True
            sides = (reading.fact(name), *(other.fact(name) for other in reading.against))
            yield Concern("conflict", rule.id, facts=sides)
    if not shown:
        yield Concern("conflict", rule.id, facts=tuple(fact for fact in rule.facts if fact.name != "conflict"))


def _onset(case: Case, rule: Rule) -> datetime:
    """The latest moment at which what met a red-flag rule can have begun."""
    assert rule.action.condition is not None  # noqa: S101 - a plan without it is refused at load
    onsets = []
    for name in _names(case, (rule.action.condition,), summaries=False):
        reading = case.read(name)
        declared = case.declarations.facts.get(name)
        moment = case.moment(reading.date) if declared and declared.kind == "highest" else None
        onsets += [reading.onset] if reading.onset else []
        onsets += [case.clipped(moment)] if moment and reading.value is not None else []
    return max(onsets, default=case.at)
