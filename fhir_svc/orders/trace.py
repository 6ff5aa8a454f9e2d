"""PURE: the GuidanceResponse and its trace: every rule with its outcome and the facts that decided it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from fhir_svc.decision import Decision, Fact, RuleOutcome, Value
from fhir_svc.orders.requirements import required
from fhir_svc.orders.sheet import Resource, Sheet, identifier, made
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import system


def guidance(sheet: Sheet, result: str | None) -> tuple[Resource, ...]:
    """One finished GuidanceResponse per submission; `result` is the RequestGroup."""
    parameters = trace(sheet.decision)
    missing = [each for name in sheet.decision.missing for each in required(sheet.knowledge, name)]
    status = "data-required" if sheet.decision.data_required else "success"
    return tuple(
        made(
            "GuidanceResponse",
            identity,
            contained=[parameters],
            requestIdentifier=identifier("submission", request),
            moduleCanonical=sheet.decision.criteria,
            status=status,
            subject=sheet.patient,
            occurrenceDateTime=sheet.at,
            outputParameters={"reference": "#trace"},
            result={"reference": result} if result else {},
            dataRequirement=missing,
        )
        for identity, request in sheet.guidance
    )


def trace(decision: Decision) -> Resource:
    """Level, flags and rules as Parameters."""
    found: list[Resource] = []
    if decision.level is not None:
        found.append({"name": "triage-level", "valueCode": decision.level})
    flags = ({"system": system("review-flag"), "code": flag} for flag in decision.flags)
    found += [{"name": "flag", "valueCoding": flag} for flag in flags]
    told = _Told()
    found += [{"name": "rule", "part": list(_rule(rule, told))} for rule in decision.rules]
    return {"resourceType": "Parameters", "id": "trace", **({"parameter": found} if found else {})}


class _Told:
    """The parts that tell a fact, made once: many rules share a fact."""

    def __init__(self) -> None:
        self._made: dict[int, Resource] = {}

    def of(self, fact: Fact) -> Resource:
        """The parameter of this fact; `fact` outlives this."""
        made = self._made.get(id(fact))
        if made is None:
            made = self._made[id(fact)] = {"name": "fact", "part": list(_fact(fact))}
        return made


def _rule(rule: RuleOutcome, told: _Told) -> Iterator[Resource]:
    yield {"name": "id", "valueString": rule.id}
    yield {"name": "outcome", "valueCode": rule.outcome.value}
    yield {"name": "title", "valueString": rule.title}
    yield from map(told.of, rule.facts)
    yield from ({"name": "missing", "valueCode": name} for name in rule.missing)
    yield {"name": "citation", "valueString": rule.citation}


def _fact(fact: Fact) -> Iterator[Resource]:
    """Every fact has a value: of an unknown one whose sources are there the code that says how it is unknown."""
    yield {"name": "name", "valueCode": fact.name}
    yield {"name": "value", **typed(fact.unknown if fact.value is None else fact.value)}
    if fact.unit and fact.value is not None:
        yield {"name": "unit", "valueCode": fact.unit}
    if fact.date:
        yield {"name": "date", "valueDateTime": fact.date}
    yield from ({"name": "source", "valueReference": {"reference": source.reference}} for source in fact.sources)


def typed(value: Value) -> Resource:
    """A fact's value in the FHIR type that fits."""
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if isinstance(value, Decimal):
        return {"valueDecimal": value}
    if isinstance(value, datetime):
        return {"valueDateTime": moment(value)}
    return {"valueCode": value}
