"""The tables. Portable between SQLite and PostgreSQL: text, integers, bytes; instants are milliseconds since 1970 UTC.

`resources` has one row per resource (its head), `versions` one per version with the bytes that are served, `search`
one per searchable value of a current version. Hot tables carry no foreign keys: their rows are written together by one
function, and the check per row would cost a third of a bundle's time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
FIRST = -62135596800000  # 0001-01-01T00:00:00.000Z
LAST = 253402300799999  # 9999-12-31T23:59:59.999Z


def to_millis(moment: datetime) -> int:
    """Whole milliseconds since 1970 UTC of an aware datetime."""
    return (moment - EPOCH) // MILLISECOND


def from_millis(millis: int) -> datetime:
    """The aware UTC datetime of so many milliseconds since 1970; what lies beyond the calendar is its edge."""
    return EPOCH + timedelta(milliseconds=min(max(millis, FIRST), LAST))


class Moment(TypeDecorator[datetime]):
    """An instant of the database's clock, in milliseconds since 1970 UTC so that both databases compare alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> int | None:
        """Aware datetime to milliseconds."""
        return None if value is None else to_millis(value)

    def process_result_value(self, value: Any, _dialect: Any) -> datetime | None:
        """Milliseconds to aware datetime."""
        return None if value is None else from_millis(int(value))


class Document(TypeDecorator[Any]):
    """Small JSON that is never searched."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Any) -> str | None:
        """Encode."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, _dialect: Any) -> Any:
        """Decode."""
        return None if value is None else msgspec.json.decode(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *args: Any, **options: Any) -> Column[str]:
    return Column(name, Text, *args, nullable=False, **options)


def _maybe(name: str) -> Column[str]:
    return Column(name, Text)


def _moment(name: str) -> Column[datetime]:
    return Column(name, Moment, nullable=False)


def _maybe_moment(name: str) -> Column[datetime]:
    return Column(name, Moment)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _integer(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


# PostgreSQL only: SQLite, which has one writer at a time, counts on from the highest key.
resource_keys = Sequence("resource_keys", metadata=metadata)

resources = Table(
    "resources",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    _text("tenant"),
    _text("type"),
    _text("id"),
    _integer("version"),  # the current one
    _integer("latest"),  # the highest number given out; above `version` when the last arrival was late
    _maybe("status"),
    _maybe("patient"),
    _flag("ours"),
    _text("digest"),
    _maybe_moment("source_updated"),
    _moment("created"),
    _moment("updated"),
    UniqueConstraint("tenant", "type", "id"),
    Index("ix_resources_patient", "tenant", "patient", "type"),
)

versions = Table(
    "versions",
    metadata,
    Column("resource", BigInteger, nullable=False),
    _integer("version"),
    _moment("received"),
    _maybe_moment("source_updated"),
    _flag("late"),
    _maybe("submission"),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("resource", "version"),
)

search = Table(
    "search",
    metadata,
    _text("tenant"),
    _text("field"),  # "Observation.code"
    _text("value"),
    _text("system"),
    Column("low", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    Column("resource", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "field", "value", "resource", "system", "low", "high"),
    Index("ix_search_resource", "resource", "field"),
    sqlite_with_rowid=False,
)

patients = Table(
    "patients",
    metadata,
    _text("tenant"),
    _text("id"),
    Column("sequence", BigInteger, nullable=False),
    _maybe("replaced_by"),
    PrimaryKeyConstraint("tenant", "id"),
    Index("ix_patients_replaced_by", "tenant", "replaced_by"),
)

receipts = Table(
    "receipts",
    metadata,
    _text("tenant"),
    _text("client"),
    _text("key"),
    _text("fingerprint"),
    _moment("reserved"),
    _maybe("submission"),
    Column("status", Integer),
    Column("headers", Document),
    Column("body", LargeBinary),
    PrimaryKeyConstraint("tenant", "client", "key"),
)

submissions = Table(
    "submissions",
    metadata,
    _text("tenant"),
    _text("id"),
    _text("client"),
    _moment("received"),
    Column("raw", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
)

OPEN = text("state IN ('due', 'leased')")

work = Table(
    "work",
    metadata,
    _text("id", primary_key=True),
    _text("tenant"),
    _flag("demo"),
    _text("kind"),
    _text("subject"),
    _maybe("patient"),
    _text("lane"),  # rows of one lane are never worked on by two workers at once
    _flag("urgent"),
    _text("state"),
    _integer("attempts"),
    _moment("created"),
    _moment("at"),
    _moment("not_before"),
    _moment("updated"),
    _maybe_moment("published"),
    _maybe_moment("lease_until"),
    _maybe("worker"),
    _maybe("error"),
    Index("ix_work_open", "state", "urgent", "created", postgresql_where=OPEN, sqlite_where=OPEN),
    Index("ix_work_lane", "tenant", "lane", postgresql_where=OPEN, sqlite_where=OPEN),
    Index("ix_work_summary", "state", "kind", "tenant", "created", "not_before"),
)

work_history = Table(
    "work_history",
    metadata,
    _text("work"),
    _integer("step"),
    _moment("at"),
    _text("state"),
    _integer("attempts"),
    _maybe("actor"),
    _maybe("reason"),
    PrimaryKeyConstraint("work", "step"),
)

workers = Table(
    "workers",
    metadata,
    _text("worker", primary_key=True),
    _text("role"),
    _moment("started"),
    _moment("seen"),
    _maybe_moment("progressed"),
    _maybe("trouble"),  # the code of what is wrong although it works
)

deliveries = Table(
    "deliveries",
    metadata,
    _text("tenant"),
    _text("local"),
    _maybe("ehr_id"),
    _maybe("ehr_version"),
    Column("delivered_version", Integer),
    _moment("at"),
    _maybe_moment("check_at"),  # when to look whether it is still there; null: not at all
    Column("lost", Integer, nullable=False, server_default="0"),  # how often it was not
    PrimaryKeyConstraint("tenant", "local"),
    Index("ix_deliveries_check", "tenant", "check_at"),
)

tenants = Table(
    "tenants",
    metadata,
    _text("name", primary_key=True),
    _text("ehr_base"),
    _maybe("timezone"),
    _maybe("ehr_client"),
    _maybe("ehr_key"),
    Column("identifier_systems", Document, nullable=False),
    Column("values", Document, nullable=False),
    _flag("demo"),
    _moment("created"),
)

clients = Table(
    "clients",
    metadata,
    _text("id", primary_key=True),
    _text("tenant", ForeignKey("tenants.name")),
    _text("scope"),
    Column("jwks", Document),
    _maybe("jwks_url"),
    Column("endpoints", Document, nullable=False),
    _flag("demo"),
    _moment("created"),
    _maybe_moment("revoked"),
)

tokens = Table(
    "tokens",
    metadata,
    _text("digest", primary_key=True),
    _text("client", ForeignKey("clients.id")),
    _text("tenant"),
    _text("scope"),
    _moment("issued"),
    Column("expires", Moment, nullable=False, index=True),
)

jtis = Table(
    "jtis",
    metadata,
    _text("issuer"),
    _text("jti"),
    Column("expires", Moment, nullable=False, index=True),
    PrimaryKeyConstraint("issuer", "jti"),
)

accounts = Table(
    "accounts",
    metadata,
    _text("id", primary_key=True),
    _text("username", unique=True),
    _text("name"),
    _text("tenant", ForeignKey("tenants.name")),
    _text("role"),
    _text("password_hash"),
    _maybe("practitioner"),
    _maybe("licence"),
    _integer("failures"),
    _maybe_moment("last_failure"),
    _flag("demo"),
    _moment("created"),
    _maybe_moment("disabled"),
)

sessions = Table(
    "sessions",
    metadata,
    _text("digest", primary_key=True),
    _text("account", ForeignKey("accounts.id"), index=True),
    Column("data", Document, nullable=False),
    _moment("created"),
    _moment("seen"),
    _maybe_moment("confirmed"),
)

signatures = Table(
    "signatures",
    metadata,
    _text("tenant"),
    _text("draft"),
    _integer("version"),
    _text("digest"),
    _text("jws"),
    _text("signer"),
    _moment("at"),
    PrimaryKeyConstraint("tenant", "draft"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    _text("kid", primary_key=True),
    Column("jwk", Document, nullable=False),
    _moment("created"),
)

audit = Table(
    "audit",
    metadata,
    _text("tenant"),
    Column("sequence", BigInteger, nullable=False),
    _text("id"),
    _moment("recorded"),
    _maybe("type"),
    _maybe("subtype"),
    _maybe("action"),
    _maybe("outcome"),
    _maybe("agent"),
    _maybe("patient"),
    _maybe("entity"),
    _text("previous"),
    _text("hash"),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "sequence"),
    UniqueConstraint("tenant", "id"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    _text("tenant", primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    _text("hash"),
)

shadow_evaluations = Table(
    "shadow_evaluations",
    metadata,
    _text("tenant"),
    _text("guidance"),
    _text("criteria"),
    _text("patient"),
    _moment("at"),
    _maybe("level"),
    Column("orders", Document, nullable=False),
    Column("changes", Document, nullable=False),  # what differs from the criteria in force; empty: nothing
    Column("differs", Boolean, nullable=False),
    _maybe("error"),  # the code of a failure
    PrimaryKeyConstraint("tenant", "guidance", "criteria"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    _text("tenant"),
    _text("id"),
    _text("client"),
    _text("topic"),
    Column("filters", Document, nullable=False),
    _text("status"),
    _text("endpoint"),
    _maybe("authorization"),  # sealed; sent to the endpoint, shown to nobody
    _text("content"),
    Column("heartbeat", Integer),  # seconds
    _integer("timeout"),  # seconds
    _integer("most"),  # events in one notification
    _maybe_moment("ends"),
    Column("events", BigInteger, nullable=False),  # the highest number given out
    Column("delivered", BigInteger, nullable=False),  # the highest number that was taken
    _integer("failures"),  # in a row
    _maybe_moment("beat_due"),
    _maybe("reason"),
    _text("digest"),
    PrimaryKeyConstraint("tenant", "id"),
    Index("ix_subscriptions_topic", "tenant", "topic"),
)

subscription_events = Table(
    "subscription_events",
    metadata,
    _text("tenant"),
    _text("subscription"),
    Column("number", BigInteger, nullable=False),
    _moment("at"),
    _text("focus"),
    PrimaryKeyConstraint("tenant", "subscription", "number"),
)
