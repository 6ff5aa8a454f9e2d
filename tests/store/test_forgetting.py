"""What is kept for a time only goes when that is over, and nothing that somebody still waits for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from fhir_svc.store import forgetting, shadow, submissions, subscriptions, tables
from fhir_svc.store.database import now
from fhir_svc.store.shadow import Shadow
from fhir_svc.store.submissions import Answer
from tests.store.test_subscriptions import T, add, drafted, make, publish, told

MONTH = timedelta(days=30)


def age(database, column, days):
    with database.transaction() as tx:
        tx.execute(update(column.table).values({column: now(tx) - timedelta(days=days)}))


def forget(database, kind, older=MONTH, limit=100):
    with database.reading() as tx:
        keys = forgetting.stale(tx, kind, older=older, limit=limit)
    with database.transaction() as tx:
        return forgetting.forget(tx, kind, keys, older=older)


@pytest.mark.parametrize(("days", "left"), [(29, [1, 2, 3]), (31, [3])])
def test_old_events_go_when_they_were_delivered_and_never_before(database, days, left):
    add(database, make(), make("s2", status="error"), make("s3", status="off"))
    publish(database, drafted("o1"), drafted("o2"), drafted("o3"))
    with database.transaction() as tx:
        subscriptions.change(tx, T, "s1", delivered=2)
    age(database, tables.subscription_events.c.at, days)
    forget(database, "events")
    assert [number for number, _ in told(database)] == left
    assert [number for number, _ in told(database, "s2")] == [1, 2, 3]


def test_numbers_go_on_where_they_were_and_what_is_left_can_still_be_delivered(database):
    add(database, make())
    publish(database, drafted("o1"), drafted("o2"))
    with database.transaction() as tx:
        subscriptions.change(tx, T, "s1", delivered=2)
    age(database, tables.subscription_events.c.at, 31)
    assert forget(database, "events") == 2
    publish(database, drafted("o3"))
    assert told(database) == [(3, "ServiceRequest/o3")]


def test_a_lot_is_no_larger_than_asked_for(database):
    add(database, make())
    publish(database, *(drafted(f"o{number}") for number in range(5)))
    with database.transaction() as tx:
        subscriptions.change(tx, T, "s1", delivered=5)
    age(database, tables.subscription_events.c.at, 31)
    assert [forget(database, "events", limit=2) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
def test_evaluations_that_were_only_tried_out_go_by_their_age(database, days, left):
    with database.transaction() as tx:
        at = now(tx) - timedelta(days=days)
        shadow.record(tx, Shadow(T, "g1", "plan|2", "p1", at, "SOON", {}, {"level": ["SOON", None]}))
    forget(database, "shadows")
    with database.reading() as tx:
        assert len(shadow.tallies(tx)) == left


def answer(database, key, body=b"{}"):
    with database.transaction() as tx:
        if submissions.reserve(tx, T, "c1", key, "same") is None:
            submissions.complete(tx, T, "c1", key, submission=f"s-{key}", raw=b"raw", answer=Answer(201, {}, body))
            return True
        return False


def test_an_answer_is_repeated_for_a_week_and_forgotten_then_but_never_what_was_received(database):
    assert answer(database, "k1")
    age(database, tables.receipts.c.reserved, 6)
    forget(database, "answers", submissions.REMEMBERED)
    assert not answer(database, "k1")
    age(database, tables.receipts.c.reserved, 8)
    assert forget(database, "answers", submissions.REMEMBERED) == 1
    with database.reading() as tx:
        assert submissions.raw(tx, T, "s-k1") == b"raw"


def test_an_answer_whose_key_was_taken_again_meanwhile_is_kept(database):
    answer(database, "k1")
    age(database, tables.receipts.c.reserved, 8)
    with database.reading() as tx:
        keys = forgetting.stale(tx, "answers", older=submissions.REMEMBERED, limit=10)
    with database.transaction() as tx:
        assert submissions.reserve(tx, T, "c1", "k1", "other") is None
    with database.transaction() as tx:
        assert forgetting.forget(tx, "answers", keys, older=submissions.REMEMBERED) == 0
