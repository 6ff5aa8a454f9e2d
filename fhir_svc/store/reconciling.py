"""Which orders are to be looked for in the EHR again, and what was found.

An order is looked for an hour after its delivery, and then ever more rarely as it grows old, so that an EHR is asked
about as often after years as after weeks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, select, type_coerce, update

from fhir_svc.store import work as rows
from fhir_svc.store import work_faults
from fhir_svc.store.bulk import listing, one_of
from fhir_svc.store.clock import clock, later
from fhir_svc.store.delivery import FIRST_CHECK
from fhir_svc.store.tables import MILLISECOND, Moment, deliveries, work

RECONCILE, WRITE_BACK = "reconcile", "write_back"
_RARER = 24  # an order of a day is looked for after an hour, one of a month after a day and more


@dataclass(frozen=True, slots=True)
class Held:
    """An order that the EHR is believed to hold under `ehr_id`; `lost`: how often it was gone before."""

    local: str
    ehr_id: str | None
    lost: int


def due(tx: Connection, tenant: str, limit: int) -> list[Held]:
    """What is to be looked for now, the longest overdue first."""
    mine = (deliveries.c.tenant == tenant, deliveries.c.check_at <= clock())
    columns = (deliveries.c.local, deliveries.c.ehr_id, deliveries.c.lost)
    return [
        Held(*row) for row in tx.execute(select(*columns).where(*mine).order_by(deliveries.c.check_at).limit(limit))
    ]


def begun(tx: Connection, tenant: str) -> bool:
    """Whether this tenant's orders are being looked for, or that waits for an admin."""
    mine = (work.c.tenant == tenant, work.c.kind == RECONCILE, work.c.state.in_(("due", "leased", "quarantined")))
    return tx.execute(select(work.c.id).where(*mine).limit(1)).first() is not None


def spoken_for(tx: Connection, tenant: str, locals_: Collection[str]) -> set[str]:
    """Those of these orders that are on their way already, or that an admin is asked about or has decided on."""
    if not locals_:
        return set()
    mine = (work.c.tenant == bindparam("of"), work.c.kind == WRITE_BACK, work.c.state != "done")
    query = select(work.c.subject).where(*mine, one_of(tx.dialect.name, work.c.subject, "locals"))
    return set(tx.execute(query, {"of": tenant, "locals": listing(sorted(locals_))}).scalars())


def seen(tx: Connection, tenant: str, locals_: Collection[str]) -> None:
    """These stand in the EHR as they should: look again later."""
    age = (type_coerce(clock(), BigInteger) - type_coerce(deliveries.c.at, BigInteger)) // _RARER
    first = FIRST_CHECK // MILLISECOND
    wait: Any = case((age > first, age), else_=first)
    _note(tx, tenant, locals_, check_at=clock().op("+", return_type=Moment())(wait))


def settled(tx: Connection, tenant: str, locals_: Collection[str]) -> None:
    """These need not be looked for any more, until they are delivered again."""
    _note(tx, tenant, locals_, check_at=None)


def moved(tx: Connection, tenant: str, local: str, ehr_id: str) -> None:
    """The one copy has another id; what stands there is read before it is written over."""
    _note(tx, tenant, [local], ehr_id=ehr_id, ehr_version=None, check_at=later(FIRST_CHECK))


def gone(tx: Connection, tenant: str, local: str) -> None:
    """The EHR holds it no more: what was known of its copy is forgotten, so that it can be delivered anew."""
    forgotten = {"ehr_id": None, "ehr_version": None, "delivered_version": None, "check_at": None}
    _note(tx, tenant, [local], **forgotten, lost=deliveries.c.lost + 1)


def set_aside(tx: Connection, tenant: str, local: str, patient: str | None, *, error: str) -> None:
    """Ask an admin about the delivery of an order: its row stands in quarantine."""
    row = rows.add(tx, tenant=tenant, kind=WRITE_BACK, subject=local, patient=patient)
    work_faults.arrest(tx, row, error=error)


def _note(tx: Connection, tenant: str, locals_: Collection[str], **values: Any) -> None:
    if locals_:
        mine = (deliveries.c.tenant == bindparam("of"), one_of(tx.dialect.name, deliveries.c.local, "locals"))
        told = {"of": tenant, "locals": listing(sorted(locals_))}
        tx.execute(update(deliveries).where(*mine).values(**values), told)
