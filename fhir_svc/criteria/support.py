"""PURE: the reports that a condition which is true rests on: a new one among them is news, other sources are not.

What is absent or denied supports nothing: a newer form that says no beside an older yes adds no support to the yes. Of
a fact that is one value picked out of several (the highest temperature) every value supports that makes the same part
of the condition true: a fever that lasts is reported again by each measurement of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.declarations import Declaration
from fhir_svc.criteria.expressions import Expression, Known, Literal, Logic, Node, Not
from fhir_svc.criteria.plan import Action
from fhir_svc.criteria.tracing import DERIVED
from fhir_svc.decision import Fact
from fhir_svc.record import Stored

Seen = tuple[str, int]
"""A fact and the identity of a part of a condition, which live as long as the artefacts do."""
Leaf = tuple[str, Node | None]
"""A fact made of the record, and the part of a condition that it makes true; None where it only takes part."""


def grounds(case: Case, top: Action, action: Action) -> tuple[Stored, ...]:
    """The reports that an action rests on: those of the innermost true condition, from the action up, that has any."""
    for each in reversed(list(_way(top, action))):
        found = supports(case, each.condition) if each.condition is not None else ()
        if found:
            return found
    return ()


def supports(case: Case, condition: Expression) -> tuple[Stored, ...]:
    """The sources of the facts that make a condition true, by reference; none where it is not."""
    found = {stored.reference: stored for said in reports(case, condition).values() for stored in said}
    return tuple(found[reference] for reference in sorted(found))


def reports(case: Case, condition: Expression) -> Mapping[str, tuple[Stored, ...]]:
    """The facts that make a condition true, each with its sources: that of its value first."""
    return case.once(("reports", condition.text), lambda: _reports(case, condition))


def _reports(case: Case, condition: Expression) -> Mapping[str, tuple[Stored, ...]]:
    found: dict[str, dict[str, Stored]] = {}
    for name, part in _leaves(case, condition.node):
        own = found.setdefault(name, {})
        own.update((stored.reference, stored) for stored in case.read(name).sources)
        own.update((stored.reference, stored) for stored in _alike(case, name, part))
    return {name: tuple(own.values()) for name, own in found.items()}


def alternatives(case: Case, condition: Expression) -> Iterator[tuple[str, ...]]:
    """Of a condition that is an `or`, the facts that make each of its true parts so."""
    node = condition.node
    for part in node.parts if isinstance(node, Logic) and node.decisive else (node,):
        found = tuple(dict.fromkeys(name for name, _ in _leaves(case, part)))
        if found:
            yield found


def with_reports(case: Case, facts: Iterable[Fact], found: Mapping[str, tuple[Stored, ...]]) -> tuple[Fact, ...]:
    """The same facts; those that decide with every report that says so, those made of others with what they rest on."""
    return tuple(_with(fact, found.get(fact.name) or fact.sources or _below_it(case, fact.name)) for fact in facts)


def _with(fact: Fact, sources: tuple[Stored, ...]) -> Fact:
    if not sources or sources == fact.sources:
        return fact
    # built, not replaced: this happens for every fact of every rule
    return Fact(fact.name, fact.value, fact.unit, fact.date, sources, fact.flags, fact.unknown)


def _below_it(case: Case, name: str) -> tuple[Stored, ...]:
    """The sources of the facts that a fact without sources is made of."""
    return case.once(("below", name), lambda: _sources_below(case, name))


def _sources_below(case: Case, name: str) -> tuple[Stored, ...]:
    leaves = _below(case, name, None, set())
    found = {stored.reference: stored for leaf, _ in leaves for stored in case.read(leaf).sources}
    return tuple(found[reference] for reference in sorted(found))


def _alike(case: Case, name: str, part: Node | None) -> Iterator[Stored]:
    """The sources of the other values that the fact was picked from and that make the part true as well."""
    if part is not None:
        for other in case.read(name).among:
            if _holds(case, part, name, other.value):
                yield from other.sources


def _holds(case: Case, part: Node, name: str, value: Known | None) -> bool:
    return part.value(lambda asked: value if asked == name else case.value(asked)) is True


def _way(top: Action, action: Action) -> Iterator[Action]:
    """The actions from the top one down to this."""
    if any(each is action for each in top.everything()):
        yield top
        for inner in top.actions:
            yield from _way(inner, action)


def _leaves(case: Case, node: Node) -> Iterator[Leaf]:
    """The facts, down to those made of the record, that make a part of a condition true; none where it is not."""
    seen: set[Seen] = set()
    for name, part in _names(case, node):
        yield from _below(case, name, part, seen)


def _names(case: Case, node: Node) -> Iterator[Leaf]:
    """The facts that make a part of a condition true, with the innermost part that names them."""
    if isinstance(node, Literal | Not) or node.value(case.value) is not True:
        return
    if not isinstance(node, Logic):
        yield from ((name, node) for name in node.names())
        return
    for part in node.parts:
        yield from _names(case, part)


def _below(case: Case, name: str, part: Node | None, seen: set[Seen]) -> Iterator[Leaf]:
    """A fact; of one that is made of others, the facts that made it so."""
    declared = case.declarations.facts.get(name)
    if declared is None or (name, id(part)) in seen:
        return
    seen.add((name, id(part)))
    if declared.kind not in DERIVED or case.read(name).sources:
        yield name, part
        return
    for other, inner in _made_of(case, declared):
        yield from _below(case, other, inner, seen)


def _made_of(case: Case, declared: Declaration) -> Iterator[Leaf]:
    expressions = [declared.expression, *(item.expression for item in declared.items)]
    for each in expressions:
        if each is not None:
            truth = isinstance(each.value(case.value), bool)
            yield from _names(case, each.node) if truth else ((name, None) for name in each.names)
    yield from ((name, None) for name in declared.of) if declared.kind != "unknown" else ()
