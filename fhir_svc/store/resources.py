"""Resources and all their versions: the names by which other rooms reach writing, reading and search.

A resource's current version is the newest by its source's own `meta.lastUpdated`, else by receipt; whatever arrives
late is kept as a version and never becomes current. Served `meta.versionId` and `meta.lastUpdated` are ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, text, update

from fhir_svc.errors import Conflict, NotFound, PreconditionFailed
from fhir_svc.store import body
from fhir_svc.store.clock import now
from fhir_svc.store.cursors import Page
from fhir_svc.store.parameters import PARAMETERS
from fhir_svc.store.reading import histories, history, last_change, match_identifier, read, read_many, vread
from fhir_svc.store.records import patient_record
from fhir_svc.store.searching import search
from fhir_svc.store.tables import resources
from fhir_svc.store.writing import Put, Task, Written, forget_search, put_many, write_versions

__all__ = [
    "PARAMETERS",
    "Page",
    "Put",
    "Written",
    "change",
    "create",
    "create_many",
    "exclusive",
    "histories",
    "history",
    "last_change",
    "match_identifier",
    "patient_record",
    "put",
    "put_many",
    "read",
    "read_many",
    "search",
    "vread",
]


def create(
    tx: Connection,
    tenant: str,
    resource: Mapping[str, Any],
    *,
    patient: str | None,
    ours: bool,
    submission: str | None = None,
) -> Written:
    """Store a new resource under its `id`; Conflict if there is one."""
    return put_many(tx, tenant, [Put(resource, patient, ours, new=True)], submission=submission)[0]


def put(
    tx: Connection,
    tenant: str,
    resource: Mapping[str, Any],
    *,
    patient: str | None,
    ours: bool,
    submission: str | None = None,
    expected: int | None = None,
) -> Written:
    """Create or update; equal content changes nothing; PreconditionFailed if `expected` is not the current version."""
    return put_many(tx, tenant, [Put(resource, patient, ours, expected)], submission=submission)[0]


def create_many(
    tx: Connection,
    tenant: str,
    new: Sequence[Mapping[str, Any]],
    *,
    patient: str | None,
    ours: bool,
    submission: str | None = None,
) -> list[Written]:
    """Store new resources of one patient; Conflict if any id exists."""
    return put_many(tx, tenant, [Put(one, patient, ours, new=True) for one in new], submission=submission)


def change(
    tx: Connection,
    tenant: str,
    resource: Mapping[str, Any],
    *,
    version: int,
    statuses: Collection[str],
) -> Written:
    """Move a resource of ours on, in the UPDATE that checks its version and that its status is one of `statuses`."""
    kind, id_ = resource["resourceType"], resource["id"]
    moment = now(tx)
    mine = (resources.c.tenant == tenant, resources.c.type == kind, resources.c.id == id_)
    row = tx.execute(
        update(resources)
        .where(*mine, resources.c.version == version, resources.c.status.in_(statuses))
        .values(
            version=resources.c.latest + 1,
            latest=resources.c.latest + 1,
            status=resource.get("status"),
            digest=body.digest(resource),
            updated=moment,
        )
        .returning(resources.c.key, resources.c.version, resources.c.patient, resources.c.ours)
    ).one_or_none()
    if row is None:
        raise _refusal(tx.execute(select(resources.c.version).where(*mine)).scalar_one_or_none(), version)
    written = Written(kind, id_, row.version, created=False, changed=True, late=False, last_updated=moment)
    task = Task(Put(resource, row.patient, row.ours), "", None, row.key, row.version, written)
    forget_search(tx, [row.key])
    write_versions(tx, tenant, [task], moment, None)
    return written


def _refusal(found: int | None, version: int) -> Exception:
    if found is None:
        return NotFound("There is no such resource.")
    if found != version:
        return PreconditionFailed("This is no longer the current version: read it again.", error="version-conflict")
    return Conflict("This can't be done in the resource's present state.", error="state")


def exclusive(tx: Connection, *names: str) -> None:
    """Until the transaction ends nobody else holds this name: for "create it unless it exists" of any kind."""
    if tx.dialect.name == "postgresql":  # on SQLite a transaction excludes all others anyway
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": "\n".join(names)})
