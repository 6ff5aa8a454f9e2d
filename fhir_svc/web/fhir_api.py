"""FHIR's REST interactions under `/fhir`: read, search, create, update, transaction and batch."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response, request

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import Malformed, NotAllowed, NotFound
from fhir_svc.intake import parse
from fhir_svc.intake.submission import BYTE_LIMIT, TAKEN, Submission, read_single
from fhir_svc.record import Stored
from fhir_svc.store import resources, submissions
from fhir_svc.store.database import Connection
from fhir_svc.web import artefact_reads, bundles, histories, negotiation, reads, replies, searching, trail
from fhir_svc.web.accept import AFTER, Carried, accept, patiently, receipt, told
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.receive import Receipt, receive
from fhir_svc.web.rights import ARTEFACTS, AUDIT, caller, check, methods, served
from fhir_svc.web.services import services
from fhir_svc.web.wire import encode, fhir, version_headers

blueprint = Blueprint("fhir_api", __name__, url_prefix="/fhir")
ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
MONITOR: Final = re.compile(r"/GuidanceResponse/([A-Za-z0-9\-.]{1,64})>")


@blueprint.before_request
def understand() -> None:
    """Refuse whoever can't read what is answered here."""
    if request.method != "OPTIONS":
        negotiation.check_accept()


@blueprint.after_request
def tell_methods(answer: Response) -> Response:
    """Say in `Allow` what an address takes of its type, not what its routes know."""
    if request.method == "OPTIONS":
        answer.headers["Allow"] = ", ".join(methods(request.path, answer.allow))
    return answer


@blueprint.get("/<type:kind>/<resource_id>")
def read(kind: str, resource_id: str) -> Response:
    """Read the current version."""
    actor = _reader(kind, "r")
    stored = _one(actor, kind, resource_id, None)
    return _version(stored)


@blueprint.get("/<type:kind>/<resource_id>/_history/<version>")
def vread(kind: str, resource_id: str, version: str) -> Response:
    """Read one version."""
    actor = _reader(kind, "r")
    number = negotiation.version_number(version)
    if number is None:
        raise NotFound(reads.NOTHING)
    return _version(_one(actor, kind, resource_id, number))


@blueprint.get("/<type:kind>/<resource_id>/_history")
def history(kind: str, resource_id: str) -> Response:
    """List all versions, newest first."""
    actor = _reader(kind, "r")
    given = services()
    params, prefer = list(request.args.items(multi=True)), negotiation.prefer()
    if kind in ARTEFACTS or kind == AUDIT:
        only = [_one(actor, kind, resource_id, None)]
        return fhir(histories.page(only, params, prefer, actor.tenant, given))
    with given.database.reading() as tx:  # however long it is, nobody who writes waits for it
        newest = resources.read(tx, actor.tenant, kind, resource_id)
        if newest is None:
            raise NotFound(reads.NOTHING)
        versions = resources.history(tx, actor.tenant, kind, resource_id)
        page = histories.page(versions, params, prefer, actor.tenant, given)
    with given.database.transaction() as tx:
        _tell_read(tx, "history-instance", newest, actor)
    return fhir(page)


@blueprint.get("/<type:kind>")
def search(kind: str) -> Response:
    """Search by the parameters of the address."""
    return _search(kind, list(request.args.items(multi=True)))


@blueprint.post("/<type:kind>/_search")
def search_by_form(kind: str) -> Response:
    """Search by the parameters of a form, so that none of them stands in an address."""
    return _search(kind, negotiation.form())


@blueprint.post("/<type:kind>")
def create(kind: str) -> Response:
    """Store a new resource under an id of ours; `If-None-Exist` makes it conditional."""
    actor = _writer(kind, "c")
    condition = request.headers.get("If-None-Exist")
    if condition is not None:
        condition = condition.partition("?")[2] if "?" in condition else condition
        if not condition:
            raise Malformed("If-None-Exist names search parameters.", code="value", error="bad-condition")
    return _take_one(actor, kind, "create", if_none_exist=condition)


@blueprint.put("/<type:kind>/<resource_id>")
def update(kind: str, resource_id: str) -> Response:
    """Store a resource under the caller's id: its next version, or its first."""
    actor = _writer(kind, "u")
    if not ID.fullmatch(resource_id):
        raise Malformed("An id has 1 to 64 letters, digits, '-' and '.'.", code="value", error="bad-id")
    return _take_one(actor, kind, "update", resource_id=resource_id)


@blueprint.put("/<type:kind>")
def update_where(kind: str) -> Response:
    """Update the one resource that the address's condition matches, or create it."""
    actor = _writer(kind, "u")
    condition = request.query_string.decode("utf-8", "replace")
    if not condition:
        raise Malformed("Say which resource: by id in the address, or by a condition.", code="required", error="no-id")
    return _take_one(actor, kind, "update", condition=condition)


@blueprint.post("")
def bundle() -> Response:
    """Carry out a transaction (all or nothing) or a batch (entry by entry)."""
    return bundles.take(caller())


@blueprint.get("/_async/<key>")
def how_it_went(key: str) -> Response:
    """Say of a request answered by 202 whether it is evaluated yet; then give the answer it would have had."""
    actor, given = caller(), services()
    with given.database.reading() as tx:
        answer = submissions.answered(tx, actor.tenant, actor.id, key)
        if answer is None:
            raise NotFound(reads.NOTHING)
        found = MONITOR.findall(answer.headers.get("Link", ""))
        waiting = [one for one in found if _waits(tx, actor.tenant, one)]
    if waiting:
        return fhir(None, 202, {"Retry-After": AFTER, "X-Progress": "being evaluated"})
    return fhir(replies.remembered(answer, actor).body or None, 200, replies.headers(answer))


def _waits(tx: Connection, tenant: str, guidance: str) -> bool:
    stored = resources.read(tx, tenant, "GuidanceResponse", guidance)
    return stored is not None and stored.content["status"] == "in-progress"


def _reader(kind: str, letter: str) -> Actor:
    actor = caller()
    served(kind)
    check(actor, kind, letter)
    return actor


def _writer(kind: str, letter: str) -> Actor:
    actor = caller()
    served(kind)
    if kind not in TAKEN:
        raise NotAllowed("This type is only read here.", headers={"Allow": "GET, HEAD, OPTIONS"})
    check(actor, kind, letter)
    return actor


def _one(actor: Actor, kind: str, resource_id: str, version: int | None) -> Stored:
    """Read one resource (or version) and leave the AuditEvent; NotFound when it is absent or another tenant's."""
    given = services()
    if kind in ARTEFACTS:
        found = artefact_reads.read(given.knowledge, kind, resource_id)
    else:
        with given.database.transaction() as tx:
            found = reads.find(tx, actor.tenant, kind, resource_id, version)
            _tell_read(tx, "read" if version is None else "vread", found, actor)
    if found is None or version not in {None, found.version}:
        raise NotFound(reads.NOTHING)
    return found


def _tell_read(tx: Connection, act: str, found: Stored | None, actor: Actor) -> None:
    event = reads.told(act, found) if found is not None else None
    if event is not None:
        trail.leave(tx, event, actor)


def _version(stored: Stored) -> Response:
    headers = version_headers(stored.version, stored.received)
    if negotiation.not_modified(headers["ETag"]):
        return fhir(None, 304, headers)
    return fhir(stored.body or encode(stored.content), 200, headers)


def _search(kind: str, params: list[tuple[str, str]]) -> Response:
    actor = _reader(kind, "s")
    given = services()
    asked = searching.ask(kind, params, negotiation.prefer(), actor, given)
    page = searching.run(asked, actor, given)
    return fhir(searching.bundle(asked, page, given))


def _take_one(
    actor: Actor,
    kind: str,
    act: str,
    *,
    resource_id: str | None = None,
    condition: str | None = None,
    if_none_exist: str | None = None,
) -> Response:
    raw, prefer = negotiation.body(BYTE_LIMIT), negotiation.prefer()

    def take() -> Response:
        got = receipt(actor, services())
        submission = read_single(
            parse.read_json(raw, limit=BYTE_LIMIT, root=kind),
            got.reading,
            type=kind,
            id=resource_id,
            condition=condition,
            if_none_exist=if_none_exist,
            if_match=request.headers.get("If-Match"),
            if_none_match=request.headers.get("If-None-Match"),
        )
        return accept(raw, prefer, lambda tx: _carry_out(tx, submission, got, act, prefer))

    return patiently(take)


def _carry_out(tx: Connection, submission: Submission, got: Receipt, act: str, prefer: Prefer) -> Carried:
    received = receive(tx, submission, got)
    answer = replies.single(tx, received, services().settings.fhir_base, prefer, got)
    return Carried(answer, told("create" if received.done[0].created else act, [received]), got.submission)
