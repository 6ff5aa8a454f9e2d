"""How the work stands and who is at it: numbers for admins, metrics and watchdogs. Nothing clinical."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from fhir_svc.store.clock import clock, later, now
from fhir_svc.store.tables import work, work_history
from fhir_svc.store.tables import workers as rows_of_workers


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of a kind are in a state, and for how many seconds the oldest is there (0 if not yet due).

    `ahead`: how many of those that are due wait for a time still to come; `next` is the first such time.
    """

    kind: str
    state: str
    count: int
    oldest: float
    ahead: int = 0
    next: datetime | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """A process: when it started, was last seen, and last finished something; `trouble`: what is wrong all the same."""

    worker: str
    role: str
    started: datetime
    seen: datetime
    progressed: datetime | None
    trouble: str | None = None


def summary(tx: Connection, tenant: str | None = None, *, states: Collection[str] | None = None) -> list[Count]:
    """Counts and oldest ages per kind and state, of one tenant or of all; `states` spares counting what is done."""
    moment = now(tx)
    ahead = case((and_(work.c.state == "due", work.c.not_before > moment), work.c.not_before))
    query = select(
        work.c.kind,
        work.c.state,
        func.count(),
        func.min(work.c.created),
        func.min(work.c.not_before),
        func.count(ahead),
        func.min(ahead),
    )
    if tenant is not None:
        query = query.where(work.c.tenant == tenant)
    if states is not None:
        query = query.where(work.c.state.in_(states))
    return [
        Count(kind, state, count, max(0.0, (moment - max(created, ripe)).total_seconds()), waiting, first)
        for kind, state, count, created, ripe, waiting, first in tx.execute(query.group_by(work.c.kind, work.c.state))
    ]


def forget_done(tx: Connection, *, older: timedelta) -> int:
    """Drop rows that were done this long ago, with their history; how many. What they did stays in the audit."""
    old = and_(work.c.state == "done", work.c.updated < later(-older))
    tx.execute(delete(work_history).where(work_history.c.work.in_(select(work.c.id).where(old))))
    return tx.execute(delete(work).where(old)).rowcount


def heartbeat(tx: Connection, worker: str, role: str, *, progressed: bool, trouble: str | None = None) -> None:
    """Note that a process is alive and, if so, that it got something done, or the code of what is wrong with it."""
    statement: Any = (
        postgresql.insert(rows_of_workers) if tx.dialect.name == "postgresql" else sqlite.insert(rows_of_workers)
    )
    progress = {"progressed": clock()} if progressed else {}
    tx.execute(
        statement.values(
            worker=worker, role=role, started=clock(), seen=clock(), trouble=trouble, **progress
        ).on_conflict_do_update(
            index_elements=["worker"], set_={"role": role, "seen": clock(), "trouble": trouble, **progress}
        )
    )


def forget_workers(tx: Connection, *, older: timedelta) -> int:
    """Drop the processes that were last seen this long ago; how many."""
    return tx.execute(delete(rows_of_workers).where(rows_of_workers.c.seen < later(-older))).rowcount


def workers(tx: Connection) -> list[Worker]:
    """Every process that ever reported, the most recently seen first."""
    columns = [rows_of_workers.c[name] for name in Worker.__slots__]
    return [Worker(*row) for row in tx.execute(select(*columns).order_by(rows_of_workers.c.seen.desc()))]


def troubles(tx: Connection, *, within: timedelta) -> dict[str, int]:
    """How many processes that reported lately have which trouble."""
    lately = (rows_of_workers.c.seen > later(-within), rows_of_workers.c.trouble.is_not(None))
    counted = (
        select(rows_of_workers.c.trouble, func.count().label("processes"))
        .where(*lately)
        .group_by(rows_of_workers.c.trouble)
    )
    return {str(row.trouble): int(row.processes) for row in tx.execute(counted)}
