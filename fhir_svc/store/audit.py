"""AuditEvents, chained by hash per tenant: what was written can't be edited, removed or reordered unseen.

Nothing in this service updates or deletes a row of `audit`. Appending locks the tenant's chain until the transaction
ends, so it is the last write of a transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, and_, bindparam, func, insert, literal, or_, select, tuple_, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import NullType

from fhir_svc.errors import Malformed
from fhir_svc.record import Stored
from fhir_svc.store import asking, body, cursors, periods
from fhir_svc.store.clock import clock
from fhir_svc.store.cursors import Page
from fhir_svc.store.parameters import AUDITED
from fhir_svc.store.tables import Moment, audit, audit_heads, from_millis, to_millis

START = "0" * 64
NOBODY = "*"  # the chain of what was refused to nobody known: no tenant's, shown to every tenant's admin
PARAMETERS = AUDITED
_RECORDED = frozenset({"date", "_lastUpdated"})


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a tenant's chain."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain is broken, and how: edited, missing, moved, truncated or rewritten."""

    tenant: str
    sequence: int
    kind: str


def record(tx: Connection, tenant: str, event: Mapping[str, Any]) -> None:
    """Append an AuditEvent to the tenant's chain, locking it: the last write of a transaction."""
    record_many(tx, tenant, [event])


def record_many(tx: Connection, tenant: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Append AuditEvents in this order, as `record` does one; each gets the moment at which it is recorded."""
    if not events:
        return
    head = tx.execute(_counting_on(tx.dialect.name), {"tenant": tenant, "more": len(events)}).one()
    sequence, previous, recorded = head.sequence - len(events), head.hash, head.recorded
    at = body.instant(recorded)
    rows = []
    for event in events:
        content = {**event, "id": event.get("id") or str(uuid4()), "recorded": at}
        raw = body.canonical(content)
        sequence += 1
        chained = _hash(tenant, sequence, to_millis(recorded), previous, raw)
        rows.append((tenant, sequence, content["id"], recorded, *_searchable(content), previous, chained, raw))
        previous = chained
    if len(rows) == 1:
        tx.execute(_ENTRY, dict(zip(_COLUMNS, rows[0], strict=True)))
    else:
        tx.execute(_ENTRY, [dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    tx.execute(_CLOSE, {"of": tenant, "hash": previous})


_SEARCHED = ("type", "subtype", "action", "outcome", "agent", "patient", "entity")
_COLUMNS = ("tenant", "sequence", "id", "recorded", *_SEARCHED, "previous", "hash", "body")
_ENTRY = insert(audit)
_CLOSE = audit_heads.update().where(audit_heads.c.tenant == bindparam("of")).values(hash=bindparam("hash"))


@cache
def _counting_on(dialect: str) -> Any:
    """Lock the chain and count on by `more`; the hash is still that of the last entry."""
    statement: Any = postgresql.insert(audit_heads) if dialect == "postgresql" else sqlite.insert(audit_heads)
    statement = statement.values(tenant=bindparam("tenant"), sequence=bindparam("more"), hash=START)
    return statement.on_conflict_do_update(
        index_elements=["tenant"], set_={"sequence": audit_heads.c.sequence + statement.excluded.sequence}
    ).returning(audit_heads.c.sequence, audit_heads.c.hash, clock().label("recorded"))


def _hash(tenant: str, sequence: int, recorded: Any, previous: str, raw: bytes) -> str:
    return hashlib.sha256(f"{tenant}\n{sequence}\n{recorded}\n{previous}\n".encode() + raw).hexdigest()


def _searchable(event: Mapping[str, Any]) -> tuple[str | None, ...]:
    """What an entry is found by: the values of `_SEARCHED`."""
    agents = sorted(event.get("agent", []), key=lambda agent: not agent.get("requestor"))
    entities = event.get("entity", [])
    person = next((one for one in entities if one.get("role", {}).get("code") == "1"), None)
    thing = next((one["what"] for one in entities if one.get("what", {}).get("reference")), None)
    return (
        event.get("type", {}).get("code"),
        next((one.get("code") for one in event.get("subtype", [])), None),
        event.get("action"),
        event.get("outcome"),
        next((_name(one.get("who", {})) for one in agents), None),
        None if person is None else _name(person.get("what", {})),
        None if thing is None else _name(thing),
    )


def _name(reference: Mapping[str, Any]) -> str | None:
    identifier: str | None = reference.get("identifier", {}).get("value")
    return identifier or reference.get("reference") or reference.get("display")


def heads(tx: Connection) -> dict[str, Head]:
    """The end of every tenant's chain: keep them outside the database, and a truncation can be found."""
    return {row.tenant: Head(row.sequence, row.hash) for row in tx.execute(select(audit_heads))}


def verify(tx: Connection, heads: Mapping[str, Head] | None = None) -> list[Fault]:
    """Walk every chain; `heads` are ends noted earlier. No fault: nothing was edited, removed, moved or cut off."""
    now_heads = {row.tenant: Head(row.sequence, row.hash) for row in tx.execute(select(audit_heads))}
    named = set(tx.execute(select(audit.c.tenant).distinct()).scalars())
    faults: list[Fault] = []
    for tenant in sorted(named | set(now_heads) | set(heads or {})):
        if tenant in named and tenant not in now_heads:
            faults.append(Fault(tenant, 0, "missing"))  # the end itself: entries may have gone with it
        ends = [now_heads.get(tenant, Head(0, START))]
        if heads and tenant in heads:
            ends.append(heads[tenant])
        faults.extend(_walk(tx, tenant, ends))
    return faults


def _walk(tx: Connection, tenant: str, ends: Sequence[Head]) -> Iterator[Fault]:
    expected, previous = 1, START
    noted = {end.sequence: end.hash for end in ends if end.sequence}
    # whoever tampers may leave values of any type: they are read as they are
    columns = (type_coerce(audit.c[name], NullType()).label(name) for name in _COLUMNS)
    for row in tx.execute(select(*columns).where(audit.c.tenant == tenant).order_by(audit.c.sequence)):
        if row.sequence != expected:
            yield Fault(tenant, expected, "missing")
        elif row.previous != previous:
            yield Fault(tenant, row.sequence, "moved")
        if not _intact(row):
            yield Fault(tenant, row.sequence, "edited")
        elif noted.get(row.sequence, row.hash) != row.hash:
            yield Fault(tenant, row.sequence, "rewritten")
        expected, previous = row.sequence + 1, row.hash
    last = max((end.sequence for end in ends), default=0)
    if last >= expected:
        yield Fault(tenant, expected, "truncated")


def _intact(row: Any) -> bool:
    """Whether the hash covers the entry, and what it is found by is what it says."""
    raw = row.body.encode() if isinstance(row.body, str) else bytes(row.body)
    if _hash(row.tenant, row.sequence, row.recorded, row.previous, raw) != row.hash:
        return False
    content = body.decode(raw)
    return (row.id, *(getattr(row, name) for name in _SEARCHED)) == (content["id"], *_searchable(content))


def read(tx: Connection, tenant: str, event_id: str) -> Stored | None:
    """One AuditEvent."""
    query = select(audit.c.recorded, audit.c.body).where(audit.c.tenant.in_((tenant, NOBODY)), audit.c.id == event_id)
    row = tx.execute(query).one_or_none()
    return _stored(row) if row else None


def search(
    tx: Connection,
    tenant: str,
    params: Sequence[tuple[str, str]],
    *,
    sort: str | None = None,
    count: int,
    cursor: str | None = None,
) -> Page:
    """AuditEvents in the order in which they were recorded; `PARAMETERS` lists what can be asked.

    `sort` is `_sort`'s value; without it the newest stand first.
    """
    descending = _descending(sort)
    wanted = and_(audit.c.tenant.in_((tenant, NOBODY)), *(_condition(name, value) for name, value in params))
    total = tx.execute(select(func.count()).select_from(audit).where(wanted)).scalar_one()
    order = (audit.c.recorded, audit.c.sequence, audit.c.tenant)
    query = select(*order, audit.c.body).where(wanted)
    if cursor:
        at, sequence, chain = cursors.read(cursor, int, int, str)
        here, place = tuple_(*order), tuple_(literal(from_millis(at), Moment), sequence, chain)
        query = query.where(here < place if descending else here > place)
    query = query.order_by(*(column.desc() if descending else column.asc() for column in order))
    rows = tx.execute(query.limit(count + 1)).all()
    last = rows[count - 1] if len(rows) > count > 0 else None
    more = cursors.write(to_millis(last.recorded), last.sequence, last.tenant) if last else None
    return Page([_stored(row) for row in rows[:count]], more, total)


def _descending(sort: str | None) -> bool:
    """The chain's own order is that of the moments, whatever they are called; the first term says from which end."""
    terms = (sort or "-date").split(",")
    if any(term.removeprefix("-") not in _RECORDED for term in terms):
        raise asking.bad_sort()
    return terms[0].startswith("-")


def _condition(name: str, value: str) -> Any:
    if ":" in name:
        raise asking.bad_modifier("AuditEvent", name)
    wanted = value.split(",")
    if name in _RECORDED:
        try:
            return or_(*(periods.condition(one, audit.c.recorded, audit.c.recorded) for one in wanted))
        except Malformed as failure:
            raise failure.at(asking.place("AuditEvent", name)) from None
    column = audit.c["id" if name == "_id" else name]
    return column.in_([one.rpartition("|")[2] for one in wanted])


def _stored(row: Any) -> Stored:
    content = body.decode(bytes(row.body))
    content["meta"] = {**content.get("meta", {}), "versionId": "1", "lastUpdated": body.instant(row.recorded)}
    return Stored("AuditEvent", content["id"], 1, content, row.recorded, ours=True, body=body.encode(content))


__all__ = ["PARAMETERS", "Fault", "Head", "heads", "read", "record", "search", "verify"]
