"""How resources are written: many at once, heads locked or inserted, then versions, then what they are found by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Delete, Select, bindparam, delete, exc, select, update

from fhir_svc.errors import Conflict, PreconditionFailed
from fhir_svc.store import body, indexing
from fhir_svc.store.bulk import insert_missing, insert_rows, listing, moment_and_keys, named, one_of
from fhir_svc.store.clock import now
from fhir_svc.store.merges import note_link
from fhir_svc.store.periods import interval
from fhir_svc.store.tables import from_millis, resources, search, to_millis, versions

_HEAD = ("key", "tenant", "type", "id", "version", "latest", "status", "patient", "ours", "digest")
_HEAD_COLUMNS = (*_HEAD, "source_updated", "created", "updated")
_VERSION_COLUMNS = ("resource", "version", "received", "source_updated", "late", "submission", "body")
_SKEW = timedelta(minutes=15)
_SEARCH_COLUMNS = ("tenant", "field", "value", "system", "low", "high", "resource")


class Put(NamedTuple):
    """One resource to write.

    `patient` is the Patient's id; `ours`: this service wrote it; `expected` is If-Match's version; `new`: the id was
    made for it (Conflict if it exists all the same); `absent`: PreconditionFailed if the id exists. `place` is where in
    the request it stands, for a refusal to name.
    """

    resource: Mapping[str, Any]
    patient: str | None
    ours: bool = False
    expected: int | None = None
    new: bool = False
    absent: bool = False
    place: str | None = None


class Written(NamedTuple):
    """What a write did. `version` is the one this content has; `late`: kept, but older than the current one.

    `left` is the patient whom the resource was about until now, where that is another.
    """

    type: str
    id: str
    version: int
    created: bool
    changed: bool
    late: bool
    last_updated: datetime
    left: str | None = None


@dataclass(slots=True)
class Task:
    """A write under way: `key` is for a new head row, or of the one that exists; `name` is type and id."""

    put: Put
    digest: str
    source: int | None
    key: int
    version: int = 1
    outcome: Written | None = None
    name: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.put.resource["resourceType"], self.put.resource["id"]


def put_many(tx: Connection, tenant: str, puts: Sequence[Put], *, submission: str | None = None) -> list[Written]:
    """Write many resources in a handful of statements; the answers stand in the order of `puts`."""
    moment, keys = moment_and_keys(tx, len(puts))
    tasks = [
        Task(one, body.digest(one.resource), _source_updated(one, moment), key)
        for one, key in zip(puts, keys, strict=True)
    ]
    if len({task.name for task in tasks}) < len(tasks):
        raise Conflict("A resource stands here twice.", error="duplicate")
    pending = tasks
    while pending:  # again only for an id that somebody else created between looking and inserting
        heads = _lock_heads(tx, tenant, [task.name for task in pending if not task.put.new])
        if heads:
            moment = now(tx)  # who held them until now may have written later than this began
        for task in pending:
            if task.name in heads:
                _revise(task, heads[task.name], moment)
        fresh = sorted((task for task in pending if task.name not in heads), key=lambda task: task.name)
        pending = _insert_heads(tx, tenant, fresh, moment)
    _update_heads(tx, [task for task in tasks if task.outcome and not task.outcome.created], moment)
    write_versions(tx, tenant, tasks, moment, submission)
    return [task.outcome for task in tasks if task.outcome]


def _source_updated(one: Put, moment: datetime) -> int | None:
    """The source's own `meta.lastUpdated` in milliseconds, if it can be; what we write has none."""
    found = None if one.ours else interval(str(one.resource.get("meta", {}).get("lastUpdated", "")))
    # a time ahead would keep every true later version out; one before there were records means "unknown"
    return found[0] if found and 0 <= found[0] <= to_millis(moment + _SKEW) else None


def _lock_heads(tx: Connection, tenant: str, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    if not names:
        return {}
    rows = tx.execute(_heads_of(tx.dialect.name), {"of": tenant, "names": listing(names)}).all()
    return {(row.type, row.id): row for row in rows}


@cache
def _heads_of(dialect: str) -> Select[Any]:
    """Locked in the order of their keys, so that two bundles about the same resources can't wait for each other."""
    columns = [resources.c[name] for name in (*_HEAD, "source_updated", "updated")]
    return select(*columns).where(named(dialect)).order_by(resources.c.key).with_for_update()


def _revise(task: Task, head: Any, moment: datetime) -> None:
    """Decide what a write does to a resource that exists."""
    if head.ours and not task.put.ours:
        raise Conflict(
            "This was written by the service itself and changes only here.", error="ours", expression=task.put.place
        )
    if task.put.absent:
        raise PreconditionFailed("There is a resource of this id.", expression=task.put.place)
    if task.put.expected is not None and task.put.expected != head.version:
        raise PreconditionFailed(
            "This is no longer the current version: read it again.",
            error="version-conflict",
            expression=task.put.place,
        )
    stored = None if head.source_updated is None else to_millis(head.source_updated)
    changed = task.digest != head.digest
    older = task.source is not None and stored is not None and task.source < stored
    task.key = head.key
    task.version = head.latest + 1 if changed else head.version
    if not changed and (task.source is None or older):
        task.source = stored  # nothing new was learnt of its age
    updated = moment if changed else head.updated
    late = changed and older
    task.outcome = Written(
        *task.name,
        version=task.version,
        created=False,
        changed=changed,
        late=late,
        last_updated=updated,
        left=head.patient if changed and not late and head.patient != task.put.patient else None,
    )


def _insert_heads(tx: Connection, tenant: str, tasks: Sequence[Task], moment: datetime) -> list[Task]:
    """Insert the heads of new resources; gives back those whose id somebody else created meanwhile."""
    for task in tasks:
        if task.put.expected is not None:
            text = "There is no such resource to update."
            raise PreconditionFailed(text, error="version-conflict", expression=task.put.place)
    at = to_millis(moment)
    rows: dict[bool, list[tuple[Any, ...]]] = {True: [], False: []}
    for task in tasks:
        rows[task.put.new].append((
            task.key, tenant, *task.name, 1, 1, task.put.resource.get("status"), task.put.patient, task.put.ours,
            task.digest, task.source, at, at,
        ))  # fmt: skip
    try:
        inserted = insert_missing(tx, resources, _HEAD_COLUMNS, rows[False], certain=rows[True])
    except exc.IntegrityError:
        raise Conflict("There is a resource of this id.", error="exists") from None
    for task in tasks:
        if task.key in inserted:
            task.outcome = Written(*task.name, 1, created=True, changed=True, late=False, last_updated=moment)
    return [task for task in tasks if task.key not in inserted]


def _update_heads(tx: Connection, tasks: Sequence[Task], moment: datetime) -> None:
    moved = [task for task in tasks if task.outcome and task.outcome.changed and not task.outcome.late]
    if moved:
        forget_search(tx, [task.key for task in moved])
        tx.execute(_MOVE_ON, [_moved(task, moment) for task in moved])
    for task in tasks:
        if task.outcome and task.outcome.late:
            tx.execute(_COUNT_ON, {"head": task.key, "latest": task.version})
        elif task.outcome and not task.outcome.changed and task.source is not None:
            tx.execute(_DATE_ON, {"head": task.key, "source_updated": from_millis(task.source)})


_HEAD_OF = update(resources).where(resources.c.key == bindparam("head"))
_COUNT_ON = _HEAD_OF.values(latest=bindparam("latest"))
_DATE_ON = _HEAD_OF.values(source_updated=bindparam("source_updated"))
_MOVE_ON = _HEAD_OF.values(
    {
        name: bindparam(name)
        for name in ("version", "latest", "status", "patient", "ours", "digest", "source_updated", "updated")
    }
)


def _moved(task: Task, moment: datetime) -> dict[str, Any]:
    return {
        "head": task.key,
        "version": task.version,
        "latest": task.version,
        "status": task.put.resource.get("status"),
        "patient": task.put.patient,
        "ours": task.put.ours,
        "digest": task.digest,
        "source_updated": None if task.source is None else from_millis(task.source),
        "updated": moment,
    }


def forget_search(tx: Connection, keys: Sequence[int]) -> None:
    """Drop what these resources were found by."""
    tx.execute(_found_by(tx.dialect.name), {"gone": listing(keys)})


@cache
def _found_by(dialect: str) -> Delete:
    return delete(search).where(one_of(dialect, search.c.resource, "gone"))


def write_versions(
    tx: Connection, tenant: str, tasks: Sequence[Task], moment: datetime, submission: str | None
) -> None:
    """Insert the version rows, and the search rows of what is current now."""
    changed = [task for task in tasks if task.outcome and task.outcome.changed]
    current = [task for task in changed if task.outcome and not task.outcome.late]
    if not changed:
        return
    insert_rows(tx, versions, _VERSION_COLUMNS, _versions(changed, moment, submission))
    values = ((tenant, *value, task.key) for task in current for value in indexing.values_of(task.put.resource))
    insert_rows(tx, search, _SEARCH_COLUMNS, values)
    for task in current:
        if task.put.resource["resourceType"] == "Patient":
            note_link(tx, tenant, task.put.resource, new=task.put.new)


def _versions(tasks: Sequence[Task], moment: datetime, submission: str | None) -> Iterator[tuple[Any, ...]]:
    at, updated = to_millis(moment), body.instant(moment)
    for task in tasks:
        raw = body.served(task.put.resource, task.version, updated)
        late = task.outcome is not None and task.outcome.late
        yield task.key, task.version, at, task.source, late, submission, raw
