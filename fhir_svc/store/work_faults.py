"""Work that failed: tried again later, set aside for an admin, put back or dropped by one; each step is kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, update

from fhir_svc.errors import Conflict, NotFound
from fhir_svc.store.clock import clock
from fhir_svc.store.tables import work, work_history


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row that waits for an admin: opaque id, what kind, which error code, how often tried. Nothing clinical."""

    id: str
    kind: str
    error: str | None
    attempts: int
    urgent: bool
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a row's history; `reason` is an error code, or what the admin (`actor`) gave as reason."""

    at: datetime
    state: str
    attempts: int
    actor: str | None
    reason: str | None


def retry(
    tx: Connection,
    ids: Collection[str],
    *,
    error: str,
    not_before: datetime,
    worker: str | None = None,
    counted: bool = True,
) -> None:
    """Leased -> due, not before this instant. `worker` guards against putting back what another one holds by now.

    `counted=False` gives the attempt back: nothing was tried, as when an EHR says "not now".
    """
    given_back = {} if counted else {"attempts": work.c.attempts - 1}
    rows = _leave(tx, ids, worker, state="due", error=error, not_before=not_before, published=None, **given_back)
    for row in rows:
        if row.kind not in {"evaluate", "clock"}:
            lane = (work.c.tenant == row.tenant, work.c.lane == row.lane, work.c.state == "due")
            tx.execute(
                update(work).where(*lane, work.c.not_before < not_before).values(not_before=not_before, updated=clock())
            )


def quarantine(tx: Connection, ids: Collection[str], *, error: str, worker: str | None = None) -> None:
    """Leased -> quarantined, with the error's code."""
    _leave(tx, ids, worker, state="quarantined", error=error)


def arrest(tx: Connection, work_id: str, *, error: str) -> None:
    """Due -> quarantined, for what nobody need try: it is known already that it takes an admin."""
    tx.execute(
        update(work)
        .where(work.c.id == work_id, work.c.state == "due")
        .values(state="quarantined", error=error, updated=clock())
    )
    _note(tx, work_id, actor=None, reason=error)


def _leave(tx: Connection, ids: Collection[str], worker: str | None, **values: Any) -> list[Any]:
    statement = update(work).where(work.c.id.in_(ids), work.c.state == "leased")
    if worker is not None:
        statement = statement.where(work.c.worker == worker)
    rows = tx.execute(
        statement.values(updated=clock(), lease_until=None, worker=None, **values).returning(
            work.c.id, work.c.kind, work.c.tenant, work.c.lane
        )
    ).all()
    for row in rows:
        _note(tx, row.id, actor=None, reason=values["error"])
    return list(rows)


def requeue(tx: Connection, tenant: str, work_id: str, *, actor: str, reason: str) -> None:
    """Quarantined -> due, with its attempts counted anew; Conflict in any other state."""
    _settle(tx, tenant, work_id, state="due", attempts=0, not_before=clock(), published=None)
    _note(tx, work_id, actor=actor, reason=reason)


def discard(tx: Connection, tenant: str, work_id: str, *, actor: str, reason: str) -> None:
    """Quarantined -> discarded; Conflict in any other state."""
    _settle(tx, tenant, work_id, state="discarded")
    _note(tx, work_id, actor=actor, reason=reason)


def _settle(tx: Connection, tenant: str, work_id: str, **values: Any) -> None:
    mine = (work.c.tenant == tenant, work.c.id == work_id)
    changed = tx.execute(update(work).where(*mine, work.c.state == "quarantined").values(updated=clock(), **values))
    if not changed.rowcount:
        if tx.execute(select(work.c.id).where(*mine)).one_or_none() is None:
            raise NotFound("There is no such work.")
        raise Conflict("This work is not in quarantine.", error="not-quarantined")


def _note(tx: Connection, work_id: str, *, actor: str | None, reason: str | None) -> None:
    step = select(func.coalesce(func.max(work_history.c.step), 0) + 1).where(work_history.c.work == work_id)
    row = select(
        work.c.id,
        step.scalar_subquery(),
        clock(),
        work.c.state,
        work.c.attempts,
        literal(actor),
        literal(reason),
    ).where(work.c.id == work_id)
    tx.execute(insert(work_history).from_select(["work", "step", "at", "state", "attempts", "actor", "reason"], row))


def quarantined(tx: Connection, tenant: str) -> list[Quarantined]:
    """A tenant's rows in quarantine, urgent first, then oldest."""
    columns = [work.c[name] for name in Quarantined.__slots__]
    mine = (work.c.tenant == tenant, work.c.state == "quarantined")
    rows = tx.execute(select(*columns).where(*mine).order_by(work.c.urgent.desc(), work.c.created))
    return [Quarantined(*row) for row in rows]


def history(tx: Connection, tenant: str, work_id: str) -> list[Step]:
    """What went wrong with a row and who did what about it, oldest first."""
    columns = [work_history.c[name] for name in Step.__slots__]
    query = select(*columns).join(work, work.c.id == work_history.c.work)
    mine = (work.c.tenant == tenant, work.c.id == work_id)
    return [Step(*row) for row in tx.execute(query.where(*mine).order_by(work_history.c.step))]
