"""Measured values: which are read, in which unit and window, and what they come to."""

from datetime import timedelta

import pytest

from fhir_svc.decision import Outcome
from tests.criteria.cases.building import (
    T,
    calm,
    day,
    distance,
    hours,
    injection,
    levels,
    observation,
    series,
    session,
    temperature,
)
from tests.criteria.finding import found, outcome, value


def kidneys(when, unit="mL/min/{1.73_m2}"):
    return observation("98979-8", 60, unit, when)


def walked(back, **more):
    return distance(500, back, **more)


def six_minutes(values):
    """Another measure by the same device."""
    return [
        observation("41953-1", each, "m", day(1 + at), device={"reference": "Device/a"})
        for at, each in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("given_resources", "name", "expected"),
    [
        ([calm({"rf-temperature": (60, "Cel")})], "temperature-unusable", None),
        ([calm({"rf-temperature": ("37.0", "Cel")})], "temperature-unusable", False),
        ([kidneys(hours(5)), kidneys(hours(5), "mmol/min")], "egfr-unusable", None),
        ([kidneys(hours(5)), kidneys(hours(6), "mmol/min")], "egfr-unusable", False),
        ([*series([1000] * 7, [400] * 4)], "walking-distance-decline", 60),
        ([*series([1000] * 7, []), *six_minutes([400] * 4)], "walking-distance-decline", None),
        ([walked(9)], "home-silence", True),
        ([walked(9), walked(2)], "home-silence", False),
        ([walked(9), walked(2, status="entered-in-error")], "home-silence", True),
        ([walked(9), walked(2, effectiveDateTime=None)], "home-silence", True),
        ([walked(9), walked(-2)], "home-silence", True),
        ([walked(9), walked(0, effectiveDateTime=hours(-0.25))], "home-silence", False),
        ([walked(7)], "home-silence", True),
        ([levels(1, 3, 2), levels(1, 1, 1) | {"status": "entered-in-error"}], "rising-sessions", 1),
        ([levels(1, 3, 2), levels(1, 1, 1)], "rising-sessions", 0),
        ([levels(1, 3, 40), levels(1, 1, 1) | {"effectiveDateTime": "2025-06"}], "rising-sessions", 1),
        ([levels(1, 3, 40), levels(1, 1, 1) | {"effectiveDateTime": "unknown"}], "rising-sessions", 1),
        ([injection(day(40)), injection(day(90))], "epidural-sessions", 2),
        ([injection(day(40)), injection("2025-05")], "epidural-sessions", None),
        ([injection(day(40)), injection("2024")], "epidural-sessions", None),
        ([injection(day(40)), injection("2025-05")], "epidural-sessions-ever", None),
        ([walked(6)], "home-silence", False),
    ],
)
def test_a_value_counts_where_it_can_be_used(given_resources, name, expected):
    assert value(found(given_resources), name) == expected


def test_every_missed_session_is_a_source():
    missed = found([calm(), session(5), session(3, "not-done"), session(2, "not-done")]).facts["missed-sessions"]
    assert (missed.value, len(missed.sources)) == (2, 2)
    (newest,) = found([calm(), session(5), session(3)]).facts["missed-sessions"].sources
    assert newest.content["performedDateTime"] == day(3)


def test_every_session_that_moved_symptoms_down_is_a_source():
    rising = found([levels(1, 1, 4), levels(1, 3, 3), levels(1, 3, 2)]).facts["rising-sessions"]
    assert (rising.value, len(rising.sources)) == (2, 2)
    (newest,) = found([levels(1, 1, 4), levels(1, 1, 3)]).facts["rising-sessions"].sources
    assert newest.content["effectiveDateTime"] == day(3)


def test_a_session_without_a_day_is_in_no_row():
    month = session(2, "not-done") | {"performedDateTime": "2025-06"}
    assert value(found([calm(), session(25), month]), "missed-sessions") == 0
    assert found([calm(), session(5), session(3)]).facts["missed-sessions"].date == day(3)


def test_a_site_value_is_shown_where_it_mattered():
    claudicants = found([calm()], **{"young-age": 45})
    rule = next(rule for rule in claudicants.rules if rule.id == "R19")
    assert {fact.name: fact.value for fact in rule.facts}["young-age"] == 45


def test_a_fever_began_by_the_time_it_was_measured():
    risk = calm({"rf-ivdu": "yes"}, authored=hours(30))
    assert found([risk, temperature("38.6", back=10)]).onsets["R03"] == T - timedelta(hours=10)


def test_the_first_branch_that_is_true_is_taken_alone():
    findings = found([calm({"rf-trauma": "major", "rf-steroid-3mo": "unsure"})])
    assert (findings.level, outcome(findings, "R05")) == ("EMERGENCY", Outcome.MET)
    assert not [review for review in findings.reviews if review.reason == "R05"]
