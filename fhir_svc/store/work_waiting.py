"""Work that was tried, did not succeed and waits for its next try: why, since when and until when. Nothing clinical."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from fhir_svc.store.clock import now
from fhir_svc.store.tables import work, work_history


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows of one kind that wait for one reason, an error code: how many, since when, and when the next is tried."""

    kind: str
    error: str
    count: int
    since: datetime
    until: datetime


def waiting(tx: Connection, tenant: str) -> list[Waiting]:
    """What of a tenant's work waits to be tried again, that which has waited longest first."""
    mine = (work.c.tenant == tenant, work.c.state == "due", work.c.not_before > now(tx), work.c.error.is_not(None))
    put_back = (work_history.c.work == work.c.id, work_history.c.state == "due", work_history.c.reason == work.c.error)
    first = select(func.min(work_history.c.at)).where(*put_back).correlate(work).scalar_subquery()
    rows = select(work.c.kind, work.c.error, first.label("since"), work.c.not_before).where(*mine).subquery()
    since = func.min(rows.c.since)
    query = (
        select(rows.c.kind, rows.c.error, func.count(), since, func.min(rows.c.not_before))
        .where(rows.c.since.is_not(None))  # of others the time has not come yet
        .group_by(rows.c.kind, rows.c.error)
        .order_by(since, rows.c.kind, rows.c.error)
    )
    return [Waiting(*row) for row in tx.execute(query)]
