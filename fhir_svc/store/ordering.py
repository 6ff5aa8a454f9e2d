"""What a search is sorted by: what each resource says now, or what it said when the first page was made.

Whoever turns pages by values that change meanwhile would miss a resource that moves ahead, and see twice one that moves
back. So what has changed since the first page keeps the place it had then, which its versions tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Subquery,
    Text,
    bindparam,
    case,
    cast,
    func,
    select,
    text,
    type_coerce,
)

from fhir_svc.errors import Malformed
from fhir_svc.store import asking, body, cursors, indexing, periods
from fhir_svc.store.bulk import listing, one_of
from fhir_svc.store.merges import patient_of
from fhir_svc.store.parameters import ALIASES, INDEXED, Parameter
from fhir_svc.store.tables import from_millis, resources, to_millis, versions
from fhir_svc.store.tables import search as rows

MOST_CHANGED: Final = 2000  # whose old versions are read for a page
MOST_SHOWN: Final = 200  # which a page link can name
_LAST: Final = "\U0010ffff"

Then = Callable[[Mapping[str, Any], datetime], Iterable[int | str]]


@dataclass(frozen=True, slots=True)
class Term:
    """One name to sort by: SQL for a resource's value now, and which values a version has (None: it never changes).

    `missing` stands for "has none", which comes last.
    """

    now: Any
    then: Then | None
    descending: bool
    missing: int | str


@dataclass(frozen=True, slots=True)
class Mark:
    """What the first page could see: all that was written before `since`; of what was written later, `shown`.

    Those are the numbers of versions by the keys of their resources.
    """

    since: int
    shown: Mapping[int, int] = field(default_factory=dict)

    def told(self) -> str:
        """What was shown, in a page link: the steps from key to key, with the number of a version after the first."""
        keys = sorted(self.shown)
        steps = ((after - before, self.shown[after]) for before, after in pairwise([0, *keys]))
        return " ".join(f"{step}.{number}" if number > 1 else f"{step}" for step, number in steps)


def mark(since: int, told: str) -> Mark:
    """Read it again; Malformed for what no link of ours says."""
    pairs = [one.partition(".") for one in told.split()]
    try:
        keys = list(accumulate(int(step) for step, _, _ in pairs))
        return Mark(since, {key: int(number or 1) for key, (_, _, number) in zip(keys, pairs, strict=True)})
    except ValueError:
        raise cursors.not_ours() from None


def terms(kind: str, sort: str | None) -> list[Term]:
    """What `_sort` names, each once; Malformed for what this type is not sorted by."""
    names = (name for name in dict.fromkeys((sort or "").split(",")) if name)
    return [_term(kind, name.removeprefix("-"), descending=name.startswith("-")) for name in names]


def _term(kind: str, name: str, *, descending: bool) -> Term:
    if name == "_id":
        return Term(resources.c.id, None, descending, "")
    if name == "_lastUpdated":
        updated = type_coerce(resources.c.updated, BigInteger)
        return Term(updated, lambda _, received: [to_millis(received)], descending, 0)
    name = ALIASES.get((kind, name), name)
    parameter = INDEXED.get(kind, {}).get(name)
    if parameter is None:
        raise asking.bad_sort()
    if parameter.head is not None:
        none = "" if descending else _LAST
        own = _of_head(parameter.head)
        return Term(func.coalesce(resources.c[parameter.head], none), own, descending, none)
    column, missing = _column(name, parameter, descending=descending)
    lowest, place = func.max(column) if descending else func.min(column), f"{kind}.{name}"
    mine = select(lowest).where(rows.c.resource == resources.c.key, rows.c.field == place)
    now = func.coalesce(mine.correlate(resources).scalar_subquery(), missing)
    return Term(now, _of_rows(place, column.name), descending, missing)


def _column(name: str, parameter: Parameter, *, descending: bool) -> tuple[Any, Any]:
    """What is compared, and what stands for "has none"."""
    if parameter.kind == "date":
        return (rows.c.high, periods.EVER) if descending else (rows.c.low, periods.FOREVER)
    if name == "priority":
        return rows.c.low, 0 if descending else 9
    return rows.c.value, "" if descending else _LAST


def _of_head(column: str) -> Then:
    def then(content: Mapping[str, Any], _received: datetime) -> Iterable[str]:
        value = patient_of(content) if column == "patient" else content.get(column)
        return () if value is None else (str(value),)

    return then


def _of_rows(place: str, column: str) -> Then:
    def then(content: Mapping[str, Any], _received: datetime) -> Iterable[int | str]:
        return {getattr(value, column) for value in indexing.values_of(content) if value.field == place}

    return then


def first_mark(tx: Connection, wanted: Any, since: datetime, now: datetime) -> Mark:
    """The mark of a first page that was just read. Where a link can't name all that it takes, `now` has to do."""
    recent = select(resources.c.key, resources.c.version).where(wanted, resources.c.updated >= since)
    shown = {row.key: row.version for row in tx.execute(recent.limit(MOST_SHOWN + 1))}
    return Mark(to_millis(since), shown) if len(shown) <= MOST_SHOWN else Mark(to_millis(now) + 1)


def places(tx: Connection, sorts: Sequence[Term], wanted: Any, first: Mark) -> Subquery | None:
    """The keys of what has changed since the first page, and in columns `then_0`, `then_1`... the values it had then.

    None: nothing has. Malformed where too much has: the first page is asked for again.
    """
    changed = select(resources.c.key).where(wanted, resources.c.updated >= from_millis(first.since))
    keys = tx.execute(changed.limit(MOST_CHANGED + 1)).scalars().all()
    if not keys:
        return None
    if len(keys) > MOST_CHANGED:
        told = "Too much has changed since the first page to go on in its order: start the search again."
        raise Malformed(told, error="page-too-old", code="too-costly", expression="http._page")
    found: list[tuple[Any, ...]] = []
    for key, content, received in _as_then(tx, keys, first):
        found.append((key, -1, None, None))  # so that it has a place even if it has no value
        for index, sort in enumerate(sorts):
            values = sort.then(content, received) if sort.then else (content["id"],)
            found.extend((key, index, *((one, None) if isinstance(one, str) else (None, one))) for one in values)
    each = _table(tx.dialect.name, found, key=BigInteger(), term=BigInteger(), text=Text(), number=BigInteger())
    then = (_then(each, sort, index).label(f"then_{index}") for index, sort in enumerate(sorts))
    return select(each.c.key, *then).group_by(each.c.key).subquery("then")


def _then(each: Subquery, sort: Term, index: int) -> Any:
    value = case((each.c.term == index, each.c.text if isinstance(sort.missing, str) else each.c.number))
    return func.coalesce(func.max(value) if sort.descending else func.min(value), sort.missing)


def _as_then(tx: Connection, keys: Sequence[int], first: Mark) -> list[tuple[int, dict[str, Any], datetime]]:
    """Each of these resources as the first page saw it; as it was first, if it was not there yet."""
    seen = func.max(versions.c.version).filter(
        versions.c.late.is_(False), versions.c.received < from_millis(first.since)
    )
    mine = select(versions.c.resource, func.coalesce(seen, 1)).group_by(versions.c.resource)
    of_keys = mine.where(one_of(tx.dialect.name, versions.c.resource, "changed"))
    numbers: dict[int, int] = dict(tx.execute(of_keys, {"changed": listing(keys)}).all())
    numbers |= {key: number for key, number in first.shown.items() if key in numbers}
    pairs = _table(tx.dialect.name, list(numbers.items()), key=BigInteger(), version=BigInteger())
    this = (versions.c.resource == pairs.c.key) & (versions.c.version == pairs.c.version)
    query = select(versions.c.resource, versions.c.body, versions.c.received).select_from(pairs.join(versions, this))
    found = tx.execute(query).all()
    contents = body.decode_all([bytes(row.body) for row in found])
    return [(row.resource, content, row.received) for row, content in zip(found, contents, strict=True)]


def _table(dialect: str, listed: Sequence[Sequence[Any]], **columns: Any) -> Subquery:
    """These rows as a table of the database, so that it compares them as it compares its own."""
    given: Any = bindparam(None, listing(listed))
    if dialect == "postgresql":
        each: Any = func.json_array_elements(cast(given, JSON)).table_valued("value")
        cells = [each.c.value.op("->>")(text(str(index))) for index in range(len(columns))]
    else:
        each = func.json_each(given).table_valued("value")
        cells = [func.json_extract(each.c.value, f"$[{index}]") for index in range(len(columns))]
    return select(
        *(cast(cell, kind).label(name) for cell, (name, kind) in zip(cells, columns.items(), strict=True))
    ).subquery()
