"""What time alone brings about: deferred work returns, and an urgent draft that nobody signs is called out again."""

from datetime import UTC, datetime, timedelta

import pytest

from fhir_svc.orders.states import deferred, moment
from fhir_svc.store import work
from workers import escalate
from workers.writing import leave_escalation

B = "https://example.org/fhir-svc"


def task(minutes, *, priority="stat", status="requested", code="approve"):
    end = datetime.now(UTC) + timedelta(minutes=minutes)
    return {
        "resourceType": "Task",
        "id": "t1",
        "status": status,
        "intent": "order",
        "priority": priority,
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": code}]},
        "focus": {"reference": "ServiceRequest/o1"},
        "for": {"reference": "Patient/p1"},
        "restriction": {"period": {"end": moment(end)}},
    }


def call(reason="ON_CALL_NOTIFICATION"):
    return {
        "resourceType": "CommunicationRequest",
        "id": "c1",
        "status": "active",
        "priority": "stat",
        "subject": {"reference": "Patient/p1"},
        "reasonCode": [{"coding": [{"system": f"{B}/CodeSystem/message-reason", "code": reason}]}],
        "payload": [{"contentString": "wording of the profile"}],
    }


def due(store, equipment):
    """What the evaluation that made the Task leaves behind, and its moment."""
    with store.database.transaction() as tx:
        leave_escalation(tx, "north", store_task(store))
    rows = store.counts().get(("escalate", "due"), 0)
    store.ripen()
    with store.database.transaction() as tx:
        ids = [row for row, kind, _ in work.due(tx, 10) if kind == "escalate"]
    for row in ids * 3:
        escalate.run(equipment, row)
    return rows


def store_task(store):
    return dict(store.read("Task", "t1").content)


def escalated(store):
    found = store.read("Task", "t1").content.get("extension", [])
    return [one["url"] for one in found] == [f"{B}/StructureDefinition/escalated"]


def test_a_most_urgent_draft_that_nobody_signed_in_time_is_called_out_once_more(store, equipment):
    store.put(call())
    store.put(task(-1))
    assert due(store, equipment) == 1
    assert escalated(store)
    (again,) = (one for one in store.all("CommunicationRequest") if one.id != "c1")
    assert again.content["payload"] == call()["payload"]
    assert again.content["replaces"] == [{"reference": "CommunicationRequest/c1"}]
    assert store.counts() == {("write_back", "due"): 2, ("escalate", "done"): 1}


def test_a_most_urgent_draft_that_was_put_off_is_called_out_all_the_same(store, equipment):
    store.put(call())
    store.put(task(-1, status="on-hold"))
    due(store, equipment)
    assert escalated(store)
    assert len(store.all("CommunicationRequest")) == 2


def test_two_late_drafts_of_one_evaluation_are_one_call(store, equipment):
    reason = {"reasonReference": {"reference": "GuidanceResponse/g1"}}
    store.put(call())
    for name in ("t1", "t2"):
        store.put(task(-1) | reason | {"id": name})
        with store.database.transaction() as tx:
            leave_escalation(tx, "north", dict(store.read("Task", name).content))
    store.ripen()
    with store.database.transaction() as tx:
        ids = [row for row, kind, _ in work.due(tx, 10) if kind == "escalate"]
    for row in ids:
        escalate.run(equipment, row)
    assert len(ids) == 2
    assert len(store.all("CommunicationRequest")) == 2


@pytest.mark.parametrize(
    "waiting",
    [
        task(-1, priority="asap"),
        task(-1, status="completed"),
        task(-1, status="cancelled"),
        task(-1, code="review"),
    ],
)
def test_everything_else_waits_quietly(store, equipment, waiting):
    store.put(call())
    store.put(waiting)
    due(store, equipment)
    assert not escalated(store)
    assert len(store.all("CommunicationRequest")) == 1


def test_a_late_draft_without_an_earlier_call_is_still_marked(store, equipment):
    store.put(call("ASK_MISSING"))
    store.put(task(-1, status="in-progress"))
    due(store, equipment)
    assert escalated(store)


@pytest.mark.parametrize(("until", "status"), [(-1, "requested"), (5, "on-hold")])
def test_a_deferred_task_returns_when_its_time_has_come(store, equipment, until, status):
    now = datetime.now(UTC)
    open_task = {**task(60, priority="routine")}
    resting = deferred(open_task, until=now + timedelta(minutes=until), at=now - timedelta(hours=1))
    store.put(resting)
    escalate.sweep(equipment)
    found = store.read("Task", "t1").content
    assert found["status"] == status
    assert bool(found.get("extension")) is (status == "on-hold")


def test_nobody_is_called_before_the_time_is_up(store, equipment):
    store.put(call())
    store.put(task(5))
    with store.database.transaction() as tx:
        leave_escalation(tx, "north", store_task(store))
        assert work.due(tx, 10) == []
