"""What is known of our resources' copies in the EHR."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, func, select
from sqlalchemy.dialects import postgresql, sqlite

from fhir_svc.store.bulk import listing, one_of
from fhir_svc.store.clock import clock, later
from fhir_svc.store.tables import deliveries

FIRST_CHECK = timedelta(hours=1)  # after a delivery, until it is looked whether the EHR still holds it
_CHECKED = "ServiceRequest/"  # orders: what would be done twice, or not at all


@dataclass(frozen=True, slots=True)
class Delivery:
    """The EHR's copy: its id and version there, and which version of ours it holds. None: not known (yet)."""

    ehr_id: str | None = None
    ehr_version: str | None = None
    delivered_version: int | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """What a delivery found out of `Type/id`; None leaves what is known."""

    local: str
    ehr_id: str | None
    ehr_version: str | None = None
    delivered_version: int | None = None


def known(tx: Connection, tenant: str, local: str) -> Delivery | None:
    """The copy of `Type/id` in the tenant's EHR."""
    return known_of(tx, tenant, [local]).get(local)


def known_of(tx: Connection, tenant: str, locals_: Collection[str]) -> dict[str, Delivery]:
    """The copies of these `Type/id`, as far as they are known."""
    if not locals_:
        return {}
    rows = tx.execute(_known_of(tx.dialect.name), {"of": tenant, "locals": listing(sorted(locals_))})
    return {row.local: Delivery(row.ehr_id, row.ehr_version, row.delivered_version) for row in rows}


@cache
def _known_of(dialect: str) -> Select[Any]:
    columns = (deliveries.c.local, deliveries.c.ehr_id, deliveries.c.ehr_version, deliveries.c.delivered_version)
    mine = (deliveries.c.tenant == bindparam("of"), one_of(dialect, deliveries.c.local, "locals"))
    return select(*columns).where(*mine)


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
    record_many(tx, tenant, [Copied(local, ehr_id, ehr_version, delivered_version)])


def record_many(tx: Connection, tenant: str, found: Sequence[Copied]) -> None:
    """Note what the EHR holds of several resources, as `record` does of one."""
    if found:
        rows = [{"tenant": tenant, **{name: getattr(one, name) for name in _FOUND}} for one in found]
        tx.execute(_noting(tx.dialect.name), rows)


_FOUND = ("local", "ehr_id", "ehr_version", "delivered_version")


@cache
def _noting(dialect: str) -> Any:
    statement: Any = postgresql.insert(deliveries) if dialect == "postgresql" else sqlite.insert(deliveries)
    local: Any = bindparam("local")
    check = case((local.startswith(_CHECKED), later(FIRST_CHECK)), else_=None)
    fixed = {"local": local, "at": clock(), "check_at": check}
    statement = statement.values({name: bindparam(name) for name in ("tenant", *_FOUND)} | fixed)
    new = statement.excluded
    newest = case(
        (deliveries.c.delivered_version > new.delivered_version, deliveries.c.delivered_version),
        else_=func.coalesce(new.delivered_version, deliveries.c.delivered_version),
    )
    return statement.on_conflict_do_update(
        index_elements=["tenant", "local"],
        set_={
            "ehr_id": func.coalesce(new.ehr_id, deliveries.c.ehr_id),
            "ehr_version": func.coalesce(new.ehr_version, deliveries.c.ehr_version),
            "delivered_version": newest,
            "at": new.at,
            "check_at": new.check_at,
        },
    )
