"""The dry run: from the data of a request, and nothing else, to all that an evaluation would write. Deterministic."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import structs

from fhir_svc import evaluation
from fhir_svc.errors import Malformed, PreconditionFailed, TooLarge, Unprocessable
from fhir_svc.intake.references import Bases
from fhir_svc.intake.submission import Reading, Submission, place_of, read_submit, settle
from fhir_svc.record import Record, Site, Stored
from fhir_svc.store import body
from fhir_svc.store.tenants import Tenant
from fhir_svc.web import arguments
from fhir_svc.web.arguments import require_valid
from fhir_svc.web.artefact_parameters import IDENTIFIER
from fhir_svc.web.services import Intake, Services
from fhir_svc.web.wire import instant

ENTRY = re.compile(r"\bentry\[(\d+)\]")
NAMESPACE = uuid5(NAMESPACE_URL, "https://example.org/fhir-svc/dry-run")


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of `$evaluate`; `at` None is now, `place` and `subject_place` are where data and subject stand."""

    plan: str
    data: dict[str, Any]
    place: str
    subject: str | None
    at: datetime | None
    subject_place: str = "Parameters"


def read(plan: str, given_body: Mapping[str, Any], intake: Intake) -> Asked:
    """Read the Parameters of the operation; Malformed or Unprocessable for what is wrong with them."""
    require_valid(given_body, intake, apart=_is_collection)
    given = arguments.read(given_body, once=("subject", "data", "asOf"))
    data, place = given.resource("data", "Bundle"), f"{given.place('data')}.resource"
    if data.get("type") != "collection":
        told = "`data` is a Bundle of type collection."
        raise Unprocessable(told, expression=f"{place}.type", code="not-supported", error="bundle-type")
    if not data.get("entry"):
        told = "`data` holds the resources of one patient."
        raise Unprocessable(told, expression=f"{place}.entry", code="required")
    subject = (given.word("subject", ("valueString",)) or "").removeprefix("Patient/") or None
    at = given.moment("asOf", ("valueDateTime",)) if "asOf" in given.given else None
    return Asked(plan, dict(data), place, subject, at, given.place("subject"))


def _is_collection(parameter: Mapping[str, Any]) -> bool:
    """Whether it holds a collection, which is checked entry by entry when it is read."""
    data = parameter["resource"]
    return (data.get("resourceType"), data.get("type")) == ("Bundle", "collection")


def carry_out(asked: Asked, tenant: Tenant, given: Services, now: datetime) -> dict[str, Any]:
    """Evaluate, and give the Bundle: first the GuidanceResponse, then everything that would be written."""
    at = asked.at or now
    asked, order = _in_order(asked)
    content = body.canonical({"of": [asked.plan, asked.data, asked.subject or "", at.isoformat()]})
    seed = uuid5(NAMESPACE, hashlib.sha256(content).hexdigest())
    ids = _ids(seed)
    bases = (given.settings.fhir_base, tenant.ehr_base)
    reading = given.intake.reading(max(at, now), own_bases=bases, new_id=lambda: next(ids))
    submission = _read(asked, reading, order)
    patient = _patient(submission, _meant(submission, asked.subject, bases), asked.subject_place)
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
        return submission if submission.settled else settle(submission, _among(submission))
    except (Malformed, PreconditionFailed, Unprocessable, TooLarge) as failure:
        issues = [
            structs.replace(
                one,
                text=_stood(one.text, order),
                expression=_stood(one.expression or "Bundle", order).replace("Bundle", asked.place, 1),
            )
            for one in failure.issues
        ]
        raise type(failure)(str(failure), issues=issues) from failure


def _among(submission: Submission) -> dict[str, str]:
    """What each conditional reference means among the data, by identifier; nothing else is known here."""
    found: dict[str, str] = {}
    for question in submission.questions:
        kind, _, query = question.partition("?")
        asked = parse_qsl(query, keep_blank_values=True)
        if [name for name, _ in asked] != ["identifier"] or not asked[0][1].strip(" |,"):
            continue
        same = [
            one.local
            for one in submission.writes
            if one.type == kind and IDENTIFIER.meets(one.resource or {}, "", asked[0][1])
        ]
        if len(same) > 1:
            told, place = "The condition matches several resources.", place_of(submission, question)
            raise PreconditionFailed(told, expression=place, code="multiple-matches")
        found.update((question, one) for one in same)
    return found


def _stood(text: str, order: Sequence[int]) -> str:
    """The same text about the entries as they stood."""
    return ENTRY.sub(lambda found: f"entry[{order[int(found[1])]}]", text) if order else text


def _meant(submission: Submission, subject: str | None, bases: Sequence[str]) -> str | None:
    """The id of the patient that `subject` means: it may be the fullUrl in the data, or an address of ours."""
    if subject is None:
        return None
    same = (entry.id for entry in submission.entries if entry.type == "Patient" and entry.full_url == subject)
    return next(same, (Bases(bases).local(subject) or subject).removeprefix("Patient/"))


def _ids(seed: UUID) -> Iterator[str]:
    number = 0
    while True:
        yield str(uuid5(seed, str(number)))
        number += 1


def _patient(submission: Submission, subject: str | None, place: str) -> str:
    found = (submission.subject or subject or "").removeprefix("Patient/")
    if not found:
        raise Unprocessable("The data names no patient.", expression="Parameters", code="required")
    if subject is not None and subject != found:
        told = "The data is of another patient than `subject`."
        raise Unprocessable(told, expression=f"{place}.value", error="other-patient")
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
