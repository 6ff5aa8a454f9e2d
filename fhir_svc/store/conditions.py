"""The conditions of a search as SQL that takes the same way through the indexes whatever the statistics say.

Where a parameter names few resources (an id, an identifier, a reference), the search starts from its rows and tests
the other parameters resource by resource; else it goes through the type and looks each resource up in what each
parameter matches, found once. Left to itself, PostgreSQL tests young tables row by row against row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, false, func, literal, or_, select, true

from fhir_svc.errors import Malformed
from fhir_svc.store import indexing, periods
from fhir_svc.store.bulk import among
from fhir_svc.store.parameters import ALIASES, EVERYWHERE, INDEXED, PARAMETERS, Parameter
from fhir_svc.store.tables import resources
from fhir_svc.store.tables import search as rows

_SELECTIVE = frozenset({"identifier", "requisition", "request"})


@dataclass(frozen=True, slots=True)
class _Asked:
    """One parameter: `rows` of the search table of which a resource must have one, or none if `absent`."""

    rows: Any
    absent: bool = False
    selective: bool = False


def meeting(dialect: str, tenant: str, kind: str, params: Sequence[tuple[str, str]]) -> Any:
    """SQL for "a resource of this tenant and type that meets all of these"."""
    direct: list[Any] = []
    asked: list[_Asked] = []
    for name, value in params:
        own = name.partition(":")[0]
        try:
            if own in EVERYWHERE:
                direct.append(_direct(kind, name, value))
            else:
                asked.append(_asked(tenant, kind, name, value))
        except Malformed as failure:
            raise failure.at(f"http.{own}" if own in PARAMETERS.get(kind, ()) else "http") from None
    start = next((one for one in asked if one.selective and not one.absent), None)
    if start:  # its rows are of this tenant and type only
        rest = (_tested(one) for one in asked if one is not start)
        return and_(among(dialect, resources.c.key, select(rows.c.resource).where(start.rows)), *direct, *rest)
    mine = and_(resources.c.tenant == tenant, resources.c.type == kind, *direct)
    few = any(name == "_id" for name, _ in params)
    return and_(mine, *(_tested(one) if few else _looked_up(dialect, one) for one in asked))


def _tested(one: _Asked) -> Any:
    """A lookup by resource and field for each candidate."""
    found = select(literal(1)).where(rows.c.resource == resources.c.key, one.rows).limit(1)
    has = func.coalesce(found.correlate(resources).scalar_subquery(), 0)
    return has == (0 if one.absent else 1)


def _looked_up(dialect: str, one: _Asked) -> Any:
    """A hash of all that match; `IS TRUE` keeps PostgreSQL from turning it into a join."""
    found = resources.c.key.in_(select(rows.c.resource).where(one.rows))
    if one.absent:
        return ~found
    return found.is_(true()) if dialect == "postgresql" else found


def _direct(kind: str, name: str, value: str) -> Any:
    if kind not in PARAMETERS:
        raise Malformed("This type is not kept here.", error="unknown-parameter", code="not-supported")
    name, _, modifier = name.partition(":")
    if modifier == "missing" and value in {"true", "false"}:
        return true() if value == "false" else false()  # every resource has both
    if modifier:
        raise Malformed("This search modifier is not supported here.", error="bad-modifier", code="not-supported")
    wanted = _split(value, ",")
    if name == "_id":
        return resources.c.id.in_(wanted)
    return or_(*(periods.condition(one, resources.c.updated, resources.c.updated) for one in wanted))


def _asked(tenant: str, kind: str, name: str, value: str) -> _Asked:
    name, _, modifier = name.partition(":")
    field = ALIASES.get((kind, name), name)
    parameter = INDEXED.get(kind, {}).get(field)
    if name not in PARAMETERS.get(kind, ()) or parameter is None:
        raise Malformed("This type has no such search parameter.", error="unknown-parameter", code="not-supported")
    mine = and_(rows.c.tenant == tenant, rows.c.field == f"{kind}.{field}")
    if modifier == "missing" and value in {"true", "false"}:
        return _Asked(mine, absent=value == "true")
    target = "Patient" if name == "patient" else modifier if parameter.kind == "reference" else ""
    negated = modifier == "not" and parameter.kind in {"token", "code"}
    if modifier and modifier != target and not negated:
        raise Malformed("This search modifier is not supported here.", error="bad-modifier", code="not-supported")
    matching = and_(mine, or_(*(_match(parameter, one, target) for one in _split(value, ","))))
    return _Asked(matching, absent=negated, selective=parameter.kind == "reference" or field in _SELECTIVE)


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
