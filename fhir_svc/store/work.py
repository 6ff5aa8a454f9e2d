"""Work rows: what is to be done next, by leases that only the database's clock measures.

States: due -> leased -> done; leased -> due (lease expired, or retry); leased -> quarantined; quarantined -> due
(requeued) or discarded. Each UPDATE names the states it may leave. Rows of one lane (a patient's evaluations; one
resource's write-back) are claimed together and never by two workers at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Connection, and_, bindparam, case, func, insert, literal, or_, select, update

from fhir_svc.store.bulk import listing, one_of
from fhir_svc.store.clock import clock, later
from fhir_svc.store.ids import new_id  # rows of one millisecond keep their order
from fhir_svc.store.tables import OPEN, Moment, tenants, work
from fhir_svc.store.work_ends import holders, release_dead, release_expired, release_worker
from fhir_svc.store.work_faults import Quarantined, discard, history, quarantine, quarantined, requeue, retry
from fhir_svc.store.work_watch import Count, Worker, forget_done, forget_workers, heartbeat, summary, workers

MAX_ATTEMPTS = 5
MOST_AT_ONCE = 500  # rows of one lane: what a claim takes must be done long before its lease ends
REPUBLISH = timedelta(seconds=5)
LATEST_WINS = frozenset({"clock", "write_back", "notify"})  # kinds of which a lane needs one open row only
ONE_PER_TENANT = frozenset({"reconcile"})  # kinds of which a tenant's rows share a lane
EVALUATES = frozenset({"evaluate", "clock"})
AFTERWARDS = ("Task", "Provenance")  # deliveries of these name those of other types, which therefore go first
# news for a subscriber never waits behind those whose endpoints fail or hang
_STUCK = case(
    (and_(work.c.kind == "notify", or_(work.c.error.is_not(None), work.c.published.is_not(None))), 1), else_=0
)
RANK = case(*((work.c.subject.startswith(f"{kind}/"), 1) for kind in AFTERWARDS), else_=0)


@dataclass(frozen=True, slots=True)
class Claim:
    """Work that is leased to one worker.

    `at` is T: the receipt of the newest submission, or the newest due time of a clock row. `exhausted`: these rows were
    claimed MAX_ATTEMPTS times before and never finished; they are to be quarantined, not tried.
    """

    ids: tuple[str, ...]
    kind: str
    tenant: str
    patient: str | None
    subjects: tuple[str, ...]
    at: datetime
    attempts: int
    exhausted: bool
    demo: bool


def add(
    tx: Connection,
    *,
    tenant: str,
    kind: str,
    subject: str,
    patient: str | None,
    urgent: bool = False,
    not_before: datetime | None = None,
) -> str:
    """Add a row and give its opaque id. A clock or write-back row that nobody claimed yet is used again."""
    lane = _lane(kind, subject, patient)
    if kind in LATEST_WINS:
        moment = clock() if not_before is None else literal(not_before, Moment())
        reused = _reuse(tx, tenant=tenant, kind=kind, subject=subject, lane=lane, urgent=urgent, moment=moment)
        if reused:
            return reused
    work_id, timed = new_id(), kind == "clock"
    given = {"id": work_id, "tenant": tenant, "kind": kind, "subject": subject, "patient": patient, "lane": lane}
    told = {"timed": timed, "moment": not_before, "urgent": urgent}
    tx.execute(_ADDED, given | told)
    return work_id


def _lane(kind: str, subject: str, patient: str | None) -> str:
    if kind in ONE_PER_TENANT:
        return kind
    return f"patient/{patient}" if kind in EVALUATES and patient else f"{kind}/{subject}"


def _reuse(tx: Connection, *, tenant: str, kind: str, subject: str, lane: str, urgent: bool, moment: Any) -> str | None:
    """A row that was claimed before is left alone: a worker that lost its lease may still finish it."""
    found = tx.execute(
        select(work.c.id)
        .where(work.c.tenant == tenant, work.c.lane == lane, work.c.kind == kind, work.c.subject == subject)
        .where(work.c.state == "due", work.c.attempts == 0)
        .limit(1)
        .with_for_update()
    ).scalar_one_or_none()
    if found is None:
        return None
    values: dict[str, Any] = {"updated": clock(), "published": None}
    if kind == "clock":
        # the earlier of both: an evaluation that began before somebody asked for one now must not put that off
        earlier = case((work.c.not_before < moment, work.c.not_before), else_=moment)
        values |= {"not_before": earlier, "at": earlier}
    if urgent:
        values["urgent"] = True
    statement = update(work).where(work.c.id == found, work.c.state == "due", work.c.attempts == 0)
    return found if tx.execute(statement.values(**values)).rowcount else None


def _adding() -> Any:
    """A due row; other work of a lane that was told to wait (Retry-After) must not run ahead of that."""
    tenant: Any = bindparam("tenant")
    lane: Any = bindparam("lane")
    timed: Any = bindparam("timed", type_=Boolean)
    moment = func.coalesce(bindparam("moment", type_=Moment()), clock())
    demo = select(tenants.c.demo).where(tenants.c.name == tenant).scalar_subquery()
    waiting = and_(work.c.tenant == tenant, work.c.lane == lane, work.c.state == "due", work.c.attempts > 0)
    not_patient = work.c.kind.not_in(EVALUATES)
    longest = select(func.max(work.c.not_before)).where(waiting, not_patient).scalar_subquery()
    given: dict[str, Any] = {
        name: bindparam(name) for name in ("id", "tenant", "kind", "subject", "patient", "lane", "urgent")
    }
    return insert(work).values(
        **given,
        demo=func.coalesce(demo, False),
        state="due",
        attempts=0,
        created=clock(),
        at=case((timed, moment), else_=clock()),
        not_before=case((timed, moment), else_=func.coalesce(longest, moment)),
        updated=clock(),
    )


_ADDED = _adding()


def _tellable(*, demo: bool, kinds: Collection[str] | None) -> Any:
    """What nobody was told of lately although it is due."""
    ready = and_(
        work.c.state == "due",
        work.c.not_before <= clock(),
        or_(work.c.published.is_(None), work.c.published < later(-REPUBLISH)),
    )
    if kinds is not None:
        ready = and_(ready, work.c.kind.in_(kinds))
    return ready if demo else and_(ready, work.c.demo.is_(False))


def any_due(tx: Connection, *, demo: bool = False, kinds: Collection[str] | None = None) -> bool:
    """Whether `due` would give anything; only reads, so that an idle relay never takes SQLite's write lock."""
    return tx.execute(select(work.c.id).where(_tellable(demo=demo, kinds=kinds)).limit(1)).first() is not None


def due(
    tx: Connection, limit: int, *, demo: bool = False, kinds: Collection[str] | None = None, lot: int = 1
) -> list[tuple[str, str, bool]]:
    """What the relay publishes now, urgent first, then oldest: (id, kind, urgent). Demo rows only if asked for.

    `kinds` leaves out those that nobody could take now. Deliveries of a tenant are claimed in lots: of those that
    nobody tried yet one in `lot` is given, and all are marked as published.
    """
    rows = tx.execute(
        select(work.c.id, work.c.kind, work.c.urgent, work.c.tenant, work.c.attempts)
        .where(_tellable(demo=demo, kinds=kinds))
        .order_by(work.c.urgent.desc(), _STUCK, RANK, work.c.created, work.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if rows:
        tx.execute(update(work).where(work.c.id.in_([row.id for row in rows])).values(published=clock()))
    seen: Counter[str] = Counter()
    told = []
    for row in rows:
        fresh = row.kind == "write_back" and row.attempts == 0
        if not fresh or seen[row.tenant] % lot == 0:
            told.append((row.id, row.kind, row.urgent))
        seen[row.tenant] += fresh
    return told


_ASKED = select(work.c.tenant, work.c.lane, work.c.demo).where(work.c.id == bindparam("row"))
_TAKEN = ("id", "kind", "tenant", "patient", "subject", "urgent", "state", "attempts", "created", "at", "demo")
_RIPE, _EXPIRED = (work.c.not_before <= clock()).label("ripe"), (work.c.lease_until <= clock()).label("expired")
_LANE = (
    select(*(work.c[name] for name in _TAKEN), _RIPE, _EXPIRED)
    .where(OPEN, work.c.tenant == bindparam("of"), work.c.lane == bindparam("in"))
    .order_by(work.c.id)
    .with_for_update()  # two claims of one lane: the second waits here, then sees the lease
)


def claim(tx: Connection, work_id: str, *, worker: str, lease: timedelta, demo: bool | None = None) -> Claim | None:
    """Lease what is due in this row's lane, or None: nothing to do, or another worker is at it.

    Of more than MOST_AT_ONCE rows the urgent ones are taken first, then the oldest. The attempt is counted here, before
    any work. `demo=False` refuses rows of the demonstration.
    """
    asked = tx.execute(_ASKED, {"row": work_id}).one_or_none()
    if asked is None or (demo is False and asked.demo):
        return None
    rows = tx.execute(_LANE, {"of": asked.tenant, "in": asked.lane}).all()
    if any(row.state == "leased" and not row.expired for row in rows):
        return None
    ready = [row for row in rows if row.state == "leased" or row.ripe]
    if not ready:
        return None
    spent = [row for row in ready if row.attempts >= MAX_ATTEMPTS]
    chosen = sorted(spent or ready, key=lambda row: (not row.urgent, row.created, row.id))[:MOST_AT_ONCE]
    return _lease(tx, chosen, worker=worker, lease=lease, exhausted=bool(spent))


def _lease(tx: Connection, rows: Sequence[Any], *, worker: str, lease: timedelta, exhausted: bool) -> Claim:
    ids = tuple(row.id for row in rows)
    tx.execute(
        update(work)
        .where(one_of(tx.dialect.name, work.c.id, "taken"), work.c.state.in_(("due", "leased")))
        .values(state="leased", worker=worker, lease_until=later(lease), attempts=work.c.attempts + 1, updated=clock()),
        {"taken": listing(ids)},
    )
    oldest_first = sorted(rows, key=lambda row: (row.created, row.id))
    kinds = {row.kind for row in rows}
    return Claim(
        ids=ids,
        kind="evaluate" if "evaluate" in kinds else rows[0].kind,
        tenant=rows[0].tenant,
        patient=rows[0].patient,
        subjects=tuple(row.subject for row in oldest_first if row.kind == "evaluate" or "evaluate" not in kinds),
        at=max(row.at for row in rows),
        attempts=max(row.attempts for row in rows) + 1,
        exhausted=exhausted,
        demo=rows[0].demo,
    )


def finish(tx: Connection, ids: Collection[str]) -> None:
    """Mark as done, also without the lease: the effect took place, and doing it again would change nothing."""
    tx.execute(_finishing(tx.dialect.name), {"ids": listing(list(ids))})


@cache
def _finishing(dialect: str) -> Any:
    done: dict[str, Any] = {"state": "done", "updated": clock(), "lease_until": None, "error": None}
    return update(work).where(one_of(dialect, work.c.id, "ids"), work.c.state != "done").values(done)


__all__ = [
    "MAX_ATTEMPTS",
    "Claim",
    "Count",
    "Quarantined",
    "Worker",
    "add",
    "any_due",
    "claim",
    "discard",
    "due",
    "finish",
    "forget_done",
    "forget_workers",
    "heartbeat",
    "history",
    "holders",
    "quarantine",
    "quarantined",
    "release_dead",
    "release_expired",
    "release_worker",
    "requeue",
    "retry",
    "summary",
    "workers",
]
