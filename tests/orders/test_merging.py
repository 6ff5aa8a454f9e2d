"""Two records of one patient become one: nothing is lost, nothing is ordered or told twice, a physician knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_svc.orders.definitions import key_of
from tests.orders.story import Patient


@pytest.fixture
def patient(knowledge):
    found = Patient(knowledge)
    found.now(person("p1"), found.form("q0"))
    return found


def person(identity, born="1954-09-01", sex="male"):
    return {"resourceType": "Patient", "id": identity, "birthDate": born, "gender": sex}


def merge(patient, *arriving):
    """The patient's record is replaced by p2's, on which these things are."""
    patient.patient_id = "p2"
    return patient.now(person("p2"), *arriving)


def about_the_merge(news):
    return [
        task for task in news.tasks()
        if task["status"] != "cancelled" and task["reasonCode"]["coding"][0]["code"] == "patient-merged"
    ]  # fmt: skip


def reason(order):
    (why,) = [held["valueCodeableConcept"] for held in order["extension"] if "statusReason" in held["url"]]
    return why["coding"][0]["code"]


def sign(patient):
    """Every draft was signed."""
    for held in [each for each in patient.held.values() if each.content.get("status") == "draft"]:
        signed = held.content | {"status": "active", "requester": {"reference": "Practitioner/alice"}}
        patient.held[held.local] = replace(held, version=held.version + 1, content=signed)
        (task,) = [each for each in patient.held.values() if each.content.get("focus") == {"reference": held.local}]
        patient.held[task.local] = replace(task, version=2, content=task.content | {"status": "completed"})


def test_drafts_that_are_wanted_still_are_drafted_for_the_joined_record_and_nobody_is_told_twice(patient):
    first = patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    assert first.messages() == ["EMERGENCY_ADVICE", "ON_CALL_NOTIFICATION"]
    joined = merge(patient)
    assert {(key_of(order), order["subject"]["reference"]) for order in joined.orders("draft")} == {
        ("ED_REFERRAL", "Patient/p2"), ("MRI_L_WO", "Patient/p2"),
    }  # fmt: skip
    assert {reason(order) for order in joined.orders("revoked")} == {"superseded"}
    assert joined.messages() == []
    assert about_the_merge(joined) == []
    again = patient.now(patient.message("m1", "I am still numb where I sit and it is worse"))
    assert again.messages() == ["EMERGENCY_ADVICE", "ON_CALL_NOTIFICATION"]


def test_a_draft_that_nothing_asks_for_any_more_is_taken_back_and_a_physician_is_asked(patient, r4):
    early = {"hx_pt_weeks": 2, "nc_leg_pain_walking": "no"}
    assert [key_of(order) for order in patient.now(patient.form("q1", **early)).orders("draft")] == ["PT_REFERRAL"]
    patient.now(later=40 * 24 * 60)  # the form is stale, whether physiotherapy is wanted can't be told
    joined = merge(patient)
    (order,) = joined.orders()
    assert (order["status"], reason(order)) == ("revoked", "patient-merged")
    (closed,) = [held for held in joined.resources if held["resourceType"] == "Task" and held["status"] == "cancelled"]
    assert closed["focus"] == {"reference": f"ServiceRequest/{order['id']}"}
    (task,) = about_the_merge(joined)
    assert task["for"] == {"reference": "Patient/p2"}
    assert task["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]
    assert "Decide whether it is still needed" in task["description"]
    for resource in joined.resources:
        assert r4.check_r4(resource) == []
    assert patient.now().resources == []


def test_a_signed_order_stays_holds_back_a_second_one_and_is_reviewed_once(patient, r4):
    patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    sign(patient)
    joined = merge(patient)
    assert joined.orders() == []
    tasks = about_the_merge(joined)
    assert [task["priority"] for task in tasks] == ["stat", "stat"]
    assert all("once" in task["description"] for task in tasks)
    for resource in joined.resources:
        assert r4.check_r4(resource) == []
    patient.close()
    assert about_the_merge(patient.now()) == []
    assert about_the_merge(patient.now(patient.form("q2", rf_saddle_numbness="yes"))) == []


def test_an_open_review_goes_over_to_the_joined_record(patient):
    patient.now(patient.form("q1", rf_numbness_spread="days"))
    (old,) = patient.reviews("requested")
    joined = merge(patient)
    states = {task["id"]: (task["status"], task["for"]["reference"]) for task in joined.tasks()}
    assert states.pop(old.id) == ("cancelled", "Patient/p1")
    assert list(states.values()) == [("requested", "Patient/p2")]
    assert patient.now().resources == []


def test_both_records_had_the_same_draft_and_one_is_left(patient):
    patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    other = Patient(patient.knowledge, at=patient.at, patient_id="p2")
    form = other.form("q2", rf_saddle_numbness="yes") | {"subject": {"reference": "Patient/p2"}}
    other.now(person("p2"), form)
    patient.held |= other.held
    joined = merge(patient)
    assert {order["subject"]["reference"] for order in joined.orders("revoked")} == {"Patient/p1"}
    waiting = [held.content for held in patient.held.values() if held.content.get("status") == "draft"]
    assert sorted((key_of(order), order["subject"]["reference"]) for order in waiting) == [
        ("ED_REFERRAL", "Patient/p2"), ("MRI_L_WO", "Patient/p2"),
    ]  # fmt: skip


def test_an_order_of_the_record_system_is_not_doubled(patient):
    patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    theirs = {
        "resourceType": "ServiceRequest", "id": "theirs", "status": "active", "intent": "order", "priority": "stat",
        "code": {"coding": [{"system": "http://loinc.org", "code": "30679-5"}]},
        "subject": {"reference": "Patient/p2"}, "authoredOn": patient.at.isoformat(),
    }  # fmt: skip
    joined = merge(patient, theirs)
    assert [key_of(order) for order in joined.orders("draft")] == ["ED_REFERRAL"]
    assert {key_of(order) for order in joined.orders("revoked")} == {"ED_REFERRAL", "MRI_L_WO"}
