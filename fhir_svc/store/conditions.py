"""The conditions of a search as SQL that takes the same way through the indexes whatever the statistics say.

Where a parameter names few resources (an id, a patient, an identifier, a reference), the search starts from those and
tests the other parameters resource by resource; else it goes through the type and looks each resource up in what each
parameter matches, found once. Left to itself, PostgreSQL tests young tables row by row against row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import and_, false, func, literal, or_, select, true

from fhir_svc.errors import Malformed
from fhir_svc.store import indexing, periods
from fhir_svc.store.asking import bad_modifier, place, split
from fhir_svc.store.bulk import among
from fhir_svc.store.parameters import ALIASES, EVERYWHERE, INDEXED, PARAMETERS, Parameter
from fhir_svc.store.tables import resources
from fhir_svc.store.tables import search as rows

_SELECTIVE = frozenset({"identifier", "requisition", "request"})
_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class _Modifier:
    """What a modifier makes of a parameter.

    `missing`: it is asked whether there is a value, not which. `absent`: what has it is not wanted. `target`: the type
    of what a reference points to, if that is said.
    """

    missing: bool = False
    absent: bool = False
    target: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One parameter: `head` is SQL for what it asks of a resource's own row.

    Else `rows` are those of the search table of which a resource must have one, or none if `absent`. `few`: it names
    few resources.
    """

    head: Any = None
    rows: Any = None
    absent: bool = False
    few: bool = False


def meeting(dialect: str, tenant: str, kind: str, params: Sequence[tuple[str, str]]) -> Any:
    """SQL for "a resource of this tenant and type that meets all of these"."""
    asked = [_asked(tenant, kind, name, value) for name, value in params]
    direct = [one.head for one in asked if one.head is not None]
    others = [one for one in asked if one.head is None]
    start = next((one for one in others if one.few and not one.absent), None)
    if start:  # its rows are of this tenant and type only
        rest = (_tested(one) for one in others if one is not start)
        return and_(among(dialect, resources.c.key, select(rows.c.resource).where(start.rows)), *direct, *rest)
    mine = and_(resources.c.tenant == tenant, resources.c.type == kind, *direct)
    few = any(one.few for one in asked if one.head is not None)
    return and_(mine, *(_tested(one) if few else _looked_up(dialect, one) for one in others))


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


def _asked(tenant: str, kind: str, name: str, value: str) -> _Asked:
    own, _, modifier = name.partition(":")
    try:
        return _read(tenant, kind, own, modifier, value)
    except Malformed as failure:
        raise failure.at(place(kind, name)) from None


def _read(tenant: str, kind: str, name: str, modifier: str, value: str) -> _Asked:
    if name in EVERYWHERE:
        return _Asked(_everywhere(kind, name, modifier, value), few=name == "_id")
    field, parameter = _parameter(kind, name)
    how = _modifier(kind, parameter, name, modifier, value)
    if parameter.head is not None:
        few = parameter.kind == "reference" and not how.missing
        return _Asked(_of_head(resources.c[parameter.head], parameter, how, value), few=few)
    mine = and_(rows.c.tenant == tenant, rows.c.field == f"{kind}.{field}")
    if how.missing:
        return _Asked(rows=mine, absent=how.absent)
    matching = and_(mine, or_(*(_match(parameter, one, how.target) for one in split(value, ","))))
    return _Asked(rows=matching, absent=how.absent, few=parameter.kind == "reference" or field in _SELECTIVE)


def _everywhere(kind: str, name: str, modifier: str, value: str) -> Any:
    if kind not in PARAMETERS:
        raise Malformed("This type is not kept here.", error="unknown-parameter", code="not-supported")
    if modifier == "missing" and value in _BOOLEANS:
        return false() if _BOOLEANS[value] else true()  # every resource has both
    if modifier:
        raise bad_modifier(kind, name)
    wanted = split(value, ",")
    if name == "_id":
        return resources.c.id.in_(wanted)
    return or_(*(periods.condition(one, resources.c.updated, resources.c.updated) for one in wanted))


def _parameter(kind: str, name: str) -> tuple[str, Parameter]:
    field = ALIASES.get((kind, name), name)
    parameter = INDEXED.get(kind, {}).get(field)
    if name not in PARAMETERS.get(kind, ()) or parameter is None:
        raise Malformed("This type has no such search parameter.", error="unknown-parameter", code="not-supported")
    return field, parameter


def _modifier(kind: str, parameter: Parameter, name: str, modifier: str, value: str) -> _Modifier:
    if modifier == "missing" and value in _BOOLEANS:
        return _Modifier(missing=True, absent=_BOOLEANS[value])
    typed = parameter.kind == "reference" and _TYPE.fullmatch(modifier)  # else a chain, or :identifier
    target = "Patient" if name == "patient" else modifier if typed else ""
    negated = modifier == "not" and parameter.kind in {"token", "code"}
    if modifier and modifier != target and not negated:
        raise bad_modifier(kind, name)
    return _Modifier(absent=negated, target=target)


def _of_head(column: Any, parameter: Parameter, how: _Modifier, value: str) -> Any:
    """What a resource's own row says of its status, or of the patient whom it is about."""
    if how.missing:
        return column.is_(None) if how.absent else column.is_not(None)
    read = partial(_patient, target=how.target) if parameter.kind == "reference" else _code
    found = column.in_([one for each in split(value, ",") if (one := read(each)) is not None])
    return or_(column.is_(None), ~found) if how.absent else found


def _patient(value: str, *, target: str) -> str | None:
    """The id of the Patient that a reference names; None of what is no Patient."""
    text = _unescape(value)
    if "://" in text:
        text = "/".join(text.rstrip("/").split("/")[-2:])
    id_, kind = indexing.split_reference(text)
    return id_ if {kind, target} <= {"", "Patient"} else None


def _code(value: str) -> str:
    """The code of a token whose system is implied by its element."""
    system, bar, code = _bar(value)
    return code if bar else system


def _match(parameter: Parameter, value: str, target: str) -> Any:
    if parameter.kind == "date":
        return and_(rows.c.value == "", rows.c.system == "", periods.condition(value, rows.c.low, rows.c.high))
    if parameter.kind == "reference":
        return _points_to(_unescape(value), target)
    if parameter.kind == "canonical":
        url, bar, version = value.partition("|")
        return and_(_is(rows.c.value, url), _is(rows.c.system, version)) if bar else _is(rows.c.value, url)
    if parameter.kind == "code":
        return _is(rows.c.value, _code(value))
    return _is_token(value)


def _is(column: Any, text: str) -> Any:
    """SQL for "this text stands here", in whatever form a long one is kept."""
    found = indexing.forms(text)
    return column.in_(found) if len(found) > 1 else column == text


def _is_token(value: str) -> Any:
    system, bar, code = _bar(value)
    if not bar:
        return _is(rows.c.value, system)
    if not code:
        return _is(rows.c.system, system)
    return and_(_is(rows.c.value, code), _is(rows.c.system, system))


def _points_to(text: str, target: str) -> Any:
    id_, kind = indexing.split_reference(text)
    if not kind and "://" in text and text.count("/") > 2:  # noqa: PLR2004  more than scheme and host
        *_, last_type, last_id = text.rstrip("/").split("/")
        same = and_(_is(rows.c.value, last_id), _is(rows.c.system, last_type))
        return or_(and_(_is(rows.c.value, text), rows.c.system == ""), same)
    wanted = kind or target
    if kind and target and kind != target:
        return false()
    return and_(_is(rows.c.value, id_), _is(rows.c.system, wanted)) if wanted else _is(rows.c.value, id_)


def _bar(value: str) -> tuple[str, str, str]:
    parts = [_unescape(part) for part in split(value, "|")]
    if len(parts) == 1:
        return parts[0], "", ""
    return parts[0], "|", "|".join(parts[1:])


def _unescape(value: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", value)
