"""A new report reaches people; the same one, whatever else arrives, does not reach them twice."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.evaluation import evaluate
from fhir_svc.intake.conformance import Conformance
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders import states
from fhir_svc.record import Record, Site, Stored

PROFILES = Path(__file__).parents[2] / "profiles"
T = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
BASE = "https://example.org/fhir-svc"
LOINC = {"yes": "LA33-6", "no": "LA32-8"}
NO_RED_FLAG = {
    "ctx-back-pain": "yes", "rf-saddle-numbness": "no", "rf-bladder-change": "none", "rf-bowel-change": "none",
    "rf-sexual-change": "no", "rf-leg-weakness": "none", "rf-foot-drop": "none", "rf-sudden-walking-difficulty": "no",
    "rf-numbness-spread": "none", "rf-bilateral-leg-pain-new": "no", "rf-fever-chills": "no", "rf-night-sweats": "no",
    "rf-weight-loss": "no", "rf-night-pain": "no", "rf-rest-pain-constant": "no", "rf-cancer-history": "never",
    "rf-ivdu": "no", "rf-immunosuppressed": "no", "rf-recent-infection-or-spinal-procedure": "no",
    "rf-steroid-3mo": "no", "rf-osteoporosis": "no", "rf-trauma": "none", "rf-cold-pale-leg": "no",
    "mr-pacemaker": "no!", "mr-aneurysm-clip": "no", "mr-cochlear": "no", "mr-neurostim": "no", "mr-eye-metal": "no",
    "mr-other-implant": "no", "hx-anticoagulant": "no", "hx-contrast-allergy": "no",
}  # fmt: skip
CLOSED = ("completed", "rejected", "cancelled")


@pytest.fixture(scope="module")
def knowledge():
    return Knowledge(load_artefacts(PROFILES))


@pytest.fixture(scope="module")
def r4():
    return Conformance(json.loads((PROFILES / "schema/fhir-r4-all.schema.json").read_text()))


@dataclass
class Patient:
    """One patient over time: each `now` stores what arrives, evaluates, commits and gives what is new."""

    knowledge: Knowledge
    at: datetime = T
    held: dict[str, Stored] = field(default_factory=dict)
    earlier: list[Stored] = field(default_factory=list)
    patient_id: str = "p1"
    backwards: bool = False

    def now(self, *arriving, later=1):
        self.at += timedelta(minutes=later)
        for content in arriving:
            self._store(content, ours=False)
        order = reversed if self.backwards else iter
        record = Record(self.patient_id, tuple(order(list(self.held.values()))), tuple(self.earlier))
        seed = self.at.strftime("%d-%H-%M")
        found = evaluate(
            record, self.knowledge, Site("UTC"), self.at, scope=f"north/{self.patient_id}", seed=seed,
            subject=f"Patient/{self.patient_id}", submissions=[(f"g-{seed}", f"r-{seed}")],
        )  # fmt: skip
        for write in found.writes:
            self._store(write.resource, ours=True)
        return News([write.resource for write in found.writes], found)

    def _store(self, content, *, ours):
        local = f"{content['resourceType']}/{content['id']}"
        before = self.held.get(local)
        if before is not None and before.type == "QuestionnaireResponse":
            self.earlier.insert(0, before)
        version = before.version + 1 if before else 1
        self.held[local] = Stored(content["resourceType"], content["id"], version, content, self.at, ours)

    def form(self, name, **answers):
        said = NO_RED_FLAG | {key.replace("_", "-"): value for key, value in answers.items()}
        items = [
            {"linkId": key, "answer": [{"valueCoding": coding(value)}]}
            for key, value in said.items()
            if value is not None
        ]
        return {
            "resourceType": "QuestionnaireResponse", "id": name, "status": "completed",
            "authored": self.at.isoformat(), "subject": {"reference": "Patient/p1"},
            "questionnaire": f"{BASE}/Questionnaire/lbp-lss-intake|1.0.0", "item": items,
        }  # fmt: skip

    def message(self, name, text, minutes=0):
        return {
            "resourceType": "Communication", "id": name, "status": "completed", "subject": {"reference": "Patient/p1"},
            "sender": {"reference": "Patient/p1"}, "sent": (self.at + timedelta(minutes=minutes)).isoformat(),
            "payload": [{"contentString": text}],
        }  # fmt: skip

    def reviews(self, *statuses):
        return [
            held for held in self.held.values()
            if held.type == "Task" and held.content["code"]["coding"][0]["code"] == "review"
            and held.content["status"] in statuses
        ]  # fmt: skip

    def close(self, status="completed"):
        """Close every open review."""
        self.at += timedelta(minutes=1)
        for task in self.reviews("requested"):
            changed = {**task.content, "status": status, "lastModified": self.at.isoformat()}
            self.held[task.local] = replace(task, version=task.version + 1, content=changed)


@dataclass
class News:
    """What one evaluation wrote."""

    resources: list
    found: object

    def tasks(self):
        return [held for held in self.resources if held["resourceType"] == "Task" and self._is_review(held)]

    def messages(self):
        sent = [held for held in self.resources if held["resourceType"] == "CommunicationRequest"]
        return sorted(held["reasonCode"][0]["coding"][0]["code"] for held in sent)

    @staticmethod
    def _is_review(task):
        return task["code"]["coding"][0]["code"] == "review"


def coding(value):
    if value in LOINC:
        return {"system": "http://loinc.org", "code": LOINC[value]}
    return {"system": f"{BASE}/CodeSystem/answer", "code": value.strip("!")}


def weight(day, kilograms=80):
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    quantity = {"value": kilograms, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    return {
        "resourceType": "Observation", "id": f"w{day}", "status": "final", "code": code,
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": f"2026-03-{day:02}", "valueQuantity": quantity,
    }  # fmt: skip


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
