"""Search over the current versions of one type, page by page.

A cursor remembers the instant of the first page: resources created since then are left out, and what has changed since
keeps the place it had, so that nobody who turns pages misses or sees twice a resource because somebody else writes
meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, case, false, func, or_, select

from fhir_svc.store import asking, conditions, cursors, ordering, reading
from fhir_svc.store.clock import now
from fhir_svc.store.cursors import Page
from fhir_svc.store.merges import everybody
from fhir_svc.store.tables import from_millis, resources, to_millis
from fhir_svc.store.watermark import watermark

PEOPLE = frozenset({"patient", "subject", "subject:Patient"})


def search(
    tx: Connection,
    tenant: str,
    kind: str,
    params: Sequence[tuple[str, str]],
    *,
    sort: str | None = None,
    count: int,
    cursor: str | None = None,
    complete: datetime | None = None,
    lenient: bool = False,
) -> Page:
    """One page of the resources that meet all `params` (repeated: all, by comma: any of them).

    `sort` is `_sort`'s value; without it the oldest stand first. `count` 0 only counts. `complete` is the watermark of
    a first page that was asked for before. `lenient`: what is damaged is named, and keeps nobody from all the others.
    Who asks for a patient gets what is known of that person under any id. Names
    that `PARAMETERS[kind]` does not have, unusable values, more of them than anybody means and foreign cursors are
    Malformed.
    """
    params = [(name, _of_all_ids(tx, tenant, name, value)) for name, value in asking.usable(kind, params)]
    sorts = ordering.terms(kind, sort)
    changing = any(one.then for one in sorts)
    place = _place(cursor, sorts, changing=changing) if cursor else None
    since = complete or watermark(tx, tenant) if changing and count > 0 and not place else None
    moment = place.moment if place else now(tx)
    wanted = and_(resources.c.created <= moment, conditions.meeting(tx.dialect.name, tenant, kind, params))
    total = tx.execute(select(func.count()).select_from(resources).where(wanted)).scalar_one()
    if count <= 0:
        return Page([], None, total)
    found = tx.execute(_listed(tx, sorts, wanted, place).limit(count + 1)).all()
    more = None
    if len(found) > count:
        first = ordering.first_mark(tx, wanted, since, moment) if since else place.first if place else None
        mark = (first.since, first.told()) if first else ()
        more = cursors.write(to_millis(moment), *mark, *found[count - 1])
    rows = _rows(tx, [row[-1] for row in found[:count]])
    entries, damaged = reading.readable(rows) if lenient else (reading.stored(rows), [])
    return Page(entries, more, total, damaged=damaged)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: behind these values, in what there was at `moment`, in the order of the `first` page."""

    moment: datetime
    first: ordering.Mark | None
    values: Sequence[int | str]


def _place(cursor: str, sorts: Sequence[ordering.Term], *, changing: bool) -> _Place:
    kinds = [type(one.missing) for one in sorts]
    if not changing:
        moment, *values = cursors.read(cursor, int, *kinds, int)
        return _Place(from_millis(moment), None, values)
    moment, since, told, *values = cursors.read(cursor, int, int, str, *kinds, int)
    return _Place(from_millis(moment), ordering.mark(since, told), values)


def _listed(tx: Connection, sorts: Sequence[ordering.Term], wanted: Any, place: _Place | None) -> Select[Any]:
    """The values sorted by and the keys of what is wanted, in order, from this place on."""
    then = ordering.places(tx, sorts, wanted, place.first) if place and place.first else None
    values = [one.now for one in sorts]
    if then is not None:
        values = [
            case((then.c.key.is_(None), value), else_=then.c[f"then_{index}"]) for index, value in enumerate(values)
        ]
    order = [(value, one.descending) for value, one in zip(values, sorts, strict=True)] + [(resources.c.key, False)]
    query = select(*(column.label(f"sort_{index}") for index, (column, _) in enumerate(order))).where(wanted)
    if then is not None:
        query = query.select_from(resources.outerjoin(then, then.c.key == resources.c.key))
    if place:
        query = query.where(_after(order, place.values))
    return query.order_by(*(column.desc() if down else column.asc() for column, down in order))


def _of_all_ids(tx: Connection, tenant: str, name: str, value: str) -> str:
    """A search value that names patients, with every id that each of them has."""
    if name not in PEOPLE:
        return value
    asked = value.split(",")
    named = [one.rpartition("Patient/")[2] for one in asked if "/" not in one or "Patient/" in one]
    others = (other for one in named for other in everybody(tx, tenant, one) if other != one)
    return ",".join([*asked, *(f"Patient/{other}" for other in dict.fromkeys(others))])


def _rows(tx: Connection, keys: Sequence[int]) -> list[Any]:
    """The resources of these keys, in this order: only those of one page are read and decoded."""
    query = reading.current().add_columns(resources.c.key).where(resources.c.key.in_(keys))
    found = {row.key: row for row in tx.execute(query)}
    return [found[key] for key in keys]


def _after(order: Sequence[tuple[Any, bool]], place: Sequence[Any]) -> Any:
    """SQL for "stands behind this place" in an order of mixed directions."""
    behind: Any = false()
    for (column, descending), value in reversed(list(zip(order, place, strict=True))):
        ahead = column < value if descending else column > value
        behind = or_(ahead, and_(column == value, behind))
    return behind
