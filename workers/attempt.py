"""One attempt at one piece of work: claim, act, and what becomes of it when that fails.

Unavailable: later. Broken: quarantined now. Anything else: later, and quarantined when the attempts are used up. The
attempt was counted by the claim, so that work which kills its process runs out of attempts too. Logs name the class of
an exception and where it was raised, never its text: that can hold a value of a patient.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import structlog

from fhir_svc.errors import Broken, Conflict, FhirSvcError, Unavailable
from fhir_svc.store import work, work_lot
from fhir_svc.store.database import Connection, now
from fhir_svc.store.work import MAX_ATTEMPTS, Claim
from workers.desk import Desk

_FIRST_WAIT, _GROWTH, _LONGEST_WAIT = 1.0, 4.0, 300.0  # seconds: 1, 4, 16, 64 between five attempts
_reported = [0.0]
log = structlog.get_logger("fhir_svc.workers")

D = TypeVar("D", bound=Desk)


@dataclass(frozen=True, slots=True)
class Step(Generic[D]):
    """How one kind of work is done: `act` does and finishes it, `give_up` writes what a quarantine leaves behind."""

    lease: timedelta
    act: Callable[[D, Claim], None]
    give_up: Callable[[D, Connection, Claim, str], None]


@dataclass(frozen=True, slots=True)
class Lots(Generic[D]):
    """How work is done in lots of `size`: `act` does what it can begin before an instant, and puts the rest back.

    `step` is how one row of a lot is claimed and given up; `act` takes each through `carry`.
    """

    step: Step[D]
    act: Callable[[D, list[Claim], float], None]
    size: int
    begin_within: float


def attempt(desk: D, work_id: str, step: Step[D]) -> None:
    """Try one row (and what is claimed with it) once. Leaves quietly when there is nothing to do."""
    try:
        claim = _claim(desk, work_id, step.lease)
        if claim is None:
            return
        if claim.exhausted:
            _set_aside(desk, claim, step, "attempts-used-up")
            return
        carry(desk, claim, step)
    except FhirSvcError as trouble:  # the database itself: the lease ends and the row comes back
        log.warning("work.left", work=work_id, **_named(trouble))


def attempt_lots(desk: D, work_id: str, lots: Lots[D]) -> None:
    """Try one row once, together with others of its kind and tenant, and then more of them, a lot at a time."""
    until = time.monotonic() + lots.begin_within
    try:
        claims = _claim_lot(desk, lots, work_id=work_id)
        while claims:
            lots.act(desk, claims, until)
            more = len(claims) == lots.size and time.monotonic() < until
            claims = _claim_lot(desk, lots, like=claims[0]) if more else []
    except FhirSvcError as trouble:  # the database itself: the leases end and the rows come back
        log.warning("work.left", work=work_id, **_named(trouble))


def _claim_lot(desk: D, lots: Lots[D], *, work_id: str = "", like: Claim | None = None) -> list[Claim]:
    with desk.database.transaction() as tx:
        if like is None:
            like = work.claim(tx, work_id, worker=desk.holder, lease=lots.step.lease, demo=desk.settings.demo)
            claims = [like] if like else []
        else:
            claims = []
        if like is not None and not like.exhausted:
            size = lots.size - len(claims)
            claims += work_lot.claim_lot(
                tx, like.tenant, like.kind, worker=desk.holder, lease=lots.step.lease, demo=like.demo, limit=size
            )
        if _due_to_report():
            work.heartbeat(tx, desk.worker, "worker", progressed=True, trouble=desk.trouble)
    if claims and claims[0].exhausted:
        _set_aside(desk, claims[0], lots.step, "attempts-used-up")
        return []
    return claims


def _claim(desk: Desk, work_id: str, lease: timedelta) -> Claim | None:
    with desk.database.transaction() as tx:
        claim = work.claim(tx, work_id, worker=desk.holder, lease=lease, demo=desk.settings.demo)
        if _due_to_report():
            work.heartbeat(tx, desk.worker, "worker", progressed=True, trouble=desk.trouble)
    return claim


def _due_to_report() -> bool:
    """At most once a second in each process: a report per row would cost more than it tells."""
    moment = time.monotonic()
    if moment - _reported[0] < 1.0:
        return False
    _reported[0] = moment
    return True


def carry(desk: D, claim: Claim, step: Step[D]) -> None:
    """Act on a claim, and see to it that whatever goes wrong has the right end."""
    try:
        step.act(desk, claim)
    except Unavailable as trouble:
        _again(desk, claim, step, trouble, trouble.retry_after)
    except Broken as trouble:
        log.error("work.broken", work=claim.ids[0], **_named(trouble))  # noqa: TRY400  no text, no traceback
        _set_aside(desk, claim, step, _code(trouble))
    except Conflict as trouble:  # somebody else was faster: what they left is the new start
        _again(desk, claim, step, trouble, 0.0)
    except Exception as trouble:  # noqa: BLE001  whatever a rule or a reply made happen, the row must go on
        _again(desk, claim, step, trouble, 0.0)


def _again(desk: D, claim: Claim, step: Step[D], trouble: Exception, wait: float) -> None:
    code = _code(trouble)
    if claim.attempts >= MAX_ATTEMPTS and _counted(trouble):
        log.error("work.attempts_used_up", work=claim.ids[0], **_named(trouble))
        _set_aside(desk, claim, step, code)
        return
    log.warning("work.again", work=claim.ids[0], attempt=claim.attempts, **_named(trouble))
    grown = min(_LONGEST_WAIT, _FIRST_WAIT * _GROWTH ** (claim.attempts - 1))
    seconds = wait if wait and not _counted(trouble) else max(wait, 0.0 if isinstance(trouble, Conflict) else grown)
    with desk.database.transaction() as tx:
        work.retry(
            tx,
            claim.ids,
            error=code,
            not_before=now(tx) + timedelta(seconds=seconds),
            worker=desk.holder,
            counted=_counted(trouble),
        )


def _counted(trouble: Exception) -> bool:
    """An EHR that says "not now" used up nothing: such work waits as long as its EHR does."""
    return bool(getattr(trouble, "counted", True))


def _set_aside(desk: D, claim: Claim, step: Step[D], code: str) -> None:
    """Set aside and give up in one transaction; where that can't be done an admin at least sees it in quarantine."""
    try:
        with desk.database.transaction() as tx:
            work.quarantine(tx, claim.ids, error=code, worker=desk.holder)
            step.give_up(desk, tx, claim, code)
    except (Unavailable, Conflict):
        raise  # the lease ends and this is done again
    except Exception as trouble:  # noqa: BLE001  whatever is broken, the row must not go round for ever
        log.error("work.silent", work=claim.ids[0], **_named(trouble))  # noqa: TRY400  no text, no traceback
        with desk.database.transaction() as tx:
            work.quarantine(tx, claim.ids, error=code, worker=desk.holder)


def _code(trouble: Exception) -> str:
    if isinstance(trouble, FhirSvcError):
        return trouble.issues[0].error
    return f"exception-{type(trouble).__name__}"


def _named(trouble: Exception) -> dict[str, Any]:
    frames = traceback.extract_tb(trouble.__traceback__)
    where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else None
    return {"kind": type(trouble).__name__, "error": _code(trouble), "where": where}
