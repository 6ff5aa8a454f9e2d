"""The controls and the writing with the plan that is shipped: forms in, resources out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_svc.evaluation import evaluate
from fhir_svc.orders import screening, states
from fhir_svc.record import Record, Site, Stored
from tests.orders.story import CALM, T, answer

CLAUDICATION = CALM | {
    "nc-leg-pain-walking": "yes", "nc-shopping-cart": "yes", "nc-location": "above-knee", "nc-standing-triggers": "yes",
    "nc-relief-sitting": "yes", "hx-pt-weeks": 8, "hx-wants-intervention": "yes",
    "ctx-symptoms-persisting-or-worse": "yes",
}  # fmt: skip


def form(answers, version=1, status="completed"):
    groups = {}
    for name, value in answers.items():
        groups.setdefault(name.partition("-")[0], []).append({"linkId": name, "answer": [answer(value)]})
    content = {
        "resourceType": "QuestionnaireResponse", "id": "q1", "status": status, "authored": "2026-03-10T11:00:00Z",
        "questionnaire": "https://example.org/fhir-svc/Questionnaire/lbp-lss-intake|1.0.0",
        "subject": {"reference": "Patient/p1"},
        "item": [{"linkId": group, "item": items} for group, items in groups.items()],
    }  # fmt: skip
    return Stored("QuestionnaireResponse", "q1", version, content, T)


def patient(born="1954-05-01", sex="male"):
    return Stored("Patient", "p1", 1, {"resourceType": "Patient", "id": "p1", "birthDate": born, "gender": sex}, T)


def run(knowledge, *stored, seed="s1"):
    return evaluate(
        Record("p1", stored), knowledge, Site("UTC"), T,
        scope="north/p1", seed=seed, subject="Patient/p1", submissions=[(f"g-{seed}", f"r-{seed}")],
    )  # fmt: skip


def committed(found, *stored):
    held = {item.local: item for item in stored}
    for write in found.writes:
        kind, identity, version = write.resource["resourceType"], write.resource["id"], (write.version or 0) + 1
        held[f"{kind}/{identity}"] = Stored(kind, identity, version, write.resource, T, ours=True)
    return tuple(held.values())


def orders(found):
    return {(order.key, order.priority): order.blockers for order in found.decision.orders}


CASES = [
    ("cauda equina, pacemaker of unknown type", {"rf-saddle-numbness": "yes", "mr-pacemaker": "yes-unknown"}, {},
     {("ED_REFERRAL", "stat"): (), ("CTM_L", "stat"): ()}, {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP"}),
    ("the same on anticoagulants",
     {"rf-saddle-numbness": "yes", "mr-pacemaker": "yes-unknown", "hx-anticoagulant": "yes"}, {},
     {("ED_REFERRAL", "stat"): ()}, {"MR_SAFETY_REVIEW", "RADIOLOGY_CONSULT"}),
    ("cauda equina, pregnant", {"rf-saddle-numbness": "yes", "ctx-pregnant": "pregnant"},
     {"born": "1990-01-01", "sex": "female"},
     {("ED_REFERRAL", "stat"): (), ("MRI_L_WO", "stat"): ()}, {"PREGNANCY"}),
    ("infection, pregnancy unanswered", {"rf-fever-chills": "yes"}, {"born": "1990-01-01", "sex": "female"},
     {("ED_REFERRAL", "asap"): (), ("MRI_L_WWO", "asap"): ("pregnancy-check",), ("LAB_CRP", "asap"): (),
      ("LAB_ESR", "asap"): ()}, {"PREGNANCY_CHECK_REQUIRED"}),
    ("fever with saddle numbness: one MRI, with contrast, stat",
     {"rf-fever-chills": "yes", "rf-saddle-numbness": "yes"}, {},
     {("ED_REFERRAL", "stat"): (), ("MRI_L_WWO", "stat"): (), ("LAB_CRP", "stat"): (), ("LAB_ESR", "stat"): ()}, set()),
    ("claudication after eight weeks", CLAUDICATION, {}, {("MRI_L_WO", "routine"): ()}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answers", "person", "drafts", "flags"), CASES, ids=[case[0] for case in CASES])
def test_a_form_leads_to_these_drafts(knowledge, r4, name, answers, person, drafts, flags):
    found = run(knowledge, form(CALM | answers), patient(**person))
    assert orders(found) == drafts
    assert set(found.decision.flags) == flags
    for resource in (*found.guidance, *(write.resource for write in found.writes)):
        assert r4.check_r4(resource) == []


def test_a_second_evaluation_of_the_same_record_writes_nothing(knowledge):
    stored = (form(CALM | {"rf-saddle-numbness": "yes"}), patient())
    held = committed(run(knowledge, *stored), *stored)
    again = run(knowledge, *held, seed="s2")
    assert again.writes == ()
    assert again.guidance[0]["result"]["reference"].startswith("RequestGroup/")


def test_an_amendment_revokes_what_it_no_longer_supports(knowledge):
    stored = (form(CALM | {"rf-saddle-numbness": "yes"}), patient())
    held = committed(run(knowledge, *stored), *stored)
    amended = (form(CALM, 2, "amended"), *(item for item in held if item.id != "q1"))
    found = run(knowledge, *amended, seed="s2")
    statuses = [
        write.resource["status"] for write in found.writes if write.resource["resourceType"] == "ServiceRequest"
    ]
    assert statuses == ["revoked", "revoked"]
    assert "DRAFTS_REVOKED" in found.decision.flags
    assert [write.resource["status"] for write in found.writes if write.resource["resourceType"] == "Flag"] == [
        "inactive"
    ]


def test_an_entered_in_error_form_takes_its_drafts_along(knowledge):
    stored = (form(CALM | {"rf-saddle-numbness": "yes"}), patient())
    held = committed(run(knowledge, *stored), *stored)
    wrong = (form({}, 2, "entered-in-error"), *(item for item in held if item.id != "q1"))
    found = run(knowledge, *wrong, seed="s2")
    reasons = [
        write.resource["statusReason"]["coding"][0]["code"]
        for write in found.writes
        if write.resource["resourceType"] == "Task" and write.resource["status"] == "cancelled"
    ]
    assert reasons == ["source-withdrawn", "source-withdrawn"]


def test_a_physicians_unsafe_screening_swaps_the_mri_and_heeds_anticoagulants(knowledge):
    for drug, expected in (("no", {("CTM_L", "stat")}), ("yes", set())):
        answers = CALM | {"rf-saddle-numbness": "yes", "hx-anticoagulant": drug}
        del answers["mr-pacemaker"]
        stored = (form(answers), patient())
        held = committed(run(knowledge, *stored), *stored)
        draft = next(item for item in held if item.type == "ServiceRequest" and "blocker" in str(item.content))
        by = states.By("Practitioner/alice", "Alice")
        said = screening.observation(screening.chosen(knowledge, {"mr": "yes-unknown"})[0], draft.content, by=by, at=T)
        found = run(knowledge, *held, Stored("Observation", said["id"], 1, said, T, ours=True), seed="s2")
        assert set(orders(found)) == expected
        assert ("RADIOLOGY_CONSULT" in found.decision.flags) is (drug == "yes")
        revoked = [write.resource for write in found.writes if write.resource.get("status") == "revoked"]
        assert [order["id"] for order in revoked] == [draft.id]


def test_the_same_input_gives_the_same_bytes_in_any_order(knowledge):
    stored = (form(CALM | {"rf-fever-chills": "yes"}), patient())
    one, other = (run(knowledge, *record) for record in (stored, stored[::-1]))
    assert repr(one.guidance) == repr(other.guidance)
    assert repr(one.writes) == repr(other.writes)


def weight(name, kilograms, day):
    coding = {"system": "http://loinc.org", "code": "29463-7"}
    quantity = {"value": kilograms, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    content = {
        "resourceType": "Observation", "id": name, "status": "final", "code": {"coding": [coding]},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": day, "valueQuantity": quantity,
    }  # fmt: skip
    return Stored("Observation", name, 1, content, T)


def test_a_loss_of_weight_is_written_down_with_both_weights(knowledge, r4):
    found = run(knowledge, form(CALM), patient(), weight("w1", 80, "2025-08-01"), weight("w2", 74, "2026-03-01"))
    derived = [write.resource for write in found.writes if write.resource["resourceType"] == "Observation"]
    assert [(held["code"]["coding"][0]["code"], held["valueQuantity"]["value"]) for held in derived] == [
        ("weight-loss-percent", Decimal("7.5")),
    ]
    assert [held["reference"] for held in derived[0]["derivedFrom"]] == [
        "Observation/w1/_history/1", "Observation/w2/_history/1",
    ]  # fmt: skip
    assert r4.check_r4(derived[0]) == []


def test_every_order_and_message_of_the_plan_is_defined(knowledge):
    named = {
        action["definitionCanonical"].partition("|")[0].rpartition("/")[2]
        for plan in knowledge.all("PlanDefinition")
        for action in walk(plan)
        if "definitionCanonical" in action
    }
    assert named
    assert {name for name in named if knowledge.find("ActivityDefinition", name) is None} == set()


def walk(element):
    for action in element.get("action", ()):
        yield action
        yield from walk(action)


def review_actions(action):
    """The ids of the actions that ask for a review."""
    for each in action.get("action", ()):
        asks = any(held["url"].endswith("/StructureDefinition/review") for held in each.get("extension", ()))
        if asks:
            yield each["id"]
        yield from review_actions(each)


def test_every_review_that_the_plan_asks_for_has_a_sentence_of_its_own(knowledge):
    definition = knowledge.find("ActivityDefinition", "task-review")
    worded = {
        held["extension"][0]["valueCode"]: held["extension"][1]["valueString"]
        for held in definition["extension"]
        if held["url"].endswith("/wording")
    }
    wanted = set(review_actions(knowledge.plan)) - {"R42"}  # R42 asks for nothing that an evaluation writes
    assert wanted <= set(worded)
    named = (
        set(worded)
        - set(knowledge.codes("review-reason"))
        - set(knowledge.codes("review-flag"))
        - {"no-draft", "unsafe-elsewhere"}
    )
    assert named <= wanted | {action["id"] for action in knowledge.plan["action"]}
    assert all(text.endswith(".") for text in worded.values())


REVIEWS = [
    ({"rf-saddle-numbness": None}, "Missing red-flag answers", "is not cleared until they are known"),
    ({"rf-saddle-numbness": None, "rf-bilateral-leg-pain-new": "yes"}, "Missing red-flag answers", "today and ask"),
    ({"rf-night-sweats": "yes"}, "Suspected malignancy", "One warning sign of a tumour"),
    ({"rf-numbness-spread": "days"}, "Numbness spreading over days", "review the patient today"),
    (
        {"rf-saddle-numbness": "yes", "mr-pacemaker": "yes-unknown", "hx-anticoagulant": "yes"},
        "Radiology must advise",
        "CT myelography is ruled out",
    ),
]


@pytest.mark.parametrize(("answers", "title", "sentence"), REVIEWS)
def test_a_review_says_what_is_asked_and_does_not_repeat_its_title(knowledge, answers, title, sentence):
    told = {name: value for name, value in (CALM | answers).items() if value is not None}
    tasks = [write.resource for write in run(knowledge, form(told), patient()).writes]
    said = {
        task["reasonCode"]["text"]: task["description"]
        for task in tasks
        if task["resourceType"] == "Task" and task["code"]["coding"][0]["code"] == "review"
    }
    assert sentence in said[title]
    assert title not in said[title]


def test_a_rule_whose_orders_stand_already_says_so_instead_of_its_title_twice(knowledge):
    stored = (form(CALM | {"rf-saddle-numbness": "yes"}), patient())
    foreign = [
        Stored("ServiceRequest", write.resource["id"], 1,
               {key: value for key, value in write.resource.items() if key != "identifier"} | {"status": "active"}, T)
        for write in run(knowledge, *stored).writes if write.resource["resourceType"] == "ServiceRequest"
    ]  # fmt: skip
    tasks = [write.resource for write in run(knowledge, *stored, *foreign).writes]
    (review,) = [each for each in tasks if each["resourceType"] == "Task"]
    assert review["description"].startswith("What this rule asks for is on order already")
