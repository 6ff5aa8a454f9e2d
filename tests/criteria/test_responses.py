"""Responses to a form: which version speaks, and which of several."""

from datetime import timedelta

import pytest

from fhir_svc.decision import Outcome
from tests.criteria.cases.building import (
    T,
    calm,
    form,
    hours,
)
from tests.criteria.cases.presentations import SADDLE
from tests.criteria.finding import found, outcome, value

OLD_AND_CHECKED = {"rf-saddle-numbness": "yes", "rf-saddle-onset": "over-3-months", "rf-saddle-stable": "yes"}


# --- versions of one response (D.1 Forms, R43)

VERSIONS = [
    # name, older versions oldest first, newest, value, conflict
    ("a blank keeps the positive", [calm(SADDLE)], calm({"rf-saddle-numbness": None}), "yes", True),
    ("unsure keeps the positive", [calm(SADDLE)], calm({"rf-saddle-numbness": "unsure"}), "yes", True),
    ("no withdraws it", [calm(SADDLE)], calm(), "no", False),
    ("a no between withdraws it for good", [calm(SADDLE), calm()], calm({"rf-saddle-numbness": None}), None, False),
    ("a blank keeps no no", [calm()], calm({"rf-saddle-numbness": None}), None, False),
    ("two blanks keep it", [calm(SADDLE), calm({"rf-saddle-numbness": None})], calm({"rf-saddle-numbness": None}),
     "yes", True),
    ("a retraction between ends it", [calm(SADDLE), calm(SADDLE, status="entered-in-error")],
     calm({"rf-saddle-numbness": None}), None, False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "older", "newest", "expected", "conflict"), VERSIONS, ids=[v[0] for v in VERSIONS])
def test_a_newer_version_withdraws_only_what_it_denies(name, older, newest, expected, conflict):
    findings = found([newest], earlier=list(reversed(older)))
    assert value(findings, "rf-saddle-numbness") == expected
    assert ("CONFLICT" in findings.flags) is conflict


def test_a_kept_positive_brings_its_follow_ups_along():
    findings = found([calm({"rf-saddle-numbness": None})], earlier=[calm(OLD_AND_CHECKED)])
    assert value(findings, "rf-saddle-onset") == "over-3-months"
    assert outcome(findings, "R01") is Outcome.NOT_MET


def test_a_follow_up_that_a_newer_version_leaves_out_stands():
    findings = found([calm(SADDLE | {"rf-saddle-onset": None})], earlier=[calm(SADDLE)])
    assert value(findings, "rf-saddle-onset") == "within-14-days"


def test_a_source_names_the_version_that_decided():
    findings = found([calm({"rf-saddle-numbness": None})], earlier=[calm(SADDLE)])
    assert [source.version for source in findings.facts["rf-saddle-numbness"].sources] == [1]


def test_a_retracted_response_is_absent_with_all_its_versions():
    findings = found([calm(status="entered-in-error")], earlier=[calm(SADDLE)])
    assert findings.level is None
    assert value(findings, "rf-saddle-numbness") is None


# --- several responses


def test_the_more_dangerous_follow_up_of_two_responses_counts():
    findings = found([calm(OLD_AND_CHECKED), calm(SADDLE, id="older", authored=hours(30))])
    assert value(findings, "rf-saddle-onset") == "within-14-days"
    assert outcome(findings, "R01") is Outcome.MET


def test_every_response_that_says_the_same_of_a_follow_up_is_its_source():
    findings = found([calm(SADDLE), calm(SADDLE, id="older", authored=hours(30)), calm(OLD_AND_CHECKED, id="old")])
    assert {source.id for source in findings.facts["rf-saddle-onset"].sources} == {"form", "older"}


@pytest.mark.parametrize(("back", "expected"), [(13, "yes"), (14, "no")])
def test_a_positive_of_another_response_lingers_fourteen_days(back, expected):
    findings = found([calm(), calm(SADDLE, id="older", authored=hours(24 * back))])
    assert value(findings, "rf-saddle-numbness") == expected


def test_a_clinician_closes_what_lingers():
    done = {
        "resourceType": "Task", "id": "review", "status": "completed", "lastModified": hours(1),
        "output": [{"type": {"coding": [{"code": "closed-fact"}]}, "valueCode": "rf-saddle-numbness"}],
    }  # fmt: skip
    older = calm(SADDLE, id="older", authored=hours(48))
    assert value(found([calm(), older], ours=[done]), "rf-saddle-numbness") == "no"
    later = calm(SADDLE, id="older", authored=hours(0.5))
    assert value(found([calm(authored=hours(0.2)), later], ours=[done]), "rf-saddle-numbness") == "yes"
    assert value(found([calm(), older], ours=[done | {"status": "cancelled"}]), "rf-saddle-numbness") == "yes"
    assert value(found([calm(), older, done]), "rf-saddle-numbness") == "yes"


def test_an_unfinished_form_adds_numbers_only_towards_danger():
    risk = {"rf-ivdu": "yes", "ctx-duration-weeks": (3, "wk")}
    newer = form({"ctx-duration-weeks": (90, "wk")}, id="newer", status="in-progress", authored=hours(0.1))
    findings = found([calm(risk, authored=hours(5)), newer])
    assert outcome(findings, "R03c") is Outcome.MET


def test_a_denial_on_an_unfinished_form_clears_nobody():
    findings = found([form({"rf-saddle-numbness": "no", "ctx-back-pain": "no"}, status="in-progress")])
    assert value(findings, "rf-saddle-numbness") is None
    assert value(findings, "ctx-back-pain") is None


def test_what_an_unfinished_form_is_unsure_of_is_looked_at():
    newer = form({"rf-cold-pale-leg": "unsure"}, id="newer", status="in-progress", authored=hours(0.1))
    findings = found([calm({"rf-cold-pale-leg": None}, authored=hours(5)), newer])
    assert outcome(findings, "R07") is Outcome.MET


def test_the_newest_unfinished_form_says_whether_the_patient_is_still_at_it():
    left, at_it = (form({}, id=name, status="in-progress", authored=hours(at)) for name, at in (("a", 30), ("b", 1)))
    assert value(found([left]), "intake-idle") is True
    assert value(found([left, at_it]), "intake-idle") is False


def test_a_form_that_was_touched_lately_is_not_idle():
    touched = form({}, status="in-progress", authored=hours(30), meta={"lastUpdated": hours(1)})
    assert value(found([touched]), "intake-idle") is False


def test_a_form_is_as_old_as_its_answers_whenever_it_was_touched():
    touched = calm(authored=hours(24 * 40), meta={"lastUpdated": hours(1)})
    assert value(found([touched]), "intake-stale") is True


def test_a_form_from_the_future_waits_until_it_is_due():
    later = T + timedelta(hours=1)
    findings = found([calm(authored=later.isoformat())])
    assert findings.level is None
    assert findings.next_change == later
