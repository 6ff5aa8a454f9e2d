"""PURE: from a parsed body to an accepted submission. Refuses what is not FHIR, not ours to take, or of two patients.

How the web uses it:

    body = parse.read_json(raw, limit=BYTE_LIMIT)
    submission = read_single(body, reading, type="Observation")          # POST /fhir/Observation
    submission = read_single(body, reading, type="Observation", id="7")  # PUT  /fhir/Observation/7
    accepted = read_bundle(body, reading)                                # POST /fhir  -> Submission | Batch
    submission = read_submit(body, reading)                              # POST /fhir/$submit
    if not submission.settled:                                           # look up submission.questions in the store
        submission = settle(submission, {"Patient?identifier=a|b": "Patient/7", "Patient/minted": "Patient/7"})

The dicts that are read are rewritten in place: the parsed body belongs to the submission from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fhir_svc.errors import Rejected
from fhir_svc.intake import answers, bundle, future, references, resolution, subject
from fhir_svc.intake.accepted import (
    BYTE_LIMIT,
    ENTRY_LIMIT,
    SUBMIT_BYTE_LIMIT,
    SUBMIT_ENTRY_LIMIT,
    TAKEN,
    Batch,
    Entry,
    Ignored,
    Kind,
    Reading,
    Submission,
)
from fhir_svc.intake.faults import Fault, Faults
from fhir_svc.intake.invariants import Node

__all__ = [
    "BYTE_LIMIT",
    "ENTRY_LIMIT",
    "SUBMIT_BYTE_LIMIT",
    "SUBMIT_ENTRY_LIMIT",
    "TAKEN",
    "Batch",
    "Entry",
    "Ignored",
    "Kind",
    "Reading",
    "Submission",
    "place_of",
    "read_bundle",
    "read_single",
    "read_submit",
    "settle",
    "whom",
]


def read_single(
    resource: dict[str, Any],
    reading: Reading,
    *,
    type: str,  # noqa: A002 - FHIR's word for it
    id: str | None = None,  # noqa: A002 - FHIR's word for it
    condition: str | None = None,
    if_none_exist: str | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> Submission:
    """Read the body of a create (no `id`), an update (`id`) or a conditional update (`condition`)."""
    faults = Faults()
    if type not in TAKEN:
        faults.add(Fault.TYPE_NOT_TAKEN, "Send a resource of a type that this service takes.", f"{type}.resourceType")
        faults.refuse()
    if not isinstance(resource.get("resourceType"), str):
        text = f"Send a resource with resourceType {type}."
        faults.add(Fault.ELEMENT_MISSING, text, f"{type}.resourceType")
        faults.refuse()
    if str(resource.get("resourceType")) in reading.conformance.names - {type}:
        faults.add(Fault.RESOURCE_TYPE_MISMATCH, "Send a resource of the URL's type.", f"{type}.resourceType")
    if id is not None and resource.get("id") != id:
        faults.add(Fault.RESOURCE_ID_MISMATCH, "Give the resource the id of the URL.", f"{type}.id")
    own = bundle.named(resource) if condition is not None else None
    entry = Entry(
        index=0,
        location=type,
        method="POST" if id is None and condition is None else "PUT",
        type=type,
        id=id or own or reading.new_id(),
        resource=resource,
        url=f"{type}/{id}" if id else f"{type}?{condition}" if condition else type,
        condition=condition,
        if_none_exist=if_none_exist,
        if_match=if_match,
        if_none_match=if_none_match,
        minted=id is None and own is None,
    )
    return _accept(Kind.SINGLE, [entry], resource, type, reading, faults)


def read_bundle(bundle_: dict[str, Any], reading: Reading) -> Submission | Batch:
    """Read a Bundle of type transaction or batch."""
    faults = Faults()
    given = _open(bundle_, "Bundle", ENTRY_LIMIT, ("transaction", "batch"), faults)
    if bundle_.get("type") == "batch":
        return _read_batch(bundle_, given, reading, faults)
    entries = bundle.requested(given, "Bundle", reading, faults)
    bundle.check_identities(entries, faults)
    ordered = sorted(entries, key=lambda entry: bundle.METHODS.index(entry.method))
    return _accept(Kind.TRANSACTION, ordered, bundle.stubbed(bundle_), "Bundle", reading, faults)


def read_submit(body: dict[str, Any], reading: Reading) -> Submission:
    """Read the body of `$submit`: a Bundle, bare or as Parameters `bundle`; types we do not use are ignored."""
    faults = Faults()
    inner, path = _unwrap(body, faults)
    faults.refuse()
    if inner is None:
        faults.add(
            Fault.BUNDLE_MISSING, "Send a Bundle, or Parameters with a parameter bundle.", "Parameters.parameter"
        )
        faults.extend(reading.conformance.faults(body, profiles=reading.profiles))
        faults.refuse()
        raise AssertionError  # pragma: no cover - a missing Bundle always refuses
    given = _open(inner, path, SUBMIT_ENTRY_LIMIT, ("collection", "transaction", "batch"), faults)
    entries, ignored = bundle.submitted(given, path, reading)
    bundle.check_identities(entries, faults)
    submission = _accept(Kind.SUBMIT, entries, bundle.stubbed(inner), path, reading, faults)
    return replace(submission, ignored=tuple(ignored))


def place_of(submission: Submission, question: str) -> str | None:
    """Where a conditional reference stands."""
    return resolution.place_of(submission.writes, question)


def whom(batch: Batch, index: int, reading: Reading) -> str | None:
    """Whom a part of a batch is about, be it taken or not: `Patient/id` or a conditional reference."""
    return subject.named(batch.entries[index], references.Bases(reading.own_bases))


def settle(submission: Submission, found: Mapping[str, str]) -> Submission:
    """Rewrite references to what the store knows, and check that one patient is left.

    `found` maps a question, or an entry's `local`, to `Type/id`. A question without an answer is refused (422).
    """
    faults = Faults()
    entries, mentions = submission.entries, submission.mentions
    if found or submission.questions:
        entries = tuple(resolution.adopt(entry, found.get(entry.local)) for entry in entries)
        writes = [entry for entry in entries if entry.resource is not None]
        for entry in writes:
            resolution.rewrite(entry, found, faults)
        named = subject.mentions(writes, faults)
        faults.refuse()
        mentions = tuple(one._replace(key=found.get(one.key, one.key)) for one in named)
    patient = subject.one(mentions, faults)
    faults.refuse()
    return replace(submission, entries=entries, subject=patient, settled=True)


def _unwrap(body: Node, faults: Faults) -> tuple[Node | None, str]:
    """Give the Bundle of a `$submit` and its place; a second one is a fault."""
    if body.get("resourceType") != "Parameters":
        return body, "Bundle"
    found: tuple[Node | None, str] = None, "Parameters"
    parameters = body.get("parameter")
    for index, parameter in enumerate(parameters if isinstance(parameters, list) else ()):
        where = f"Parameters.parameter[{index}]"
        if not isinstance(parameter, dict) or parameter.get("name") != "bundle":
            faults.add(Fault.PARAMETER_UNKNOWN, "Ignored: only the parameter bundle is read here.", where)
        elif found[0] is not None:
            faults.add(Fault.PARAMETER_REPEATED, "Send one Bundle at a time.", where)
        else:
            inner = parameter.get("resource")
            found = (inner if isinstance(inner, dict) else None), f"{where}.resource"
    return found


def _open(given: Node, path: str, limit: int, types: Sequence[str], faults: Faults) -> list[Node]:
    """Give the entries of a Bundle after what concerns the Bundle as a whole."""
    if given.get("resourceType") != "Bundle":
        faults.add(Fault.RESOURCE_TYPE_MISMATCH, "Send a Bundle here.", f"{path}.resourceType")
        faults.refuse()
    entries = bundle.entries_of(given)
    bundle.check_size(entries, limit, path)
    if isinstance(given.get("type"), str) and given["type"] not in types:
        faults.add(Fault.BUNDLE_TYPE, f"Send a Bundle of type {' or '.join(types)}.", f"{path}.type")
    bundle.check_full_urls(entries, path, faults)
    return entries


def _read_batch(bundle_: Node, given: Sequence[Node], reading: Reading, faults: Faults) -> Batch:
    """Read every entry for itself; only what is wrong with the Bundle as a whole refuses it as a whole."""
    shell = bundle_ | {"entry": [one | {"resource": bundle.STUB} if "resource" in one else one for one in given]}
    if not given:
        shell = bundle_
    faults.extend(reading.conformance.faults(shell, profiles=reading.profiles))
    faults.refuse()
    return Batch(tuple(_part(given, index, reading) for index in range(len(given))), tuple(given))


def _part(given: Sequence[Node], index: int, reading: Reading) -> Submission | Rejected:
    faults = Faults()
    try:
        entries = bundle.requested([given[index]], "Bundle", reading, faults, first=index)
        root = f"Bundle.entry[{index}].resource"
        body = entries[0].resource if entries else None
        return _accept(Kind.SINGLE, entries, body, root, reading, faults)
    except Rejected as refused:
        return refused


def _accept(
    kind: Kind, entries: Sequence[Entry], body: Node | None, path: str, reading: Reading, faults: Faults
) -> Submission:
    """Check content and references of everything that is to be stored; refuse, or give the submission."""
    writes = [entry for entry in entries if entry.resource is not None]
    subject.ask(writes)
    spots = resolution.resolve(writes, reading.own_bases, faults)
    if body is not None:
        plain = {id(entry.resource) for entry, places in zip(writes, spots, strict=True) if places.plain}
        faults.extend(reading.conformance.faults(body, root=path, profiles=reading.profiles, plain=plain))
    for entry in writes:
        _check_content(entry, reading, faults)
    mentions = subject.mentions(writes, faults)
    faults.refuse()
    for entry in writes:
        if entry.resource is not None:
            entry.resource["id"] = entry.id
        if entry.type == "Observation":
            _say_unused(entry, reading, faults)
    asked = dict.fromkeys(
        q for entry, places in zip(writes, spots, strict=True) for _, q in subject.asked(entry, places)
    )
    submission = Submission(
        kind,
        tuple(entries),
        questions=tuple(asked),
        mentions=tuple(mentions),
        warnings=tuple(faults.warnings),
    )
    is_open = asked or any(entry.condition or (entry.type == "Patient" and entry.method == "POST") for entry in writes)
    return submission if is_open else settle(submission, {})


def _check_content(entry: Entry, reading: Reading, faults: Faults) -> None:
    resource = entry.resource or {}
    future.check(resource, entry.location, reading.at, faults)
    reading.shapes.check(resource, entry.location, faults)
    if entry.type == "QuestionnaireResponse":
        answers.check_named(resource, reading.questionnaires, entry.location, faults)


def _say_unused(entry: Entry, reading: Reading, faults: Faults) -> None:
    """Tell whoever sends a value that the criteria can't use: it is kept all the same."""
    for place, unit in reading.measures.unused(entry.resource or {}):
        text = (
            "Kept, and unknown to the criteria: they read a plausible number without comparator, in the UCUM unit "
            f"{unit} or another of its kind."
        )
        faults.add(Fault.VALUE_NOT_USED, text, f"{entry.location}.{place}")
