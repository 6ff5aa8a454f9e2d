"""Rows of browser sessions, by the digest of their cookie. Times are the database's; meaning is `auth.sessions`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from fhir_svc.store.clock import clock, later
from fhir_svc.store.tables import sessions


@dataclass(frozen=True, slots=True)
class Session:
    """A session: whose, since when, last seen, password last typed; `data` holds what else auth keeps (CSRF secret)."""

    digest: str
    account: str
    data: Mapping[str, Any]
    created: datetime
    seen: datetime
    confirmed: datetime | None


def add(
    tx: Connection, digest: str, account: str, *, confirmed: bool = True, data: Mapping[str, Any] | None = None
) -> None:
    """Open a session; `confirmed`: the password was typed just now."""
    moment = clock() if confirmed else None
    values = {"created": clock(), "seen": clock(), "confirmed": moment}
    tx.execute(insert(sessions).values(digest=digest, account=account, data=dict(data or {}), **values))


def find(tx: Connection, digest: str, *, idle: timedelta, longest: timedelta) -> Session | None:
    """The session, unless it was idle or open for too long."""
    row = tx.execute(
        select(sessions).where(
            sessions.c.digest == digest, sessions.c.seen > later(-idle), sessions.c.created > later(-longest)
        )
    ).one_or_none()
    return Session(row.digest, row.account, row.data, row.created, row.seen, row.confirmed) if row else None


def seen(tx: Connection, digest: str) -> None:
    """Note that the session is in use."""
    tx.execute(update(sessions).where(sessions.c.digest == digest).values(seen=clock()))


def confirm(tx: Connection, digest: str) -> None:
    """Note that the password was typed again just now."""
    tx.execute(update(sessions).where(sessions.c.digest == digest).values(confirmed=clock(), seen=clock()))


def end(tx: Connection, digest: str) -> None:
    """Close one session."""
    tx.execute(delete(sessions).where(sessions.c.digest == digest))


def end_all(tx: Connection, account: str) -> None:
    """Close every session of an account."""
    tx.execute(delete(sessions).where(sessions.c.account == account))


def forget_expired(tx: Connection, *, idle: timedelta, longest: timedelta) -> int:
    """Drop the sessions that `find` no longer gives."""
    expired = or_(sessions.c.seen <= later(-idle), sessions.c.created <= later(-longest))
    return tx.execute(delete(sessions).where(expired)).rowcount
