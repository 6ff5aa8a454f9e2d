"""Clients: the systems that may call, with the keys that prove who they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from fhir_svc.errors import Conflict, NotFound
from fhir_svc.store.clock import clock
from fhir_svc.store.tables import clients, tokens


@dataclass(frozen=True, slots=True)
class Client:
    """A registered system.

    `jwks` is its key set, or `jwks_url` says where it is; `endpoints` are the addresses to which it may have
    Subscriptions delivered; `scope` what it may ask for, blank-separated.
    """

    id: str
    tenant: str
    scope: str
    jwks: Mapping[str, Any] | None = None
    jwks_url: str | None = None
    endpoints: tuple[str, ...] = ()
    demo: bool = False
    revoked: datetime | None = None


def add(tx: Connection, client: Client) -> None:
    """Register a client; Conflict when the id is taken, NotFound when the tenant does not exist."""
    if find(tx, client.id):
        raise Conflict("There is a client of this id.", error="exists")
    tx.execute(
        insert(clients).values(
            id=client.id,
            tenant=client.tenant,
            scope=client.scope,
            jwks=client.jwks,
            jwks_url=client.jwks_url,
            endpoints=list(client.endpoints),
            demo=client.demo,
            created=clock(),
        )
    )


def find(tx: Connection, client_id: str) -> Client | None:
    """The client of this id, a revoked one included."""
    row = tx.execute(select(clients).where(clients.c.id == client_id)).one_or_none()
    return _client(row) if row else None


def all_of(tx: Connection, tenant: str | None = None) -> list[Client]:
    """Every client by id, of one tenant or of all."""
    query = select(clients).order_by(clients.c.id)
    if tenant is not None:
        query = query.where(clients.c.tenant == tenant)
    return [_client(row) for row in tx.execute(query)]


def change_keys(tx: Connection, client_id: str, *, jwks: Mapping[str, Any] | None, jwks_url: str | None) -> None:
    """Replace a client's keys (rotation); NotFound when there is no such client."""
    statement = update(clients).where(clients.c.id == client_id).values(jwks=jwks, jwks_url=jwks_url)
    if not tx.execute(statement).rowcount:
        raise NotFound("There is no such client.")


def change_endpoints(tx: Connection, client_id: str, endpoints: Sequence[str]) -> None:
    """Replace where a client may have Subscriptions delivered; NotFound when there is no such client."""
    statement = update(clients).where(clients.c.id == client_id).values(endpoints=list(endpoints))
    if not tx.execute(statement).rowcount:
        raise NotFound("There is no such client.")


def revoke(tx: Connection, client_id: str) -> None:
    """End a client: its tokens are forgotten at once; NotFound when there is none or it is revoked already."""
    statement = update(clients).where(clients.c.id == client_id, clients.c.revoked.is_(None)).values(revoked=clock())
    if not tx.execute(statement).rowcount:
        raise NotFound("There is no such client.")
    tx.execute(delete(tokens).where(tokens.c.client == client_id))


def _client(row: Any) -> Client:
    fields: dict[str, Any] = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it
    del fields["created"]
    return Client(**{**fields, "endpoints": tuple(fields["endpoints"])})
