"""Bundles: transaction (all or nothing) and batch (each entry for itself)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

from flask import Response

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import REFUSED, Told
from fhir_svc.errors import Forbidden, Rejected, TooManyRequests
from fhir_svc.intake import parse
from fhir_svc.intake.submission import BYTE_LIMIT, Batch, Entry, Submission, read_bundle, whom
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.store.submissions import Answer
from fhir_svc.web import matching, negotiation, reads, replies, turns
from fhir_svc.web.accept import Again, Carried, accept, collided, news, patiently, receipt, told, told_apart
from fhir_svc.web.limits import pay_for_reads
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.own_orders import ChangedElsewhere
from fhir_svc.web.receive import Receipt, Received, receive
from fhir_svc.web.rights import check
from fhir_svc.web.services import services
from fhir_svc.web.turns import Seat
from fhir_svc.web.wire import encode

LARGE: Final = 256 * 1024  # bytes
LETTERS: Final = {"POST": "c", "PUT": "u"}
Entries = dict[int, dict[str, Any]]


def take(actor: Actor) -> Response:
    """Carry out the Bundle of this request."""
    raw, prefer = negotiation.body(BYTE_LIMIT), negotiation.prefer()
    return patiently(lambda: _take(actor, raw, prefer))


def _take(actor: Actor, raw: bytes, prefer: Prefer) -> Response:
    with turns.TURNS.seat() as seat:
        got = receipt(actor, services())
        taken = read_bundle(parse.read_json(raw, limit=BYTE_LIMIT, root="Bundle"), got.reading)
        if isinstance(taken, Batch):
            parts = [part for part in taken.parts if isinstance(part, Submission)]
            with turn(seat, raw, got.tenant.name, *parts):
                return _accept(raw, prefer, lambda tx: _batch(tx, taken, got, prefer), again(*parts))
        check_entries(actor, taken)
        with turn(seat, raw, got.tenant.name, taken):
            return _accept(raw, prefer, lambda tx: _transaction(tx, taken, got, prefer), again(taken))


def _accept(raw: bytes, prefer: Prefer, carry_out: Callable[[Connection], Carried], again_: Again) -> Response:
    """Accept a Bundle; one that only reads is read before anything is written, so that nobody who writes waits."""
    if again_ is not Again.ALWAYS:
        return accept(raw, prefer, carry_out, again_)
    with services().database.reading() as tx:
        carried = carry_out(tx)
    return accept(raw, prefer, lambda _: carried, again_)


def turn(seat: Seat, raw: bytes, tenant: str, *submissions: Submission) -> AbstractContextManager[None]:
    """Wait in this process for those about the same: a large Bundle in its seat, as those who wait need memory."""
    meant = {name for one in submissions for name in _meant(one.writes)}
    meant |= {("?", question) for one in submissions for question in one.questions}
    return turns.TURNS.turn([(tenant, *name) for name in meant], seat, keep=len(raw) > LARGE)


def again(*submissions: Submission) -> Again:
    """Say whether carrying these submissions out a second time could make anything twice."""
    writes = [entry for submission in submissions for entry in submission.writes]
    if not writes:
        return Again.ALWAYS
    updates = all(entry.method == "PUT" and entry.condition is None for entry in writes)
    return Again.IF_UNDONE if updates else Again.NEVER


def check_entries(actor: Actor, submission: Submission) -> None:
    """Refuse a submission of which one entry is beyond the actor's rights, or whose reads are beyond its budget.

    What brings something is never refused for what it reads besides.
    """
    asked = {(entry.type, _letter(entry)): entry for entry in reversed(submission.entries)}
    for (kind, letter), entry in reversed(asked.items()):
        try:
            check(actor, kind, letter)
        except Forbidden as failure:
            raise failure.at(entry.location) from None
    read = [each.url for each in submission.entries if each.method == "GET"]
    pay_for_reads(services().budgets, actor, read, insist=not submission.writes)


def _letter(entry: Entry) -> str:
    return LETTERS.get(entry.method) or ("s" if reads.is_search(entry.url) else "r")


def crossing(submission: Submission) -> list[Entry]:
    """What of a transaction might be locked crosswise: what is looked up; all of it once it has collided."""
    return [each for each in submission.writes if collided() or each.condition or each.if_none_exist]


def in_turn(tx: Connection, tenant: str, entries: Iterable[Entry]) -> None:
    """Wait for other Bundles about the same, in one order for all: entries would lock them as they happen to stand."""
    meant = _meant(entries)
    for kind, which in sorted(meant) if len(meant) > 1 else ():
        resources.exclusive(tx, tenant, "in turn", kind, which)


def _meant(entries: Iterable[Entry]) -> set[tuple[str, str]]:
    """By type and id, condition or number, what these would write, for as far as others may mean it too."""
    meant: set[tuple[str, str]] = set()
    for each in entries:
        which = each.condition or each.if_none_exist or ("" if each.minted else each.id)
        meant |= {(each.type, which)} if which else set()
        if each.type == "Patient":
            known = (each.resource or {}).get("identifier", ())
            meant |= {(each.type, f"{one.get('system')}|{one.get('value')}") for one in known}
    return meant


def _transaction(tx: Connection, submission: Submission, got: Receipt, prefer: Prefer) -> Carried:
    besides: list[Told] = []
    in_turn(tx, got.tenant.name, crossing(submission))
    received = receive(tx, submission, got)
    entries = _answered(tx, received, got, prefer, besides)
    body = {"resourceType": "Bundle", "type": "transaction-response", "entry": _ordered(entries)}
    headers = replies.monitor(services().settings.fhir_base, [received.guidance])
    answer = Answer(200, headers, _encode(body))
    return Carried(answer, told("transaction", [received]), got.submission, news([received]), besides=besides)


def _batch(tx: Connection, batch: Batch, got: Receipt, prefer: Prefer) -> Carried:
    """Carry out every part in a savepoint of its own: what fails leaves nothing, and the others stay."""
    entries: Entries = {}
    done: list[Received] = []
    moved: list[ChangedElsewhere] = []
    refused: list[tuple[int, Rejected]] = []
    besides: list[Told] = []
    parts = [part for part in batch.parts if isinstance(part, Submission)]
    in_turn(tx, got.tenant.name, [each for part in parts for each in part.writes])
    for index, part in enumerate(batch.parts):
        try:
            if isinstance(part, Rejected):
                raise part
            check_entries(got.actor, part)
            with tx.begin_nested():
                mine = replace(got, submission=str(uuid4()))
                received = receive(tx, part, mine)
                entries[index] = _answered(tx, received, mine, prefer, besides)[part.entries[0].index]
            done.append(received)
        except Rejected as failure:
            entries[index] = replies.refused_entry(failure)
            if not isinstance(failure, TooManyRequests):  # a flood must not become a flood of writes
                refused.append((index, failure))
            if isinstance(failure, ChangedElsewhere):
                moved.append(failure)
    body = {"resourceType": "Bundle", "type": "batch-response", "entry": _ordered(entries)}
    headers = replies.monitor(services().settings.fhir_base, [one.guidance for one in done])
    answer = Answer(200, headers, _encode(body))
    whole, *others = told_apart("batch", done)
    refusals = _refusals(tx, batch, refused, got)
    return Carried(answer, whole, got.submission, news(done), moved, [*refusals, *besides, *others])


def _refusals(tx: Connection, batch: Batch, refused: Sequence[tuple[int, Rejected]], got: Receipt) -> list[Told]:
    """Tell the audit what was refused, and of whom it was, where that is somebody known."""
    names = {index: whom(batch, index, got.reading) for index, _ in refused}
    known = {name: matching.known(tx, got.tenant.name, name) for name in set(names.values())}
    return [
        Told("batch", outcome=REFUSED, reason=failure.issues[0].error, patient=known[names[index]])
        for index, failure in refused
    ]


def _ordered(entries: Entries) -> list[dict[str, Any]]:
    return [entries[index] for index in sorted(entries)]


def _encode(body: dict[str, Any]) -> bytes:
    if not body["entry"]:
        del body["entry"]
    return encode(body)


def _answered(tx: Connection, received: Received, got: Receipt, prefer: Prefer, besides: list[Told]) -> Entries:
    """Write the response entries; what GET entries read is added to `besides`, for the audit."""
    base = services().settings.fhir_base
    entries: Entries = {}
    warnings = replies.warned(received)
    for done in received.done:
        content = replies.served(tx, got, done) if prefer.returns == "representation" else None
        entries[done.entry.index] = replies.entry(done, received, base, warnings.get(done.entry.location, ()), content)
    for entry in received.submission.entries:
        if entry.method == "GET":
            entries[entry.index], event = reads.entry(tx, entry, got)
            besides += [event] if event else []
    return entries
