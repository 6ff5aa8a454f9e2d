"""What becomes of a draft that nobody signs: time alone takes back what presses nobody, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fhir_svc.orders.definitions import key_of
from tests.orders.story import Patient, T, temperature

DAY = 24 * 60
EARLY = {"hx_pt_weeks": 2, "nc_leg_pain_walking": "no"}
CLAUDICATION = {
    "nc_leg_pain_walking": "yes", "nc_relief_sitting": "yes", "nc_shopping_cart": "yes", "nc_standing_triggers": "yes",
    "nc_location": "above-knee", "hx_pad_risk": "no",
}  # fmt: skip


@pytest.fixture
def patient(knowledge):
    return Patient(knowledge)


def person(born):
    return {"resourceType": "Patient", "id": "p1", "birthDate": born, "gender": "male"}


def drafted(news):
    return {key_of(order) for order in news.orders("draft")}


def taken_back(news):
    """Order keys with the reason on the order and on its Task."""
    tasks = {held["focus"]["reference"]: held for held in news.resources if held["resourceType"] == "Task"}
    found = set()
    for order in news.orders("revoked"):
        (on_order,) = [held["valueCodeableConcept"] for held in order["extension"] if "statusReason" in held["url"]]
        task = tasks[f"ServiceRequest/{order['id']}"]
        assert task["status"] == "cancelled"
        assert task["statusReason"]["coding"][0]["code"] == on_order["coding"][0]["code"]
        found.add((key_of(order), on_order["coding"][0]["code"]))
    return found


def test_a_draft_expires_at_the_moment_that_time_alone_ends_its_rule(patient, r4):
    first = patient.now(person("1986-03-20"), patient.form("q1", **CLAUDICATION))
    assert drafted(first) == {"ABI"}
    assert patient.now(later=8 * DAY).orders() == []
    fortieth = patient.now(later=2 * DAY)
    assert taken_back(fortieth) == {("ABI", "expired")}
    assert "DRAFTS_REVOKED" not in fortieth.found.decision.flags
    for resource in fortieth.resources:
        assert r4.check_r4(resource) == []
    assert patient.now().resources == []


def test_a_draft_that_cannot_be_judged_any_more_waits_as_long_as_the_site_says(patient):
    assert drafted(patient.now(person("1954-09-01"), patient.form("q1", **EARLY))) == {"PT_REFERRAL"}
    stale = patient.now(later=40 * DAY)
    assert stale.orders() == []
    assert stale.found.decision.next_change == T + timedelta(days=90, minutes=1)
    assert patient.now(later=50 * DAY - 2).orders() == []
    assert taken_back(patient.now(later=2)) == {("PT_REFERRAL", "expired")}
    assert drafted(patient.now(patient.form("q2", **EARLY))) == {"PT_REFERRAL"}


def test_a_draft_whose_rule_is_met_still_never_expires(patient):
    patient.now(person("1954-09-01"), patient.form("q1", **EARLY))
    for _ in range(5):
        assert patient.now(patient.form("q1", **EARLY), later=28 * DAY).orders("revoked") == []


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        ({"rf_night_sweats": "yes"}, {"LAB_CRP", "LAB_ESR"}),
        ({"rf_cancer_history": "active"}, {"MRI_L_WWO", "LAB_CRP", "LAB_ESR"}),
        ({"rf_saddle_numbness": "yes"}, {"ED_REFERRAL", "MRI_L_WO"}),
    ],
)
def test_what_a_red_flag_asked_for_never_expires(patient, answers, keys):
    assert drafted(patient.now(person("1954-05-01"), patient.form("q1", **answers))) == keys
    late = patient.now(later=400 * DAY)
    assert {reason for _, reason in taken_back(late)} <= {"superseded"}  # what presses is drafted anew
    waiting = {key_of(held.content) for held in patient.held.values() if held.content.get("status") == "draft"}
    assert waiting == keys


def test_a_fever_that_has_left_its_window_leaves_its_drafts_to_a_physician(patient):
    fever = patient.now(person("1954-05-01"), patient.form("q1"), temperature("t1", 39.2, patient.at))
    assert drafted(fever) == {"ED_REFERRAL", "MRI_L_WWO", "LAB_CRP", "LAB_ESR"}
    late = patient.now(later=4 * DAY)
    assert late.found.decision.rule("R03").outcome == "not-met"
    assert late.orders() == []


def test_a_refreshed_draft_expires_counted_from_when_it_was_put_before_a_physician(patient):
    patient.now(person("1954-09-01"), patient.form("q1", **EARLY))
    patient.now(patient.form("q2", **EARLY), later=20 * DAY)
    late = patient.now(later=69 * DAY)
    assert late.orders() == []
    assert late.found.decision.next_change == datetime.fromisoformat("2026-06-08T12:01:00+00:00")
    assert taken_back(patient.now(later=DAY)) == {("PT_REFERRAL", "expired")}
