"""The published knowledge artefacts as FHIR resources: read and search. They hold no patient's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_svc.errors import Malformed
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Stored
from fhir_svc.store.asking import bad_sort
from fhir_svc.store.cursors import Page
from fhir_svc.web.artefact_parameters import PARAMETERS, parameter, updated
from fhir_svc.web.pages_of_results import Sought
from fhir_svc.web.wire import encode


def read(knowledge: Knowledge, kind: str, artefact_id: str) -> Stored | None:
    """Give one artefact."""
    found = knowledge.find(kind, artefact_id)
    return None if found is None else _stored(found)


def search(knowledge: Knowledge, sought: Sought) -> Page:
    """Give the artefacts of a type that match all parameters, by id where no order is asked for."""
    found = knowledge.all(sought.kind)
    for name, text in sought.params:
        asked, modifier = parameter(sought.kind, name, text)
        try:
            found = [one for one in found if asked.meets(one, modifier, text)]
        except Malformed as failure:
            raise failure.at(f"http.{name.partition(':')[0]}") from None
    found = _sorted(sought.kind, found, sought.sort)
    start = int(sought.cursor or 0)
    following = start + sought.count
    more = str(following) if sought.count > 0 and following < len(found) else None
    return Page([_stored(one) for one in found[start:following]], more, len(found))


def _sorted(kind: str, found: list[dict[str, Any]], sort: str | None) -> list[dict[str, Any]]:
    """In the order of `_sort`; what has no value comes last."""
    for term in reversed((sort or "_id").split(",")):
        by = PARAMETERS[kind].get(term.removeprefix("-"))
        if by is None or not by.once:
            raise bad_sort()
        values = {one["id"]: by.values(one) for one in found}
        having = [one for one in found if values[one["id"]]]
        having.sort(key=lambda one, of=values: of[one["id"]], reverse=term.startswith("-"))  # type: ignore[misc]
        found = having + [one for one in found if not values[one["id"]]]
    return found


def _stored(artefact: Mapping[str, Any]) -> Stored:
    body = encode(artefact)
    return Stored(
        str(artefact["resourceType"]), str(artefact["id"]), 1, artefact, updated(artefact), ours=True, body=body
    )
