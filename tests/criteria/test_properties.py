"""What holds for every patient, whatever the answers: checked with answers drawn at random."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.criteria.cases.building import ITEMS, NO_RED_FLAG, QUIET, calm, form, woman
from tests.criteria.cases.checking import record_of, run

LEVELS = ["", "SELF_CARE", "ROUTINE", "SOON", "URGENT", "SAME_DAY", "EMERGENCY"]
REASSURING = ("R11", "R12", "R20", "R21", "R22")
SOME = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def options(link):
    return [option["valueCoding"]["code"] for option in ITEMS["lbp-lss-intake"][link].get("answerOption", ())]


CHOICES = {link: options(link) for link in ITEMS["lbp-lss-intake"] if options(link)}
RED = [link for link in CHOICES if link.startswith("rf-")]
RED_FLAG_RULES = ("R01", "R01b", "R02", "R03", "R03c", "R04", "R05", "R06", "R07")
NEEDS_COMPANY = {"rf-night-pain", "rf-rest-pain-constant", "rf-steroid-3mo", "rf-osteoporosis"}
ALWAYS_MATTERS = sorted(set(NO_RED_FLAG) - NEEDS_COMPANY)
UNKNOWN = {"LA12688-0", "unsure", "LA4489-6", "prefer-not-to-say"}
DANGER = {
    "rf-saddle-numbness": "yes",
    "rf-bladder-change": "cannot-pass",
    "rf-bowel-change": "leakage",
    "rf-leg-weakness": "both",
    "rf-foot-drop": "both",
    "rf-sudden-walking-difficulty": "yes",
    "rf-numbness-spread": "days",
    "rf-bilateral-leg-pain-new": "yes",
    "rf-sexual-change": "yes",
    "rf-fever-chills": "yes",
    "rf-night-sweats": "yes",
    "rf-cancer-history": "active",
    "rf-trauma": "major",
    "rf-cold-pale-leg": "yes",
}


@st.composite
def answers(draw):
    """Any legal answers: each item is answered or skipped."""
    given = {link: draw(st.none() | st.sampled_from(codes)) for link, codes in CHOICES.items()}
    weeks = draw(st.none() | st.integers(0, 60))
    return given | {"hx-pt-weeks": weeks, "ctx-duration-weeks": None if weeks is None else (weeks, "wk")}


@SOME
@given(answers(), st.sampled_from(sorted(DANGER)))
def test_another_red_flag_never_lowers_the_level(given_answers, link):
    before = run(record_of([woman(), form(given_answers)]))
    after = run(record_of([woman(), form(given_answers | {link: DANGER[link]})]))
    assert LEVELS.index(after.level) >= LEVELS.index(before.level)


@SOME
@given(st.sampled_from(ALWAYS_MATTERS), st.booleans())
def test_an_unknown_red_flag_never_reads_as_no(link, skipped):
    unknown = None if skipped else next((code for code in CHOICES[link] if code in UNKNOWN), None)
    seen = run(record_of([calm({"ctx-duration-weeks": (3, "wk"), link: unknown, "hx-pt-weeks": 2})]))
    assert "met" not in {seen.rules[rule] for rule in REASSURING}
    assert seen.flags & {"NEEDS_INFO", "NEEDS_INFO_TIER2"} or seen.level in {"SAME_DAY", "EMERGENCY"}


@SOME
@given(answers())
def test_reassuring_rules_need_every_red_flag_rule_to_be_not_met(given_answers):
    seen = run(record_of([woman(), form(given_answers)]))
    if {seen.rules[rule] for rule in RED_FLAG_RULES} != {"not-met"}:
        assert "met" not in {seen.rules[rule] for rule in REASSURING}


@SOME
@given(answers())
def test_no_emergency_waits_for_screening_or_missing_answers(given_answers):
    only_red = {link: value for link, value in given_answers.items() if link.startswith("rf-")}
    full = run(record_of([woman(), form(QUIET | only_red)]))
    bare = run(record_of([woman(), form(only_red)]))
    if full.level == "EMERGENCY":
        assert bare.level == "EMERGENCY"
        assert {"EMERGENCY_ADVICE", "ON_CALL_NOTIFICATION"} <= bare.messages
        assert bare.orders.get("ED_REFERRAL") == "stat"


@SOME
@given(answers())
def test_no_rule_writes_an_order_other_than_a_draft(given_answers):
    seen = run(record_of([woman(), form(given_answers)]))
    for each in seen.written:
        if each["resourceType"] == "ServiceRequest":
            assert (each["status"], each["intent"]) == ("draft", "order")
            assert "requester" not in each
            assert "authoredOn" not in each


@SOME
@given(answers(), st.sampled_from(RED))
def test_an_unfinished_form_clears_nobody_and_lowers_nothing(given_answers, link):
    done = calm({link: given_answers[link]}, authored="2025-06-18T08:00:00+00:00")
    newer = form(given_answers, id="newer", status="in-progress", authored="2025-06-18T11:00:00+00:00")
    alone, both = run(record_of([done])), run(record_of([done, newer]))
    assert LEVELS.index(both.level) >= LEVELS.index(alone.level)


@SOME
@given(answers())
def test_the_same_input_gives_the_same_bytes(given_answers):
    record = record_of([woman(), form(given_answers)])
    first, second = run(record), run(record)
    assert first.written == second.written
    assert first.evaluation.guidance == second.evaluation.guidance
