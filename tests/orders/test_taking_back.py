"""Why a draft is taken back, in words that are true, and who hears of it when a physician had changed it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fhir_svc.orders import provenance, revision
from fhir_svc.orders.definitions import key_of
from tests.orders.story import ALICE, Patient, temperature

PERSON = {"resourceType": "Patient", "id": "p1", "birthDate": "1954-05-01", "gender": "male"}
WISH = {
    "nc_leg_pain_walking": "yes", "nc_relief_sitting": "yes", "nc_shopping_cart": "yes", "nc_standing_triggers": "yes",
    "nc_location": "above-knee", "hx_pad_risk": "no", "hx_wants_intervention": "yes", "hx_pt_weeks": 8,
    "ctx_symptoms_persisting_or_worse": "yes",
}  # fmt: skip
NO_WISH = {"hx_wants_intervention": "no"}


@pytest.fixture
def patient(knowledge):
    return Patient(knowledge)


def taken_back(news):
    """Order keys with the reason on the order."""
    return {
        (key_of(order), held["valueCodeableConcept"]["coding"][0]["code"])
        for order in news.orders("revoked")
        for held in order["extension"]
        if "statusReason" in held["url"]
    }


def task_reasons(news):
    tasks = [held for held in news.resources if held["resourceType"] == "Task" and held["status"] == "cancelled"]
    return {task["statusReason"]["coding"][0]["code"] for task in tasks}


def fever(patient):
    return temperature("t1", 39.2, patient.at)


REASONS = [
    # name, what arrives after a routine MRI was drafted, why the draft is taken back
    ("new evidence, and another order covers it", fever, "superseded"),
    ("a newer form that ends the wish", lambda p: p.form("q2", **WISH | NO_WISH), "no-longer-supported"),
    ("the form itself, amended", lambda p: p.form("q1", **WISH | NO_WISH) | {"status": "amended"}, "source-withdrawn"),
    ("the form itself, in error", lambda p: p.form("q1") | {"status": "entered-in-error"}, "source-withdrawn"),
]


@pytest.mark.parametrize(("name", "arriving", "reason"), REASONS, ids=[case[0] for case in REASONS])
def test_the_reason_of_a_draft_that_is_taken_back_is_true(patient, r4, name, arriving, reason):
    drafted = patient.now(PERSON, patient.form("q1", **WISH))
    assert [key_of(order) for order in drafted.orders("draft")] == ["MRI_L_WO"]
    news = patient.now(arriving(patient))
    assert taken_back(news) == {("MRI_L_WO", reason)}
    assert task_reasons(news) == {reason}
    assert "DRAFTS_REVOKED" in news.found.decision.flags
    for resource in news.resources:
        assert r4.check_r4(resource) == []
    assert patient.now().resources == []


def revise(patient, change):
    """Alice changes the only draft there is."""
    patient.at += timedelta(minutes=1)
    (draft,) = [held for held in patient.held.values() if held.content.get("status") == "draft"]
    (task,) = [held for held in patient.held.values() if held.content.get("focus", {}).get("reference") == draft.local]
    for content in revision.revised(draft.content, task.content, change, codings=(), by=ALICE, at=patient.at):
        patient._store(content, ours=True)
    newer = patient.held[draft.local].reference
    patient._store(provenance.revised(newer, draft.reference, by=ALICE, at=patient.at), ours=True)
    return draft


STAT = {"resourceType": "ServiceRequest", "priority": "stat", "note": [{"text": "Seen today, can hardly walk"}]}
TOLD = [
    # name, Alice's change, what arrives then, how urgent the review of it is
    ("raised, then replaced by what is less urgent", STAT, fever, "stat"),
    ("raised, then nothing supports it", STAT, REASONS[1][1], "stat"),
    ("raised, then its form is amended", STAT, REASONS[2][1], "stat"),
    ("a note alone", {key: STAT[key] for key in ("resourceType", "note")}, fever, "routine"),
]


@pytest.mark.parametrize(("name", "change", "arriving", "priority"), TOLD, ids=[case[0] for case in TOLD])
def test_a_physician_hears_once_that_a_draft_they_had_changed_is_gone(patient, r4, name, change, arriving, priority):
    patient.now(PERSON, patient.form("q1", **WISH))
    draft = revise(patient, change)
    news = patient.now(arriving(patient))
    assert {order["id"] for order in news.orders("revoked")} == {draft.id}
    (task,) = [each for each in news.tasks() if each.get("basedOn") == [{"reference": draft.local}]]
    assert (task["status"], task["priority"]) == ("requested", priority)
    assert task["description"].startswith(f"{draft.content['code']['text']}: ")
    assert "which a physician had changed" in task["description"]
    assert [each for each in news.resources if each["resourceType"] == "Flag" and draft.id in str(each)] == []
    for resource in news.resources:
        assert r4.check_r4(resource) == []
    assert patient.now().resources == []


def test_nobody_is_asked_about_a_draft_that_nobody_had_changed(patient):
    patient.now(PERSON, patient.form("q1", **WISH))
    assert [each for each in patient.now(fever(patient)).tasks() if "basedOn" in each] == []


def test_a_physician_hears_that_time_alone_took_a_draft_they_had_changed(patient):
    patient.now(PERSON, patient.form("q1", **WISH))
    draft = revise(patient, TOLD[3][1])
    news = patient.now(later=400 * 24 * 60)
    assert taken_back(news) == {("MRI_L_WO", "expired")}
    assert [each["basedOn"] for each in news.tasks() if "basedOn" in each] == [[{"reference": draft.local}]]


def test_a_question_about_one_draft_is_not_answered_by_one_about_another(patient):
    """The joined record asks about the draft that moves to it; what was asked before of another draft stays open."""
    patient.now(PERSON, patient.form("q1", **WISH))
    first = revise(patient, STAT)
    patient.now(patient.form("q2", **WISH | NO_WISH))
    patient.now(patient.form("q3", **WISH))
    second = revise(patient, STAT)
    assert first.id != second.id
    patient.patient_id = "p2"
    merged = patient.now(PERSON | {"id": "p2"})
    assert [each["basedOn"] for each in merged.tasks() if "basedOn" in each] == [[{"reference": second.local}]]
    asked = {
        each.content["basedOn"][0]["reference"] for each in patient.reviews("requested") if "basedOn" in each.content
    }
    assert asked == {first.local, second.local}
