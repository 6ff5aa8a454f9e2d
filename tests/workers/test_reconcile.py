"""Every order that was delivered stands in the EHR exactly once, or it is seen to."""

import pytest
from redis import Redis
from sqlalchemy import text

from fhir_svc.store import audit, reconciling, tenants, work
from workers import reconcile, write_back
from workers.relay import Relay

HOUR = 3_600_000


@pytest.fixture
def held(store, equipment, draft):
    """Orders that were delivered an hour ago."""

    def deliver(*names, ago=HOUR, **more):
        for name in names:
            store.put(draft(name, **more))
            write_back.run(equipment, store.add("write_back", f"ServiceRequest/{name}"))
        age(store, ago)

    return deliver


def age(store, ago):
    with store.database.transaction() as tx:
        tx.execute(text("UPDATE deliveries SET at = at - :ago, check_at = check_at - :ago"), {"ago": ago})


def rows(store, kind, state="due"):
    with store.database.reading() as tx:
        query = text("SELECT id FROM work WHERE kind = :kind AND state = :state ORDER BY created, id")
        return list(tx.execute(query, {"kind": kind, "state": state}).scalars())


def look(store, equipment):
    """Look for everything that is due, and bring what has to go to the EHR."""
    reconcile.sweep(equipment)
    while found := rows(store, "reconcile"):
        store.ripen()
        for row in found:
            reconcile.run(equipment, row)
    for row in rows(store, "write_back"):
        write_back.run(equipment, row)


def lose(ehr, *names):
    """The EHR loses these orders, every copy."""
    for key in list(ehr.records._versions):
        values = [one["value"] for one in ehr.records.current(*key).get("identifier", [])]
        if set(values) & {f"v-{name}" for name in names}:
            del ehr.records._versions[key]


def double(ehr, name):
    """Somebody makes a copy of a copy."""
    (one,) = copies(ehr, name)
    ehr.records.write({**one, "id": "second"}, f"second-{name}")


def copies(ehr, name):
    return [one for one in ehr.all("ServiceRequest") if one["identifier"][0]["value"] == f"v-{name}"]


def told(store):
    with store.database.reading() as tx:
        assert audit.verify(tx) == []
        found = tx.execute(text("SELECT body FROM audit WHERE subtype LIKE '%reconcile%'")).scalars()
        return [bytes(one).decode() for one in found]


@pytest.mark.parametrize("updates", [True, False], ids=["our-ids", "its-ids"])
def test_a_lost_order_is_delivered_again_and_the_others_are_left_alone(store, ehr, equipment, held, updates):
    ehr.fault(update_create=updates)
    held("o1", "o2", "o3")
    lose(ehr, "o2")
    before = ehr.log()["requests"]
    look(store, equipment)
    assert [len(copies(ehr, name)) for name in ("o1", "o2", "o3")] == [1, 1, 1]
    after = ehr.log()["requests"]
    writes = [name for name in after if not name.startswith("GET") and after[name] != before.get(name)]
    assert len(writes) == 1
    assert len(told(store)) == 1
    look(store, equipment)
    assert [len(copies(ehr, name)) for name in ("o1", "o2", "o3")] == [1, 1, 1]
    assert rows(store, "write_back", "quarantined") == []


@pytest.mark.parametrize("updates", [True, False], ids=["our-ids", "its-ids"])
def test_an_order_that_was_brought_back_can_still_be_signed(store, ehr, equipment, held, draft, updates):
    ehr.fault(update_create=updates)
    held("o1")
    lose(ehr, "o1")
    look(store, equipment)
    store.put(draft("o1", status="active"))
    write_back.run(equipment, store.add("write_back", "ServiceRequest/o1"))
    assert [one["status"] for one in copies(ehr, "o1")] == ["active"]


def test_an_order_that_is_lost_again_waits_for_an_admin_who_can_send_it_once_more(store, ehr, equipment, held):
    held("o1", status="active", requester={"reference": "Practitioner/alice"}, priority="stat")
    for _ in range(2):
        lose(ehr, "o1")
        age(store, HOUR)
        look(store, equipment)
    assert copies(ehr, "o1") == []
    (row,) = rows(store, "write_back", "quarantined")
    assert store.quarantined(row) == "ehr-copy-gone"
    (task,) = store.all("Task")
    assert (task.content["priority"], task.content["basedOn"]) == ("stat", [{"reference": "ServiceRequest/o1"}])
    with store.database.transaction() as tx:
        work.requeue(tx, "north", row, actor="ada", reason="the EHR was restored")
    write_back.run(equipment, row)
    assert len(copies(ehr, "o1")) == 1


def test_several_copies_are_an_admins_to_decide_and_asked_about_once(store, ehr, equipment, held):
    held("o1", "o2")
    double(ehr, "o1")
    for _ in range(3):
        age(store, 48 * HOUR)
        look(store, equipment)
    (row,) = rows(store, "write_back", "quarantined")
    assert store.quarantined(row) == "ehr-several-copies"
    assert len(copies(ehr, "o1")) == 2
    (event,) = told(store)
    assert "ServiceRequest/o1" in event
    assert store.all("Task") == []


def test_a_clinician_is_told_of_a_signed_order_that_stands_there_twice(store, ehr, equipment, held):
    held("o1", status="active", requester={"reference": "Practitioner/alice"}, priority="stat")
    double(ehr, "o1")
    look(store, equipment)
    (task,) = store.all("Task")
    assert task.content["reasonCode"]["coding"][0]["code"] == "several-copies"
    assert task.content["priority"] == "stat"
    assert "more than once" in task.content["description"]


def test_what_an_admin_decided_on_is_not_asked_again(store, ehr, equipment, held):
    held("o1")
    double(ehr, "o1")
    look(store, equipment)
    (row,) = rows(store, "write_back", "quarantined")
    with store.database.transaction() as tx:
        work.discard(tx, "north", row, actor="ada", reason="both are right")
    age(store, 48 * HOUR)
    look(store, equipment)
    assert rows(store, "write_back", "quarantined") == []


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}, {"lose_answer": True}, {"html_body": True}])
def test_an_ehr_that_does_not_answer_is_asked_later_and_nothing_is_concluded(store, ehr, equipment, held, fault):
    held("o1")
    lose(ehr, "o1")
    ehr.fault(**fault, method="GET", type="ServiceRequest")
    reconcile.sweep(equipment)
    (row,) = rows(store, "reconcile")
    for _ in range(3):
        store.ripen()
        reconcile.run(equipment, row)
    assert rows(store, "reconcile") == [row]
    assert rows(store, "write_back") == []
    ehr.fault()
    with store.database.reading() as tx:
        equipment.ehrs.breaker(tenants.find(tx, "north")).worked()
    look(store, equipment)
    assert len(copies(ehr, "o1")) == 1


def test_an_ehr_that_refuses_to_be_asked_is_shown_to_the_admin_once(store, ehr, equipment, held):
    held("o1")
    ehr.fault(status=403, method="GET", type="ServiceRequest")
    for _ in range(2):
        look(store, equipment)
    (row,) = rows(store, "reconcile", "quarantined")
    assert store.quarantined(row) == "ehr-403"
    assert rows(store, "write_back", "quarantined") == []


def test_an_order_that_a_search_leaves_out_but_that_is_there_is_not_written_again(store, ehr, equipment, held):
    held("o1")
    ehr.records.search, honest = (lambda *_: []), ehr.records.search
    look(store, equipment)
    ehr.records.search = honest
    assert len(copies(ehr, "o1")) == 1
    assert rows(store, "write_back", "quarantined") == []
    assert told(store) == []


def test_an_order_that_has_another_id_there_is_taken_as_it_is(store, ehr, equipment, held, draft):
    ehr.fault(update_create=False)
    held("o1")
    (one,) = copies(ehr, "o1")
    lose(ehr, "o1")
    ehr.records.write(one, "renumbered")
    look(store, equipment)
    assert [one["id"] for one in copies(ehr, "o1")] == ["renumbered"]
    store.put(draft("o1", status="active"))
    write_back.run(equipment, store.add("write_back", "ServiceRequest/o1"))
    assert [(one["id"], one["status"]) for one in copies(ehr, "o1")] == [("renumbered", "active")]


def test_fifty_orders_are_three_questions_one_lot_at_a_time(store, ehr, equipment, held):
    held(*(f"o{number}" for number in range(50)))
    before = ehr.log()["requests"].get("GET ServiceRequest 200", 0)
    reconcile.sweep(equipment)
    reconcile.sweep(equipment)
    (first,) = rows(store, "reconcile")
    reconcile.run(equipment, first)
    (second,) = rows(store, "reconcile")
    reconcile.run(equipment, second)
    assert rows(store, "reconcile") == [second], "a pause between two lots"
    look(store, equipment)
    assert ehr.log()["requests"]["GET ServiceRequest 200"] - before == 3
    assert rows(store, "reconcile", "done") != []
    look(store, equipment)
    assert ehr.log()["requests"]["GET ServiceRequest 200"] - before == 3


@pytest.mark.parametrize(
    ("ago", "again"),
    [(HOUR - 60_000, 0), (HOUR, 1), (24 * HOUR, 1)],
)
def test_an_order_is_first_looked_for_an_hour_after_its_delivery(store, ehr, equipment, held, ago, again):
    held("o1", ago=ago)
    reconcile.sweep(equipment)
    assert len(rows(store, "reconcile")) == again


def test_an_old_order_is_looked_for_ever_more_rarely(store, ehr, equipment, held):
    held("o1", ago=240 * HOUR)
    look(store, equipment)
    with store.database.reading() as tx:
        wait = tx.execute(text("SELECT check_at - at FROM deliveries WHERE local = 'ServiceRequest/o1'")).scalar_one()
    assert 249 * HOUR < wait < 251 * HOUR


@pytest.mark.parametrize("status", ["revoked", "entered-in-error", "completed"])
def test_what_has_ended_need_not_be_there(store, ehr, equipment, held, draft, status):
    held("o1", status=status)
    lose(ehr, "o1")
    look(store, equipment)
    assert copies(ehr, "o1") == []
    with store.database.reading() as tx:
        assert reconciling.due(tx, "north", 10) == []


def test_an_order_that_is_on_its_way_is_left_to_its_delivery(store, ehr, equipment, held):
    held("o1")
    lose(ehr, "o1")
    row = store.add("write_back", "ServiceRequest/o1")
    reconcile.sweep(equipment)
    (own,) = rows(store, "reconcile")
    reconcile.run(equipment, own)
    assert rows(store, "write_back") == [row]
    assert told(store) == []


def test_orders_of_the_demonstration_are_looked_for_by_its_own_processes_only(store, ehr, equipment, held):
    held("o1")
    with store.database.transaction() as tx:
        tx.execute(text("UPDATE tenants SET demo = true"))
    reconcile.sweep(equipment)
    assert rows(store, "reconcile") == []


def test_the_relay_leaves_the_work_in_the_queue_of_deliveries(store, ehr, equipment, held, valkey):
    held("o1")
    relay = Relay(equipment, valkey.url)
    relay._sweep()
    assert relay.turn() == 1
    with Redis.from_url(valkey.url) as broker:
        assert broker.llen("write_back") == 1
