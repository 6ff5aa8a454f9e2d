"""Subscriptions: who is to be told of what, how far that got, and what happened that they are to be told.

`publish` stands in the transaction that writes the fact, so that a fact and its events come about together. Numbers
have no gaps: each is taken under the lock of the subscription's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, insert, or_, select, update

from fhir_svc.store import merges, resources, work
from fhir_svc.store.clock import clock, later
from fhir_svc.store.tables import OPEN, subscriptions
from fhir_svc.store.tables import subscription_events as rows
from fhir_svc.store.tables import work as rows_of_work
from fhir_svc.subscriptions.facts import Fact, lets_through
from fhir_svc.subscriptions.notices import Event
from fhir_svc.subscriptions.terms import ACTIVE, OFF, SUBSCRIPTION

NOTIFY = "notify"
_BEAT_AHEAD = 1.5  # seconds by which a heartbeat is told before its period is over


@dataclass(frozen=True, slots=True)
class Subscription:
    """One client's subscription. `events`: the last number given out; `delivered`: the last that was taken.

    `authorization` goes to the endpoint and nowhere else, and is sealed; `reason` is an error code; `failures` are
    those in a row.
    """

    tenant: str
    id: str
    client: str
    topic: str
    filters: Sequence[Sequence[Any]]
    status: str
    endpoint: str
    content: str
    timeout: int
    digest: str
    most: int = 1
    authorization: str | None = None
    heartbeat: int | None = None
    ends: datetime | None = None
    events: int = 0
    delivered: int = 0
    failures: int = 0
    beat_due: datetime | None = None
    reason: str | None = None

    def __repr__(self) -> str:
        return f"Subscription({self.tenant}/{self.id})"


def add(tx: Connection, new: Subscription) -> None:
    """Keep a new subscription and leave the work of its handshake."""
    tx.execute(insert(subscriptions).values(asdict(new)))
    tell(tx, new.tenant, new.id)


def tell(tx: Connection, tenant: str, subscription: str) -> None:
    """Leave the work of telling the subscriber whatever there is to tell."""
    work.add(tx, tenant=tenant, kind=NOTIFY, subject=subscription, patient=None)


def find(tx: Connection, tenant: str, subscription: str, *, lock: bool = False) -> Subscription | None:
    """Give one subscription; `lock` keeps everybody else from changing it until the transaction ends."""
    query = select(subscriptions).where(*_this(tenant, subscription))
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Subscription(**row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it


def of_work(tx: Connection, work_id: str) -> Subscription | None:
    """Give the subscription whose subscriber is to be told by this row of work."""
    row = tx.execute(_OF_WORK, {"row": work_id}).one_or_none()
    return None if row is None else Subscription(**row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it


_OF_WORK = (
    select(subscriptions)
    .join(
        rows_of_work, (rows_of_work.c.tenant == subscriptions.c.tenant) & (rows_of_work.c.subject == subscriptions.c.id)
    )
    .where(rows_of_work.c.id == bindparam("row"))
)


def of_client(tx: Connection, tenant: str, client: str) -> list[Subscription]:
    """Give every subscription of a client, by id."""
    mine = (subscriptions.c.tenant == tenant, subscriptions.c.client == client)
    found = tx.execute(select(subscriptions).where(*mine).order_by(subscriptions.c.id))
    return [Subscription(**row._mapping) for row in found]  # noqa: SLF001  SQLAlchemy's public name for it


def change(tx: Connection, tenant: str, subscription: str, **values: Any) -> None:
    """Change what is kept of a subscription; the caller holds its lock."""
    tx.execute(update(subscriptions).where(*_this(tenant, subscription)).values(**values))


def sent(tx: Connection, one: Subscription, *, delivered: int) -> None:
    """Note that the endpoint took a notification: events up to this number, if it held any.

    The next heartbeat is due a little before its period is over, for it takes a moment to be told.
    """
    ahead = min((one.heartbeat or 0) / 2, _BEAT_AHEAD)
    beat = None if one.heartbeat is None else later(timedelta(seconds=one.heartbeat - ahead))
    change(tx, one.tenant, one.id, delivered=delivered, failures=0, beat_due=beat)


def move(tx: Connection, one: Subscription, status: str, *, reason: str | None = None) -> None:
    """Bring a subscription and the resource that shows it into another state; the caller holds its lock."""
    change(tx, one.tenant, one.id, status=status, reason=reason)
    _show(tx, one.tenant, one.id, status, reason)


def _show(tx: Connection, tenant: str, subscription: str, status: str, reason: str | None) -> None:
    shown = resources.read(tx, tenant, SUBSCRIPTION, subscription)
    if shown is not None:
        content = {name: value for name, value in shown.content.items() if name != "error"} | {"status": status}
        if reason is not None:
            content["error"] = reason
        resources.put(tx, tenant, content, patient=None, ours=True)


def remove(tx: Connection, tenant: str, subscription: str) -> None:
    """Forget a subscription and its events."""
    mine = (rows.c.tenant == tenant, rows.c.subscription == subscription)
    tx.execute(delete(rows).where(*mine))
    tx.execute(delete(subscriptions).where(*_this(tenant, subscription)))


def publish(tx: Connection, tenant: str, facts: Sequence[Fact]) -> None:
    """Number these facts for every subscription that asked for them; one query where nobody did."""
    if not facts:
        return
    listening = (
        subscriptions.c.tenant == tenant,
        subscriptions.c.topic.in_({one.topic for one in facts}),
        subscriptions.c.status != OFF,
        or_(subscriptions.c.ends.is_(None), subscriptions.c.ends > clock()),
    )
    columns = (subscriptions.c.id, subscriptions.c.topic, subscriptions.c.filters)
    # always in the order of their ids: two transactions that lock several can't wait for each other
    for row in tx.execute(select(*columns).where(*listening).order_by(subscriptions.c.id)).all():
        mine = [one for one in facts if one.topic == row.topic and _asked_for(tx, tenant, row.filters, one)]
        if mine:
            _number(tx, tenant, row.id, mine)


def _asked_for(tx: Connection, tenant: str, filters: Sequence[Sequence[Any]], one: Fact) -> bool:
    """A patient is asked for by any id that the patient ever had."""
    if one.patient is None or all(name != "patient" for name, _ in filters):
        return lets_through(filters, one, ())
    return lets_through(filters, one, merges.merged_into(tx, tenant, merges.resolve(tx, tenant, one.patient)))


def _number(tx: Connection, tenant: str, subscription: str, facts: Sequence[Fact]) -> None:
    taken = tx.execute(
        update(subscriptions)
        .where(*_this(tenant, subscription), subscriptions.c.status != OFF)
        .values(events=subscriptions.c.events + len(facts))
        .returning(subscriptions.c.events, subscriptions.c.status)
    ).one_or_none()
    if taken is None:  # ended or deleted meanwhile
        return
    first = taken.events - len(facts) + 1
    for number, one in enumerate(facts, first):
        new = {"tenant": tenant, "subscription": subscription, "number": number, "focus": one.focus}
        tx.execute(insert(rows).values(at=clock(), **new))
    if taken.status == ACTIVE:
        tell(tx, tenant, subscription)


def events(tx: Connection, one: Subscription, *, first: int, last: int, limit: int) -> list[Event]:
    """Give the events of a subscription between these numbers, both included, at most `limit`."""
    mine = (rows.c.tenant == one.tenant, rows.c.subscription == one.id)
    query = select(rows.c.number, rows.c.at, rows.c.focus).where(*mine, rows.c.number.between(first, last))
    return [Event(*row) for row in tx.execute(query.order_by(rows.c.number).limit(limit))]


def heartbeats_due(tx: Connection) -> list[tuple[str, str]]:
    """Give tenant and id of the active subscriptions that were told nothing for their heartbeat's period.

    Those who are to be told anyway are left out: while an endpoint fails, that is not noted again and again.
    """
    lane = (rows_of_work.c.tenant == subscriptions.c.tenant, rows_of_work.c.lane == f"{NOTIFY}/" + subscriptions.c.id)
    to_be_told = exists().where(OPEN, *lane)
    due = (subscriptions.c.status == ACTIVE, subscriptions.c.beat_due <= clock(), ~to_be_told)
    return [(row.tenant, row.id) for row in tx.execute(select(subscriptions.c.tenant, subscriptions.c.id).where(*due))]


def kept_in_clear(tx: Connection, mark: str) -> list[tuple[str, str]]:
    """Give tenant and id of the subscriptions whose authorization does not begin with the mark of what is sealed."""
    clear = (subscriptions.c.authorization.is_not(None), ~subscriptions.c.authorization.startswith(mark))
    query = select(subscriptions.c.tenant, subscriptions.c.id).where(*clear)
    return [(row.tenant, row.id) for row in tx.execute(query)]


def ended(tx: Connection) -> list[tuple[str, str]]:
    """Give tenant and id of the subscriptions whose end has passed and that are not off yet."""
    query = select(subscriptions.c.tenant, subscriptions.c.id).where(*_over())
    return [(row.tenant, row.id) for row in tx.execute(query)]


def end(tx: Connection, tenant: str, subscription: str) -> None:
    """Turn a subscription off if its end has passed now, whatever was found before."""
    over = update(subscriptions).where(*_this(tenant, subscription), *_over()).values(status=OFF, reason=None)
    if tx.execute(over.returning(subscriptions.c.id)).one_or_none() is not None:
        _show(tx, tenant, subscription, OFF, None)


def _over() -> tuple[Any, Any]:
    return subscriptions.c.status != OFF, subscriptions.c.ends <= clock()


def _this(tenant: str, subscription: str) -> tuple[Any, Any]:
    return subscriptions.c.tenant == tenant, subscriptions.c.id == subscription
