"""A new report reaches people; the same one, whatever else arrives, does not reach them twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fhir_svc.orders import states
from fhir_svc.orders.definitions import key_of
from tests.orders.story import Patient, T, temperature, weight

CLOSED = ("completed", "rejected", "cancelled")


@pytest.fixture
def patient(knowledge):
    found = Patient(knowledge)
    found.now({"resourceType": "Patient", "id": "p1", "birthDate": "1954-05-01", "gender": "male"}, found.form("q0"))
    return found


SAME_DAY = [({"rf_numbness_spread": "days"}, 1), ({"rf_bilateral_leg_pain_new": "yes"}, 1)]


@pytest.mark.parametrize("status", CLOSED)
@pytest.mark.parametrize(("answers", "asked"), SAME_DAY)
def test_a_second_form_reaches_people_after_the_first_was_dealt_with(patient, r4, answers, asked, status):
    first = patient.now(patient.form("q1", **answers))
    assert (len(first.tasks()), first.messages()) == (asked, ["SAME_DAY_ADVICE"])
    patient.close(status)
    assert patient.now().resources == []
    second = patient.now(patient.form("q2", **answers))
    assert (len(second.tasks()), second.messages()) == (asked, ["SAME_DAY_ADVICE"])
    assert patient.now().resources == []
    for resource in second.resources:
        assert r4.check_r4(resource) == []


def test_a_second_report_renews_the_task_that_is_still_open(patient):
    first = patient.now(patient.form("q1", rf_numbness_spread="days"))
    second = patient.now(patient.form("q2", rf_numbness_spread="days"))
    assert [task["id"] for task in second.tasks()] == [task["id"] for task in first.tasks()]
    assert second.messages() == ["SAME_DAY_ADVICE"]
    (old,), (new,) = first.tasks(), second.tasks()
    assert new["focus"] == new["reasonReference"] != old["focus"]
    assert new["restriction"] == old["restriction"]
    assert patient.now().resources == []


def test_a_second_report_wakes_a_deferred_task(patient):
    patient.now(patient.form("q1", rf_numbness_spread="days"))
    (task,) = patient.reviews("requested")
    resting = states.deferred(task.content, until=T + timedelta(days=7), at=patient.at)
    patient.held[task.local] = replace(task, version=2, content=resting)
    second = patient.now(patient.form("q2", rf_numbness_spread="days"))
    assert [held["status"] for held in second.tasks()] == ["requested"]
    assert "deferred-until" not in str(second.tasks())


def test_the_same_evidence_again_makes_nothing_new(patient):
    form = patient.form("q1", rf_numbness_spread="days", rf_saddle_numbness="yes")
    patient.now(form)
    patient.now(later=30)  # by now the unsigned drafts are late, which is news
    patient.close()
    copy = json.loads(json.dumps(form))
    amended = form | {"status": "amended"}
    arrivals = [
        (),
        (copy,),
        (weight(9),),
        (patient.message("m1", "Thank you for the exercises"),),
        (weight(10),),
        (amended,),
    ]
    for arriving in arrivals:
        news = patient.now(*arriving, later=30)
        assert (news.tasks(), news.messages()) == ([], []), arriving
    patient.backwards = True
    news = patient.now(later=60 * 24)
    assert (news.tasks(), news.messages()) == ([], [])


def test_an_old_positive_is_not_announced_again_with_a_newer_form_that_denies_it(patient):
    patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    patient.close()
    assert patient.now(patient.form("q2")).messages() == []
    assert patient.now(weight(9)).messages() == []


def test_an_emergency_that_is_reported_again_tells_patient_and_on_call_again(patient):
    told = ["EMERGENCY_ADVICE", "ON_CALL_NOTIFICATION"]
    assert patient.now(patient.message("m1", "I am numb where I sit since today")).messages() == told
    again = patient.now(patient.message("m2", "I am still numb where I sit and it is worse"))
    assert again.messages() == told
    assert patient.now(patient.form("q1", rf_saddle_numbness="yes")).messages() == told
    assert patient.now().resources == []


def test_a_form_that_takes_back_and_repeats_an_answer_is_a_report(patient):
    patient.now(patient.form("q1", rf_numbness_spread="days"))
    patient.close()
    positive, negative = patient.form("q1", rf_numbness_spread="days"), patient.form("q1")
    positive["authored"] = negative["authored"] = patient.held["QuestionnaireResponse/q1"].content["authored"]
    assert patient.now(negative | {"status": "amended"}).tasks() == []
    again = patient.now(positive | {"status": "amended"})
    assert (len(again.tasks()), again.messages()) == (1, ["SAME_DAY_ADVICE"])
    assert patient.now().resources == []


def test_missing_answers_are_asked_about_again_once_the_earlier_review_is_closed(patient):
    missing = {"rf_saddle_numbness": None}
    assert len(patient.now(patient.form("q1", **missing)).tasks()) == 1
    assert patient.now(patient.form("q2", **missing)).tasks() == []  # the open one stands for it
    patient.close()
    assert patient.now(weight(9)).tasks() == []
    assert len(patient.now(patient.form("q3", **missing)).tasks()) == 1
    assert patient.now().tasks() == []


def test_every_unreadable_message_has_a_review_of_its_own(patient):
    first = patient.now(patient.message("m1", "zxcv hjkl"))
    second = patient.now(patient.message("m2", "qwpo eiru tyal"), later=5)
    assert [len(each.tasks()) for each in (first, second)] == [1, 1]
    patient.close()
    third = patient.now(patient.message("m3", "asdf qwer"))
    (task,) = third.tasks()
    assert "could not be read" in task["description"]
    sent = datetime.fromisoformat(patient.held["Communication/m3"].content["sent"])
    assert datetime.fromisoformat(task["restriction"]["period"]["end"]) == sent + timedelta(minutes=22)
    assert third.messages() == ["RED_FLAG_RESCREEN"]
    assert patient.now(later=60).resources == []


def test_an_unreadable_message_does_not_double_the_review_of_another(patient):
    first = patient.now(patient.message("m1", "Since this morning I am numb where I sit"))
    assert ["states a red flag" in task["description"] for task in first.tasks()] == [True]
    second = patient.now(patient.message("m2", "asdf qwer"), later=9)
    (task,) = second.tasks()
    assert "could not be read" in task["description"]
    assert task["restriction"]["period"]["end"] > first.tasks()[0]["restriction"]["period"]["end"]


def test_a_message_that_was_changed_is_read_again(patient):
    message = patient.message("m1", "zxcv hjkl")
    patient.now(message)
    patient.close()
    assert patient.now(dict(message)).tasks() == []
    assert len(patient.now(message | {"payload": [{"contentString": "bnmz rtyu"}]}).tasks()) == 1


def test_the_drafts_of_a_replaced_patient_are_drafted_anew_for_the_one_that_replaced_it(patient):
    first = patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    old = {held["id"] for held in first.resources if held["resourceType"] == "ServiceRequest"}
    patient.patient_id = "p2"
    merged = patient.now({"resourceType": "Patient", "id": "p2", "birthDate": "1954-05-01", "gender": "male"})
    orders = [held for held in merged.resources if held["resourceType"] == "ServiceRequest"]
    assert {held["id"] for held in orders if held["status"] == "revoked"} == old
    assert [held["subject"] for held in orders if held["status"] == "draft"] == [{"reference": "Patient/p2"}] * len(old)
    tasks = [held for held in merged.resources if held["resourceType"] == "Task" and not merged._is_review(held)]
    states_of = sorted((task["for"]["reference"], task["status"]) for task in tasks)
    assert states_of == [("Patient/p1", "cancelled")] * 2 + [("Patient/p2", "requested")] * 2
    reasons = {task["statusReason"]["coding"][0]["code"] for task in tasks if task["status"] == "cancelled"}
    assert reasons == {"superseded"}
    assert patient.now().resources == []


def test_a_conflict_says_what_disagrees_and_shows_both_sides(patient, r4):
    patient.now(patient.form("q1", rf_saddle_numbness="no"))
    news = patient.now(patient.message("m1", "Since this morning I am numb where I sit"))
    (issue,) = [held for held in news.resources if held["resourceType"] == "DetectedIssue"]
    assert issue["code"]["coding"][0]["code"] == "conflict"
    assert issue["detail"].count("Numbness between the legs, buttocks or genitals") == 2
    assert [side["detail"][0]["reference"].partition("/")[0] for side in issue["evidence"]] == [
        "Communication", "QuestionnaireResponse",
    ]  # fmt: skip
    assert ": yes" in issue["evidence"][0]["code"][0]["text"].lower()
    assert ": no" in issue["evidence"][1]["code"][0]["text"].lower()
    assert r4.check_r4(issue) == []


def test_a_fever_that_lasts_is_reported_again_by_each_measurement(patient, r4):
    fever = patient.now(temperature("t1", 39.2, patient.at))
    assert fever.messages() == ["SAME_DAY_ADVICE"]
    lower = patient.now(temperature("t2", 38.5, patient.at + timedelta(hours=20)), later=60 * 20)
    assert lower.messages() == ["SAME_DAY_ADVICE"]
    drafts = [held for held in lower.resources if held["resourceType"] == "ServiceRequest"]
    cited = {info["reference"] for draft in drafts for info in draft["supportingInfo"]}
    assert {"Observation/t1/_history/1", "Observation/t2/_history/1"} <= cited
    for resource in lower.resources:
        assert r4.check_r4(resource) == []
    assert patient.now().resources == []
    normal = patient.now(temperature("t3", 37.0, patient.at))
    assert (normal.messages(), normal.orders()) == ([], [])


def test_a_thermometer_that_measures_by_the_minute_tells_people_once_a_day_and_of_a_rise_at_once(patient):
    assert patient.now(temperature("t0", 38.9, patient.at)).messages() == ["SAME_DAY_ADVICE"]
    for minute in range(5):
        assert patient.now(temperature(f"same{minute}", 38.5, patient.at)).messages() == []
    assert patient.now(temperature("rise", 39.4, patient.at)).messages() == ["SAME_DAY_ADVICE"]
    assert patient.now(temperature("after", 38.5, patient.at)).messages() == []
    tomorrow = patient.at + timedelta(days=1)
    assert patient.now(temperature("next", 38.5, tomorrow), later=24 * 60).messages() == ["SAME_DAY_ADVICE"]


def test_a_declined_order_is_drafted_again_for_a_fever_that_lasts(patient):
    patient.now(temperature("t1", 39.2, patient.at))
    patient.decline()
    assert patient.now().orders("draft") == []
    again = patient.now(temperature("t2", 38.4, patient.at + timedelta(hours=1)), later=60)
    assert sorted(key_of(draft) for draft in again.orders("draft")) == [
        "ED_REFERRAL",
        "LAB_CRP",
        "LAB_ESR",
        "MRI_L_WWO",
    ]


def test_a_late_stat_draft_escalates_by_its_first_version_whatever_refreshed_it(patient):
    patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    again = patient.now(patient.message("m2", "I am still numb where I sit and it is worse"), later=10)
    assert [draft["status"] for draft in again.orders()] == ["draft", "draft"]
    late = patient.now(later=5)
    assert [task["reasonCode"]["coding"][0]["code"] for task in late.tasks()] == ["R42"]
    assert late.messages() == ["ON_CALL_NOTIFICATION"]


def test_a_declined_order_is_not_asked_for_again_by_a_measurement_that_decides_nothing(patient):
    first = patient.now(patient.form("q1", rf_cancer_history="active"))
    assert len(first.orders("draft")) == 3
    patient.decline()
    for day, kilograms in ((11, 80), (12, 79), (13, 81)):
        assert patient.now(weight(day, kilograms), later=24 * 60).orders() == []
    again = patient.now(patient.form("q2", rf_cancer_history="active", rf_night_sweats="yes"))
    assert len(again.orders("draft")) == 3


def test_what_a_clinician_closes_takes_its_drafts_and_flags_along(patient, r4):
    first = patient.now(patient.message("m1", "I cannot pee since this morning"))
    assert sorted(key_of(draft) for draft in first.orders("draft")) == ["ED_REFERRAL", "MRI_L_WO"]
    patient.close_fact("rf-bladder-change")
    closed = patient.now()
    assert [order["status"] for order in closed.orders()] == ["revoked", "revoked"]
    assert "DRAFTS_REVOKED" in closed.found.decision.flags
    raised = [held.content["status"] for held in patient.held.values() if held.type == "Flag"]
    assert raised == ["inactive"]
    assert patient.now(later=30).resources == []  # nothing is late any more
    again = patient.now(patient.message("m2", "I still cannot pee"))
    assert sorted(key_of(draft) for draft in again.orders("draft")) == ["ED_REFERRAL", "MRI_L_WO"]
    assert again.messages() == ["EMERGENCY_ADVICE", "ON_CALL_NOTIFICATION"]
    for resource in [*closed.resources, *again.resources]:
        assert r4.check_r4(resource) == []


def test_what_another_source_still_says_stays_after_one_fact_was_closed(patient):
    patient.now(patient.message("m1", "I cannot pee since this morning"))
    patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    patient.close_fact("rf-bladder-change")
    assert patient.now().orders("revoked") == []


def test_a_stat_scan_that_an_implant_now_forbids_goes_back_to_its_signer_as_stat(patient):
    patient.now(patient.form("q1", rf_saddle_numbness="yes"))
    patient.sign()
    unsafe = patient.now(patient.form("q2", rf_saddle_numbness="yes", mr_pacemaker="yes-unknown"))
    (task,) = [task for task in unsafe.tasks() if task["reasonCode"]["coding"][0]["code"] == "R13"]
    assert (task["priority"], task["owner"]["display"]) == ("stat", "Alice")
    assert datetime.fromisoformat(task["restriction"]["period"]["end"]) <= patient.at + timedelta(minutes=15)


def test_a_signed_routine_order_that_loses_its_evidence_goes_back_to_its_signer_the_same_day(patient):
    patient.now(patient.form("q1", hx_pt_weeks=2, nc_leg_pain_walking="no"))
    patient.sign()
    form = patient.form("q1", hx_pt_weeks=8, nc_leg_pain_walking="no") | {"status": "amended"}
    (task,) = patient.now(form).tasks()
    assert task["priority"] == "asap"


def test_a_standing_order_of_the_record_system_that_an_implant_forbids_is_put_before_a_physician(patient, r4):
    theirs = {
        "resourceType": "ServiceRequest", "id": "theirs", "status": "active", "intent": "order", "priority": "stat",
        "code": {"coding": [{"system": "http://loinc.org", "code": "30679-5"}]},
        "subject": {"reference": "Patient/p1"}, "requester": {"reference": "Practitioner/somebody"},
    }  # fmt: skip
    news = patient.now(theirs, patient.form("q1", rf_saddle_numbness="yes", mr_pacemaker="yes-unknown"))
    (task,) = news.tasks()
    assert task["basedOn"] == [{"reference": "ServiceRequest/theirs"}]
    assert (task["priority"], "owner" in task) == ("stat", False)
    assert "not carried out" in task["description"]
    assert r4.check_r4(task) == []
    assert patient.now().tasks() == []
    safe = patient.now(theirs | {"id": "other", "doNotPerform": True}, theirs | {"status": "revoked"})
    assert safe.tasks() == []
