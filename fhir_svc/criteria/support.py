"""PURE: the reports that a condition which is true rests on: a new one among them is news, other sources are not.

What is absent or denied supports nothing: a newer form that says no beside an older yes adds no support to the yes.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.declarations import Declaration
from fhir_svc.criteria.expressions import Expression, Literal, Logic, Node, Not
from fhir_svc.criteria.plan import Action
from fhir_svc.criteria.tracing import DERIVED
from fhir_svc.record import Stored


def grounds(case: Case, top: Action, action: Action) -> tuple[Stored, ...]:
    """The reports that an action rests on: those of the innermost true condition, from the action up, that has any."""
    for each in reversed(list(_way(top, action))):
        found = supports(case, each.condition) if each.condition is not None else ()
        if found:
            return found
    return ()


def supports(case: Case, condition: Expression) -> tuple[Stored, ...]:
    """The sources of the facts that make a condition true, by reference; none where it is not."""
    found = {stored.reference: stored for name in deciding(case, condition) for stored in case.read(name).sources}
    return tuple(found[reference] for reference in sorted(found))


def deciding(case: Case, condition: Expression) -> tuple[str, ...]:
    """The facts, down to those made of the record, that make a condition true; none where it is not."""
    seen: set[str] = set()
    return tuple(leaf for name in _names(case, condition.node) for leaf in _below(case, name, seen))


def _way(top: Action, action: Action) -> Iterator[Action]:
    """The actions from the top one down to this."""
    if any(each is action for each in top.everything()):
        yield top
        for inner in top.actions:
            yield from _way(inner, action)


def _names(case: Case, node: Node) -> Iterator[str]:
    """The facts that make a part of a condition true."""
    if isinstance(node, Literal | Not) or node.value(case.value) is not True:
        return
    if not isinstance(node, Logic):
        yield from node.names()
        return
    for part in node.parts:
        yield from _names(case, part)


def _below(case: Case, name: str, seen: set[str]) -> Iterator[str]:
    """A fact; of one that is made of others, the facts that made it so."""
    declared = case.declarations.facts.get(name)
    if declared is None or name in seen:
        return
    seen.add(name)
    if declared.kind not in DERIVED or case.read(name).sources:
        yield name
        return
    for other in _made_of(case, declared):
        yield from _below(case, other, seen)


def _made_of(case: Case, declared: Declaration) -> Iterator[str]:
    expressions = [declared.expression, *(item.expression for item in declared.items)]
    for each in expressions:
        if each is not None:
            truth = isinstance(each.value(case.value), bool)
            yield from _names(case, each.node) if truth else each.names
    yield from declared.of if declared.kind != "unknown" else ()
