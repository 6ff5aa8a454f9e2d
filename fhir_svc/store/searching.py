"""Search over the current versions of one type, page by page.

A cursor remembers the instant of the first page: resources created since then are left out, and an order by
`_lastUpdated` goes by what that was at that instant, so that nobody who turns pages misses or sees twice a resource
because somebody else writes meanwhile. An order by another parameter goes by what that is now: whoever must miss
nothing while values change turns pages in the usual order, by `_id` or by `_lastUpdated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, case, false, func, or_, select, type_coerce

from fhir_svc.record import Stored
from fhir_svc.store import asking, conditions, cursors, periods, reading
from fhir_svc.store.clock import now
from fhir_svc.store.cursors import Page
from fhir_svc.store.merges import everybody
from fhir_svc.store.parameters import ALIASES, INDEXED, Parameter
from fhir_svc.store.tables import from_millis, resources, to_millis, versions
from fhir_svc.store.tables import search as rows

PEOPLE = frozenset({"patient", "subject", "subject:Patient"})
_LAST = "\U0010ffff"


def search(
    tx: Connection,
    tenant: str,
    type: str,  # noqa: A002  FHIR's word
    params: Sequence[tuple[str, str]],
    *,
    sort: str | None = None,
    count: int,
    cursor: str | None = None,
) -> Page:
    """One page of the resources that meet all `params` (repeated: all, by comma: any of them).

    `sort` is `_sort`'s value; without it the oldest stand first. `count` 0 only counts. Who asks for a patient gets
    what is known of that person under any id. Names that `PARAMETERS[type]` does not have, unusable values, more of
    them than anybody means and foreign cursors are Malformed.
    """
    params = [(name, _of_all_ids(tx, tenant, name, value)) for name, value in asking.usable(type, params)]
    terms = [_term(type, name) for name in dict.fromkeys((sort or "").split(",")) if name]
    place = cursors.read(cursor, int, *(kind for *_, kind in terms), int) if cursor else None
    moment = from_millis(place[0]) if place else now(tx)
    wanted = and_(resources.c.created <= moment, conditions.meeting(tx.dialect.name, tenant, type, params))
    total = tx.execute(select(func.count()).select_from(resources).where(wanted)).scalar_one()
    if count <= 0:
        return Page([], None, total)
    order = [(make(moment), descending) for make, descending, _ in terms]
    order.append((resources.c.key, False))
    sorting = [column.label(f"sort_{index}") for index, (column, _) in enumerate(order)]
    query = select(*sorting).where(wanted)
    if place:
        query = query.where(_after(order, place[1:]))
    query = query.order_by(*(column.desc() if down else column.asc() for column, down in order))
    found = tx.execute(query.limit(count + 1)).all()
    more = cursors.write(to_millis(moment), *found[count - 1]) if len(found) > count else None
    return Page(_read(tx, [row[-1] for row in found[:count]]), more, total)


def _of_all_ids(tx: Connection, tenant: str, name: str, value: str) -> str:
    """A search value that names patients, with every id that each of them has."""
    if name not in PEOPLE:
        return value
    asked = value.split(",")
    named = [one.rpartition("Patient/")[2] for one in asked if "/" not in one or "Patient/" in one]
    others = (other for one in named for other in everybody(tx, tenant, one) if other != one)
    return ",".join([*asked, *(f"Patient/{other}" for other in dict.fromkeys(others))])


def _read(tx: Connection, keys: Sequence[int]) -> list[Stored]:
    """The resources of these keys, in this order: only those of one page are read and decoded."""
    query = reading.current().add_columns(resources.c.key).where(resources.c.key.in_(keys))
    found = {row.key: row for row in tx.execute(query)}
    return reading.stored(found[key] for key in keys)


def _after(order: Sequence[tuple[Any, bool]], place: Sequence[Any]) -> Any:
    """SQL for "stands behind this place" in an order of mixed directions."""
    behind: Any = false()
    for (column, descending), value in reversed(list(zip(order, place, strict=True))):
        ahead = column < value if descending else column > value
        behind = or_(ahead, and_(column == value, behind))
    return behind


def _term(kind: str, name: str) -> tuple[Any, bool, Any]:
    """How to sort by one name: SQL as of an instant, whether descending, and the type of its values."""
    descending, name = name.startswith("-"), name.removeprefix("-")
    if name == "_id":
        return (lambda _: resources.c.id), descending, str
    if name == "_lastUpdated":
        return _updated_at, descending, int
    name = ALIASES.get((kind, name), name)
    parameter = INDEXED.get(kind, {}).get(name)
    if parameter is None:
        raise asking.bad_sort()
    if parameter.head is not None:
        head = func.coalesce(resources.c[parameter.head], "" if descending else _LAST)
        return (lambda _: head), descending, str
    column, missing = _sort_column(name, parameter, descending=descending)
    lowest = func.max(column) if descending else func.min(column)
    mine = (rows.c.resource == resources.c.key, rows.c.field == f"{kind}.{name}")
    found = func.coalesce(select(lowest).where(*mine).correlate(resources).scalar_subquery(), missing)
    return (lambda _: found), descending, type(missing)


def _sort_column(name: str, parameter: Parameter, *, descending: bool) -> tuple[Any, Any]:
    """What is compared, and what stands for "has none", which comes last."""
    if parameter.kind == "date":
        return (rows.c.high, periods.EVER) if descending else (rows.c.low, periods.FOREVER)
    if name == "priority":
        return rows.c.low, 0 if descending else 9
    return rows.c.value, "" if descending else _LAST


def _updated_at(moment: datetime) -> Any:
    then = (
        select(func.max(type_coerce(versions.c.received, BigInteger)))
        .where(versions.c.resource == resources.c.key, versions.c.late.is_(False), versions.c.received <= moment)
        .correlate(resources)
        .scalar_subquery()
    )
    updated = type_coerce(resources.c.updated, BigInteger)
    return case((resources.c.updated <= moment, updated), else_=func.coalesce(then, updated))
