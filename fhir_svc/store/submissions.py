"""What was sent, byte by byte, and the answer it got, so that the same request again gets the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fhir_svc.errors import Conflict, NotFound, Unavailable
from fhir_svc.store.clock import clock, later
from fhir_svc.store.tables import receipts, submissions

REMEMBERED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, as it was given and will be given again."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def reserve(tx: Connection, tenant: str, client: str, key: str, fingerprint: str) -> Answer | None:
    """None: this request is yours to carry out, and copies of it wait until this transaction ends; else its answer.

    Conflict when the key was used for other content (`fingerprint`). After seven days a key is free again.
    """
    asked = {"tenant": tenant, "client": client, "key": key, "fingerprint": fingerprint}
    mine = tx.execute(_reserving(tx.dialect.name), asked).one_or_none()
    return None if mine else _replay(tx, tenant, client, key, fingerprint)


@cache
def _reserving(dialect: str) -> Any:
    statement: Any = postgresql.insert(receipts) if dialect == "postgresql" else sqlite.insert(receipts)
    fresh = {"fingerprint": bindparam("fingerprint"), "reserved": clock()}
    emptied = {"submission": None, "status": None, "headers": None, "body": None}
    return (
        statement.values(tenant=bindparam("tenant"), client=bindparam("client"), key=bindparam("key"), **fresh)
        .on_conflict_do_update(
            index_elements=["tenant", "client", "key"],
            set_={**fresh, **emptied},
            where=receipts.c.reserved < later(-REMEMBERED),
        )
        .returning(receipts.c.key)
    )


_MINE = (
    receipts.c.tenant == bindparam("of"),
    receipts.c.client == bindparam("from"),
    receipts.c.key == bindparam("under"),
)
_KEPT = select(receipts.c.fingerprint, receipts.c.status, receipts.c.headers, receipts.c.body).where(*_MINE)
_ANSWER = (
    update(receipts)
    .where(*_MINE)
    .values({name: bindparam(name) for name in ("submission", "status", "headers", "body")})
)
_RECEIVED = insert(submissions).values(
    {"received": clock()} | {name: bindparam(name) for name in ("tenant", "id", "client", "raw")}
)


def _replay(tx: Connection, tenant: str, client: str, key: str, fingerprint: str) -> Answer:
    row = tx.execute(_KEPT, {"of": tenant, "from": client, "under": key}).one()
    if row.fingerprint != fingerprint:
        raise Conflict(
            "This key was used for other content.", error="idempotency-key-reused", expression="http.Idempotency-Key"
        )
    if row.status is None:  # only if somebody committed a reservation without completing it
        raise Unavailable("This request is being carried out.", retry_after=1)
    return Answer(row.status, row.headers, row.body)


def answered(tx: Connection, tenant: str, client: str, key: str) -> Answer | None:
    """The answer kept under a key; None when there is none."""
    row = tx.execute(_KEPT, {"of": tenant, "from": client, "under": key}).one_or_none()
    return None if row is None or row.status is None else Answer(row.status, row.headers, row.body)


def complete(
    tx: Connection, tenant: str, client: str, key: str, *, submission: str, raw: bytes, answer: Answer
) -> None:
    """Keep the bytes received as the record of `submission`, and the answer under the reserved key."""
    remember(tx, tenant, client, key, answer, submission=submission)
    keep(tx, tenant, client, submission=submission, raw=raw)


def remember(
    tx: Connection, tenant: str, client: str, key: str, answer: Answer, *, submission: str | None = None
) -> None:
    """Keep an answer under a reserved key; `submission` is what it answers, where that was just received."""
    mine = {"of": tenant, "from": client, "under": key, "submission": submission}
    tx.execute(_ANSWER, mine | {"status": answer.status, "headers": dict(answer.headers), "body": answer.body})


def keep(tx: Connection, tenant: str, client: str, *, submission: str, raw: bytes) -> None:
    """Keep the bytes received of a submission that is not answered from memory (a PUT)."""
    tx.execute(_RECEIVED, {"tenant": tenant, "id": submission, "client": client, "raw": raw})


def raw(tx: Connection, tenant: str, submission: str) -> bytes:
    """The bytes received; NotFound when there is no such submission."""
    query = select(submissions.c.raw).where(submissions.c.tenant == tenant, submissions.c.id == submission)
    found: bytes | None = tx.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such submission.")
    return bytes(found)
