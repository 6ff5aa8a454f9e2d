"""PURE: what the criteria computed from measurements, written down as Observations with their sources."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fhir_svc.decision import Fact
from fhir_svc.orders.identity import deciding, derived, references
from fhir_svc.orders.sheet import Resource, Sheet, made
from fhir_svc.orders.terms import system


def derived_observations(sheet: Sheet) -> Iterator[Resource]:
    """One Observation for every computed fact that CodeSystem `measure` has a code for."""
    for code, concept in sheet.knowledge.codes("measure").items():
        for name in (held["valueString"] for held in concept.get("property", ()) if held["code"] == "fact"):
            fact = sheet.decision.facts.get(name)
            if fact and isinstance(fact.value, Decimal | int) and not isinstance(fact.value, bool) and fact.sources:
                yield _observation(sheet, code, concept["display"], fact)


def _observation(sheet: Sheet, code: str, display: str, fact: Fact) -> Resource:
    sources = references(fact.sources)
    identity = derived("Observation", sheet.scope, fact.name, deciding([fact]), *sources)
    unit = {"unit": fact.unit, "system": "http://unitsofmeasure.org", "code": fact.unit} if fact.unit else {}
    return made(
        "Observation",
        identity,
        status="final",
        code={"coding": [{"system": system("measure"), "code": code, "display": display}], "text": fact.name},
        subject=sheet.patient,
        effectiveDateTime=fact.date or sheet.at,
        issued=sheet.at,
        valueQuantity={"value": fact.value, **unit},
        derivedFrom=[{"reference": name} for name in sources],
    )
