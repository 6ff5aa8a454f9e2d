"""Search over the current versions of one type, page by page.

A cursor remembers the instant of the first page: resources created since then are left out, and an order by
`_lastUpdated` goes by what that was at that instant, so that nobody who turns pages misses or sees twice a resource
because somebody else writes meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, case, false, func, not_, or_, select, type_coerce

from fhir_svc.errors import Malformed
from fhir_svc.store import cursors, indexing, periods, reading
from fhir_svc.store.bulk import among
from fhir_svc.store.clock import now
from fhir_svc.store.cursors import Page
from fhir_svc.store.parameters import ALIASES, INDEXED, PARAMETERS, Parameter
from fhir_svc.store.tables import from_millis, resources, to_millis, versions
from fhir_svc.store.tables import search as rows

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

    `sort` is `_sort`'s value; without it the oldest stand first. `count` 0 only counts. Names that `PARAMETERS[type]`
    does not have, unusable values and foreign cursors are Malformed.
    """
    terms = [_term(type, name) for name in (sort or "").split(",") if name]
    place = cursors.read(cursor, int, *(kind for *_, kind in terms), int) if cursor else None
    moment = from_millis(place[0]) if place else now(tx)
    wanted = and_(
        resources.c.tenant == tenant,
        resources.c.type == type,
        resources.c.created <= moment,
        *(_condition(tx.dialect.name, tenant, type, name, value) for name, value in params),
    )
    total = tx.execute(select(func.count()).select_from(resources).where(wanted)).scalar_one()
    if count <= 0:
        return Page([], None, total)
    order = [(make(moment), descending) for make, descending, _ in terms]
    order.append((resources.c.key, False))
    sorting = [column.label(f"sort_{index}") for index, (column, _) in enumerate(order)]
    query = reading.current().add_columns(*sorting).where(wanted)
    if place:
        query = query.where(_after(order, place[1:]))
    query = query.order_by(*(column.desc() if down else column.asc() for column, down in order))
    found = tx.execute(query.limit(count + 1)).all()
    more = cursors.write(to_millis(moment), *found[count - 1][-len(order) :]) if len(found) > count else None
    return Page(reading.stored(found[:count]), more, total)


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
        raise Malformed("Results can't be sorted by this.", error="bad-sort", code="not-supported")
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


def _condition(dialect: str, tenant: str, kind: str, name: str, value: str) -> Any:
    """SQL for one parameter; commas mean or."""
    name, _, modifier = name.partition(":")
    if name not in PARAMETERS.get(kind, ()):
        raise Malformed("This type has no such search parameter.", error="unknown-parameter", code="not-supported")
    wanted = _split(value, ",")
    if name == "_id" and not modifier:
        return resources.c.id.in_(wanted)
    if name == "_lastUpdated" and not modifier:
        return or_(*(periods.condition(one, resources.c.updated, resources.c.updated) for one in wanted))
    field = ALIASES.get((kind, name), name)
    parameter = INDEXED[kind].get(field) or Parameter("", ())
    having = select(rows.c.resource).where(rows.c.tenant == tenant, rows.c.field == f"{kind}.{field}")
    if modifier == "missing" and value in {"true", "false"} and parameter.kind:
        present = among(dialect, resources.c.key, having)
        return not_(present) if value == "true" else present
    target = "Patient" if name == "patient" else modifier if parameter.kind == "reference" else ""
    if modifier and modifier != target and not (modifier == "not" and parameter.kind in {"token", "code"}):
        raise Malformed("This search modifier is not supported here.", error="bad-modifier", code="not-supported")
    matching = having.where(or_(*(_match(parameter, one, target) for one in wanted)))
    met = among(dialect, resources.c.key, matching)
    return not_(met) if modifier == "not" else met


def _match(parameter: Parameter, value: str, target: str) -> Any:
    if parameter.kind == "date":
        return and_(rows.c.value == "", rows.c.system == "", periods.condition(value, rows.c.low, rows.c.high))
    if parameter.kind == "reference":
        return _points_to(_unescape(value), target)
    if parameter.kind == "canonical":
        url, bar, version = value.partition("|")
        return and_(rows.c.value == url, rows.c.system == version) if bar else rows.c.value == url
    system, bar, code = _bar(value)
    if not bar or parameter.kind == "code":  # a code's system is implied by its element
        return rows.c.value == (code if bar else system)
    if not code:
        return rows.c.system == system
    return and_(rows.c.value == code, rows.c.system == system)


def _points_to(text: str, target: str) -> Any:
    id_, kind = indexing.split_reference(text)
    if not kind and "://" in text and text.count("/") > 2:  # noqa: PLR2004  more than scheme and host
        *_, last_type, last_id = text.rstrip("/").split("/")
        same = and_(rows.c.value == last_id, rows.c.system == last_type)
        return or_(and_(rows.c.value == text, rows.c.system == ""), same)
    wanted = kind or target
    if kind and target and kind != target:
        return false()
    return and_(rows.c.value == id_, rows.c.system == wanted) if wanted else rows.c.value == id_


def _split(value: str, mark: str) -> list[str]:
    return re.split(rf"(?<!\\){re.escape(mark)}", value)


def _bar(value: str) -> tuple[str, str, str]:
    parts = [_unescape(part) for part in _split(value, "|")]
    if len(parts) == 1:
        return parts[0], "", ""
    return parts[0], "|", "|".join(parts[1:])


def _unescape(value: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", value)
