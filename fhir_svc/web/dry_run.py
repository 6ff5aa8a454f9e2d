"""The dry run: from the data of a request, and nothing else, to all that an evaluation would write. Deterministic."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from fhir_svc import evaluation
from fhir_svc.errors import Malformed, TooLarge, Unprocessable
from fhir_svc.intake.submission import Reading, Submission, read_submit, settle
from fhir_svc.record import Record, Site, Stored
from fhir_svc.store import body
from fhir_svc.store.tenants import Tenant
from fhir_svc.web.arguments import in_range
from fhir_svc.web.services import Services
from fhir_svc.web.wire import instant

ENTRY = re.compile(r"\bentry\[(\d+)\]")
NAMESPACE = uuid5(NAMESPACE_URL, "https://example.org/fhir-svc/dry-run")


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of `$evaluate`; `at` None is now, `place` is where the data stand among them."""

    plan: str
    data: dict[str, Any]
    place: str
    subject: str | None
    at: datetime | None


def read(plan: str, given_body: Mapping[str, Any]) -> Asked:
    """Read the Parameters of the operation."""
    if given_body.get("resourceType") != "Parameters" or not isinstance(given_body.get("parameter"), list):
        raise Malformed("Send Parameters with `data`, and `subject` and `asOf` where wanted.", expression="Parameters")
    given: dict[str, Mapping[str, Any]] = {}
    places: dict[str, str] = {}
    for index, part in enumerate(given_body["parameter"]):
        name = part.get("name") if isinstance(part, dict) else None
        if not isinstance(name, str) or name not in {"subject", "data", "asOf"} or name in given:
            raise Malformed(
                "Send `data`, `subject` and `asOf`, each once.",
                expression=f"Parameters.parameter[{index}]",
                error="unknown-parameter",
                code="not-supported",
            )
        given[name], places[name] = part, f"Parameters.parameter[{index}].resource"
    data = given.get("data", {}).get("resource")
    if not isinstance(data, dict) or data.get("resourceType") != "Bundle" or data.get("type") != "collection":
        raise Unprocessable(
            "`data` is a Bundle of type collection.", expression="Parameters.parameter", code="required"
        )
    if not data.get("entry"):
        raise Unprocessable(
            "`data` holds the resources of one patient.", expression=f"{places['data']}.entry", code="required"
        )
    return Asked(
        plan, data, places["data"], _subject(given.get("subject")), _moment(given.get("asOf"), places.get("asOf", ""))
    )


def _subject(part: Mapping[str, Any] | None) -> str | None:
    if part is None:
        return None
    value = part.get("valueString")
    if not isinstance(value, str) or not value:
        raise Malformed("`subject` is a valueString.", code="value", expression="Parameters.parameter")
    return value.removeprefix("Patient/")


def _moment(part: Mapping[str, Any] | None, place: str) -> datetime | None:
    if part is None:
        return None
    try:
        moment = datetime.fromisoformat(part["valueDateTime"])
    except (KeyError, TypeError, ValueError) as failure:
        raise Malformed("`asOf` is a valueDateTime.", code="value", expression="Parameters.parameter") from failure
    if moment.tzinfo is None:
        raise Malformed("`asOf` is a moment with its offset.", code="value", expression="Parameters.parameter")
    in_range(moment, place.replace(".resource", ".value"))
    return moment


def carry_out(asked: Asked, tenant: Tenant, given: Services, now: datetime) -> dict[str, Any]:
    """Evaluate, and give the Bundle: first the GuidanceResponse, then everything that would be written."""
    at = asked.at or now
    asked, order = _in_order(asked)
    content = body.canonical({"of": [asked.plan, asked.data, asked.subject or "", at.isoformat()]})
    seed = uuid5(NAMESPACE, hashlib.sha256(content).hexdigest())
    ids = _ids(seed)
    reading = given.intake.reading(
        max(at, now), own_bases=(given.settings.fhir_base, tenant.ehr_base), new_id=lambda: next(ids)
    )
    submission = _read(asked, reading, order)
    patient = _patient(submission, _meant(submission, asked.subject))
    result = evaluation.evaluate(
        _record(submission, patient, at),
        given.knowledge,
        Site(tenant.timezone, tenant.values),
        at,
        scope=f"dry-run/{patient}",
        seed=str(seed),
        subject=f"Patient/{patient}",
        submissions=[(str(uuid5(seed, "guidance")), str(seed))],
        plan=asked.plan,
    )
    written = [*result.guidance, *(write.resource for write in result.writes)]
    base = given.settings.fhir_base
    entries = [{"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one} for one in written]
    return {"resourceType": "Bundle", "id": str(seed), "type": "collection", "entry": entries}


def _in_order(asked: Asked) -> tuple[Asked, list[int]]:
    """Put the entries into an order of their own, so that theirs makes no difference; gives where each stood."""
    entries = asked.data["entry"]
    if not isinstance(entries, list):
        return asked, []
    keys = [body.canonical({"entry": one}) for one in entries]
    order = sorted(range(len(entries)), key=keys.__getitem__)
    return replace(asked, data={**asked.data, "entry": [entries[index] for index in order]}), order


def _read(asked: Asked, reading: Reading, order: Sequence[int]) -> Submission:
    """Read the data as `$submit` would, and locate what is wrong with them in the Parameters."""
    try:
        submission = read_submit(asked.data, reading)
        return submission if submission.settled else settle(submission, {}, reading)
    except (Malformed, Unprocessable, TooLarge) as failure:
        issues = [
            replace(
                one,
                text=_stood(one.text, order),
                expression=_stood(one.expression or "Bundle", order).replace("Bundle", asked.place, 1),
            )
            for one in failure.issues
        ]
        raise type(failure)(str(failure), issues=issues) from failure


def _stood(text: str, order: Sequence[int]) -> str:
    """The same text about the entries as they stood."""
    return ENTRY.sub(lambda found: f"entry[{order[int(found[1])]}]", text) if order else text


def _meant(submission: Submission, subject: str | None) -> str | None:
    """The patient that `subject` means: it may be the fullUrl under which the data have them."""
    same = (entry.id for entry in submission.entries if entry.type == "Patient" and entry.full_url == subject)
    return next(same, subject)


def _ids(seed: UUID) -> Iterator[str]:
    number = 0
    while True:
        yield str(uuid5(seed, str(number)))
        number += 1


def _patient(submission: Submission, subject: str | None) -> str:
    found = (submission.subject or subject or "").removeprefix("Patient/")
    if not found:
        raise Unprocessable("The data names no patient.", expression="Parameters.parameter", code="required")
    if subject is not None and subject != found:
        raise Unprocessable(
            "The data is of another patient than `subject`.", expression="Parameters.parameter", error="other-patient"
        )
    return found


def _record(submission: Submission, patient: str, at: datetime) -> Record:
    """Make a record of the data, as the store would hand it over: each resource its first version, received at T."""
    stored = [
        Stored(entry.type, entry.id or "", 1, _dated(entry.resource, at), at)
        for entry in submission.entries
        if entry.resource is not None
    ]
    return Record(patient, tuple(sorted(stored, key=lambda one: (one.type, one.id))))


def _dated(resource: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {**resource, "meta": {"lastUpdated": instant(at), **resource.get("meta", {})}}
