"""Telling one subscriber: handshake, events in their order, heartbeat. One claim per subscription at a time.

What is sent is read from the database anew each time, and what was taken is noted after it was: a lost answer or a
killed process leads to the same event, with the same number, once more. Nothing clinical is sent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from fhir_svc.auth.audit_event import FAILED, Told
from fhir_svc.ehr.hooks import Untaken, post
from fhir_svc.ehr.sealing import MARK, is_sealed, seal, unseal
from fhir_svc.errors import Broken, FhirSvcError
from fhir_svc.intake import parse
from fhir_svc.store import clients, subscriptions, work
from fhir_svc.store.clients import Client
from fhir_svc.store.database import Connection, now
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.store.work import Claim
from fhir_svc.subscriptions import notices
from fhir_svc.subscriptions.notices import Event
from fhir_svc.subscriptions.terms import ACTIVE, ERROR, OFF, REQUESTED
from workers.attempt import Step, attempt
from workers.desk import Desk
from workers.tellers import Tellers

LEASE = timedelta(seconds=30)  # longer than the budget and one timeout
_BUDGET = 12.0  # seconds after which a subscription with more to tell makes way for others; plus one timeout
MOST_FAILURES = 12  # in a row: the waits between them (1, 2, 4 ... 256, 300, 300 seconds) make up about 20 minutes
_LONGEST_WAIT = 300.0  # seconds
_LONGEST_ASKED = 3600.0  # seconds that an endpoint may ask for by Retry-After


class Later(Untaken):
    """Not taken this time. It uses up no attempt: the subscription counts its own failures."""

    counted = False


@dataclass(frozen=True, slots=True)
class _Letter:
    """What is sent next, as the database had it at one moment."""

    to: Subscription
    client: Client | None
    kind: str
    events: list[Event]
    at: datetime


def queue(desk: Desk, tellers: Tellers, work_id: str) -> None:
    """Let this row be told when it is its subscriber's turn."""
    if tellers.knows(work_id):
        return
    try:
        with desk.database.reading() as tx:
            one = subscriptions.of_work(tx, work_id)
    except FhirSvcError:  # the row is still due: the relay says so again
        return
    if one is None:
        tellers.take(work_id, None, failed=False)
    else:
        tellers.take(work_id, (one.client, urlsplit(one.endpoint).netloc), failed=one.failures > 0)


def run(desk: Desk, work_id: str) -> None:
    """Tell the subscriber of this row what there is to tell, if it is due."""
    attempt(desk, work_id, Step(LEASE, _act, _give_up))


def _act(desk: Desk, claim: Claim) -> None:
    until = time.monotonic() + _BUDGET
    while time.monotonic() < until:
        with desk.database.reading() as tx:
            letter = _next(tx, claim)
        if letter is None:
            break
        try:
            _send(desk, letter)
        except Untaken as trouble:
            raise _failed(desk, letter, trouble) from None
        _settle(desk, letter)
    with desk.database.transaction() as tx:
        work.finish(tx, claim.ids)
        if _next(tx, claim) is not None:
            subscriptions.tell(tx, claim.tenant, claim.subjects[0])


def _next(tx: Connection, claim: Claim) -> _Letter | None:
    """What comes first of what was not taken yet; None when there is nothing more to tell."""
    one = subscriptions.find(tx, claim.tenant, claim.subjects[0])
    if one is None or one.status == OFF:
        return None
    at, client = now(tx), clients.find(tx, one.client)
    if one.status in {REQUESTED, ERROR}:
        return _Letter(one, client, notices.HANDSHAKE, [], at)
    if one.events > one.delivered:
        events = subscriptions.events(tx, one, first=one.delivered + 1, last=one.events, limit=one.most)
        return _Letter(one, client, notices.EVENTS, events, at)
    if one.beat_due is not None and one.beat_due <= at:
        return _Letter(one, client, notices.HEARTBEAT, [], at)
    return None


def _send(desk: Desk, letter: _Letter) -> None:
    to, client = letter.to, letter.client
    if client is None or client.revoked is not None or client.tenant != to.tenant:
        raise Broken("the client of this subscription is revoked", error="client-revoked")
    shown = REQUESTED if letter.kind == notices.HANDSHAKE else to.status
    told = notices.Told(desk.settings.fhir_base, to.id, to.topic, shown, to.content, to.events)
    body = parse.encode(notices.notification(told, letter.kind, letter.at, letter.events))
    post(
        to.endpoint,
        body,
        allowed=client.endpoints,
        loopback=desk.settings.demo,
        authorization=_opened(desk, to),
        timeout=to.timeout,
    )


def _opened(desk: Desk, to: Subscription) -> str | None:
    if to.authorization is None:
        return None
    return unseal(to.authorization, desk.settings.audit_key.get_secret_value(), to.tenant, to.id, to.endpoint)


def _settle(desk: Desk, letter: _Letter) -> None:
    """Note that it was taken, unless the subscription has become another one meanwhile."""
    to = letter.to
    with desk.database.transaction() as tx:
        current = subscriptions.find(tx, to.tenant, to.id, lock=True)
        if current is None or current.digest != to.digest or current.status == OFF:
            return
        taken = letter.events[-1].number if letter.events else current.delivered
        subscriptions.sent(tx, current, delivered=max(taken, current.delivered))
        if letter.kind == notices.HANDSHAKE and current.status != ACTIVE:
            subscriptions.move(tx, current, ACTIVE)
        if letter.kind != notices.HEARTBEAT:
            desk.audit(tx, to.tenant, Told("notify", [f"Subscription/{to.id}", *(one.focus for one in letter.events)]))


def _failed(desk: Desk, letter: _Letter, trouble: Untaken) -> Exception:
    """Count it; give what the attempt is to end with: later, or never once there were too many in a row."""
    to, code = letter.to, trouble.issues[0].error
    with desk.database.transaction() as tx:
        current = subscriptions.find(tx, to.tenant, to.id, lock=True)
        failures = 1 + (current.failures if current else 0)
        subscriptions.change(tx, to.tenant, to.id, failures=failures)
    if failures >= MOST_FAILURES:
        return Broken("the endpoint failed too often", error=code)
    wait = max(min(trouble.retry_after, _LONGEST_ASKED), min(_LONGEST_WAIT, 2.0 ** (failures - 1)))
    return Later("the endpoint did not take it", retry_after=wait, error=code)


def _give_up(desk: Desk, tx: Connection, claim: Claim, code: str) -> None:
    """The subscription shows why; its events are kept and told once it is requested again."""
    current = subscriptions.find(tx, claim.tenant, claim.subjects[0], lock=True)
    if current is not None and current.status != OFF:
        subscriptions.change(tx, claim.tenant, current.id, failures=0)
        subscriptions.move(tx, current, ERROR, reason=code)
    desk.audit(tx, claim.tenant, Told("notify", [f"Subscription/{claim.subjects[0]}"], None, FAILED, code))


def sweep(desk: Desk) -> None:
    """Leave the work of heartbeats that are due, and end the subscriptions whose end has passed."""
    with desk.database.reading() as tx:
        beats, over = subscriptions.heartbeats_due(tx), subscriptions.ended(tx)
    for tenant, id_ in beats:
        with desk.database.transaction() as tx:
            subscriptions.tell(tx, tenant, id_)
    for tenant, id_ in over:
        with desk.database.transaction() as tx:
            subscriptions.end(tx, tenant, id_)


def seal_old(desk: Desk) -> None:
    """Seal what an earlier release kept in clear."""
    with desk.database.reading() as tx:
        found = subscriptions.kept_in_clear(tx, MARK)
    for tenant, id_ in found:
        with desk.database.transaction() as tx:
            one = subscriptions.find(tx, tenant, id_, lock=True)
            if one is not None and one.authorization is not None and not is_sealed(one.authorization):
                place = (one.tenant, one.id, one.endpoint)
                sealed = seal(one.authorization, desk.settings.audit_key.get_secret_value(), *place)
                subscriptions.change(tx, tenant, id_, authorization=sealed)
