"""What a GET finds, alone or as an entry of a Bundle, and what the audit is told of it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import NotFound, Rejected, Unprocessable
from fhir_svc.intake.submission import Entry
from fhir_svc.record import Stored
from fhir_svc.store import audit, patients, resources
from fhir_svc.store.database import Connection
from fhir_svc.store.watermark import watermark_within
from fhir_svc.web import artefact_reads, histories, replies, searching
from fhir_svc.web.negotiation import Prefer, version_number
from fhir_svc.web.receive import Receipt
from fhir_svc.web.rights import ARTEFACTS, AUDIT, served
from fhir_svc.web.services import services
from fhir_svc.web.wire import instant

NOTHING: Final = "There is no such resource."
Read = tuple[dict[str, Any], Told | None]


def find(tx: Connection, tenant: str, kind: str, resource_id: str, version: int | None) -> Stored | None:
    """Find a resource as it is or was; a Patient also by another id that is known to be this patient's."""
    found: Stored | None
    if kind in ARTEFACTS or kind == AUDIT:
        if kind == AUDIT:
            found = audit.read(tx, tenant, resource_id)
        else:
            found = artefact_reads.read(services().knowledge, kind, resource_id)
        return found if found is not None and version in {None, found.version} else None
    if version is not None:
        return resources.vread(tx, tenant, kind, resource_id, version)
    found = resources.read(tx, tenant, kind, resource_id)
    if found is None and kind == "Patient":
        found = resources.read(tx, tenant, kind, patients.resolve(tx, tenant, resource_id))
    return found


def told(act: str, found: Stored) -> Told | None:
    """Tell the audit what was read; artefacts hold no patient's data, and nothing is told of them."""
    if found.type in ARTEFACTS:
        return None
    return Told(act, targets=(found.reference,), patient=patients.patient_of(found.content))


def is_search(url: str) -> bool:
    """Whether the address of an entry names no resource, but a type."""
    return "/" not in url.partition("?")[0]


def entry(tx: Connection, asked: Entry, got: Receipt) -> Read:
    """Carry out a GET entry, after the writes of its Bundle; what can't be read refuses the transaction, as R4 says."""
    try:
        served(asked.type)
        return _search(tx, asked, got) if is_search(asked.url) else _read(tx, asked, got)
    except Rejected as failure:
        raise failure.at(f"{asked.location.removesuffix('.resource')}.request.url") from None


def _read(tx: Connection, asked: Entry, got: Receipt) -> Read:
    kind, _, rest = asked.url.partition("?")[0].partition("/")
    resource_id, versioned, version = rest.partition("/_history/")
    if kind == AUDIT:
        raise Unprocessable("The audit is not read in Bundles.")
    if resource_id.endswith("/_history"):
        return _history(tx, asked, kind, resource_id.removesuffix("/_history"), got)
    number = version_number(version)
    found = None if versioned and not number else find(tx, got.tenant.name, kind, resource_id, number)
    if found is None:
        raise NotFound(NOTHING)
    etag, event = f'W/"{found.version}"', told("vread" if versioned else "read", found)
    if asked.if_none_match == etag:
        return {"response": {"status": replies.PHRASES[304], "etag": etag}}, event
    shown = {
        "fullUrl": f"{services().settings.fhir_base}/{found.local}",
        "resource": msgspec.Raw(found.body) if found.body else found.content,
        "response": {"status": replies.PHRASES[200], "etag": etag, "lastModified": instant(found.received)},
    }
    return shown, event


def _history(tx: Connection, asked: Entry, kind: str, resource_id: str, got: Receipt) -> Read:
    tenant, artefact = got.tenant.name, kind in ARTEFACTS
    newest = find(tx, tenant, kind, resource_id, None) if artefact else resources.read(tx, tenant, kind, resource_id)
    if newest is None:
        raise NotFound(NOTHING)
    versions = [newest] if artefact else resources.history(tx, tenant, kind, resource_id)
    params = parse_qsl(asked.url.partition("?")[2], keep_blank_values=True)
    found = histories.page(versions, params, Prefer(), tenant, services())
    return {"resource": found, "response": {"status": replies.PHRASES[200]}}, told("history-instance", newest)


def _search(tx: Connection, asked: Entry, got: Receipt) -> Read:
    given, artefacts = services(), asked.type in ARTEFACTS
    params = parse_qsl(asked.url.partition("?")[2], keep_blank_values=True)
    search = searching.ask(asked.type, params, Prefer(), got.actor, given)
    if artefacts:
        page = artefact_reads.search(given.knowledge, search.sought)
    else:
        first = search.sought.cursor is None
        complete = watermark_within(tx, got.tenant.name) if first else search.sought.complete
        page = searching.page_of(tx, search, complete)
    found = searching.bundle(search, page, given)
    event = None if artefacts else Told("search-type", targets=(asked.type,))
    return {"resource": found, "response": {"status": replies.PHRASES[200]}}, event
