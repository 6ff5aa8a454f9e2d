"""What a physician is asked when a copy of ours was changed in the EHR."""

from datetime import UTC, datetime

import pytest

from fhir_svc.orders.external_change import review_task
from fhir_svc.record import Stored

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
CASES = [
    # type, status and priority of what was changed; words of the Task, its priority and by when
    ("ServiceRequest", "draft", "stat", "still an unsigned draft", "asap", "16:00"),
    ("ServiceRequest", "active", "stat", "signed here", "stat", "12:15"),
    ("ServiceRequest", "active", "asap", "signed here", "asap", "16:00"),
    ("ServiceRequest", "active", "routine", "signed here", "asap", "16:00"),
    ("ServiceRequest", "on-hold", "stat", "signed here", "stat", "12:15"),
    ("ServiceRequest", "active", None, "signed here", "asap", "16:00"),
    ("ServiceRequest", "revoked", "stat", "withdrawn or ended here", "asap", "16:00"),
    ("ServiceRequest", "entered-in-error", "stat", "withdrawn or ended here", "asap", "16:00"),
    ("Flag", "active", None, "was not overwritten", "asap", "16:00"),
    ("Provenance", None, None, "was not overwritten", "asap", "16:00"),
]


@pytest.mark.parametrize(("kind", "status", "priority", "words", "urgency", "due"), CASES)
def test_the_task_says_what_was_changed_and_is_as_urgent_as_a_signed_order(
    knowledge, kind, status, priority, words, urgency, due
):
    content = {name: value for name, value in (("status", status), ("priority", priority)) if value}
    changed = Stored(kind, "o1", 2, {"resourceType": kind, "id": "o1", **content}, AT, ours=True)
    task = review_task(knowledge, changed, subject="Patient/p1", guidance=None, at=AT)
    assert words in task["description"]
    assert task["priority"] == urgency
    assert task["restriction"]["period"]["end"] == f"2026-03-10T{due}:00.000Z"


ENDED = [("revoked", "stat", "stat", "12:15"), ("entered-in-error", "stat", "stat", "12:15"),
         ("entered-in-error", "routine", "asap", "16:00"), ("completed", "stat", "asap", "16:00")]  # fmt: skip


@pytest.mark.parametrize(("status", "priority", "urgency", "due"), ENDED)
@pytest.mark.parametrize("reason", ["external-change", "delivery"])
def test_what_was_signed_and_ended_here_but_may_stand_there_is_as_urgent_as_it_was(
    knowledge, reason, status, priority, urgency, due
):
    content = {"status": status, "priority": priority, "requester": {"reference": "Practitioner/alice"}}
    ended = Stored("ServiceRequest", "o1", 3, {"resourceType": "ServiceRequest", "id": "o1", **content}, AT, ours=True)
    task = review_task(knowledge, ended, subject="Patient/p1", guidance=None, at=AT, reason=reason)
    assert (task["priority"], task["restriction"]["period"]["end"]) == (urgency, f"2026-03-10T{due}:00.000Z")


@pytest.mark.parametrize("status", ["revoked", "entered-in-error"])
def test_an_ended_order_that_the_record_system_was_not_told_of_is_named_as_such(knowledge, status):
    content = {"resourceType": "ServiceRequest", "id": "o1", "status": status}
    ended = Stored("ServiceRequest", "o1", 3, content, AT, ours=True)
    task = review_task(knowledge, ended, subject="Patient/p1", guidance=None, at=AT, reason="delivery")
    assert "was withdrawn here, and the record system could not be told" in task["description"]
