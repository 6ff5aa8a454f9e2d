"""What is known of our resources' copies in the EHR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select
from sqlalchemy.dialects import postgresql, sqlite

from fhir_svc.store.clock import clock
from fhir_svc.store.tables import deliveries


@dataclass(frozen=True, slots=True)
class Delivery:
    """The EHR's copy: its id and version there, and which version of ours it holds. None: not known (yet)."""

    ehr_id: str | None = None
    ehr_version: str | None = None
    delivered_version: int | None = None


def known(tx: Connection, tenant: str, local: str) -> Delivery | None:
    """The copy of `Type/id` in the tenant's EHR."""
    columns = (deliveries.c.ehr_id, deliveries.c.ehr_version, deliveries.c.delivered_version)
    query = select(*columns).where(deliveries.c.tenant == tenant, deliveries.c.local == local)
    row = tx.execute(query).one_or_none()
    return Delivery(*row) if row else None


def record(
    tx: Connection,
    tenant: str,
    local: str,
    *,
    ehr_id: str | None,
    ehr_version: str | None = None,
    delivered_version: int | None = None,
) -> None:
    """Note what the EHR holds; None leaves what is known, and an older delivered version never replaces a newer."""
    statement: Any = postgresql.insert(deliveries) if tx.dialect.name == "postgresql" else sqlite.insert(deliveries)
    values = {"ehr_id": ehr_id, "ehr_version": ehr_version, "delivered_version": delivered_version}
    statement = statement.values(tenant=tenant, local=local, at=clock(), **values)
    new = statement.excluded
    newest = case(
        (deliveries.c.delivered_version > new.delivered_version, deliveries.c.delivered_version),
        else_=func.coalesce(new.delivered_version, deliveries.c.delivered_version),
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant", "local"],
            set_={
                "ehr_id": func.coalesce(new.ehr_id, deliveries.c.ehr_id),
                "ehr_version": func.coalesce(new.ehr_version, deliveries.c.ehr_version),
                "delivered_version": newest,
                "at": new.at,
            },
        )
    )
