"""Work that is claimed in lots: deliveries to one EHR, many in one transaction and one conversation.

A row goes in a lot only on its first attempt and alone in its lane. What killed a process, or failed before, is tried
by itself, so that it drags nobody along.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, exists, literal_column, select, update

from fhir_svc.store.bulk import listing, one_of
from fhir_svc.store.clock import clock
from fhir_svc.store.tables import MILLISECOND, OPEN, work, work_history
from fhir_svc.store.work import RANK, Claim

# literals, because a partial index is not used for parameters
_DUE: ColumnElement[str] = literal_column("'due'")
_LEASED: ColumnElement[str] = literal_column("'leased'")


def claim_lot(
    tx: Connection, tenant: str, kind: str, *, worker: str, lease: timedelta, demo: bool, limit: int
) -> list[Claim]:
    """Lease up to `limit` due rows of a tenant that nobody tried yet, in the order in which they are to be done."""
    if limit <= 0:
        return []
    given = {"of": tenant, "kind": kind, "demo": demo, "most": limit}
    rows = tx.execute(_FRESH, given).all()
    if not rows:
        return []
    taken = {"ids": listing([row.id for row in rows]), "who": worker, "lease": lease // MILLISECOND}
    tx.execute(_leasing(tx.dialect.name), taken)
    return [
        Claim((row.id,), row.kind, tenant, row.patient, (row.subject,), row.at, 1, exhausted=False, demo=row.demo)
        for row in rows
    ]


_other = work.alias("other")
_ALONE = ~exists(
    select(_other.c.id)
    .where(_other.c.tenant == work.c.tenant, _other.c.lane == work.c.lane, _other.c.id != work.c.id)
    .where(_other.c.state.in_([_DUE, _LEASED]))
)
_FRESH = (
    select(work.c.id, work.c.kind, work.c.patient, work.c.subject, work.c.at, work.c.demo)
    .where(OPEN, work.c.state == _DUE, work.c.attempts == 0, work.c.not_before <= clock())
    .where(work.c.tenant == bindparam("of"), work.c.kind == bindparam("kind"), work.c.demo == bindparam("demo"))
    .where(_ALONE)
    .order_by(work.c.urgent.desc(), RANK, work.c.created)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=work)
)


@cache
def _leasing(dialect: str) -> Any:
    until = clock().op("+", return_type=work.c.lease_until.type)(bindparam("lease", type_=BigInteger))
    return (
        update(work)
        .where(one_of(dialect, work.c.id, "ids"), work.c.state == _DUE)
        .values(state="leased", worker=bindparam("who"), lease_until=until, attempts=1, updated=clock())
    )


def put_back(tx: Connection, ids: Collection[str], *, worker: str) -> None:
    """Leased -> due for what was not begun; it counts as no attempt."""
    if ids:
        tx.execute(_giving_back(tx.dialect.name), {"ids": listing(list(ids)), "who": worker})


@cache
def _giving_back(dialect: str) -> Any:
    return (
        update(work)
        .where(one_of(dialect, work.c.id, "ids"), work.c.state == _LEASED, work.c.worker == bindparam("who"))
        .values(
            state="due",
            attempts=work.c.attempts - 1,
            published=None,
            lease_until=None,
            worker=None,
            updated=clock(),
        )
    )


def failed_before(tx: Connection, ids: Collection[str]) -> set[str]:
    """Those of these rows with which anything went wrong before, also where that counted as no attempt."""
    if not ids:
        return set()
    return set(tx.execute(_noted(tx.dialect.name), {"ids": listing(list(ids))}).scalars())


@cache
def _noted(dialect: str) -> Select[Any]:
    return select(work_history.c.work).where(one_of(dialect, work_history.c.work, "ids")).distinct()
