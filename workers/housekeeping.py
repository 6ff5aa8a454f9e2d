"""Forgets what is no longer of use: work done long ago, tokens and sessions that are over, processes long gone.

Each kind goes in a transaction of its own, so that nobody waits long for SQLite's one writer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from fhir_svc.store import sessions, tokens, work
from fhir_svc.store.database import Connection
from workers.desk import Desk

DONE_FOR = timedelta(days=7)  # as long as the same request is recognised again
_SESSION = timedelta(days=1)  # no session lasts longer; the pages end them sooner


def tidy(desk: Desk) -> None:
    """Forget what is old; what it did stays in the audit."""
    steps: tuple[Callable[[Connection], int], ...] = (
        lambda tx: work.forget_done(tx, older=DONE_FOR),
        tokens.forget_expired,
        lambda tx: sessions.forget_expired(tx, idle=_SESSION, longest=_SESSION),
        lambda tx: work.forget_workers(tx, older=DONE_FOR),
    )
    for step in steps:
        with desk.database.transaction() as tx:
            step(tx)
