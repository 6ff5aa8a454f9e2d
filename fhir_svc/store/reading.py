"""One resource: as it is now, as a version was, as all its versions were; and resources by identifier."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, select

from fhir_svc.record import Stored
from fhir_svc.store import body, indexing
from fhir_svc.store.bulk import listing, named
from fhir_svc.store.tables import resources, search, versions

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


_AGE = func.coalesce(versions.c.source_updated, versions.c.received)
_NEWEST_FIRST = ((versions.c.version == resources.c.version).desc(), _AGE.desc(), versions.c.version.desc())
_THIS = (
    resources.c.tenant == bindparam("of"),
    resources.c.type == bindparam("kind"),
    resources.c.id == bindparam("name"),
)
_ONE = current().where(*_THIS)
_VERSION = every().where(*_THIS, versions.c.version == bindparam("number"))
_HISTORY = every().where(*_THIS).order_by(*_NEWEST_FIRST)
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


def read(tx: Connection, tenant: str, type: str, id: str) -> Stored | None:  # noqa: A002  FHIR's words
    """The current version; None when there is no such resource."""
    return next(iter(stored(tx.execute(_ONE, {"of": tenant, "kind": type, "name": id}))), None)


def vread(tx: Connection, tenant: str, type: str, id: str, version: int) -> Stored | None:  # noqa: A002  FHIR's words
    """One version, a late one included."""
    wanted = {"of": tenant, "kind": type, "name": id, "number": version}
    return next(iter(stored(tx.execute(_VERSION, wanted))), None)


def history(tx: Connection, tenant: str, type: str, id: str) -> list[Stored]:  # noqa: A002  FHIR's words
    """All versions, newest first, by the source's own clock, else by receipt: a late one stands in its place."""
    return stored(tx.execute(_HISTORY, {"of": tenant, "kind": type, "name": id}))


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
