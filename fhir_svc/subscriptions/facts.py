"""PURE: what has happened that somebody may have asked to be told of, and whether a filter lets it through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_svc.record import Json
from fhir_svc.subscriptions.terms import TOPIC

Filters = Sequence[Sequence[Any]]  # [["patient", ["p1", "p2"]], ["code", ["MRI_L_WO"]]]


@dataclass(frozen=True, slots=True)
class Fact:
    """One event: its topic, the `Type/id` that it is about, the patient's id, the focus's codes as `system|code`."""

    topic: str
    focus: str
    patient: str | None
    codes: frozenset[str] = frozenset()


def fact(name: str, resource: Json, patient: str | None) -> Fact:
    """Say that this happened to a resource; `name` is the end of the topic's canonical."""
    codings = resource.get("code", {}).get("coding", ())
    codes = frozenset(f"{coding.get('system', '')}|{coding['code']}" for coding in codings if "code" in coding)
    return Fact(f"{TOPIC}{name}", f"{resource['resourceType']}/{resource['id']}", patient or None, codes)


def facts_of_evaluation(made: Iterable[Json], guidance: Iterable[Json], patient: str) -> list[Fact]:
    """Say what an evaluation brought about: new drafts, new active Flags, its own failure."""
    facts = [fact(name, one, patient) for one in made if (name := _NEW.get((one["resourceType"], one.get("status"))))]
    failed = [fact("evaluation-failed", one, patient) for one in guidance if one["status"] == "failure"]
    return facts + failed


_NEW: Mapping[tuple[str, str | None], str] = {
    ("ServiceRequest", "draft"): "order-drafted",
    ("Flag", "active"): "red-flag",
}


def lets_through(filters: Filters, one: Fact, patients: Collection[str]) -> bool:
    """Whether all filters (of each: any of its values) fit the fact; `patients` are all ids of its patient."""
    return all(any(_fits(name, value, one, patients) for value in values) for name, values in filters)


def _fits(name: str, value: str, one: Fact, patients: Collection[str]) -> bool:
    if name == "patient":
        return value in patients
    return value in one.codes if "|" in value else any(known.rpartition("|")[2] == value for known in one.codes)
