"""Leases that end without their work: they expired, or whoever held them is dead. The work is due again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, case, or_, select, update

from fhir_svc.store.clock import clock, later
from fhir_svc.store.tables import OPEN, work

_AFTER_DEATHS = ((1, timedelta(0)), (2, timedelta(seconds=1)), (3, timedelta(seconds=4)))  # attempts, wait
_LAST_WAIT = timedelta(seconds=16)  # what kills its process again and again must not keep others from theirs


def release_expired(tx: Connection) -> int:
    """Give back what was leased for too long; how many rows."""
    return _release(tx, work.c.lease_until <= clock())


def release_worker(tx: Connection, worker: str) -> int:
    """Give back what a worker and its processes (`worker#...`) held, when it starts again; how many rows."""
    return _release(tx, or_(work.c.worker == worker, work.c.worker.startswith(f"{worker}#", autoescape=True)))


def holders(tx: Connection) -> list[str]:
    """Everybody who holds a lease."""
    held = select(work.c.worker).where(OPEN, work.c.state == "leased", work.c.worker.is_not(None))
    return list(tx.execute(held.distinct()).scalars())


def release_dead(tx: Connection, holder: str) -> int:
    """Give back what a process held when it was killed: at once the first time, later each time it happens again."""
    ready = case(*((work.c.attempts <= tries, later(wait)) for tries, wait in _AFTER_DEATHS), else_=later(_LAST_WAIT))
    return _release(tx, work.c.worker == holder, not_before=ready)


def _release(tx: Connection, held: Any, **more: Any) -> int:
    return tx.execute(
        update(work)
        .where(work.c.state == "leased", held)
        .values(state="due", lease_until=None, worker=None, published=None, updated=clock(), **more)
    ).rowcount
