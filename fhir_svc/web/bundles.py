"""Bundles: transaction (all or nothing) and batch (each entry for itself)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import uuid4

import msgspec
from flask import Response

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import Forbidden, NotFound, Rejected, Unprocessable
from fhir_svc.intake import parse
from fhir_svc.intake.submission import BYTE_LIMIT, Batch, Entry, Submission, read_bundle
from fhir_svc.record import Stored
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.store.submissions import Answer
from fhir_svc.web import artefact_reads, histories, negotiation, replies, searching
from fhir_svc.web.accept import Again, Carried, accept, news, patiently, receipt, told
from fhir_svc.web.negotiation import Prefer, version_number
from fhir_svc.web.own_orders import ChangedElsewhere
from fhir_svc.web.receive import Receipt, Received, receive
from fhir_svc.web.rights import ARTEFACTS, AUDIT, check, served
from fhir_svc.web.services import services
from fhir_svc.web.wire import encode, instant

LETTERS: Final = {"POST": "c", "PUT": "u"}
Entries = dict[int, dict[str, Any]]


def take(actor: Actor) -> Response:
    """Carry out the Bundle of this request."""
    raw, prefer = negotiation.body(BYTE_LIMIT), negotiation.prefer()
    return patiently(lambda: _take(actor, raw, prefer))


def _take(actor: Actor, raw: bytes, prefer: Prefer) -> Response:
    got = receipt(actor, services())
    taken = read_bundle(parse.read_json(raw, limit=BYTE_LIMIT, root="Bundle"), got.reading)
    if isinstance(taken, Batch):
        parts = [part for part in taken.parts if isinstance(part, Submission)]
        return accept(raw, prefer, lambda tx: _batch(tx, taken, got, prefer), again(*parts))
    check_entries(actor, taken)
    return accept(raw, prefer, lambda tx: _transaction(tx, taken, got, prefer), again(taken))


def again(*submissions: Submission) -> Again:
    """Say whether carrying these submissions out a second time could make anything twice."""
    writes = [entry for submission in submissions for entry in submission.writes]
    if not writes:
        return Again.ALWAYS
    updates = all(entry.method == "PUT" and entry.condition is None for entry in writes)
    return Again.IF_UNDONE if updates else Again.NEVER


def check_entries(actor: Actor, submission: Submission) -> None:
    """Refuse a submission of which one entry is beyond the actor's rights."""
    asked = {(entry.type, _letter(entry)): entry for entry in reversed(submission.entries)}
    for (kind, letter), entry in reversed(asked.items()):
        try:
            check(actor, kind, letter)
        except Forbidden as failure:
            raise failure.at(entry.location) from None


def _letter(entry: Entry) -> str:
    return LETTERS.get(entry.method) or ("r" if _is_read(entry.url) else "s")


def _is_read(url: str) -> bool:
    return "/" in url.partition("?")[0]


def _transaction(tx: Connection, submission: Submission, got: Receipt, prefer: Prefer) -> Carried:
    read: list[Told] = []
    received = receive(tx, submission, got)
    entries = _answered(tx, received, got, prefer, read)
    body = {"resourceType": "Bundle", "type": "transaction-response", "entry": _ordered(entries)}
    headers = replies.monitor(services().settings.fhir_base, [received.guidance])
    answer = Answer(200, headers, _encode(body))
    return Carried(answer, told("transaction", [received]), got.submission, news([received]), read=read)


def _batch(tx: Connection, batch: Batch, got: Receipt, prefer: Prefer) -> Carried:
    """Carry out every part in a savepoint of its own: what fails leaves nothing, and the others stay."""
    entries: Entries = {}
    done: list[Received] = []
    moved: list[ChangedElsewhere] = []
    refusals: list[str] = []
    read: list[Told] = []
    for index, part in enumerate(batch.parts):
        try:
            if isinstance(part, Rejected):
                raise part
            check_entries(got.actor, part)
            with tx.begin_nested():
                mine = replace(got, submission=str(uuid4()))
                received = receive(tx, part, mine)
                entries[index] = _answered(tx, received, mine, prefer, read)[part.entries[0].index]
            done.append(received)
        except Rejected as failure:
            entries[index] = replies.refused_entry(failure)
            refusals.append(failure.issues[0].error)
            if isinstance(failure, ChangedElsewhere):
                moved.append(failure)
    body = {"resourceType": "Bundle", "type": "batch-response", "entry": _ordered(entries)}
    headers = replies.monitor(services().settings.fhir_base, [one.guidance for one in done])
    answer = Answer(200, headers, _encode(body))
    return Carried(answer, told("batch", done), got.submission, news(done), moved, refusals, read)


def _ordered(entries: Entries) -> list[dict[str, Any]]:
    return [entries[index] for index in sorted(entries)]


def _encode(body: dict[str, Any]) -> bytes:
    if not body["entry"]:
        del body["entry"]
    return encode(body)


def _answered(tx: Connection, received: Received, got: Receipt, prefer: Prefer, read: list[Told]) -> Entries:
    """Write the response entries; what GET entries read is added to `read`, for the audit."""
    base = services().settings.fhir_base
    entries: Entries = {}
    warnings = replies.warned(received)
    for done in received.done:
        content = replies.served(tx, got, done) if prefer.returns == "representation" else None
        entries[done.entry.index] = replies.entry(done, received, base, warnings.get(done.entry.location, ()), content)
    for entry in received.submission.entries:
        if entry.method == "GET":
            entries[entry.index] = _got(tx, entry, got)
            read.append(_read_by(entry, entries[entry.index]))
    return entries


def _got(tx: Connection, entry: Entry, got: Receipt) -> dict[str, Any]:
    """Carry out a GET entry, after the writes of its Bundle; what can't be read refuses the transaction, as R4 says."""
    try:
        served(entry.type)
        return _read(tx, entry, got) if _is_read(entry.url) else _search(tx, entry, got)
    except Rejected as failure:
        raise failure.at(f"{entry.location.removesuffix('.resource')}.request.url") from None


def _read_by(entry: Entry, answered: Mapping[str, Any]) -> Told:
    """Tell the audit what a GET entry read: a resource, its history, or a search."""
    if not _is_read(entry.url):
        return Told("search-type", targets=(entry.type,))
    local = entry.url.partition("?")[0]
    if local.endswith("/_history"):
        return Told("history-instance", targets=(local.removesuffix("/_history"),))
    version = answered["response"]["etag"].strip('W/"')
    named = local if "/_history/" in local else f"{local}/_history/{version}"
    return Told("vread" if named == local else "read", targets=(named,))


def _read(tx: Connection, entry: Entry, got: Receipt) -> dict[str, Any]:
    kind, _, rest = entry.url.partition("?")[0].partition("/")
    resource_id, versioned, version = rest.partition("/_history/")
    given = services()
    stored: Stored | None
    if kind == AUDIT:
        raise Unprocessable("The audit is not read in Bundles.")
    if kind in ARTEFACTS:
        stored = artefact_reads.read(given.knowledge, kind, resource_id.removesuffix("/_history"))
    elif resource_id.endswith("/_history"):
        return _history(tx, entry, kind, resource_id.removesuffix("/_history"), got)
    elif versioned:
        number = version_number(version)
        stored = resources.vread(tx, got.tenant.name, kind, resource_id, number) if number else None
    else:
        stored = resources.read(tx, got.tenant.name, kind, resource_id)
    if stored is None:
        raise NotFound("There is no such resource.")
    etag = f'W/"{stored.version}"'
    if entry.if_none_match == etag:
        return {"response": {"status": replies.PHRASES[304], "etag": etag}}
    return {
        "fullUrl": f"{given.settings.fhir_base}/{stored.local}",
        "resource": msgspec.Raw(stored.body) if stored.body else stored.content,
        "response": {"status": replies.PHRASES[200], "etag": etag, "lastModified": instant(stored.received)},
    }


def _history(tx: Connection, entry: Entry, kind: str, resource_id: str, got: Receipt) -> dict[str, Any]:
    versions = resources.history(tx, got.tenant.name, kind, resource_id)
    if not versions:
        raise NotFound("There is no such resource.")
    params = parse_qsl(entry.url.partition("?")[2], keep_blank_values=True)
    found = histories.page(versions, params, Prefer(), got.tenant.name, services())
    return {"resource": found, "response": {"status": replies.PHRASES[200]}}


def _search(tx: Connection, entry: Entry, got: Receipt) -> dict[str, Any]:
    given = services()
    params = parse_qsl(entry.url.partition("?")[2], keep_blank_values=True)
    asked = searching.ask(entry.type, params, Prefer(), got.actor, given)
    if entry.type in ARTEFACTS:
        page = artefact_reads.search(given.knowledge, asked.sought)
    else:
        page = searching.page_of(tx, asked)
    found = searching.bundle(asked, page, given)
    return {"resource": found, "response": {"status": replies.PHRASES[200]}}
