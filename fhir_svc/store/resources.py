"""Resources and all their versions: the writing side, and the names by which other rooms reach the reading side.

A resource's current version is the newest by its source's own `meta.lastUpdated`, else by receipt; whatever arrives
late is kept as a version and never becomes current. Served `meta.versionId` and `meta.lastUpdated` are ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exc, select, text, update

from fhir_svc.errors import Conflict, NotFound, PreconditionFailed
from fhir_svc.store import body, indexing
from fhir_svc.store.bulk import insert_missing, insert_rows, new_keys, one_of
from fhir_svc.store.clock import now
from fhir_svc.store.cursors import Page
from fhir_svc.store.merges import note_link
from fhir_svc.store.parameters import PARAMETERS
from fhir_svc.store.periods import interval
from fhir_svc.store.reading import history, last_change, match_identifier, read, vread
from fhir_svc.store.records import patient_record
from fhir_svc.store.searching import search
from fhir_svc.store.tables import from_millis, resources, to_millis, versions
from fhir_svc.store.tables import search as search_rows

__all__ = [
    "PARAMETERS",
    "Page",
    "Put",
    "Written",
    "change",
    "create",
    "create_many",
    "exclusive",
    "history",
    "last_change",
    "match_identifier",
    "patient_record",
    "put",
    "put_many",
    "read",
    "search",
    "vread",
]

_HEAD = ("key", "tenant", "type", "id", "version", "latest", "status", "patient", "ours", "digest")
_HEAD_COLUMNS = (*_HEAD, "source_updated", "created", "updated")
_VERSION_COLUMNS = ("resource", "version", "received", "source_updated", "late", "submission", "body")
_SEARCH_COLUMNS = ("tenant", "field", "value", "system", "low", "high", "resource")


@dataclass(frozen=True, slots=True)
class Put:
    """One resource to write.

    `patient` is the Patient's id; `ours`: this service wrote it; `expected` is If-Match's version; `new`: Conflict if
    the id exists.
    """

    resource: Mapping[str, Any]
    patient: str | None
    ours: bool = False
    expected: int | None = None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did. `version` is the one this content has; `late`: kept, but older than the current one."""

    type: str
    id: str
    version: int
    created: bool
    changed: bool
    late: bool
    last_updated: datetime


@dataclass(slots=True)
class _Task:
    """A write under way: `key` and `version` are known once its head row is written."""

    put: Put
    digest: str
    source: int | None
    key: int = 0
    version: int = 1
    outcome: Written | None = None

    @property
    def name(self) -> tuple[str, str]:
        return self.put.resource["resourceType"], self.put.resource["id"]


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


def put_many(tx: Connection, tenant: str, puts: Sequence[Put], *, submission: str | None = None) -> list[Written]:
    """Write many resources in a handful of statements; the answers stand in the order of `puts`."""
    moment = now(tx)
    tasks = [_Task(one, body.digest(one.resource), _source_updated(one)) for one in puts]
    if len({task.name for task in tasks}) < len(tasks):
        raise Conflict("A resource stands here twice.", error="duplicate")
    pending = tasks
    while pending:  # again only for an id that somebody else created between looking and inserting
        heads = _lock_heads(tx, tenant, [task.name for task in pending if not task.put.new])
        for task in pending:
            if task.name in heads:
                _revise(task, heads[task.name], moment)
        fresh = sorted((task for task in pending if task.name not in heads), key=lambda task: task.name)
        pending = _insert_heads(tx, tenant, fresh, moment)
    _update_heads(tx, [task for task in tasks if task.outcome and not task.outcome.created], moment)
    _write_versions(tx, tenant, tasks, moment, submission)
    return [task.outcome for task in tasks if task.outcome]


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
    task = _Task(Put(resource, row.patient, row.ours), "", None, row.key, row.version, written)
    _forget_search(tx, [row.key])
    _write_versions(tx, tenant, [task], moment, None)
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


def _source_updated(one: Put) -> int | None:
    """The source's own `meta.lastUpdated` in milliseconds; what we write has none."""
    found = None if one.ours else interval(str(one.resource.get("meta", {}).get("lastUpdated", "")))
    return found[0] if found else None


def _lock_heads(tx: Connection, tenant: str, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    if not names:
        return {}
    columns = [resources.c[name] for name in (*_HEAD, "source_updated", "updated")]
    query = select(*columns).where(
        resources.c.tenant == tenant,
        resources.c.type.in_({kind for kind, _ in names}),
        one_of(tx, resources.c.id, [id_ for _, id_ in names]),
    )
    rows = tx.execute(query.order_by(resources.c.key).with_for_update()).all()
    return {(row.type, row.id): row for row in rows}


def _revise(task: _Task, head: Any, moment: datetime) -> None:
    """Decide what a write does to a resource that exists."""
    if head.ours and not task.put.ours:
        raise Conflict("This was written by the service itself and changes only here.", error="ours")
    if task.put.expected is not None and task.put.expected != head.version:
        raise PreconditionFailed("This is no longer the current version: read it again.", error="version-conflict")
    stored = None if head.source_updated is None else to_millis(head.source_updated)
    late = task.source is not None and stored is not None and task.source < stored
    changed = task.digest != head.digest
    task.key = head.key
    task.version = head.latest + 1 if changed else head.version
    if not changed and (task.source is None or late):
        task.source = stored  # nothing new was learnt of its age
    if changed and task.source is None:
        late = False
    updated = moment if changed else head.updated
    task.outcome = Written(
        *task.name, version=task.version, created=False, changed=changed, late=changed and late, last_updated=updated
    )


def _insert_heads(tx: Connection, tenant: str, tasks: Sequence[_Task], moment: datetime) -> list[_Task]:
    """Insert the heads of new resources; gives back those whose id somebody else created meanwhile."""
    if any(task.put.expected is not None for task in tasks):
        raise PreconditionFailed("There is no such resource to update.", error="version-conflict")
    at = to_millis(moment)
    for task, key in zip(tasks, new_keys(tx, len(tasks)) if tasks else (), strict=True):
        task.key = key
    rows = [
        (
            task.key, tenant, *task.name, 1, 1, task.put.resource.get("status"), task.put.patient, task.put.ours,
            task.digest, task.source, at, at,
        )
        for task in tasks
    ]  # fmt: skip
    try:
        inserted = insert_missing(tx, resources, _HEAD_COLUMNS, rows)
    except exc.IntegrityError:
        raise Conflict("There is a resource of this id.", error="exists") from None
    lost = [task for task in tasks if task.key not in inserted]
    if any(task.put.new for task in lost):
        raise Conflict("There is a resource of this id.", error="exists")
    for task in tasks:
        if task.key in inserted:
            task.outcome = Written(*task.name, 1, created=True, changed=True, late=False, last_updated=moment)
    return lost


def _update_heads(tx: Connection, tasks: Sequence[_Task], moment: datetime) -> None:
    moved = [task.key for task in tasks if task.outcome and task.outcome.changed and not task.outcome.late]
    _forget_search(tx, moved)
    for task in tasks:
        values: dict[str, Any] = {}
        if task.outcome and task.outcome.changed:
            values["latest"] = task.version
        if task.outcome and not task.outcome.late and task.source is not None:
            values["source_updated"] = from_millis(task.source)
        if task.key in moved:
            values |= {
                "version": task.version,
                "status": task.put.resource.get("status"),
                "patient": task.put.patient,
                "ours": task.put.ours,
                "digest": task.digest,
                "source_updated": None if task.source is None else from_millis(task.source),
                "updated": moment,
            }
        if values:
            tx.execute(update(resources).where(resources.c.key == task.key).values(**values))


def _forget_search(tx: Connection, keys: Sequence[int]) -> None:
    if keys:
        tx.execute(delete(search_rows).where(one_of(tx, search_rows.c.resource, keys)))


def _write_versions(
    tx: Connection, tenant: str, tasks: Sequence[_Task], moment: datetime, submission: str | None
) -> None:
    """Insert the version rows, and the search rows of what is current now."""
    at, updated = to_millis(moment), body.instant(moment)
    bodies, values = [], []
    for task in tasks:
        if not task.outcome or not task.outcome.changed:
            continue
        late = task.outcome.late
        raw = body.served(task.put.resource, task.version, updated)
        bodies.append((task.key, task.version, at, task.source, late, submission, raw))
        if not late:
            values += [(tenant, *value, task.key) for value in indexing.values_of(task.put.resource)]
            if task.put.resource["resourceType"] == "Patient":
                note_link(tx, tenant, task.put.resource)
    insert_rows(tx, versions, _VERSION_COLUMNS, bodies)
    insert_rows(tx, search_rows, _SEARCH_COLUMNS, values)
