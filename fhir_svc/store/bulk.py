"""Many rows at once, in the fastest way each database has: executemany on SQLite, COPY and JSON on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    bindparam,
    cast,
    exc,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql

from fhir_svc.store.clock import clock
from fhir_svc.store.tables import resource_keys, resources

Rows = Iterable[tuple[Any, ...]]
RowList = Sequence[tuple[Any, ...]]
_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_rows(tx: Connection, table: Table, columns: tuple[str, ...], rows: Rows) -> None:
    """Insert plain values (instants as milliseconds) into these columns.

    PostgreSQL inserts those that it has while later ones are still made.
    """
    if tx.dialect.name == "postgresql":
        _copy(tx, table, columns, rows)
    elif listed := list(rows):
        tx.exec_driver_sql(_insert_values(table, columns), listed)


def insert_missing(tx: Connection, table: Table, columns: tuple[str, ...], rows: RowList, certain: RowList) -> set[Any]:
    """Insert the rows whose unique values are free, and give the first column of those inserted.

    Of those that are `certain` to be free one that is not is an IntegrityError. So it is with all of them on SQLite:
    the caller has looked in this same transaction, and nobody else can write.
    """
    if tx.dialect.name != "postgresql":
        rows, certain = (), [*certain, *rows]
    if certain:
        insert_rows(tx, table, columns, certain)
    found = {row[0] for row in certain}
    if rows:
        found.update(tx.execute(text(_insert_json(table, columns)), {"rows": _json(columns, rows)}).scalars())
    return found


def moment_and_keys(tx: Connection, count: int) -> tuple[datetime, list[int]]:
    """The database's clock, and so many keys, ascending, of which new resources may take what they need."""
    moment, keys = tx.execute(_clock_and_keys(tx.dialect.name), {"count": count}).one()
    if tx.dialect.name == "postgresql":
        return moment, sorted(keys)
    highest = keys or 0
    return moment, list(range(highest + 1, highest + 1 + count))


@cache
def _clock_and_keys(dialect: str) -> Select[Any]:
    if dialect == "postgresql":
        series = func.generate_series(1, bindparam("count", type_=Integer))
        found: Any = func.array(select(resource_keys.next_value()).select_from(series).scalar_subquery())
    else:
        found = select(resources.c.key).order_by(resources.c.key.desc()).limit(1).scalar_subquery()
    return select(clock(), found)


def one_of(dialect: str, column: Column[Any], name: str) -> ColumnElement[bool]:
    """SQL for "is one of the values in this parameter", a JSON array: an index is used whatever the statistics say."""
    listed: Any = bindparam(name)
    if dialect == "postgresql":
        each = select(cast(func.json_array_elements_text(listed.op("::")(text("json"))), column.type))
        return among(dialect, column, each)
    return column.in_(select(text("value")).select_from(func.json_each(listed)))


def named(dialect: str) -> ColumnElement[bool]:
    """SQL for "is one of tenant `of` whose (type, id) is in `names`", a JSON array of pairs, each looked up by itself.

    Asked for types and ids apart, PostgreSQL reads all resources of the types as long as it has no statistics.
    """
    names: Any = bindparam("names")
    one = resources.alias("one")
    mine = one.c.tenant == bindparam("of")
    if dialect == "postgresql":
        pairs = func.json_array_elements(names.op("::")(text("json"))).table_valued("value")
        this = (one.c.type == pairs.c.value.op("->>")(text("0")), one.c.id == pairs.c.value.op("->>")(text("1")))
        key = select(one.c.key).where(mine, *this).correlate(pairs).scalar_subquery()
        return among(dialect, resources.c.key, select(key).select_from(pairs))
    pair = (func.json_extract(text("value"), f"$[{place}]") for place in (0, 1))
    listed = select(*pair).select_from(func.json_each(names))
    return resources.c.key.in_(select(one.c.key).where(mine, tuple_(one.c.type, one.c.id).in_(listed)))


def listing(values: Sequence[Any]) -> str:
    """The JSON array for such a parameter."""
    return msgspec.json.encode(values).decode()


def among(dialect: str, column: ColumnElement[Any], found: Select[Any]) -> ColumnElement[bool]:
    """SQL for "is among what this query finds", where the query is run once, before.

    PostgreSQL, as long as it has no statistics of a young table, would run it once per row.
    """
    if dialect == "postgresql":
        return column == func.any(func.array(found.scalar_subquery()))
    return column.in_(found)


def _copy(tx: Connection, table: Table, columns: tuple[str, ...], rows: Rows) -> None:
    import psycopg  # noqa: PLC0415  not where SQLite is used

    driver: Any = tx.connection.dbapi_connection
    command, types = _copying(table, columns)
    try:
        with driver.cursor() as cursor, cursor.copy(command) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise exc.DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from None


@lru_cache
def _copying(table: Table, columns: tuple[str, ...]) -> tuple[str, list[str]]:
    """The command, and the types of its columns: the binary form spares both sides the spelling out of bytes."""
    command = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    return command, [table.c[name].type.compile(dialect=_POSTGRES).lower() for name in columns]


@lru_cache
def _insert_values(table: Table, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    into = f"INSERT INTO {table.name} ({', '.join(columns)})"
    return f"{into} VALUES ({marks})"


@lru_cache
def _insert_json(table: Table, columns: tuple[str, ...]) -> str:
    types = ", ".join(f"{name} {table.c[name].type.compile()}" for name in columns)
    names = ", ".join(columns)
    into = f"INSERT INTO {table.name} ({names}) SELECT {names}"
    source = f"json_to_recordset(CAST(:rows AS json)) AS row({types})"
    return f"{into} FROM {source} ON CONFLICT DO NOTHING RETURNING {columns[0]}"


def _json(columns: tuple[str, ...], rows: RowList) -> str:
    return msgspec.json.encode([dict(zip(columns, row, strict=True)) for row in rows]).decode()
