"""One resource: as it is now, as a version was, as all its versions were; and resources by identifier."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import cache
from itertools import accumulate
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Select, and_, bindparam, func, select, true, type_coerce

from fhir_svc.record import Stored
from fhir_svc.store import body, cursors, indexing
from fhir_svc.store.bulk import listing, named
from fhir_svc.store.cursors import Page
from fhir_svc.store.tables import resources, search, to_millis, versions

COLUMNS = (
    resources.c.type,
    resources.c.id,
    versions.c.version,
    versions.c.received,
    versions.c.source_updated,
    resources.c.ours,
    versions.c.body,
)
CURRENT = and_(versions.c.resource == resources.c.key, versions.c.version == resources.c.version)


def current() -> Select[Any]:
    """A query over the current versions of all resources; the caller narrows it."""
    return select(*COLUMNS).select_from(resources.join(versions, CURRENT))


def every() -> Select[Any]:
    """A query over all versions of all resources; the caller narrows it."""
    return select(*COLUMNS).select_from(resources.join(versions, versions.c.resource == resources.c.key))


MOST_BYTES = 16 * 1024 * 1024  # of the versions on one page, unless the first of them alone is larger
_NEWEST_FIRST = ((versions.c.version == resources.c.version).desc(), versions.c.version.desc())
_THIS = (
    resources.c.tenant == bindparam("of"),
    resources.c.type == bindparam("kind"),
    resources.c.id == bindparam("name"),
)
_ONE = current().where(*_THIS)
_VERSION = every().where(*_THIS, versions.c.version == bindparam("number"))
_HEAD = select(resources.c.key, resources.c.version).where(*_THIS)
_CHANGED = select(resources.c.updated).where(*_THIS)
_MANY = current()
_HISTORIES = every().order_by(*_NEWEST_FIRST)


def stored(rows: Iterable[Any]) -> list[Stored]:
    """The rows of such a query, decoded."""
    found = list(rows)
    contents = body.decode_all([bytes(row.body) for row in found])
    return [
        Stored(row.type, row.id, row.version, content, row.received, row.ours, bytes(row.body))
        for row, content in zip(found, contents, strict=True)
    ]


def readable(rows: Iterable[Any]) -> tuple[list[Stored], list[str]]:
    """Those of the rows that can be read, decoded, and the `Type/id` of those that are damaged."""
    found: list[Stored] = []
    damaged: list[str] = []
    for row in rows:
        try:
            content: Any = body.decode(bytes(row.body))
        except (msgspec.MsgspecError, ValueError):
            content = None
        if isinstance(content, dict):
            found.append(Stored(row.type, row.id, row.version, content, row.received, row.ours, bytes(row.body)))
        else:
            damaged.append(f"{row.type}/{row.id}")
    return found, damaged


def read(tx: Connection, tenant: str, type: str, id: str) -> Stored | None:  # noqa: A002  FHIR's words
    """The current version; None when there is no such resource."""
    return next(iter(stored(tx.execute(_ONE, {"of": tenant, "kind": type, "name": id}))), None)


def vread(tx: Connection, tenant: str, type: str, id: str, version: int) -> Stored | None:  # noqa: A002  FHIR's words
    """One version, a late one included."""
    wanted = {"of": tenant, "kind": type, "name": id, "number": version}
    return next(iter(stored(tx.execute(_VERSION, wanted))), None)


class History:
    """The versions of one resource: the current one first, then the newest by number, whatever any clock said.

    Each is read when it is asked for, in the transaction that asked for the history.
    """

    def __init__(self, tx: Connection, local: str, key: int, current: int) -> None:
        self.local = local
        self._tx, self._key, self._current = tx, key, current

    def __bool__(self) -> bool:
        return self._current > 0

    def __len__(self) -> int:
        return self._extent(true())[0]

    def __iter__(self) -> Iterator[Stored]:
        mine = every().where(versions.c.resource == self._key)
        return iter(stored(self._tx.execute(mine.order_by(*_NEWEST_FIRST))))

    def page(self, count: int, *, since: datetime | None = None, cursor: str | None = None) -> Page:
        """So many versions at most, fewer of large ones, of those received `since` then, from `cursor` on.

        A cursor remembers which version stood first: nobody who turns pages misses one because another becomes current.
        """
        wanted = versions.c.resource == self._key
        if since is not None:  # finer than what is kept: the next whole millisecond
            least = to_millis(since) + (since.microsecond % 1000 > 0)
            wanted = and_(wanted, type_coerce(versions.c.received, BigInteger) >= least)
        extent = self._extent(wanted)  # before what is shown is read: what comes meanwhile is shown again, not missed
        first, last = cursors.read(cursor, int, int) if cursor else (self._current, 0)
        behind = versions.c.version != first if last else true()
        if last and last != first:
            behind = and_(behind, versions.c.version < last)
        order = ((versions.c.version == first).desc(), versions.c.version.desc())
        query = select(versions.c.version, func.length(versions.c.body)).where(wanted, behind).order_by(*order)
        listed = self._tx.execute(query.limit(count + 1)).all() if count > 0 else []
        sizes = accumulate(size for _, size in listed[:count])
        numbers = [
            row.version for row, size in zip(listed, sizes, strict=False) if size <= MOST_BYTES or row is listed[0]
        ]
        shown = every().where(versions.c.resource == self._key, versions.c.version.in_(numbers))
        found = stored(self._tx.execute(shown.order_by(*order)))
        more = cursors.write(first, found[-1].version) if len(listed) > len(found) > 0 else None
        return Page(found, more, *extent)

    def _extent(self, wanted: Any) -> tuple[int, datetime | None]:
        """How many of them are wanted, and when the last of all came: the next one comes then or later."""
        extent = select(func.count().filter(wanted), func.max(versions.c.received))
        count, last = self._tx.execute(extent.where(versions.c.resource == self._key)).one()
        return count, last


def history(tx: Connection, tenant: str, type: str, id: str) -> History:  # noqa: A002  FHIR's words
    """All versions, the current one first, then the newest by number; none where there is no such resource."""
    head = tx.execute(_HEAD, {"of": tenant, "kind": type, "name": id}).one_or_none()
    return History(tx, f"{type}/{id}", *(head or (0, 0)))


def read_many(tx: Connection, tenant: str, locals_: Collection[str]) -> dict[str, Stored]:
    """The current versions of these `Type/id`; those that are not there are left out."""
    return {one.local: one for one in stored(_among(tx, _MANY, tenant, locals_))}


def histories(tx: Connection, tenant: str, locals_: Collection[str]) -> dict[str, list[Stored]]:
    """All versions of each of these `Type/id`, in the order of `history`."""
    found: dict[str, list[Stored]] = {}
    for one in stored(_among(tx, _HISTORIES, tenant, locals_)):
        found.setdefault(one.local, []).append(one)
    return found


def _among(tx: Connection, query: Select[Any], tenant: str, locals_: Collection[str]) -> Iterable[Any]:
    if not locals_:
        return ()
    names = listing([local.split("/", 1) for local in locals_])
    return tx.execute(_of_named(query, tx.dialect.name), {"of": tenant, "names": names})


@cache
def _of_named(query: Select[Any], dialect: str) -> Select[Any]:
    return query.where(named(dialect))


def match_identifier(tx: Connection, tenant: str, type: str, system: str, value: str) -> list[Stored]:  # noqa: A002
    """The resources of a type that carry this identifier now, oldest first."""
    found = select(search.c.resource).where(
        search.c.tenant == tenant,
        search.c.field == f"{type}.identifier",
        search.c.value.in_(indexing.forms(value)),
        search.c.system.in_(indexing.forms(system)),
    )
    query = current().where(resources.c.tenant == tenant, resources.c.key.in_(found)).order_by(resources.c.key)
    return stored(tx.execute(query))


def last_change(tx: Connection, tenant: str, type: str, id: str) -> datetime | None:  # noqa: A002  FHIR's words
    """When this resource last changed, without reading its content."""
    wanted = {"of": tenant, "kind": type, "name": id}
    moment: datetime | None = tx.execute(_CHANGED, wanted).scalar_one_or_none()
    return moment
