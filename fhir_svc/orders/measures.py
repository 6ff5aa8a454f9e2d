"""PURE: what the criteria computed from measurements, written down as Observations with their sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from fhir_svc.decision import Fact
from fhir_svc.orders.identity import deciding, derived, references
from fhir_svc.orders.sheet import Resource, Sheet, made
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Json, Stored


def derived_observations(sheet: Sheet) -> Iterator[Resource]:
    """One Observation for every computed fact that an ObservationDefinition names."""
    for definition in sheet.knowledge.all("ObservationDefinition"):
        for name in extensions(definition, "computed-fact"):
            fact = sheet.decision.facts.get(name)
            if fact and isinstance(fact.value, Decimal | int) and not isinstance(fact.value, bool):
                sources = fact.sources or _sources(sheet, extensions(definition, "made-of"))
                if sources:
                    yield _observation(sheet, definition, replace(fact, sources=sources))


def _sources(sheet: Sheet, names: Iterable[str]) -> tuple[Stored, ...]:
    facts = (sheet.decision.facts.get(name) for name in names)
    return tuple(source for fact in facts if fact for source in fact.sources)


def _observation(sheet: Sheet, definition: Json, fact: Fact) -> Resource:
    sources = references(fact.sources)
    identity = derived("Observation", sheet.scope, fact.name, deciding([fact]), *sources)
    unit = {"unit": fact.unit, "system": "http://unitsofmeasure.org", "code": fact.unit} if fact.unit else {}
    return made(
        "Observation",
        identity,
        status="final",
        code=definition["code"],
        subject=sheet.patient,
        effectiveDateTime=fact.date or sheet.at,
        issued=sheet.at,
        valueQuantity={"value": fact.value, **unit},
        derivedFrom=[{"reference": name} for name in sources],
    )
