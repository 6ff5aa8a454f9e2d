"""The published knowledge artefacts as FHIR resources: read and search. They hold no patient's data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Stored
from fhir_svc.store.cursors import Page
from fhir_svc.web.pages_of_results import Sought
from fhir_svc.web.wire import encode

PARAMETERS: Final = frozenset({"_id", "url", "version", "name", "title", "status", "identifier"})
STARTS_WITH: Final = frozenset({"name", "title"})
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


def read(knowledge: Knowledge, kind: str, artefact_id: str) -> Stored | None:
    """Give one artefact."""
    found = knowledge.find(kind, artefact_id)
    return None if found is None else _stored(found)


def search(knowledge: Knowledge, sought: Sought) -> Page:
    """Give the artefacts of a type that match all parameters, by id."""
    found = [
        one for one in knowledge.all(sought.kind) if all(_matches(one, name, text) for name, text in sought.params)
    ]
    start = int(sought.cursor or 0)
    following = start + sought.count
    more = str(following) if sought.count > 0 and following < len(found) else None
    return Page([_stored(one) for one in found[start:following]], more, len(found))


def _matches(artefact: Mapping[str, Any], parameter: str, text: str) -> bool:
    name = "id" if parameter == "_id" else parameter.partition(":")[0]
    wanted = text.split(",")
    if name == "identifier":
        values = {one.get("value") for one in artefact.get("identifier", ())}
        return any(one.rpartition("|")[2] in values for one in wanted)
    value = str(artefact.get(name, ""))
    if name in STARTS_WITH and not parameter.endswith(":exact"):
        return any(value.lower().startswith(one.lower()) for one in wanted)
    return value in wanted


def _stored(artefact: Mapping[str, Any]) -> Stored:
    updated = _date(artefact.get("date"))
    return Stored(
        str(artefact["resourceType"]), str(artefact["id"]), 1, artefact, updated, ours=True, body=encode(artefact)
    )


def _date(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return EPOCH
    return found if found.tzinfo else found.replace(tzinfo=UTC)
