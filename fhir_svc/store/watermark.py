"""The moment before which nothing will appear any more: what a poller asks on from.

A resource says when it was written, which is a little before it can be seen. Who asks for everything since the last
moment that was seen misses what was written before and committed after; who asks on from a watermark misses nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Executable, select, text

from fhir_svc.store.tables import FIRST, Moment, audit, from_millis

# A transaction takes its stamps after it has begun. One that has written nothing yet took them, if at all, not longer
# ago than this: the few statements until it writes, and the pauses between them, have limits. A backup delays nothing.
_READING_AT_MOST = timedelta(minutes=3)
_POSTGRES = text(
    """
    SELECT CAST(floor(extract(epoch FROM min(
        CASE WHEN backend_xid IS NULL THEN greatest(xact_start, now() - :longest) ELSE xact_start END
    )) * 1000) AS BIGINT) AS moment
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start IS NOT NULL
    """
).columns(moment=Moment())


def watermark(tx: Connection, tenant: str) -> datetime:
    """Whatever of this tenant is not committed yet says that it was written then or later.

    Ask for it before what is searched is read: in an earlier transaction, or in one that does not keep to a snapshot.
    """
    if tx.dialect.name == "postgresql":
        # this transaction is among them; where activities are not tracked none is
        query: Executable = _POSTGRES.bindparams(longest=_READING_AT_MOST)
    else:  # one writer at a time: whoever writes now began after the last entry was made, the last write of its maker
        query = select(audit.c.recorded).where(audit.c.tenant == tenant).order_by(audit.c.sequence.desc()).limit(1)
    moment: datetime | None = tx.execute(query).scalar_one_or_none()
    return from_millis(FIRST) if moment is None else moment


def watermark_within(tx: Connection, tenant: str) -> datetime | None:
    """The watermark of what is searched next in this transaction; None where that keeps to what it saw before."""
    snapshot = tx.dialect.name == "postgresql" and "isolation_level" in tx.get_execution_options()
    return None if snapshot else watermark(tx, tenant)
