"""One resource: as it is now, as a version was, as all its versions were; and resources by identifier."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from fhir_svc.record import Stored
from fhir_svc.store import body
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
    return next(iter(stored(tx.execute(current().where(_is(tenant, type, id))))), None)


def vread(tx: Connection, tenant: str, type: str, id: str, version: int) -> Stored | None:  # noqa: A002  FHIR's words
    """One version, a late one included."""
    wanted = every().where(_is(tenant, type, id), versions.c.version == version)
    return next(iter(stored(tx.execute(wanted))), None)


def history(tx: Connection, tenant: str, type: str, id: str) -> list[Stored]:  # noqa: A002  FHIR's words
    """All versions, newest first, by the source's own clock, else by receipt: a late one stands in its place."""
    age = func.coalesce(versions.c.source_updated, versions.c.received)
    newest_first = ((versions.c.version == resources.c.version).desc(), age.desc(), versions.c.version.desc())
    return stored(tx.execute(every().where(_is(tenant, type, id)).order_by(*newest_first)))


def match_identifier(tx: Connection, tenant: str, type: str, system: str, value: str) -> list[Stored]:  # noqa: A002
    """The resources of a type that carry this identifier now, oldest first."""
    found = select(search.c.resource).where(
        search.c.tenant == tenant,
        search.c.field == f"{type}.identifier",
        search.c.value == value,
        search.c.system == system,
    )
    query = current().where(resources.c.tenant == tenant, resources.c.key.in_(found)).order_by(resources.c.key)
    return stored(tx.execute(query))


def last_change(tx: Connection, tenant: str, type: str, id: str) -> datetime | None:  # noqa: A002  FHIR's words
    """When this resource last changed, without reading its content."""
    moment: datetime | None = tx.execute(select(resources.c.updated).where(_is(tenant, type, id))).scalar_one_or_none()
    return moment


def _is(tenant: str, type_: str, id_: str) -> Any:
    return and_(resources.c.tenant == tenant, resources.c.type == type_, resources.c.id == id_)
