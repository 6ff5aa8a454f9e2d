"""Around the intake transaction: collisions are tried again, a copy gets the same answer, the audit comes last."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final
from uuid import uuid4

from flask import Response, g, request

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import Collided, Malformed, NotFound, Rejected
from fhir_svc.store import patients, resources, submissions, tenants
from fhir_svc.store.database import Connection
from fhir_svc.store.ids import new_id
from fhir_svc.store.submissions import Answer
from fhir_svc.store.tenants import Tenant
from fhir_svc.web import own_orders, replies, trail
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.own_orders import ChangedElsewhere
from fhir_svc.web.receive import Receipt, Received
from fhir_svc.web.rights import caller
from fhir_svc.web.services import Services, services
from fhir_svc.web.wire import fhir

LONGEST_KEY: Final = 255
AFTER: Final = "2"  # seconds after which an unfinished evaluation is worth asking for again
TRIES: Final = 3
PAUSE: Final = 0.05  # seconds at most between two of them


class Again(Enum):
    """Whether a copy of a request is carried out again.

    `NEVER`: it would make things twice. `IF_UNDONE`: it only updates; again if that changes anything, for then
    something else was stored over it since, whether that is evaluated or not. `ALWAYS`: it only reads.
    """

    NEVER = auto()
    IF_UNDONE = auto()
    ALWAYS = auto()


@dataclass(frozen=True, slots=True)
class Carried:
    """What a request came to: its answer, what to tell the audit, the submission's id.

    `news`: it changed what is stored, be it evaluated or not. `moved` are drafts of ours that were changed elsewhere,
    `besides` what else the audit is told.
    """

    answer: Answer
    told: Told
    submission: str
    news: bool = True
    moved: Sequence[ChangedElsewhere] = ()
    besides: Sequence[Told] = ()


def told(act: str, received: Sequence[Received]) -> Told:
    """Tell the audit what was written."""
    targets = [f"{one.type}/{one.id}/_history/{one.version}" for each in received for one in each.done]
    patient = next((each.patient for each in received if each.patient), None)
    return Told(act, targets=tuple(targets), patient=patient)


def told_apart(act: str, received: Sequence[Received]) -> list[Told]:
    """Tell the audit what was written of each patient: an entry of it is found by one patient."""
    parts: dict[str | None, list[Received]] = {}
    for each in received:
        if each.done:
            parts.setdefault(each.patient, []).append(each)
    return [told(act, part) for part in parts.values()] or [told(act, ())]


def news(received: Iterable[Received]) -> bool:
    """Whether what is stored is other than before; one more old version of something is not."""
    return any(one.changed and not one.late for each in received for one in each.done)


def receipt(actor: Actor, given: Services) -> Receipt:
    """Prepare to receive a submission of this actor: its tenant, the moment, the knowledge in force."""
    tenant, at = whose(actor, given)
    reading = given.intake.reading(at, own_bases=_bases(tenant, given), new_id=new_id)
    return Receipt(actor, tenant, reading, given.criteria)


def whose(actor: Actor, given: Services) -> tuple[Tenant, datetime]:
    """Give the actor's tenant and the moment of this request."""
    tenant: Tenant | None = g.get("tenant")
    at: datetime | None = g.get("at")
    if tenant is None or at is None:
        with given.database.reading() as tx:
            tenant, at = tenants.find_now(tx, actor.tenant)
    if tenant is None:
        raise NotFound("There is no such tenant.")
    return tenant, at


def _bases(tenant: Tenant, given: Services) -> tuple[str, ...]:
    return (given.settings.fhir_base, tenant.ehr_base)


def patiently(take: Callable[[], Response]) -> Response:
    """Take a request in; whatever collided with another one is undone by then, and is taken in anew a few times.

    `take` reads the bytes again: what was read of them is rewritten when it is carried out.
    """
    for _ in range(TRIES - 1):
        try:
            return take()
        except Collided:
            g.collided = True
            time.sleep(random.uniform(0, PAUSE))  # noqa: S311 - nobody gains by guessing it
    return take()


def collided() -> bool:
    """Whether this request has given way to another one and is carried out again."""
    return bool(g.get("collided", False))


def accept(
    raw: bytes, prefer: Prefer, carry_out: Callable[[Connection], Carried], again: Again = Again.NEVER
) -> Response:
    """Carry a request out once, durably, and answer it; a copy of it gets the same answer.

    A POST is known again by `Idempotency-Key` and by its content, an update by the key alone. `again` says what else
    may be done with a copy that is known by its content.
    """
    actor, given = caller(), services()
    keys = _keys(raw, fresh=request.method == "PUT" or again is Again.ALWAYS)
    try:
        with given.database.transaction() as tx:
            if collided():
                resources.exclusive(tx, actor.tenant, "collided")  # one after the other: these meet no more
            answer, free = _known(tx, actor, keys)
            by_content = answer is not None and keys.given not in set(keys.names) - set(free)
            undone = _undone(tx, carry_out) if by_content and again is Again.IF_UNDONE else None
            if undone is not None and not free:
                free = [_random()]
                submissions.reserve(tx, actor.tenant, actor.id, free[0], keys.fingerprint)
            if answer is None or undone is not None:
                answer = _keep(tx, actor, raw, free, undone or carry_out(tx))
            else:
                for name in free:
                    submissions.remember(tx, actor.tenant, actor.id, name, answer)
                _tell_again(tx, answer, actor)
                answer = replies.remembered(answer, actor)
    except ChangedElsewhere as change:
        with given.database.transaction() as tx:
            own_orders.ask_for_review(tx, actor, change)
        raise
    if prefer.respond_async:
        answer = _later(answer, (free or keys.names)[0])
    return fhir(answer.body or None, answer.status, replies.headers(answer))


def _tell_again(tx: Connection, answer: Answer, actor: Actor) -> None:
    """Tell the audit of each patient of whom the answer tells, as it was told at first."""
    about = patients.of_resources(tx, actor.tenant, replies.told_of(answer))
    with trail.last(tx):
        for patient in about or (None,):
            trail.leave(tx, Told("replay", patient=patient), actor)


def _known(tx: Connection, actor: Actor, keys: _Keys) -> tuple[Answer | None, list[str]]:
    """The answer that a copy of this request got, and the names under which none is kept yet: they are ours now."""
    free: list[str] = []
    for name in keys.names:
        answer = submissions.reserve(tx, actor.tenant, actor.id, name, keys.fingerprint)
        if answer is not None:
            return answer, free
        free.append(name)
    return None, free


def _undone(tx: Connection, carry_out: Callable[[Connection], Carried]) -> Carried | None:
    """Carry updates out again, and keep that only if it changes something; a copy of what is current does not."""
    attempt = tx.begin_nested()
    try:
        carried = carry_out(tx)
    except Rejected:
        carried = None
    if carried is not None and carried.news:
        attempt.commit()
        return carried
    attempt.rollback()
    return None


def _keep(tx: Connection, actor: Actor, raw: bytes, names: Sequence[str], carried: Carried) -> Answer:
    """Keep what was received and answered; the audit comes last."""
    answer, tenant, client = carried.answer, actor.tenant, actor.id
    submissions.complete(tx, tenant, client, names[0], submission=carried.submission, raw=raw, answer=answer)
    for name in names[1:]:
        submissions.remember(tx, tenant, client, name, answer, submission=carried.submission)
    with trail.last(tx):
        for change in carried.moved:
            own_orders.ask_for_review(tx, actor, change)
        for one in (*carried.besides, carried.told):
            trail.leave(tx, one, actor)
    return answer


def _later(answer: Answer, key: str) -> Answer:
    """Answer that the work is taken on, and where to ask how it went."""
    status_url = f"{services().settings.fhir_base}/_async/{key}"
    link = {name: value for name, value in answer.headers.items() if name == "Link"}
    return Answer(202, {"Content-Location": status_url, "Retry-After": AFTER, **link}, b"")


@dataclass(frozen=True, slots=True)
class _Keys:
    """The names under which an answer is kept, hashes that tell nothing: first the caller's own, if it gave one.

    `fingerprint` is of the content: one name may not stand for two contents.
    """

    names: Sequence[str]
    fingerprint: str
    given: str | None = None


def _keys(raw: bytes, *, fresh: bool) -> _Keys:
    place = f"{request.method} {request.full_path}\x00{request.headers.get('If-None-Exist', '')}\x00"
    fingerprint = hashlib.sha256(place.encode() + raw).hexdigest()
    content = [] if fresh else [hashlib.sha256(b"content\x00" + fingerprint.encode()).hexdigest()]
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return _Keys(content or [_random()], fingerprint)
    if not 0 < len(given) <= LONGEST_KEY:
        raise Malformed(
            f"Idempotency-Key has 1 to {LONGEST_KEY} characters.",
            code="value",
            error="bad-key",
            expression="http.Idempotency-Key",
        )
    own = hashlib.sha256(b"key\x00" + given.encode()).hexdigest()
    return _Keys([own, *content], fingerprint, own)


def _random() -> str:
    return hashlib.sha256(uuid4().bytes).hexdigest()
