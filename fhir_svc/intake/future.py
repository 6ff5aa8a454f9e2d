"""PURE: data of the future is refused: no measurement, answer, order or message is made later than it is received."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from fhir_svc.intake import times
from fhir_svc.intake.faults import Fault, Faults
from fhir_svc.intake.invariants import Node

TOLERANCE = timedelta(minutes=15)
PLACES = {
    "QuestionnaireResponse": ("authored",),
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod"),
    "ServiceRequest": ("authoredOn",),
    "MedicationRequest": ("authoredOn",),
    "Communication": ("sent",),
}


def check(resource: Node, path: str, at: datetime, faults: Faults) -> None:
    """Refuse what says it was made more than 15 minutes after `at` (a date alone: beyond the next day)."""
    for text, place in _times(resource, path):
        if times.is_after(text, at, tolerance=TOLERANCE):
            faults.add(Fault.TIME_FUTURE, "Send what has happened; this time lies ahead. Check the clock.", place)


def _times(resource: Node, path: str) -> Iterator[tuple[str, str]]:
    for name in PLACES.get(str(resource.get("resourceType")), ()):
        value = resource.get(name)
        if isinstance(value, str):
            yield value, f"{path}.{name}"
        elif isinstance(value, dict) and isinstance(value.get("start"), str):
            yield value["start"], f"{path}.{name}.start"
