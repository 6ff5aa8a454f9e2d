"""Whoever asks why nothing was drafted is shown the order or the study that stands for it."""

from __future__ import annotations

import pytest

from tests.orders.story import Patient

NAME = "MRI of the lumbar spine without contrast"
MRI = {"coding": [{"system": "http://loinc.org", "code": "30679-5"}]}
SUBJECT = {"reference": "Patient/p1"}
MAN = {"resourceType": "Patient", "id": "p1", "birthDate": "1950-05-01", "gender": "male"}
STANDING = {
    "resourceType": "ServiceRequest", "id": "theirs", "status": "active", "intent": "order", "priority": "stat",
    "code": MRI, "subject": SUBJECT, "authoredOn": "2026-03-10T10:30:00Z",
}  # fmt: skip
STUDY = {
    "resourceType": "DiagnosticReport", "id": "scan", "status": "final", "code": MRI, "subject": SUBJECT,
    "effectiveDateTime": "2026-02-10",
}  # fmt: skip
ROUTINE = {
    "nc_leg_pain_walking": "yes", "nc_relief_sitting": "yes", "nc_shopping_cart": "yes", "nc_standing_triggers": "yes",
    "nc_location": "above-knee", "ctx_symptoms_persisting_or_worse": "yes", "hx_wants_intervention": "yes",
    "hx_pt_weeks": 8,
}  # fmt: skip


@pytest.fixture
def patient(knowledge):
    return Patient(knowledge)


def issues(news):
    return [
        held for held in news.resources
        if held["resourceType"] == "DetectedIssue" and held["code"]["coding"][0]["code"] == "duplicate"
    ]  # fmt: skip


def traced(news):
    """The facts of R16 on file: (name, value, date, sources)."""
    (rule,) = [rule for rule in news.found.decision.rules if rule.id == "R16"]
    return [
        (fact.name, fact.value, fact.date, [source.reference for source in fact.sources])
        for fact in rule.facts
        if fact.name in {"standing-order", "earlier-imaging"}
    ]


CASES = [
    (
        {"rf_saddle_numbness": "yes"},
        STANDING,
        ("standing-order", "active-stat", "2026-03-10T10:30:00Z", ["ServiceRequest/theirs/_history/1"]),
        f"{NAME}. Standing order: {NAME}, active stat (2026-03-10T10:30:00Z)",
    ),
    (
        {"rf_saddle_numbness": "yes"},
        STANDING | {"code": MRI | {"text": "MR lumbar, urgent list"}},
        ("standing-order", "active-stat", "2026-03-10T10:30:00Z", ["ServiceRequest/theirs/_history/1"]),
        f"{NAME}. Standing order: MR lumbar, urgent list, active stat (2026-03-10T10:30:00Z)",
    ),
    (
        ROUTINE,
        STUDY,
        ("earlier-imaging", "final", "2026-02-10", ["DiagnosticReport/scan/_history/1"]),
        f"{NAME}. Earlier imaging: {NAME}, final (2026-02-10)",
    ),
    (
        ROUTINE,
        STUDY | {"code": {"coding": [{"system": "http://loinc.org", "code": "30678-7"}]}},
        ("earlier-imaging", "final", "2026-02-10", ["DiagnosticReport/scan/_history/1"]),
        f"{NAME}. Earlier imaging: MR Lumbar spine W contrast IV, final (2026-02-10)",
    ),
    (
        ROUTINE,
        {
            "resourceType": "ImagingStudy",
            "id": "pictures",
            "status": "available",
            "subject": SUBJECT,
            "procedureCode": [MRI | {"text": "MR LSP"}],
            "started": "2026-02-10T09:00:00Z",
        },
        ("earlier-imaging", "available", "2026-02-10T09:00:00Z", ["ImagingStudy/pictures/_history/1"]),
        f"{NAME}. Earlier imaging: MR LSP, available (2026-02-10T09:00:00Z)",
    ),
]


@pytest.mark.parametrize(("answers", "held", "fact", "detail"), CASES)
def test_the_trace_and_the_issue_name_what_held_the_draft_back(patient, r4, answers, held, fact, detail):
    news = patient.now(MAN, held, patient.form("q1", **answers))
    assert "MRI_L_WO" not in [key for order in news.orders() for key in [order["code"]["coding"][-1]["code"]]]
    assert traced(news) == [fact]
    (issue,) = issues(news)
    assert issue["detail"] == detail
    assert [side["detail"] for side in issue["evidence"]] == [[{"reference": fact[3][0]}]]
    assert r4.check_r4(issue) == []
    assert issues(patient.now()) == []


def test_an_order_of_ours_that_was_signed_or_declined_is_named_once(patient):
    patient.now(MAN, patient.form("q1", rf_numbness_spread="days", **ROUTINE | {"hx_pt_weeks": 2}))
    first = patient.now(patient.form("q2", **ROUTINE | {"hx_pt_weeks": 2}))
    (draft,) = first.orders("draft")
    patient.decline()
    again = patient.now()
    assert [(name, value) for name, value, _, _ in traced(again)] == [("standing-order", "revoked-routine")]
    (issue,) = issues(again)
    assert issue["evidence"][0]["detail"] == [{"reference": f"ServiceRequest/{draft['id']}/_history/2"}]
    assert issues(patient.now()) == []


def test_a_draft_that_waits_is_named_by_the_trace_alone(patient):
    patient.now(MAN, patient.form("q1", rf_saddle_numbness="yes"))
    again = patient.now()
    assert {(name, value) for name, value, _, _ in traced(again)} == {("standing-order", "draft-stat")}
    assert issues(again) == []


def test_a_scan_that_a_red_flag_overrides_is_named_too(patient):
    news = patient.now(MAN, STUDY, patient.form("q1", rf_saddle_numbness="yes", rf_saddle_onset="within-14-days"))
    assert [(name, value) for name, value, _, _ in traced(news)] == [("earlier-imaging", "final")]
    assert issues(news) == []


@pytest.mark.parametrize(
    ("answers", "denied"),
    [({"rf_saddle_numbness": "yes"}, {}), (ROUTINE, ROUTINE | {"hx_wants_intervention": "no"})],
)
def test_what_was_withdrawn_is_drafted_again_when_it_is_said_again(patient, answers, denied):
    first = patient.now(MAN, patient.form("q1", **answers)).orders("draft")
    patient.now(patient.form("q1", **denied))
    assert {held.content["status"] for held in patient.held.values() if held.type == "ServiceRequest"} == {"revoked"}
    again = patient.now(patient.form("q1", **answers)).orders("draft")
    assert [order["code"] for order in again] == [order["code"] for order in first]
