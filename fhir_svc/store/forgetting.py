"""What is kept for a time only: answers to repeat, events that were delivered, evaluations that were only tried out.

What is old is found first, by reading alone, and then removed a lot at a time, so that nobody waits long for SQLite's
one writer. What was received, what was decided, what was signed and the audit are never forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Table, and_, delete, exists, select, tuple_

from fhir_svc.store.clock import later
from fhir_svc.store.tables import receipts, shadow_evaluations, subscription_events, subscriptions

Kind = Literal["answers", "events", "shadows"]
Key = tuple[Any, ...]


def stale(tx: Connection, kind: Kind, *, older: timedelta, limit: int) -> list[Key]:
    """Up to `limit` keys of what is older than that and of no more use."""
    table, old = _KINDS[kind]
    return [tuple(row) for row in tx.execute(select(*table.primary_key).where(old(older)).limit(limit))]


def forget(tx: Connection, kind: Kind, keys: Sequence[Key], *, older: timedelta) -> int:
    """Remove these, unless they have been used again meanwhile; how many."""
    if not keys:
        return 0
    table, old = _KINDS[kind]
    return tx.execute(delete(table).where(tuple_(*table.primary_key).in_(keys), old(older))).rowcount


def _old_answers(older: timedelta) -> Any:
    return receipts.c.reserved < later(-older)


def _old_events(older: timedelta) -> Any:
    """Never what its subscriber did not take yet; what has no subscription any more is told to nobody."""
    events, of = subscription_events.c, subscriptions.c
    mine = and_(of.tenant == events.tenant, of.id == events.subscription)
    untold = exists(select(of.id).where(mine, of.delivered < events.number))
    return and_(events.at < later(-older), ~untold)


def _old_shadows(older: timedelta) -> Any:
    return shadow_evaluations.c.at < later(-older)


_KINDS: Mapping[Kind, tuple[Table, Callable[[timedelta], Any]]] = {
    "answers": (receipts, _old_answers),
    "events": (subscription_events, _old_events),
    "shadows": (shadow_evaluations, _old_shadows),
}
