"""Access tokens (only their SHA-256 is kept) and the `jti` values that may be used once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from fhir_svc.store.clock import clock, later
from fhir_svc.store.tables import clients, jtis, tenants, tokens
from fhir_svc.store.tenants import FIELDS, Tenant, of_row


@dataclass(frozen=True, slots=True)
class Token:
    """What an access token stands for. `demo` is its client's; `found`: the database's clock when it was looked up."""

    client: str
    tenant: Tenant
    scope: str
    issued: datetime
    expires: datetime
    demo: bool
    found: datetime


def issue(tx: Connection, token: str, *, client: str, tenant: str, scope: str, lifetime: timedelta) -> None:
    """Remember a new opaque token by its digest."""
    tx.execute(
        insert(tokens).values(
            digest=_digest(token), client=client, tenant=tenant, scope=scope, issued=clock(), expires=later(lifetime)
        )
    )


def find(tx: Connection, token: str) -> Token | None:
    """What this token stands for; None when unknown, expired, or of a revoked client."""
    row = tx.execute(_STANDS_FOR, {"sought": _digest(token)}).one_or_none()
    if row is None:
        return None
    return Token(row.client, of_row(row), row.scope, row.issued, row.expires, row.client_demo, row.found)


_STANDS_FOR = (
    select(
        tokens.c.client,
        tokens.c.scope,
        tokens.c.issued,
        tokens.c.expires,
        clients.c.demo.label("client_demo"),
        clock().label("found"),
        *(tenants.c[name] for name in FIELDS),
    )
    .join(clients, clients.c.id == tokens.c.client)
    .join(tenants, tenants.c.name == tokens.c.tenant)
    .where(tokens.c.digest == bindparam("sought"), tokens.c.expires > clock(), clients.c.revoked.is_(None))
)


def use_jti(tx: Connection, issuer: str, jti: str, expires: datetime) -> bool:
    """True exactly once for each (issuer, jti) until it expires, over all processes and restarts."""
    statement: Any = postgresql.insert(jtis) if tx.dialect.name == "postgresql" else sqlite.insert(jtis)
    added = tx.execute(
        statement.values(issuer=issuer, jti=jti, expires=expires)
        .on_conflict_do_nothing(index_elements=["issuer", "jti"])
        .returning(jtis.c.jti)
    ).one_or_none()
    return added is not None


def forget_expired(tx: Connection, *, slack: timedelta = timedelta(minutes=10)) -> int:
    """Drop what can no longer be used; `slack` covers the clock skew that tokens are allowed."""
    gone = tx.execute(delete(tokens).where(tokens.c.expires < later(-slack))).rowcount
    return gone + tx.execute(delete(jtis).where(jtis.c.expires < later(-slack))).rowcount


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
