"""Tenants: an EHR, its site's choices, and the identifier systems by which it names patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from fhir_svc.errors import Conflict, NotFound
from fhir_svc.store.clock import clock, now
from fhir_svc.store.tables import tenants


@dataclass(frozen=True, slots=True)
class Tenant:
    """One EHR and its site.

    `ehr_key` is the path of the PEM file with which we authenticate to the EHR as `ehr_client`; `values` are the
    site's values for the Library's parameters; `identifier_systems` those that identify a patient; `demo` rows are
    only touched by processes that `demo` or `serve` started.
    """

    name: str
    ehr_base: str
    timezone: str | None = None
    ehr_client: str | None = None
    ehr_key: str | None = None
    identifier_systems: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    demo: bool = False


FIELDS = tuple(one.name for one in fields(Tenant))


def add(tx: Connection, tenant: Tenant) -> None:
    """Register a tenant; Conflict when the name is taken."""
    if find(tx, tenant.name):
        raise Conflict("There is a tenant of this name.", error="exists")
    tx.execute(insert(tenants).values(created=clock(), name=tenant.name, **_values(tenant)))


def change(tx: Connection, tenant: Tenant) -> None:
    """Replace what is known of a tenant; NotFound when there is none of this name."""
    if not tx.execute(update(tenants).where(tenants.c.name == tenant.name).values(**_values(tenant))).rowcount:
        raise NotFound("There is no such tenant.")


def find(tx: Connection, name: str) -> Tenant | None:
    """The tenant of this name."""
    row = tx.execute(_NAMED, {"sought": name}).one_or_none()
    return of_row(row) if row else None


_NAMED = select(tenants).where(tenants.c.name == bindparam("sought"))


def find_now(tx: Connection, name: str) -> tuple[Tenant | None, datetime]:
    """The tenant of this name and the database's clock, in one go."""
    row = tx.execute(_NAMED_NOW, {"sought": name}).one_or_none()
    return (of_row(row), row.now) if row else (None, now(tx))


_NAMED_NOW = _NAMED.add_columns(clock().label("now"))


def all_of(tx: Connection, *, demo: bool | None = None) -> list[Tenant]:
    """Every tenant by name; `demo` narrows to those that are, or are not, of the demonstration."""
    query = select(tenants).order_by(tenants.c.name)
    if demo is not None:
        query = query.where(tenants.c.demo == demo)
    return [of_row(row) for row in tx.execute(query)]


def _values(tenant: Tenant) -> dict[str, Any]:
    return {
        "ehr_base": tenant.ehr_base,
        "timezone": tenant.timezone,
        "ehr_client": tenant.ehr_client,
        "ehr_key": tenant.ehr_key,
        "identifier_systems": list(tenant.identifier_systems),
        "values": dict(tenant.values),
        "demo": tenant.demo,
    }


def of_row(row: Any) -> Tenant:
    """The tenant whose `FIELDS` this row has."""
    values = {name: getattr(row, name) for name in FIELDS}
    return Tenant(**{**values, "identifier_systems": tuple(row.identifier_systems)})
