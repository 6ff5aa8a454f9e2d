"""Why a draft is taken back, in words that are true, and who hears of it when a physician had changed it."""

from __future__ import annotations

import pytest

from fhir_svc.orders.definitions import key_of
from tests.orders.story import Patient, temperature

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
