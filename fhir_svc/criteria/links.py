"""PURE: what artefacts name and what there is: facts, codes, artefacts. A name that leads nowhere is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fhir_svc.criteria.check_digits import codings, is_sound
from fhir_svc.criteria.declarations import BASE, Declaration, Declarations
from fhir_svc.criteria.expressions import Expression
from fhir_svc.criteria.plan import Plan
from fhir_svc.criteria.tracing import below
from fhir_svc.record import Json

Fault = tuple[str, str]
"""Where, and what is wrong."""
ADDRESS = re.compile(rf"{re.escape(BASE)}/[A-Za-z]+/[A-Za-z0-9-]+(?:\|[0-9.]+)?")
OWN_SYSTEM = f"{BASE}/CodeSystem/"


def codes(artefacts: Sequence[Json]) -> Iterator[Fault]:
    """Codes with a wrong check digit, and codes of ours that no CodeSystem has."""
    own = {one["url"]: {concept["code"] for concept in _concepts(one)} for one in artefacts if "url" in one}
    for one in artefacts:
        place = f"{one['resourceType']}/{one['id']}"
        for path, system, code in codings(one):
            if not is_sound(system, code):
                yield f"{place} {path}", f"{code} is no code of {system}: its check digit is wrong"
            elif system.startswith(OWN_SYSTEM) and code not in own.get(system, ()):
                yield f"{place} {path}", f"{system} has no code {code}"


def addresses(artefacts: Sequence[Json]) -> Iterator[Fault]:
    """Addresses of ours at which no artefact, or none of that version, is."""
    known = {one["url"]: one.get("version") for one in artefacts if "url" in one}
    known |= {called["value"]: None for one in artefacts for called in one.get("identifier", ()) if "value" in called}
    for one in artefacts:
        place = f"{one['resourceType']}/{one['id']}"
        for path, text in _strings(one):
            url, _, version = text.partition("|")
            if ADDRESS.fullmatch(text) and (url not in known or version not in {"", known[url]}):
                yield f"{place} {path}", f"there is no {text}"


def circles(plan: Plan, declared: Declarations) -> Iterator[Fault]:
    """Facts that are made of themselves."""
    for fact in declared.facts.values():
        if _made_of_itself(fact, declared):
            yield f"{plan.library.partition('|')[0].rpartition('/')[2]} {fact.name}", "the fact is made of itself"


def unused(plans: Sequence[Plan], declared: Declarations, artefacts: Sequence[Json]) -> Iterator[str]:
    """Facts that neither a rule nor any other artefact reads, directly or through other facts.

    Answers are none of them: one that no rule reads still warns of a unit or a contradiction.
    """
    waiting = [name for plan in plans for _, each in expressions(plan, None) for name in each.names]
    spoken = {text for one in artefacts if one["resourceType"] == "ActivityDefinition" for _, text in _strings(one)}
    waiting += [name for name in declared.facts if any(name in text.split() for text in spoken)]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        fact = declared.facts.get(name)
        if name in seen or fact is None:
            continue
        seen.add(name)
        waiting += [*below(fact), fact.before, fact.onset]
        waiting += [each.name for each in declared.facts.values() if fact.kind == "conflict" and each.contradicts]
    yield from (name for name in declared.facts if name not in seen and declared.facts[name].kind != "answer")


def expressions(plan: Plan, declared: Declarations | None) -> Iterator[tuple[str, Expression]]:
    """Every expression of a plan and of its Library, with its place."""
    for rule in plan.rules:
        for action in rule.action.everything():
            place = f"{plan.id} {action.id or rule.id}"
            if action.condition is not None:
                yield place, action.condition
            yield from ((place, reason.when) for reason in action.reasons if reason.when is not None)
    library = plan.library.partition("|")[0].rpartition("/")[2]
    for fact in declared.facts.values() if declared else ():
        if fact.expression is not None:
            yield f"{library} {fact.name}", fact.expression
        yield from ((f"{library} {fact.name}", item.expression) for item in fact.items if item.expression is not None)


def _made_of_itself(fact: Declaration, declared: Declarations) -> bool:
    waiting, seen = [*below(fact)], set[str]()
    while waiting:
        name = waiting.pop()
        if name == fact.name:
            return True
        if name not in seen and name in declared.facts:
            seen.add(name)
            waiting += below(declared.facts[name])
    return False


def _concepts(node: Json) -> Iterator[Json]:
    for concept in node.get("concept", ()):
        yield concept
        yield from _concepts(concept)


def _strings(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _strings(value, f"{path}[{index}]")
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _strings(value, f"{path}.{name}" if path else name)
