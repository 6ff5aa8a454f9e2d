"""Many rows in one statement. On PostgreSQL as arrays (one round trip, no text of a thousand placeholders)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, select, text

from fhir_svc.store.tables import resource_keys, resources

Rows = Sequence[tuple[Any, ...]]


def insert_rows(tx: Connection, table: Table, columns: tuple[str, ...], rows: Rows) -> None:
    """Insert plain values (instants as milliseconds) into these columns."""
    if not rows:
        return
    if tx.dialect.name == "postgresql":
        tx.execute(text(_from_arrays(table, columns)), _arrays(columns, rows))
    else:
        tx.exec_driver_sql(_from_values(table, columns), list(rows))


def insert_missing(tx: Connection, table: Table, columns: tuple[str, ...], rows: Rows) -> set[Any]:
    """Insert the rows whose unique values are free, and give the first column of those inserted."""
    if not rows:
        return set()
    if tx.dialect.name == "postgresql":
        statement = f"{_from_arrays(table, columns)} ON CONFLICT DO NOTHING RETURNING {columns[0]}"
        return set(tx.execute(text(statement), _arrays(columns, rows)).scalars())
    statement = f"{_from_values(table, columns)} ON CONFLICT DO NOTHING RETURNING {columns[0]}"
    return {found for row in rows for found in tx.exec_driver_sql(statement, row).scalars()}


def new_keys(tx: Connection, count: int) -> list[int]:
    """So many keys for new resources, ascending."""
    if tx.dialect.name == "postgresql":
        series = text(f"SELECT nextval('{resource_keys.name}') FROM generate_series(1, :count)")
        return sorted(tx.execute(series, {"count": count}).scalars())
    highest = tx.execute(select(resources.c.key).order_by(resources.c.key.desc()).limit(1)).scalar_one_or_none() or 0
    return list(range(highest + 1, highest + 1 + count))


@lru_cache
def _from_arrays(table: Table, columns: tuple[str, ...]) -> str:
    arrays = ", ".join(f"CAST(:{name} AS {_postgres_type(table, name)}[])" for name in columns)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608  names of ours


@lru_cache
def _from_values(table: Table, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  names of ours


def _arrays(columns: tuple[str, ...], rows: Rows) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)}


def _postgres_type(table: Table, name: str) -> str:
    kind = table.c[name].type
    if isinstance(kind, LargeBinary):
        return "bytea"
    written = str(kind.compile())
    return {"INTEGER": "integer", "BIGINT": "bigint", "BOOLEAN": "boolean"}.get(written, "text")
