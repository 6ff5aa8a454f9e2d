"""Facts: what is on file, what time alone would change, onsets, the trace, alerts and notes."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_svc.criteria.rules import find
from fhir_svc.decision import Outcome
from fhir_svc.record import Record, Site
from tests.criteria.cases.building import (
    B,
    T,
    calm,
    day,
    form,
    hours,
    observation,
    patient,
    report,
    series,
    temperature,
    walk,
    weight,
    woman,
)
from tests.criteria.cases.checking import knowledge, record_of
from tests.criteria.cases.presentations import SADDLE, VASCULAR
from tests.criteria.finding import found, outcome, value

# --- what is on file


def condition(system, code, **more):
    return {"resourceType": "Condition", "id": "c", "code": {"coding": [{"system": system, "code": code}]}} | more


APIXABAN = {"text": "Apixaban 5 mg"}
TWO_MEDICINES = [
    {"resourceType": "Medication", "id": "a", "code": {"text": "Ramipril 5 mg"}},
    {"resourceType": "Medication", "id": "b", "code": APIXABAN},
]
SCT, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.mark.parametrize(
    ("given_resource", "name", "expected"),
    [
        (condition(SCT, "266987004"), "rf-cancer-history", "yes"),
        (condition(ICD, "Z85.3"), "rf-cancer-history", "yes"),
        (condition(SCT, "266987004", clinicalStatus={"coding": [{"code": "resolved"}]}), "rf-cancer-history", "yes"),
        (condition(SCT, "266987004", verificationStatus={"coding": [{"code": "refuted"}]}), "rf-cancer-history",
         "never"),
        (condition("http://example.org/codes", "266987004"), "rf-cancer-history", "never"),
        (condition(SCT, "441509002"), "mr-pacemaker", "yes-unknown"),
        (condition(SCT, "441509002", abatementDateTime="2020"), "mr-pacemaker", "no"),
        (condition(SCT, "441509002", recordedDate="2030-01-01"), "mr-pacemaker", "no"),
        ({"resourceType": "Device", "status": "active", "type": {"text": "Dual chamber pacemaker"}}, "mr-pacemaker",
         "yes-unknown"),
        ({"resourceType": "Device", "type": {"text": "Dual chamber pacemaker"}}, "mr-pacemaker", "yes-unknown"),
        ({"resourceType": "Device", "status": "inactive", "type": {"text": "Dual chamber pacemaker"}}, "mr-pacemaker",
         "no"),
        ({"resourceType": "DeviceUseStatement", "status": "active", "contained": [
            {"resourceType": "Device", "id": "d", "type": {"text": "Cochlear implant"}}],
          "device": {"reference": "#d"}}, "mr-cochlear", "yes"),
        ({"resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": APIXABAN},
         "hx-anticoagulant", "yes"),
        ({"resourceType": "MedicationRequest", "status": "stopped", "medicationCodeableConcept": APIXABAN},
         "hx-anticoagulant", "no"),
        ({"resourceType": "MedicationStatement", "status": "active", "contained": TWO_MEDICINES,
          "medicationReference": {"reference": "#a"}}, "hx-anticoagulant", "no"),
        ({"resourceType": "MedicationStatement", "status": "active", "contained": TWO_MEDICINES,
          "medicationReference": {"reference": "#b"}}, "hx-anticoagulant", "yes"),
        (condition(SCT, "441509002", recordedDate=(T + timedelta(minutes=15)).isoformat()), "mr-pacemaker",
         "yes-unknown"),
        ({"resourceType": "AllergyIntolerance", "code": {"text": "Iodinated contrast"}}, "hx-contrast-allergy", "yes"),
    ],
)  # fmt: skip
def test_what_is_on_file_counts_like_an_answer(given_resource, name, expected):
    assert value(found([calm(), given_resource]), name) == expected


def test_what_is_on_file_twice_is_dated_by_the_one_that_has_a_date():
    dialysed = "265764009"
    undated, dated = condition(SCT, dialysed), condition(SCT, dialysed, id="d", recordedDate=day(9))
    for both in ([undated, dated], [dated, undated | {"id": "z"}]):
        fact = found([calm(), *both]).facts["dialysis"]
        assert (fact.value, fact.date, len(fact.sources)) == (True, day(9), 2)


def test_a_named_type_of_pacemaker_is_not_overruled_by_a_record_without_type():
    findings = found([calm({"mr-pacemaker": "yes-conditional"}), condition(SCT, "441509002")])
    assert value(findings, "mr-pacemaker") == "yes-conditional"


# --- time alone


@pytest.mark.parametrize(
    ("given_resources", "expected"),
    [
        ([calm()], datetime(2025, 7, 18, tzinfo=UTC)),
        ([calm(), temperature("37.0", back=10)], T + timedelta(hours=62)),
        ([calm(), temperature("37.0", when="2025-06-17")], datetime(2025, 6, 20, tzinfo=UTC)),
        ([form({}, status="in-progress", authored=hours(1))], T + timedelta(hours=23)),
        ([calm(), weight(80, day(25))], datetime(2025, 6, 21, tzinfo=UTC)),
        ([patient("1960-06-20"), calm()], datetime(2025, 6, 20, tzinfo=UTC)),
        ([patient("1955-03-01")], datetime(2026, 3, 1, tzinfo=UTC)),
        ([calm(), walk(authored=hours(30))], datetime(2025, 6, 24, tzinfo=UTC)),
        ([calm(), report(day(179))], datetime(2025, 6, 20, tzinfo=UTC)),
    ],
)
def test_the_next_change_is_the_first_edge_of_any_fact(given_resources, expected):
    assert found(given_resources).next_change == expected


def test_what_changes_at_this_moment_has_changed():
    findings = found([form({}, status="in-progress", authored=hours(24))])
    assert value(findings, "intake-idle") is True
    assert findings.next_change > T


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_changes_before_the_next_change(data):
    backs = data.draw(st.lists(st.integers(0, 400), max_size=4))
    things = [calm(authored=hours(24 * data.draw(st.integers(0, 40))))]
    things += [weight(80 + at, day(back)) | {"id": f"w{at}"} for at, back in enumerate(backs)]
    first = found(things)
    assert first.next_change > T
    share = data.draw(st.sampled_from([0.001, 0.5, 0.999]))
    later = found(things, at=T + (first.next_change - T) * share)
    assert {rule.id: rule.outcome for rule in later.rules} == {rule.id: rule.outcome for rule in first.rules}
    assert (later.level, later.flags, later.wants) == (first.level, first.flags, first.wants)


# --- onsets (R16 c)


@pytest.mark.parametrize(
    ("answers", "rule", "expected"),
    [
        (SADDLE, "R01", T - timedelta(hours=1)),
        (
            {"rf-saddle-numbness": "yes", "rf-saddle-onset": "15-days-to-3-months"},
            "R01b",
            datetime(2025, 6, 3, tzinfo=UTC),
        ),
        ({"rf-saddle-numbness": "yes", "rf-saddle-onset": "over-3-months"}, "R01b", datetime(2025, 3, 18, tzinfo=UTC)),
        ({"rf-bladder-change": "new-leakage", "rf-bladder-onset": "within-14-days"}, "R01", T - timedelta(hours=1)),
        (
            {"rf-bladder-change": "new-leakage", "rf-bladder-onset": "15-days-to-3-months"},
            "R01b",
            datetime(2025, 6, 3, tzinfo=UTC),
        ),
        (
            {"rf-bladder-change": "new-leakage", "rf-bladder-onset": "over-3-months"},
            "R01b",
            datetime(2025, 3, 18, tzinfo=UTC),
        ),
        ({"rf-bowel-change": "no-urge", "rf-bowel-onset": "within-14-days"}, "R01", T - timedelta(hours=1)),
        (
            {"rf-bowel-change": "no-urge", "rf-bowel-onset": "15-days-to-3-months"},
            "R01b",
            datetime(2025, 6, 3, tzinfo=UTC),
        ),
        ({"rf-bowel-change": "no-urge", "rf-bowel-onset": "over-3-months"}, "R01b", datetime(2025, 3, 18, tzinfo=UTC)),
        ({"rf-foot-drop": "left", "rf-weakness-onset": "sudden"}, "R02", T - timedelta(hours=1)),
        ({"rf-foot-drop": "left", "rf-weakness-onset": "days"}, "R02", T - timedelta(hours=1)),
        ({"rf-foot-drop": "left", "rf-weakness-onset": "weeks"}, "R02", datetime(2025, 6, 11, tzinfo=UTC)),
        ({"rf-foot-drop": "left", "rf-weakness-onset": "over-6-weeks"}, "R02", datetime(2025, 5, 7, tzinfo=UTC)),
        ({"rf-night-sweats": "yes"}, "R04", T - timedelta(hours=1)),
    ],
)
def test_an_onset_is_the_latest_moment_that_the_answer_allows(answers, rule, expected):
    assert found([calm(answers, authored=hours(1))]).onsets[rule] == expected


def test_without_an_onset_answer_the_first_record_of_the_fact_counts():
    first = calm({"rf-foot-drop": "left"}, id="first", authored=hours(24 * 100))
    findings = found([calm({"rf-foot-drop": "left"}), first])
    assert findings.onsets["R02"] == T - timedelta(days=100)


# --- the trace


def test_a_rule_is_explained_by_the_facts_that_its_expressions_name():
    rule = found([calm(SADDLE), temperature("38.6")]).rules[0]
    names = {fact.name for fact in rule.facts}
    assert {"rf-saddle-numbness", "rf-saddle-onset", "rf-foot-drop"} <= names
    assert "temperature-highest" not in names
    assert "cauda-equina-acute" not in names


def test_a_measured_fact_shows_value_unit_date_and_source():
    findings = found([calm(), temperature("101.48", back=5, unit="[degF]")])
    fact = findings.facts["temperature-highest"]
    assert (str(fact.value), fact.unit, fact.date) == ("38.6", "Cel", hours(5))
    assert [source.type for source in fact.sources] == ["Observation"]


def test_what_is_unknown_beside_a_rule_that_does_not_hold_is_named_as_missing_where_it_is_asked_for():
    rule = next(each for each in found([calm({"rf-weight-loss": "unsure"})]).rules if each.id == "R41")
    assert (rule.outcome, rule.missing) == (Outcome.NOT_MET, ("rf-weight-loss",))


def test_what_several_sources_tell_decides_as_one_fact():
    rule = next(each for each in found([woman(30), calm({"ctx-pregnant": "pregnant"})]).rules if each.id == "R14")
    assert [fact.name for fact in rule.deciding] == ["pregnancy"]


def test_what_counts_is_whole_and_what_is_measured_is_not():
    findings = found([patient(), calm(), walk({"wk-distal-start": 2}), weight(80, day(2))])
    shown = [value(findings, name) for name in ("age", "wk-distal-start", "weight-now", "hx-pt-weeks")]
    assert [type(each) for each in shown] == [int, int, Decimal, Decimal]
    assert shown == [70, 2, 80, 8]


def test_any_red_flag_is_shown_as_one_fact_beside_the_rules_that_it_sums_up():
    rule = next(each for each in found([calm({"hx-instability": "yes"})]).rules if each.id == "R09")
    names = {fact.name for fact in rule.facts}
    assert {"red-flag-open", "hx-instability"} <= names
    assert "rf-saddle-numbness" not in names


@pytest.mark.parametrize(("degrees", "decides"), [("38.6", True), ("37.0", False)])
def test_a_new_value_is_news_where_it_decides_and_a_new_answer_always(degrees, decides):
    feverish = found([calm({"rf-fever-chills": "yes", "rf-ivdu": "yes"}), temperature(degrees)])
    basis = {fact.name for fact in next(each for each in feverish.rules if each.id == "R03").basis}
    assert ("temperature-highest" in basis) is decides
    assert {"rf-fever-chills", "rf-saddle-numbness"} <= basis


def test_what_was_missing_is_named_by_its_item():
    findings = found([calm({"rf-bladder-change": None, "rf-weight-loss": "unsure"})])
    by_id = {rule.id: rule for rule in findings.rules}
    assert by_id["R01"].missing == ("rf-bladder-change",)
    assert by_id["R41"].missing[0] == "rf-bladder-change"
    assert {"rf-bladder-change", "rf-weight-loss"} <= set(findings.missing)
    assert findings.data_required


def test_of_a_sum_of_points_the_answers_that_are_missing_are_named():
    no_cluster = {"nc-shopping-cart": "no", "nc-relief-sitting": "no", "nc-location": "above-knee"}
    points = {"nc-leg-pain-walking": "yes", "nc-standing-triggers": "yes", "nc-bend-forward-relief": "yes"}
    (rule,) = [each for each in found([patient(), calm(no_cluster | points)]).rules if each.id == "R10"]
    assert rule.missing == ("nc-onset-over-6-months", "nc-bend-backward-relief")


# --- alerts, waiting drafts


def test_a_decline_alerts_once_in_fourteen_days():
    def alert(back, rule="R30"):
        coding = {"system": f"{B}/PlanDefinition/lbp-lss", "code": rule}
        return {"resourceType": "Task", "id": "t", "authoredOn": hours(24 * back), "reasonCode": {"coding": [coding]}}

    walks = [calm(), *series([1000] * 7, [800] * 4)]
    fresh, standing, again = (found(walks, ours=ours) for ours in ([], [alert(13)], [alert(14)]))
    messages = [[message.reason for message in each.messages] for each in (fresh, standing, again)]
    assert messages == [["RED_FLAG_RESCREEN"], [], ["RED_FLAG_RESCREEN"]]
    assert value(found(walks, ours=[alert(13, "R31")]), "walking-decline-alerted") is False
    assert value(found([*walks, alert(13)]), "walking-decline-alerted") is False
    assert {each.level for each in (fresh, standing, again)} == {"SOON"}
    assert {outcome(each, "R30") for each in (fresh, standing, again)} == {Outcome.MET}


@pytest.mark.parametrize(("minutes", "expected"), [(14, Outcome.NOT_MET), (15, Outcome.MET)])
def test_an_unsigned_stat_draft_escalates_after_fifteen_minutes(minutes, expected):
    made = (T - timedelta(minutes=minutes)).isoformat()
    draft = {"resourceType": "ServiceRequest", "id": "s", "status": "draft", "priority": "stat",
             "meta": {"lastUpdated": made}}  # fmt: skip
    findings = found([calm()], ours=[draft])
    assert outcome(findings, "R42") is expected
    assert ("ON_CALL_NOTIFICATION" in {message.reason for message in findings.messages}) is (expected is Outcome.MET)


@pytest.mark.parametrize(
    ("status", "rests", "expected"),
    [
        ("draft", True, True),
        ("active", True, True),
        ("completed", True, False),
        ("draft", False, False),
    ],
)
def test_an_open_order_that_rests_on_what_was_withdrawn_is_known(status, rests, expected):
    withdrawn = temperature("39.0", id="t", status="entered-in-error")
    other = temperature("37.0", id="o")
    rested = {"reference": f"Observation/{'t' if rests else 'o'}/_history/1"}
    order = {"resourceType": "ServiceRequest", "id": "s", "status": status, "priority": "routine"}
    findings = found([calm(), withdrawn, other], ours=[order | {"supportingInfo": [rested]}])
    assert value(findings, "source-withdrawn") is expected


# --- order


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_entries_never_matters(shuffle: random.Random):
    record = record_of(
        [
            calm(SADDLE), calm({"rf-foot-drop": "left"}, id="older", authored=hours(40)), walk(),
            *series([1000] * 7, [800] * 4), temperature("38.6"), temperature("37.0", back=20),
            weight(80, day(200)), weight(74, day(2)), condition(SCT, "266987004"),
        ],
        earlier=[calm(), calm(SADDLE)],
    )  # fmt: skip
    current, earlier = list(record.current), list(record.earlier)
    shuffle.shuffle(current)
    shuffle.shuffle(earlier)
    mixed = Record(record.patient_id, tuple(current), tuple(earlier))
    assert find(mixed, knowledge(), Site("UTC"), T) == find(record, knowledge(), Site("UTC"), T)


def test_what_the_service_wrote_itself_is_no_evidence():
    record = record_of([calm(), temperature("39.5")])
    ours = tuple(replace(each, ours=each.type == "Observation") for each in record.current)
    assert outcome(find(Record("p", ours), knowledge(), Site("UTC"), T), "R03") is Outcome.NOT_MET


# --- notes


def abi(value, site):
    body = {"coding": [{"system": SCT, "code": site}]}
    return observation("77194-9", value, "{ratio}", day(5), bodySite=body)


LEFT, RIGHT = "51720000", "32153003"
CALF = calm(VASCULAR | {"hx-pad-risk": "no"})


def test_a_stiff_leg_adds_the_toe_brachial_note_to_the_order():
    findings = found([CALF, abi("0.85", LEFT), abi("1.5", RIGHT)])
    (want,) = [each for each in findings.wants if each.rule == "R23"]
    assert (want.key, len(want.notes)) == ("VASC_REFERRAL", 1)
    assert not [review for review in findings.reviews if review.reason in {"R18", "R23"}]


def test_a_stiff_leg_without_any_order_goes_to_a_review():
    findings = found([CALF, abi("1.5", LEFT), abi("1.4", RIGHT)])
    assert [review.reason for review in findings.reviews] == ["R18"]
    assert not [want for want in findings.wants if want.rule in {"R18", "R23"}]


def test_the_newest_index_of_each_leg_counts_and_of_them_the_lowest():
    older = abi("0.80", LEFT) | {"effectiveDateTime": day(60), "id": "older"}
    findings = found([CALF, older, abi("1.1", LEFT), abi("0.95", RIGHT)])
    assert str(value(findings, "abi-lowest")) == "0.95"
    assert "ABI_BORDERLINE" in findings.flags


def test_a_sum_of_points_names_the_answers_that_gave_them():
    claudicant = calm({"nc-leg-pain-walking": "yes", "nc-standing-triggers": "yes", "nc-bend-forward-relief": "yes"})
    rule = next(each for each in found([patient(), claudicant]).rules if each.id == "R10")
    sums = [fact for fact in rule.facts if fact.name.startswith("sugioka-")]
    assert sums
    assert all("QuestionnaireResponse" in {source.type for source in fact.sources} for fact in sums)
