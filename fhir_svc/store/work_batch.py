"""Many new work rows in one statement, for subjects that are new too: there is nothing open to be used again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection, func, select

from fhir_svc.store.bulk import insert_rows
from fhir_svc.store.clock import now
from fhir_svc.store.tables import tenants, to_millis, work

_COLUMNS = (
    *("id", "tenant", "demo", "kind", "subject", "patient", "lane", "urgent", "state", "attempts"),
    *("created", "at", "not_before", "updated"),
)


@dataclass(frozen=True, slots=True)
class New:
    """One row to come: what it is about, whose it is, whether it goes before others."""

    subject: str
    patient: str | None
    urgent: bool = False


def add_new(tx: Connection, *, tenant: str, kind: str, rows: Sequence[New]) -> None:
    """Add a due row for each; they are told of in this order."""
    if not rows:
        return
    demo = tx.execute(select(func.coalesce(tenants.c.demo, False)).where(tenants.c.name == tenant)).scalar_one_or_none()
    at = to_millis(now(tx))
    values = [
        (
            *(str(uuid4()), tenant, bool(demo), kind, row.subject, row.patient, f"{kind}/{row.subject}", row.urgent),
            *("due", 0, at, at, at, at),
        )
        for row in rows
    ]
    insert_rows(tx, work, _COLUMNS, values)
