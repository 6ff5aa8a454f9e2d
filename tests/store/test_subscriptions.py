"""Events of subscriptions come about with the facts, are numbered without gaps, and only for those who asked."""

import threading
from datetime import UTC, datetime

import pytest

from fhir_svc.store import merges, resources, subscriptions, work
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.subscriptions.facts import Fact

T = "north"
TOPIC = "https://example.org/fhir-svc/SubscriptionTopic/order-drafted"


def make(id_="s1", **changes):
    given = {"tenant": T, "id": id_, "client": "c1", "topic": TOPIC, "filters": [], "status": "active"}
    return Subscription(
        **given | {"endpoint": "https://h", "content": "id-only", "timeout": 5, "digest": "d"} | changes
    )


def drafted(id_="o1", patient="p1", *codes):
    return Fact(TOPIC, f"ServiceRequest/{id_}", patient, frozenset(codes))


def add(database, *which):
    with database.transaction() as tx:
        for one in which:
            subscriptions.add(tx, one)


def publish(database, *facts, tenant=T):
    with database.transaction() as tx:
        subscriptions.publish(tx, tenant, facts)


def told(database, id_="s1"):
    with database.reading() as tx:
        one = subscriptions.find(tx, T, id_)
        return [(each.number, each.focus) for each in subscriptions.events(tx, one, first=0, last=999, limit=999)]


def test_events_are_numbered_from_one_in_the_order_of_the_facts(database):
    add(database, make())
    publish(database, drafted("o1"), drafted("o2"))
    publish(database, drafted("o3"))
    assert told(database) == [(1, "ServiceRequest/o1"), (2, "ServiceRequest/o2"), (3, "ServiceRequest/o3")]


def test_a_fact_that_is_rolled_back_takes_its_event_and_number_along(database):
    add(database, make())

    def fail():
        with database.transaction() as tx:
            subscriptions.publish(tx, T, [drafted("lost")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    publish(database, drafted("kept"))
    assert told(database) == [(1, "ServiceRequest/kept")]


@pytest.mark.parametrize(
    ("filters", "heard"),
    [
        ([], True),
        ([["patient", ["p1"]]], True),
        ([["patient", ["p2", "p1"]]], True),
        ([["patient", ["p2"]]], False),
        ([["code", ["XR_L"]]], True),
        ([["code", ["urn:keys|XR_L"]]], True),
        ([["code", ["urn:other|XR_L"]]], False),
        ([["code", ["ABI"]]], False),
        ([["patient", ["p1"]], ["code", ["ABI"]]], False),
    ],
)
def test_filters_are_all_to_be_met_and_their_values_are_alternatives(sqlite_database, filters, heard):
    add(sqlite_database, make(filters=filters))
    publish(sqlite_database, drafted("o1", "p1", "urn:keys|XR_L", "http://loinc.org|24972-2"))
    assert bool(told(sqlite_database)) is heard


def test_a_patient_is_asked_for_by_any_id_that_was_merged(database):
    add(database, make("new", filters=[["patient", ["p1"]]]), make("old", filters=[["patient", ["p-old"]]]))
    with database.transaction() as tx:
        merges.alias(tx, T, "p-old", "p1")
    publish(database, drafted("o1", "p1"))
    publish(database, drafted("o2", "p-old"))
    assert [len(told(database, id_)) for id_ in ("new", "old")] == [2, 2]


def test_other_tenants_other_topics_and_what_is_off_hear_nothing(database):
    add(database, make(), make("off", status="off"), make("other", topic=f"{TOPIC}-not"))
    publish(database, drafted(), tenant="south")
    assert told(database) == []
    publish(database, drafted())
    assert (len(told(database)), told(database, "off"), told(database, "other")) == (1, [], [])


def test_an_error_or_an_open_handshake_loses_no_event(database):
    add(database, make("asked", status="requested"), make("broken", status="error"))
    publish(database, drafted())
    assert len(told(database, "asked")) == len(told(database, "broken")) == 1


def test_many_writers_at_once_leave_no_gap_and_no_number_twice(database):
    add(database, make(), make("s2"))

    def write(name):
        for number in range(5):
            publish(database, drafted(f"{name}-{number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for id_ in ("s1", "s2"):
        found = told(database, id_)
        assert [number for number, _ in found] == list(range(1, 41))
        assert len({focus for _, focus in found}) == 40


def test_one_row_of_work_tells_any_number_of_events(database):
    add(database, make())
    publish(database, drafted("o1"))
    publish(database, drafted("o2"))
    with database.reading() as tx:
        assert [(one.kind, one.state, one.count) for one in work.summary(tx)] == [("notify", "due", 1)]


def test_a_header_is_never_shown_by_accident():
    assert "secret" not in repr(make(authorization="Bearer secret"))


def test_a_heartbeat_is_due_once_its_period_is_over_and_an_end_when_it_has_come(database):
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    add(database, make(heartbeat=3600, beat_due=long_ago), make("none"), make("over", ends=long_ago))
    with database.transaction() as tx:
        assert subscriptions.heartbeats_due(tx) == []  # its subscriber is to be told anyway
        work.finish(tx, [row for row, _, _ in work.due(tx, 10)])
        assert (subscriptions.heartbeats_due(tx), subscriptions.ended(tx)) == ([(T, "s1")], [(T, "over")])
        one = subscriptions.find(tx, T, "s1", lock=True)
        subscriptions.sent(tx, one, delivered=3)
        subscriptions.change(tx, T, "over", status="off")
        assert (subscriptions.heartbeats_due(tx), subscriptions.ended(tx)) == ([], [])
        assert subscriptions.find(tx, T, "s1").delivered == 3


def test_a_row_of_work_leads_to_the_subscription_that_it_is_about(database):
    add(database, make(), make("s2"))
    with database.transaction() as tx:
        found = {subscriptions.of_work(tx, row).id for row, _, _ in work.due(tx, 10)}
        assert found == {"s1", "s2"}
        other = work.add(tx, tenant="south", kind="notify", subject="s1", patient=None)
        assert subscriptions.of_work(tx, other) is None


def test_the_state_and_its_reason_are_shown_by_the_resource(database):
    add(database, make())
    with database.transaction() as tx:
        shown = {"resourceType": "Subscription", "id": "s1", "status": "active"}
        resources.create(tx, T, shown, patient=None, ours=True)
        subscriptions.move(tx, subscriptions.find(tx, T, "s1", lock=True), "error", reason="endpoint-5xx")
        one, stored = subscriptions.find(tx, T, "s1"), resources.read(tx, T, "Subscription", "s1")
        assert (one.status, one.reason) == ("error", "endpoint-5xx")
        assert (stored.version, stored.content["status"], stored.content["error"]) == (2, "error", "endpoint-5xx")


def test_what_is_removed_takes_its_events_along(database):
    add(database, make(), make("s2"))
    publish(database, drafted())
    with database.transaction() as tx:
        subscriptions.remove(tx, T, "s1")
        left = tx.exec_driver_sql("SELECT count(*) FROM subscription_events").scalar_one()
        assert (subscriptions.find(tx, T, "s1"), left) == (None, 1)
        assert [one.id for one in subscriptions.of_client(tx, T, "c1")] == ["s2"]


def test_what_is_put_off_while_it_is_turned_off_stays_on(database):
    """The client's update holds the row; turning off waits for it, then looks again."""
    past, future = datetime(2001, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
    add(database, make("s1", ends=past), make("s2", ends=past))

    def turn_off():
        with database.transaction() as tx:
            subscriptions.end(tx, T, "s1")
            subscriptions.end(tx, T, "s2")

    with database.transaction() as tx:
        assert subscriptions.ended(tx) == [(T, "s1"), (T, "s2")]
        subscriptions.change(tx, T, "s1", ends=future)
        sweeper = threading.Thread(target=turn_off)
        sweeper.start()
    sweeper.join()
    with database.reading() as tx:
        assert [subscriptions.find(tx, T, id_).status for id_ in ("s1", "s2")] == ["active", "off"]
        assert subscriptions.ended(tx) == []
