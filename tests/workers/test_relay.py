"""The relay tells the broker ids and nothing else, whatever the broker does."""

import json
import threading
import time
from datetime import timedelta

import pytest
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text

from fhir_svc.store import accounts, clients, sessions, tokens, work
from fhir_svc.store.clients import Client
from tests.workers.conftest import until
from workers.relay import Relay


@pytest.fixture
def relay(equipment, valkey):
    return Relay(equipment, valkey.url)


@pytest.fixture
def broker(valkey):
    client = Redis.from_url(valkey.url)
    yield client
    client.close()


def queued(broker, queue):
    bodies = [json.loads(raw) for raw in broker.lrange(queue, 0, -1)]
    return [(one["headers"]["task"], one["headers"]["argsrepr"]) for one in bodies]


def test_each_row_is_told_on_the_queue_of_its_kind(store, relay, broker):
    evaluate = store.submit("g1", "p1")
    urgent = store.submit("g2", "p2", urgent=True)
    clock = store.add("clock", "p3", "p3")
    delivery = store.add("write_back", "Flag/f1", "p4", urgent=True)
    notice = store.add("notify", "n1", None)
    assert relay.turn() == 5
    assert queued(broker, "urgent") == [("fhir_svc.evaluate", f"('{urgent}',)")]
    assert sorted(queued(broker, "evaluate")) == sorted(
        ("fhir_svc.evaluate", f"('{row}',)") for row in (evaluate, clock)
    )
    assert queued(broker, "write_back") == [("fhir_svc.write_back", f"('{delivery}',)")]
    assert queued(broker, "notify") == [("fhir_svc.notify", f"('{notice}',)")]


def test_nothing_of_a_patient_enters_the_broker(store, relay, broker):
    store.submit("CANARY-guidance", "CANARY-patient")
    store.add("write_back", "ServiceRequest/CANARY-order", "CANARY-patient")
    relay.turn()
    everything = [broker.lrange(key, 0, -1) for key in broker.scan_iter() if broker.type(key) == b"list"]
    assert len(everything) == 2
    assert b"CANARY" not in repr(everything).encode()


def test_a_row_is_told_once_and_only_when_due(store, relay, broker):
    store.submit("g1")
    assert relay.turn() == 1
    assert relay.turn() == 0
    assert broker.llen("evaluate") == 1


def test_a_full_queue_gets_no_more_and_does_not_hold_up_the_others(store, relay, broker):
    broker.rpush("write_back", *["x"] * 20)
    store.add("write_back", "Flag/f1")
    store.submit("g1")
    relay.turn()
    assert broker.llen("write_back") == 20
    assert broker.llen("evaluate") == 1


def test_without_a_broker_nothing_is_marked_as_told(store, relay, valkey):
    store.submit("g1")
    valkey.kill()
    with pytest.raises(RedisError):
        relay.turn()
    with store.database.transaction() as tx:
        assert len(work.due(tx, 10)) == 1


def test_a_broker_that_comes_back_empty_hears_everything_again(store, relay, valkey, broker):
    running = threading.Thread(target=relay.run)
    running.start()
    try:
        valkey.kill()
        store.submit("g1")
        time.sleep(0.5)
        valkey.start()
        until(lambda: broker.llen("evaluate"))
    finally:
        relay.stop()
        running.join(60)
    assert not running.is_alive()
    with store.database.reading() as tx:
        assert [one.role for one in work.workers(tx)] == ["relay"]


@pytest.mark.parametrize("gone", ["broker", "database"])
def test_a_relay_that_has_told_something_outlives_an_outage_and_tells_the_rest(store, relay, valkey, broker, gone):
    running = threading.Thread(target=relay.run)
    running.start()
    try:
        store.submit("g1", "p1")
        until(lambda: broker.llen("evaluate"))
        broker.delete("evaluate")
        if gone == "broker":
            valkey.kill()
            store.submit("g2", "p2")
            until(lambda: relay._pause)
            valkey.start()
        else:
            with store.database.transaction() as tx:
                tx.execute(text("ALTER TABLE work RENAME TO elsewhere"))
            until(lambda: relay._pause)
            with store.database.transaction() as tx:
                tx.execute(text("ALTER TABLE elsewhere RENAME TO work"))
            store.submit("g2", "p2")
        until(lambda: broker.llen("evaluate"))
        assert running.is_alive()
    finally:
        relay.stop()
        running.join(60)


def test_the_relay_forgets_what_was_done_a_week_ago_and_keeps_what_is_open(store, relay):
    row, open_ = store.submit("g1"), store.submit("g2", "p2")
    week_and_day = 8 * 86_400_000
    with store.database.transaction() as tx:
        work.finish(tx, [row])
        work.heartbeat(tx, "long-gone", "worker", progressed=True)
        clients.add(tx, Client(id="c1", tenant="north", scope="system/*.r", jwks={"keys": []}))
        tokens.issue(tx, "old", client="c1", tenant="north", scope="system/*.r", lifetime=-timedelta(hours=1))
        tokens.issue(tx, "new", client="c1", tenant="north", scope="system/*.r", lifetime=timedelta(hours=1))
        accounts.add(tx, tenant="north", username="alice", name="A", role="admin", password_hash="h")
        sessions.add(tx, "digest", accounts.by_username(tx, "alice").id)
        tx.execute(text("UPDATE work SET updated = updated - :ago"), {"ago": week_and_day})
        tx.execute(text("UPDATE workers SET seen = seen - :ago"), {"ago": week_and_day})
        tx.execute(text("UPDATE sessions SET seen = seen - :ago"), {"ago": week_and_day})
    relay._sweep()
    with store.database.reading() as tx:
        assert tx.execute(text("SELECT id FROM work")).scalars().all() == [open_]
        assert tx.execute(text("SELECT count(*) FROM tokens")).scalar() == 1
        assert tx.execute(text("SELECT count(*) FROM sessions")).scalar() == 0
        assert [one.role for one in work.workers(tx)] == ["relay"]
        assert tokens.find(tx, "new") is not None


def test_done_work_is_kept_for_days_and_tidied_hourly_only(store, relay):
    row = store.submit("g1")
    with store.database.transaction() as tx:
        work.finish(tx, [row])
    relay._sweep()
    with store.database.transaction() as tx:
        assert tx.execute(text("SELECT id FROM work")).scalars().all() == [row]
        tx.execute(text("UPDATE work SET updated = 0"))
    relay._sweep()
    with store.database.reading() as tx:
        assert tx.execute(text("SELECT id FROM work")).scalars().all() == [row]


def test_the_relay_gives_back_expired_leases(store, relay, broker):
    row = store.submit("g1")
    with store.database.transaction() as tx:
        work.claim(tx, row, worker="dead", lease=work.REPUBLISH)
    store.expire()
    relay._sweep()
    assert relay.turn() == 1
