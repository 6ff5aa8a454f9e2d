"""The database's clock: the only clock that leases, receipts and sessions are measured with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from fhir_svc.store.tables import MILLISECOND, Moment


class clock(FunctionElement[datetime]):  # noqa: N801  it reads as a function in every statement
    """The instant at which this statement runs."""

    type = Moment()
    inherit_cache = True
    name = "clock"


@compiles(clock, "sqlite")
def _sqlite(_element: clock, _compiler: Any, **_options: Any) -> str:
    # julianday counts in whole milliseconds inside SQLite, rounding gives them back exactly
    return "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"


@compiles(clock, "postgresql")
def _postgresql(_element: clock, _compiler: Any, **_options: Any) -> str:
    # clock_timestamp, not now(): a transaction that waited for a lock must not lease into the past
    return "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"


_NOW = select(clock())


def later(span: timedelta) -> Any:
    """SQL for the database's clock plus `span`."""
    return clock().op("+", return_type=Moment())(literal(span // MILLISECOND, BigInteger))


def now(tx: Connection) -> datetime:
    """The database's clock, aware UTC, in milliseconds."""
    moment: datetime = tx.execute(_NOW).scalar_one()
    return moment
