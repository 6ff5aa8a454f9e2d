"""Every step that an order and its Task can take, and every step that is refused (contract section 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fhir_svc.errors import Conflict, Unprocessable
from fhir_svc.orders import revision, states, transitions

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ALICE = states.By("Practitioner/alice", "Alice")
BOB = states.By("Practitioner/bob", "Bob")
ORDER_STATES = ["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"]
TASK_STATES = ["requested", "accepted", "in-progress", "on-hold", "completed", "rejected", "cancelled"]
STATUS_REASON = "https://example.org/fhir-svc/CodeSystem/status-reason"


def order(status="draft"):
    return {
        "resourceType": "ServiceRequest", "id": "o1",
        "meta": {"versionId": "3", "lastUpdated": "2026-03-10T11:00:00Z"},
        "extension": [
            {"url": "https://example.org/fhir-svc/StructureDefinition/rule", "valueCode": "R01"},
            {"url": "https://example.org/fhir-svc/StructureDefinition/blocker", "valueCode": "mr-screening"},
        ],
        "status": status, "intent": "order", "priority": "stat", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [
            {"system": "http://loinc.org", "code": "30679-5"},
            {"system": "https://example.org/fhir-svc/CodeSystem/order-key", "code": "MRI_L_WO"},
        ], "text": "MRI"},
        "note": [{"text": "R01"}],
    }  # fmt: skip


def task(status="requested", code="approve"):
    return {
        "resourceType": "Task", "id": "t1", "status": status, "intent": "order", "priority": "stat",
        "code": {"coding": [{"code": code}]}, "focus": {"reference": "ServiceRequest/o1"},
    }  # fmt: skip


def sign(draft, work):
    return states.signed(draft, work, by=ALICE, at=AT)


def decline(draft, work):
    return states.declined(draft, work, reason="already-done", text="Done last week.", by=ALICE, at=AT)


def withdraw(draft, work):
    return states.withdrawn(draft, work, reason="superseded", at=AT)


def revise(draft, work):
    return revision.revised(draft, work, {"priority": "asap"}, codings=(), by=ALICE, at=AT)


WORKABLE = {"requested", "accepted", "in-progress"}
ON_ORDERS = [
    # act, states of the order it takes, states of the Task it takes, order after, Task after (None: the same)
    (sign, {"draft"}, WORKABLE, "active", "completed"),
    (decline, {"draft"}, WORKABLE, "revoked", "rejected"),
    (withdraw, {"draft"}, WORKABLE | {"on-hold"}, "revoked", "cancelled"),
    (revise, {"draft"}, WORKABLE, "draft", None),
]


@pytest.mark.parametrize("of_task", TASK_STATES)
@pytest.mark.parametrize("of_order", ORDER_STATES)
@pytest.mark.parametrize(("act", "orders", "tasks", "order_after", "task_after"), ON_ORDERS)
def test_an_act_on_a_draft_works_in_its_states_alone(
    r4, act, orders, tasks, order_after, task_after, of_order, of_task
):
    if of_order in orders and of_task in tasks:
        moved, done = act(order(of_order), task(of_task))
        assert (moved["status"], done["status"]) == (order_after, task_after or of_task)
        assert "versionId" not in moved.get("meta", {})
        assert r4.check_r4(moved) == []
        assert r4.check_r4(done) == []
    else:
        with pytest.raises(Conflict):
            act(order(of_order), task(of_task))


ON_TASKS = [
    ("accept", lambda t: states.accepted(t, by=ALICE, at=AT), {"requested"}, "accepted"),
    ("start", lambda t: states.started(t, at=AT), {"accepted"}, "in-progress"),
    ("reassign", lambda t: states.reassigned(t, owner=BOB, at=AT), WORKABLE, None),
    ("defer", lambda t: states.deferred(t, until=AT + timedelta(hours=1), at=AT), {"requested", "accepted"}, "on-hold"),
    ("release", lambda t: states.released(t, at=AT), {"on-hold"}, "requested"),
]  # fmt: skip


@pytest.mark.parametrize("status", TASK_STATES)
@pytest.mark.parametrize(("name", "act", "tasks", "after"), ON_TASKS, ids=[case[0] for case in ON_TASKS])
def test_an_act_on_a_task_works_in_its_states_alone(r4, name, act, tasks, after, status):
    if status in tasks:
        moved = act(task(status))
        assert moved["status"] == (after or status)
        assert moved["lastModified"] == "2026-03-10T12:00:00.000Z"
        assert r4.check_r4(moved) == []
    else:
        with pytest.raises(Conflict):
            act(task(status))


@pytest.mark.parametrize("status", TASK_STATES)
def test_a_review_is_completed_with_outcome_note_and_closed_facts(r4, status):
    def complete():
        return states.completed(
            task(status, "review"),
            outcome="seen",
            note="Spoke with her.",
            closed_facts=["rf-saddle-numbness"],
            by=ALICE,
            at=AT,
        )

    if status not in WORKABLE:
        with pytest.raises(Conflict):
            complete()
        return
    done = complete()
    assert done["status"] == "completed"
    assert [(held["type"]["coding"][0]["code"], held["valueCode"]) for held in done["output"]] == [
        ("outcome", "seen"), ("closed-fact", "rf-saddle-numbness"),
    ]  # fmt: skip
    assert done["note"][0]["authorReference"] == ALICE.json
    assert r4.check_r4(done) == []


def test_a_draft_is_not_completed_like_a_review():
    with pytest.raises(Unprocessable):
        states.completed(task(), outcome="seen", note=None, closed_facts=[], by=ALICE, at=AT)


def test_a_signed_order_has_its_requester_and_no_open_check():
    moved, done = sign(order(), task())
    assert moved["requester"] == {"reference": "Practitioner/alice", "display": "Alice"}
    assert moved["authoredOn"] == "2026-03-10T12:00:00.000Z"
    assert moved["intent"] == "order"
    assert [held["valueCode"] for held in moved["extension"]] == ["R01"]
    assert done["owner"] == ALICE.json


def test_a_signed_draft_cannot_be_signed_again():
    moved, done = sign(order(), task())
    with pytest.raises(Conflict):
        sign(moved, done)


def test_the_reason_of_a_decline_stands_on_order_and_task():
    moved, done = decline(order(), task())
    held = next(one for one in moved["extension"] if one["url"].endswith("request-statusReason"))
    assert held["valueCodeableConcept"] == done["statusReason"]
    assert [coding["code"] for coding in done["statusReason"]["coding"]] == ["declined", "already-done"]
    assert done["statusReason"]["coding"][0]["system"] == STATUS_REASON


@pytest.mark.parametrize("status", ORDER_STATES)
def test_an_admin_marks_a_draft_or_active_order_as_entered_in_error(status):
    def annul():
        return states.annulled(order(status), task("on-hold"), reason="entered-in-error", text="Wrong patient.", at=AT)

    if status in {"draft", "active"}:
        moved, done = annul()
        assert (moved["status"], done["status"]) == ("entered-in-error", "cancelled")
    else:
        with pytest.raises(Conflict):
            annul()


def test_a_closed_task_stays_closed_when_its_order_is_annulled():
    assert states.annulled(order("active"), task("completed"), reason="entered-in-error", text="", at=AT)[1] is None


@pytest.mark.parametrize("to", ORDER_STATES)
@pytest.mark.parametrize("status", ORDER_STATES)
def test_after_signing_the_ehr_alone_moves_an_order_and_never_back_to_draft(status, to):
    if to in transitions.REPORTED.get(status, ()):
        assert states.reported(order(status), to)["status"] == to
    else:
        with pytest.raises(Conflict):
            states.reported(order(status), to)
    assert "draft" not in transitions.REPORTED
    assert all("draft" not in reachable for reachable in transitions.REPORTED.values())


def test_every_act_stays_inside_the_state_machines():
    for act in transitions.ACTS.values():
        for status in act.tasks if act.task else ():
            assert act.task in transitions.TASK[status]
        for status in act.drafts if act.draft else ():
            assert act.draft in transitions.SERVICE_REQUEST[status]


def test_a_deferral_names_a_moment_to_come_and_is_forgotten_on_release():
    with pytest.raises(Unprocessable):
        states.deferred(task(), until=AT, at=AT)
    resting = states.deferred(task(), until=AT + timedelta(hours=2), at=AT)
    assert resting["extension"][0]["valueDateTime"] == "2026-03-10T14:00:00.000Z"
    assert "extension" not in states.released(resting, at=AT)


CHOICES = [
    {"system": "http://loinc.org", "code": "30679-5"},
    {"system": "http://loinc.org", "code": "24968-0", "display": "MR"},
]


def test_a_physician_revises_priority_code_note_and_performer(r4):
    change = {
        "priority": "urgent", "performer": [{"reference": "Organization/x"}],
        "note": [{"text": "R01"}, {"text": "Claustrophobic."}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "24968-0"}]},
    }  # fmt: skip
    moved, done = revision.revised(order(), task(), change, codings=CHOICES, by=ALICE, at=AT)
    assert (moved["priority"], done["priority"]) == ("urgent", "urgent")
    assert [coding["code"] for coding in moved["code"]["coding"]] == ["24968-0", "MRI_L_WO"]
    assert moved["code"]["coding"][0]["display"] == "MR"
    assert [note.get("authorReference") for note in moved["note"]] == [None, ALICE.json]
    assert moved["status"] == "draft"
    assert r4.check_r4(moved) == []


REFUSED = [
    ("status", "active"), ("intent", "plan"), ("subject", {"reference": "Patient/p2"}), ("extension", []),
    ("code", {"coding": [{"system": "http://loinc.org", "code": "24965-6"}]}),
    ("code", {"coding": [{"system": "https://example.org/fhir-svc/CodeSystem/order-key", "code": "CTM_L"}]}),
    ("supportingInfo", []), ("requester", ALICE.json),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_nothing_else_can_be_revised(name, value):
    with pytest.raises(Unprocessable):
        revision.revised(order(), task(), {name: value}, codings=CHOICES, by=ALICE, at=AT)


def test_the_whole_draft_may_come_back_with_its_changes():
    moved, _ = revision.revised(order(), task(), {**order(), "priority": "routine"}, codings=CHOICES, by=ALICE, at=AT)
    assert moved == {**states.fresh(order()), "priority": "routine"}


def test_an_unknown_priority_is_refused():
    with pytest.raises(Unprocessable):
        revision.revised(order(), task(), {"priority": "yesterday"}, codings=CHOICES, by=ALICE, at=AT)
