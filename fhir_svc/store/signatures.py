"""Signatures of drafts, one per draft for ever, and the public keys that can verify them after a rotation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from fhir_svc.errors import Conflict
from fhir_svc.store.clock import clock
from fhir_svc.store.tables import signatures, signing_keys


@dataclass(frozen=True, slots=True)
class Signature:
    """A physician's signature over one version of a draft."""

    draft: str
    version: int
    digest: str
    jws: str
    signer: str
    at: datetime


def add(
    tx: Connection, tenant: str, draft: str, version: int, digest: str, jws: str, signer: str, at: datetime
) -> None:
    """Store a signature; Conflict when the draft has one."""
    values = {"version": version, "digest": digest, "jws": jws, "signer": signer, "at": at}
    statement = _insert(tx, signatures).values(tenant=tenant, draft=draft, **values)
    statement = statement.on_conflict_do_nothing(index_elements=["tenant", "draft"]).returning(signatures.c.draft)
    if tx.execute(statement).one_or_none() is None:
        raise Conflict("This draft is signed already.", error="already-signed")


def find(tx: Connection, tenant: str, draft: str) -> Signature | None:
    """The signature of a draft."""
    query = select(signatures).where(signatures.c.tenant == tenant, signatures.c.draft == draft)
    row = tx.execute(query).one_or_none()
    return Signature(row.draft, row.version, row.digest, row.jws, row.signer, row.at) if row else None


def keep_key(tx: Connection, kid: str, jwk: Mapping[str, Any]) -> None:
    """Keep a public key for ever; the same key again changes nothing."""
    statement = _insert(tx, signing_keys).values(kid=kid, jwk=dict(jwk), created=clock())
    tx.execute(statement.on_conflict_do_nothing(index_elements=["kid"]))


def keys(tx: Connection) -> list[dict[str, Any]]:
    """Every public key that ever signed here, newest first."""
    order = (signing_keys.c.created.desc(), signing_keys.c.kid)
    return list(tx.execute(select(signing_keys.c.jwk).order_by(*order)).scalars())


def _insert(tx: Connection, table: Any) -> Any:
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)
