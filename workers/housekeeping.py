"""Forgets what is no longer of use: work done long ago, tokens and sessions that are over, processes long gone.

And what is kept for a time only, as the settings say. Each kind goes in transactions of its own, so that nobody waits
long for SQLite's one writer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from fhir_svc.store import forgetting, sessions, tokens, work
from fhir_svc.store.database import Connection
from fhir_svc.store.forgetting import Kind
from fhir_svc.store.submissions import REMEMBERED
from workers import notify
from workers.desk import Desk

DONE_FOR = timedelta(days=7)  # as long as the same request is recognised again
_SESSION = timedelta(days=1)  # no session lasts longer; the pages end them sooner
_LOT = 500  # rows removed in one transaction
_LOTS = 200  # of one kind at a time: the rest an hour later, so that the relay is never away for long


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
    kept: dict[Kind, timedelta] = {
        "answers": REMEMBERED,
        "events": timedelta(days=desk.settings.events_kept_days),
        "shadows": timedelta(days=desk.settings.shadow_kept_days),
    }
    for kind, older in kept.items():
        _forget(desk, kind, older)
    notify.seal_old(desk)


def _forget(desk: Desk, kind: Kind, older: timedelta) -> None:
    for _ in range(_LOTS):
        with desk.database.reading() as tx:
            keys = forgetting.stale(tx, kind, older=older, limit=_LOT)
        if keys:
            with desk.database.transaction() as tx:
                forgetting.forget(tx, kind, keys, older=older)
        if len(keys) < _LOT:
            return
