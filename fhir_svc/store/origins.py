"""Whose id a received resource has: its sender's (PUT, `$submit`), or one that was given to it here (POST)."""

from __future__ import annotations

from sqlalchemy import Connection, and_, select

from fhir_svc.store.tables import resources, submissions, versions


def chosen_by_sender(tx: Connection, tenant: str, type: str, id: str) -> bool:  # noqa: A002  FHIR's words
    """Whether the sender chose this id: the bytes that brought the resource name it then, as ids given here are random.

    True also for a resource whose bytes were not kept, and for one that was never received.
    """
    query = (
        select(submissions.c.raw)
        .join(versions, and_(versions.c.submission == submissions.c.id, versions.c.version == 1))
        .join(resources, resources.c.key == versions.c.resource)
        .where(submissions.c.tenant == tenant)
        .where(resources.c.tenant == tenant, resources.c.type == type, resources.c.id == id)
    )
    raw: bytes | None = tx.execute(query).scalar_one_or_none()
    return raw is None or f'"{id}"'.encode() in bytes(raw)
