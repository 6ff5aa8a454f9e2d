"""What time alone brings about: deferred work returns, and an urgent draft that nobody signs is called out again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from fhir_svc.orders.states import deferred, moment
from fhir_svc.store import resources, work
from workers import escalate
from workers.writing import leave_escalation

B = "https://example.org/fhir-svc"


def task(minutes, *, priority="stat", status="requested", code="approve", focus="ServiceRequest/o1"):
    end = datetime.now(UTC) + timedelta(minutes=minutes)
    return {
        "resourceType": "Task",
        "id": "t1",
        "status": status,
        "intent": "order",
        "priority": priority,
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": code}]},
        "focus": {"reference": focus},
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
        leave_escalation(tx, equipment.knowledge, "north", store_task(store))
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
    (said,) = (one["contentString"] for one in again.content["payload"])
    written = datetime.fromisoformat(store.read("Task", "t1").content["restriction"]["period"]["end"])
    assert f"unsigned since {written:%Y-%m-%d %H:%M} UTC" in said
    assert again.content["about"] == [{"reference": "Task/t1"}]
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
            leave_escalation(tx, equipment.knowledge, "north", dict(store.read("Task", name).content))
    store.ripen()
    with store.database.transaction() as tx:
        ids = [row for row, kind, _ in work.due(tx, 10) if kind == "escalate"]
    for row in ids:
        escalate.run(equipment, row)
    assert len(ids) == 2
    assert len(store.all("CommunicationRequest")) == 2


def test_a_draft_that_was_raised_later_has_a_call_of_its_own(store, equipment):
    reason = {"reasonReference": {"reference": "GuidanceResponse/g1"}}
    store.put(call())
    store.put(task(-1) | reason)
    due(store, equipment)
    raised = task(-1) | reason | {"id": "t2"}
    raised["restriction"]["period"]["start"] = moment(datetime.now(UTC) - timedelta(minutes=16))
    store.put(raised)
    with store.database.transaction() as tx:
        leave_escalation(tx, equipment.knowledge, "north", raised)
    with store.database.transaction() as tx:
        ids = [row for row, kind, _ in work.due(tx, 10) if kind == "escalate"]
    for row in ids:
        escalate.run(equipment, row)
    about = [one.content["about"][0]["reference"] for one in store.all("CommunicationRequest") if one.id != "c1"]
    assert sorted(about) == ["Task/t1", "Task/t2"]


def test_a_draft_that_was_raised_and_lowered_again_is_not_called_out(store, equipment):
    store.put(call())
    store.put(task(-1))
    with store.database.transaction() as tx:
        leave_escalation(tx, equipment.knowledge, "north", store_task(store))
        resources.change(tx, "north", store_task(store) | {"priority": "routine"}, version=1, statuses={"requested"})
        ids = [row for row, kind, _ in work.due(tx, 10) if kind == "escalate"]
    for row in ids:
        escalate.run(equipment, row)
    assert len(ids) == 1
    assert not escalated(store)
    assert len(store.all("CommunicationRequest")) == 1


def test_a_late_draft_is_marked_once_however_often_it_was_raised(store, equipment):
    store.put(call())
    store.put(task(-1))
    for _ in range(2):
        due(store, equipment)
    assert escalated(store)
    assert store.read("Task", "t1").version == 2


@pytest.mark.parametrize(
    "waiting",
    [
        task(-1, priority="asap"),
        task(-1, status="completed"),
        task(-1, status="cancelled"),
        task(-1, code="review", status="completed"),
        task(-1, code="review", priority="asap", focus="GuidanceResponse/g1"),
    ],
)
def test_what_is_not_urgent_or_is_done_already_is_not_called_out(store, equipment, waiting):
    store.put(call())
    store.put(waiting)
    due(store, equipment)
    assert not escalated(store)
    assert len(store.all("CommunicationRequest")) == 1


def late_calls(store):
    """The calls about what is late, in the words of the profile."""
    found = [one for one in store.all("CommunicationRequest") if one.id != "c1"]
    for one in found:
        assert one.content["reasonCode"][0]["coding"][0]["code"] == "ON_CALL_NOTIFICATION"
        assert one.content["priority"] == "stat"
        assert one.content["subject"] == {"reference": "Patient/p1"}
        assert "past its time" in one.content["payload"][0]["contentString"]
    return len(found)


def test_a_late_draft_without_an_earlier_call_is_called_out_too(store, equipment):
    store.put(call("ASK_MISSING"))
    store.put(task(-1, status="in-progress"))
    due(store, equipment)
    assert escalated(store)
    assert late_calls(store) == 1


@pytest.mark.parametrize("earlier", ["ON_CALL_NOTIFICATION", "ASK_MISSING"])
@pytest.mark.parametrize("status", ["requested", "on-hold"])
def test_a_most_urgent_review_that_nobody_completed_in_time_is_called_out_as_such(store, equipment, earlier, status):
    store.put(call(earlier))
    store.put(task(-1, code="review", focus="GuidanceResponse/g1", status=status))
    due(store, equipment)
    assert escalated(store)
    assert late_calls(store) == 1
    assert store.counts()[("write_back", "due")] == 2


def test_an_engine_failure_and_a_message_that_waits_for_an_answer_are_called_out_at_their_own_time(store, equipment):
    definition = equipment.knowledge.find("ActivityDefinition", "task-review")
    timed = [one for one in definition["extension"] if any(part["url"] == "within" for part in one["extension"])]
    reasons = {part["valueCode"] for one in timed for part in one["extension"] if part["url"] == "reason"}
    assert reasons >= {"failure", "R36.stated", "R36.unclear"}
    for number, one in enumerate(timed):
        said = next(part["valueString"] for part in one["extension"] if part["url"] == "text")
        own = {"id": f"t{number}", "description": said}
        made = task(-1, code="review", priority="asap", focus=f"GuidanceResponse/g{number}") | own
        store.put(made)
        with store.database.transaction() as tx:
            leave_escalation(tx, equipment.knowledge, "north", made)
    store.ripen()
    with store.database.transaction() as tx:
        rows = [row for row, kind, _ in work.due(tx, 10) if kind == "escalate"]
    for row in rows:
        escalate.run(equipment, row)
    assert late_calls(store) == len(timed)


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


def test_a_deferred_task_that_is_damaged_keeps_no_other_from_returning(store, equipment, capsys):
    now = datetime.now(UTC)
    for id_ in ("lost", "kept"):
        resting = deferred(task(60, priority="routine"), until=now - timedelta(minutes=1), at=now - timedelta(hours=1))
        store.put({**resting, "id": id_})
    with store.database.transaction() as tx:
        lost = "UPDATE versions SET body = :spoilt WHERE resource = (SELECT key FROM resources WHERE id = 'lost')"
        tx.execute(text(lost), {"spoilt": b"{"})
    escalate.sweep(equipment)
    assert store.read("Task", "kept").content["status"] == "requested"
    assert "Task/lost" in "".join(capsys.readouterr())


def test_nobody_is_called_before_the_time_is_up(store, equipment):
    store.put(call())
    store.put(task(5))
    with store.database.transaction() as tx:
        leave_escalation(tx, equipment.knowledge, "north", store_task(store))
        assert work.due(tx, 10) == []
