"""PURE: everything that can be found wrong with the knowledge artefacts without a patient, each with its place.

What stops the load is found by loading; the rest can still change a decision, or tell a clinician something untrue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fhir_svc.criteria import links, reach
from fhir_svc.criteria.declarations import Declarations
from fhir_svc.criteria.expressions import Expression, Logic, Name, Node, Not
from fhir_svc.criteria.plan import Action, Plan, Rule
from fhir_svc.errors import Broken
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Json

NEVER = ("never true: ", "never false: ")
GRADES = "evidence-grade"
GRADE = re.compile(r"\b[A-Z]\b")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: the artefact and the place in it, and what is wrong."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def review(artefacts: Sequence[Json]) -> list[Finding]:
    """Every fault of a set of artefacts, once, in the order of the checks."""
    faults = [*links.codes(artefacts), *links.addresses(artefacts)]
    try:
        knowledge = Knowledge(artefacts)
    except Broken as broken:
        faults.append(("artefacts", str(broken)))
    except (KeyError, ValueError, TypeError, StopIteration) as broken:
        faults.append(("artefacts", f"can't be read: {type(broken).__name__} {broken}"))
    else:
        faults += _of_pathways(knowledge, artefacts)
    return [Finding(*fault) for fault in dict.fromkeys(faults)]


def space_of(knowledge: Knowledge, plan: str) -> reach.Space:
    """The values that the facts of a pathway can have."""
    pathway = knowledge.pathway(plan)
    space = reach.Space(pathway.declarations, knowledge.domains(plan).words)
    space.hear(expression for _, expression in links.expressions(pathway.plan, pathway.declarations))
    return space


def _of_pathways(knowledge: Knowledge, artefacts: Sequence[Json]) -> Iterator[links.Fault]:
    plain = [fault.partition(": ") for fault in knowledge.faults() if not fault.partition(": ")[2].startswith("check ")]
    yield from ((place, text) for place, _, text in plain)
    grades = frozenset(knowledge.codes(GRADES)) if knowledge.find("CodeSystem", GRADES) else frozenset()
    for pathway in knowledge.pathways.values():
        plan, declared = pathway.plan, pathway.declarations
        yield from _graded(plan, grades)
        circles = list(links.circles(plan, declared))
        yield from circles
        if not circles:
            told = {text.removeprefix(words) for _, _, text in plain for words in NEVER if text.startswith(words)}
            yield from _reachable(plan, declared, space_of(knowledge, plan.id), told)
        sharing = [other.plan for other in knowledge.pathways.values() if other.plan.library == plan.library]
        library = plan.library.partition("|")[0].rpartition("/")[2]
        for name in links.unused(sharing, declared, artefacts):
            yield f"{library} {name}", "no rule reads this fact"


def _graded(plan: Plan, grades: frozenset[str]) -> Iterator[links.Fault]:
    for rule in plan.rules:
        place = f"{plan.id} {rule.id}"
        letters = GRADE.findall(rule.grade)
        if rule.grade.strip() and not letters:
            yield place, "the evidence grade names no letter"
        yield from ((place, f"there is no evidence grade {one}") for one in letters if one not in grades)


def _reachable(plan: Plan, declared: Declarations, space: reach.Space, told: set[str]) -> Iterator[links.Fault]:
    numbers = {fact.expression for fact in declared.facts.values() if fact.unit is not None}
    for place, expression in links.expressions(plan, declared):
        if expression not in numbers and expression.text not in told:
            yield from ((place, text) for text in _of_condition(space, expression))
    for rule in plan.rules:
        yield from _of_branches(space, plan, rule, rule.action, [])


def _of_condition(space: reach.Space, expression: Expression) -> Iterator[str]:
    """A condition that nothing makes true, or false, and a part of an `or` that nothing makes true."""
    truth = _tried(space, expression.node)
    if isinstance(truth, str):
        yield truth
        return
    if not truth:
        yield "the condition can never be true"
        return
    if _tried(space, Not(expression.node)) is False and expression.names:
        yield "the condition can never be false"
    for part in _alternatives(expression.node):
        if not space.doubts(part) and _tried(space, part) is False:
            yield f"the part about {', '.join(dict.fromkeys(part.names()))} can never be true"


def _alternatives(node: Node) -> Iterator[Node]:
    for inner in reach.inside(node):
        if isinstance(inner, Logic) and inner.decisive:
            yield from (part for part in inner.parts if not isinstance(part, Name))  # a fact's own condition is tried


def _tried(space: reach.Space, goal: Node) -> bool | str | None:
    """Whether anything makes it true; None where the search can't tell, words where it means nothing."""
    try:
        return _possible(space, goal)
    except reach.Exhausted:
        return None
    except Broken as broken:
        return str(broken)


def _possible(space: reach.Space, goal: Node) -> bool:
    """Tried first with every fact standing for itself, which is quick and enough to rule out."""
    spaces = (replace(space, shallow=True), space)
    return all(next(reach.Search(each).solve(goal), None) is not None for each in spaces)


def _of_branches(
    space: reach.Space, plan: Plan, rule: Rule, action: Action, above: Sequence[Node]
) -> Iterator[links.Fault]:
    """Branches that no patient reaches: against the conditions above them, or behind the branches before them."""
    conditions = [*above, *([action.condition.node] if action.condition else [])]
    before: list[Node] = []
    for inner in action.actions:
        held = [] if inner.aside or inner.control is not None else conditions
        own = [inner.condition.node] if inner.condition else []
        if own and not _reached(space, [*held, *own], before):
            yield f"{plan.id} {inner.id or rule.id}", "no patient comes to this branch"
        before += own if action.first_only and not inner.aside else []
        yield from _of_branches(space, plan, rule, inner, held)


def _reached(space: reach.Space, needed: Sequence[Node], before: Sequence[Node]) -> bool:
    goal = Logic(decisive=False, parts=tuple(needed))
    search = reach.Search(space)
    try:
        if not before:
            return _possible(space, goal)
        return any(all(each.value(search.value) is not True for each in before) for _ in search.solve(goal))
    except (reach.Exhausted, Broken):
        return True
