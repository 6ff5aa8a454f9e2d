"""PURE: R16 (a). An order that already stands is not drafted again; one decided on is not asked for twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fhir_svc.criteria.moments import read_moment
from fhir_svc.decision import Concern, Fact, Kept, Order, RuleOutcome
from fhir_svc.orders.candidates import Candidate
from fhir_svc.orders.definitions import Ladder, OrderKind, key_of
from fhir_svc.orders.identity import deciding, references
from fhir_svc.orders.signature import evidence
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import STATUS_REASON_EXTENSION, codes, extensions, system
from fhir_svc.record import Json, Record, Stored

STANDING = "standing-order"
_STANDING = frozenset({"draft", "active", "on-hold"})


@dataclass
class Repeats:
    """Sorts candidates into new orders and orders that are held back by what already stands.

    `kept` are held back by an order of ours; `superseded` are our drafts that a new one takes the place of; `facts` are
    the orders that were looked at, whatever came of it.
    """

    record: Record
    ladder: Ladder
    at: datetime
    gone: frozenset[str] = frozenset()
    orders: list[Order] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    superseded: list[Stored] = field(default_factory=list)
    concerns: list[Concern] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    suppressed: bool = False

    def take(self, candidate: Candidate, kind: OrderKind, rules: Sequence[RuleOutcome]) -> None:
        """Draft it, or hold it back."""
        order = _order(candidate, rules)
        same = [held for held in self._orders(kind) if held.content.get("status") in _STANDING]
        holding = [held for held in same if self._holds(held, order, basis(rules))]
        decided = [held for held in self._orders(kind) if _decided(held) and held.ours]
        settled = [held for held in decided if self._settles(held, order, rules)]
        if holding or settled:
            self._hold_back(order, [*holding, *settled])
            return
        drafts = [held for held in same if held.ours and held.content["status"] == "draft"]
        shown = [held for held in same if held not in drafts]
        shown += decided if self.ladder.presses(order.priority) else []
        self.facts += self._said([*drafts, *shown])
        self.superseded += drafts
        self.orders.append(_with(order, tuple(shown), tuple(held.id for held in drafts)))

    def _orders(self, kind: OrderKind) -> list[Stored]:
        found = [held for held in self.record.of("ServiceRequest") if held.id not in self.gone]
        found = [held for held in found if held.content.get("doNotPerform") is not True]
        return [held for held in found if key_of(held.content, [kind]) == kind.key]

    def _holds(self, held: Stored, order: Order, values: str) -> bool:
        # a priority that a physician lowered stands while the deciding values are the same
        revised = values in extensions(held.content, "basis") and is_revised(held, self.record)
        if self.ladder.rank(held.content.get("priority")) > self.ladder.rank(order.priority) and not revised:
            return False
        return not self.ladder.presses(order.priority) or self.at - self._since(held) < self.ladder.repeat_after

    def _since(self, held: Stored) -> datetime:
        authored = [held.content.get("authoredOn")]
        authored += [task.content.get("authoredOn") for task in self.record.of("Task") if _focus(task) == held.local]
        stated = [read_moment(text, UTC) for text in authored if text and "T" in text]
        known = [said.start for said in stated if said is not None and said.start <= self.at]
        return known[0] if known else held.received

    def _settles(self, held: Stored, order: Order, rules: Sequence[RuleOutcome]) -> bool:
        if basis(rules) not in extensions(held.content, "basis"):
            return False
        later = set(references(order.evidence)) - set(evidence(held.content))
        return not (later and self.ladder.presses(order.priority))

    def _hold_back(self, order: Order, holding: Sequence[Stored]) -> None:
        self.suppressed = True
        facts = self._said(holding)
        self.facts += facts
        ours = [held for held in holding if held.ours]
        if ours:
            self.kept.append(Kept(ours[0], order))
        if not any(held.content["status"] == "draft" for held in ours):
            self.concerns.append(Concern("duplicate", "R16", order.key, tuple(facts)))

    def _said(self, orders: Iterable[Stored]) -> list[Fact]:
        """Orders on file as facts: in which status and how urgent, since when, and which version says so."""
        return [Fact(STANDING, _state(held.content), None, self._dated(held), (held,)) for held in orders]

    def _dated(self, held: Stored) -> str:
        return str(held.content.get("authoredOn") or moment(self._since(held)))


def _state(order: Json) -> str:
    """`active-stat`: the status alone would be read as an answer's code."""
    return "-".join(filter(None, [order["status"], order.get("priority")]))


def is_revised(held: Stored, record: Record) -> bool:
    """Whether a physician has changed this order of ours."""
    stated = [found.content for found in record.of("Provenance", ours=True) if held.ours]
    revisions = [one for one in stated if any(entity["role"] == "revision" for entity in one.get("entity", ()))]
    return any(target["reference"].startswith(f"{held.local}/") for one in revisions for target in one["target"])


def basis(rules: Iterable[RuleOutcome]) -> str:
    """The fingerprint of the deciding values of an order's rules."""
    return deciding(fact for rule in rules for fact in rule.basis or rule.facts)


def _order(candidate: Candidate, rules: Sequence[RuleOutcome]) -> Order:
    facts = [fact for rule in rules for fact in rule.facts] + list(candidate.facts)
    sources = {source.reference: source for fact in facts for source in fact.sources}
    return Order(
        key=candidate.key,
        priority=candidate.priority,
        rules=candidate.rules,
        reasons=candidate.reasons,
        evidence=tuple(sources[name] for name in sorted(sources)),
        blockers=candidate.blockers,
        attached=candidate.attached,
        instead_of=candidate.instead_of,
        notes=candidate.notes,
    )


def _with(order: Order, attached: tuple[Stored, ...], supersedes: tuple[str, ...]) -> Order:
    return replace(order, attached=order.attached + attached, supersedes=supersedes)


def _decided(held: Stored) -> bool:
    if held.content.get("status") == "completed":
        return True
    reasons = [
        found.get("valueCodeableConcept")
        for found in held.content.get("extension", ())
        if found["url"] == STATUS_REASON_EXTENSION
    ]
    said = [code for reason in reasons for code in codes(reason, system("status-reason"))]
    return held.content.get("status") == "revoked" and "declined" in said


def _focus(task: Stored) -> str:
    return str(task.content.get("focus", {}).get("reference", ""))
