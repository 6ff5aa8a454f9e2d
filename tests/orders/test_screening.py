"""What a physician records by `$record-screening` is evidence that every later evaluation reads; the shipped plan."""

from datetime import timedelta

import pytest

from fhir_svc.evaluation import evaluate
from fhir_svc.orders import screening, states
from fhir_svc.orders.definitions import key_of
from fhir_svc.record import Record, Site, Stored
from tests.orders.story import CALM, T
from tests.orders.test_with_the_plan import CLAUDICATION, committed, form, patient

ALICE = states.By("Practitioner/alice", "Alice")
FILM = CALM | {"rf-trauma": "minor", "rf-steroid-3mo": "yes"}
INFECTION = CALM | {"rf-fever-chills": "yes"}
PACED = CALM | {"rf-saddle-numbness": "yes", "mr-pacemaker": "yes-unknown"}
PREGNANT, NOT_PREGNANT, UNKNOWN = "LA15173-0", "LA26683-5", "LA4489-6"
WOMAN = {"born": "1990-01-01", "sex": "female"}


class Patient:
    """One patient whose record grows with every evaluation."""

    def __init__(self, knowledge, answers, **person):
        self.knowledge, self.number = knowledge, 0
        self.held = (form(answers), patient(**(person or WOMAN)))
        self.evaluate()

    def evaluate(self, *more, at=T):
        self.number += 1
        new = {one.local for one in more}
        self.held = (*(one for one in self.held if one.local not in new), *more)
        self.found = evaluate(
            Record("p1", self.held), self.knowledge, Site("UTC"), at,
            scope="north/p1", seed=f"s{self.number}", subject="Patient/p1", submissions=[(f"g{self.number}", "r")],
        )  # fmt: skip
        self.held = committed(self.found, *self.held)
        return self.found

    def order(self, key, status="draft"):
        return next(
            one
            for one in self.held
            if one.type == "ServiceRequest" and one.content["status"] == status and key_of(one.content) == key
        )

    def record(self, given, key, at=T):
        """The physician's act on a draft, and the evaluation that follows it."""
        draft = self.order(key)
        answers = screening.chosen(self.knowledge, given)
        observed = [screening.observation(answer, draft.content, by=ALICE, at=at) for answer in answers]
        stored = [Stored("Observation", one["id"], 1, one, at, ours=True) for one in observed]
        content = screening.screened(draft.content, {"status": "requested"}, answers, [one.reference for one in stored])
        new = Stored("ServiceRequest", draft.id, draft.version + 1, content, at, ours=True)
        self.evaluate(*stored, new, at=at)
        return stored

    def sign(self, key):
        draft = self.order(key)
        signed = dict(draft.content) | {"status": "active", "requester": ALICE.json}
        kept = (one for one in self.held if one.local != draft.local)
        self.held = (*kept, Stored("ServiceRequest", draft.id, draft.version + 1, signed, T, ours=True))

    @property
    def drafts(self):
        """The unsigned drafts by order key, with what blocks them."""
        found = [one.content for one in self.held if one.type == "ServiceRequest"]
        return {
            key_of(one): [held["valueCode"] for held in one.get("extension", ()) if held["url"].endswith("/blocker")]
            for one in found
            if one["status"] == "draft"
        }

    def trace(self, rule):
        parts = next(one.facts for one in self.found.decision.rules if one.id == rule)
        return {fact.name: (fact.value, [source.reference for source in fact.sources]) for fact in parts}

    def reviews(self):
        tasks = [one.resource for one in self.found.writes if one.resource["resourceType"] == "Task"]
        return [task["reasonCode"]["coding"][0]["code"] for task in tasks if "reasonCode" in task]


def observation(code, back=5):
    content = {
        "resourceType": "Observation", "id": "theirs", "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "82810-3"}]},
        "effectiveDateTime": (T - timedelta(days=back)).isoformat(),
        "valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": code}]},
    }  # fmt: skip
    return Stored("Observation", "theirs", 1, content, T)


NOT = [
    # what the patient's form wants, and the order that waits for the answer
    (FILM, "XR_L"),
    (INFECTION, "MRI_L_WWO"),
    (PACED, "CTM_L"),
]


@pytest.mark.parametrize(("answers", "key"), NOT, ids=[key for _, key in NOT])
def test_an_answer_that_excludes_pregnancy_clears_the_draft_for_good(knowledge, answers, key):
    case = Patient(knowledge, answers)
    assert case.drafts[key] == ["pregnancy-check"]
    (said,) = case.record({"pregnancy": NOT_PREGNANT}, key)
    for _ in range(2):
        assert case.drafts[key] == []
        assert not {"PREGNANCY", "PREGNANCY_CHECK_REQUIRED"} & set(case.found.decision.flags)
        assert case.trace("R14")["pregnancy-screened"] == ("no", [said.reference])
        assert not any(one.resource["resourceType"] == "ServiceRequest" for one in case.found.writes)
        case.evaluate()


BLOCKED = [
    # what the form wants, the draft before, what is drafted instead, what radiology is asked
    (FILM, "XR_L", None, True),
    (INFECTION, "MRI_L_WWO", "MRI_L_WO", False),
    (PACED, "CTM_L", None, True),
]


@pytest.mark.parametrize(("answers", "key", "instead", "consult"), BLOCKED, ids=[case[1] for case in BLOCKED])
def test_an_answer_that_states_pregnancy_takes_the_draft_back(knowledge, answers, key, instead, consult):
    case = Patient(knowledge, answers)
    (said,) = case.record({"pregnancy": PREGNANT}, key)
    assert key not in case.drafts
    assert instead is None or case.drafts[instead] == []
    assert "PREGNANCY" in case.found.decision.flags
    assert "PREGNANCY_CHECK_REQUIRED" not in case.found.decision.flags
    assert ("RADIOLOGY_CONSULT" in case.reviews()) is consult
    assert case.trace("R14")["pregnancy-screened"] == ("yes", [said.reference])
    (revoked,) = [one.resource for one in case.found.writes if one.resource.get("status") == "revoked"]
    assert key_of(revoked) == key
    (task,) = [
        one.resource
        for one in case.found.writes
        if one.resource["resourceType"] == "Task" and one.resource["status"] == "cancelled"
    ]
    assert task["statusReason"]["coding"][0]["code"] == "superseded"
    assert case.evaluate().writes == ()


def test_a_signed_order_that_pregnancy_now_forbids_goes_back_to_its_signer(knowledge):
    case = Patient(knowledge, INFECTION)
    case.sign("MRI_L_WWO")
    case.evaluate(observation(PREGNANT))  # the EHR says it
    by_ehr = (case.reviews(), [one.resource["resourceType"] for one in case.found.writes])
    case = Patient(knowledge, INFECTION)
    case.sign("MRI_L_WWO")
    case.record({"pregnancy": PREGNANT}, "LAB_CRP")
    assert "R14" in case.reviews()
    assert "Flag" in [one.resource["resourceType"] for one in case.found.writes]
    assert by_ehr == (case.reviews(), [one.resource["resourceType"] for one in case.found.writes])
    assert case.order("MRI_L_WWO", "active")


TOGETHER = [
    # the form, the EHR's observation, what physicians recorded one after the other; then flags, and whether R40 is met
    ("the physician knows what the form does not", None, UNKNOWN, [NOT_PREGNANT], set(), False),
    ("the newest answer of a physician counts", None, None, [PREGNANT, NOT_PREGNANT], set(), False),
    ("an answer is taken back", None, None, [NOT_PREGNANT, UNKNOWN], {"PREGNANCY_CHECK_REQUIRED"}, False),
    ("the form says yes", "pregnant", None, [NOT_PREGNANT], {"PREGNANCY", "CONFLICT"}, True),
    ("the form says no", "not-pregnant", None, [PREGNANT], {"PREGNANCY", "CONFLICT"}, True),
    ("the EHR says yes", None, PREGNANT, [NOT_PREGNANT], {"PREGNANCY", "CONFLICT"}, True),
    ("the EHR says no", None, NOT_PREGNANT, [PREGNANT], {"PREGNANCY", "CONFLICT"}, True),
    ("a form and the EHR disagree without a physician", "not-pregnant", PREGNANT, [], {"PREGNANCY"}, False),
    ("all agree", "pregnant", PREGNANT, [PREGNANT], {"PREGNANCY"}, False),
]


@pytest.mark.parametrize(
    ("name", "said", "ehr", "recorded", "flags", "conflict"), TOGETHER, ids=[c[0] for c in TOGETHER]
)
def test_the_dangerous_answer_wins_and_both_are_shown(knowledge, name, said, ehr, recorded, flags, conflict):
    case = Patient(knowledge, INFECTION | ({"ctx-pregnant": said} if said else {}))
    case.evaluate(*([observation(ehr)] if ehr else []))
    for minute, code in enumerate(recorded):
        case.record({"pregnancy": code}, "LAB_CRP", T + timedelta(minutes=minute))
    shown = {"PREGNANCY", "PREGNANCY_CHECK_REQUIRED", "CONFLICT"}
    assert set(case.found.decision.flags) & shown == flags
    assert [one.id for one in case.found.decision.rules if one.id == "R40" and one.outcome.value == "met"] == (
        ["R40"] if conflict else []
    )
    concerns = [one for one in case.found.decision.concerns if one.kind == "conflict"]
    assert [{fact.value for fact in one.facts} for one in concerns] == ([{"yes", "no"}] if conflict else [])


def test_the_answer_holds_for_thirty_days_and_then_is_asked_again(knowledge):
    case = Patient(knowledge, FILM)
    case.record({"pregnancy": NOT_PREGNANT}, "XR_L")
    assert case.found.decision.next_change is not None
    case.evaluate(at=T + timedelta(days=29))
    assert case.drafts["XR_L"] == []
    case.evaluate(at=T + timedelta(days=31))
    assert "PREGNANCY_CHECK_REQUIRED" in case.found.decision.flags


SCANNER = [
    # the physician's answer, the order then drafted, its blockers, flags
    ("no", "MRI_L_WO", [], set()),
    ("yes-conditional", "MRI_L_WO", [], {"MR_SAFETY_REVIEW"}),
    ("yes-unknown", "CTM_L", [], {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP"}),
    ("yes-not-conditional", "CTM_L", [], {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP"}),
    ("unsure", "MRI_L_WO", ["mr-screening"], {"MR_SCREEN_INCOMPLETE"}),
]


@pytest.mark.parametrize(("code", "key", "blockers", "flags"), SCANNER, ids=[case[0] for case in SCANNER])
def test_an_answer_about_the_scanner_stays_through_later_submissions(knowledge, code, key, blockers, flags):
    answers = {name: value for name, value in CLAUDICATION.items() if name != "mr-eye-metal"}
    case = Patient(knowledge, answers, born="1954-05-01", sex="male")
    assert case.drafts == {"MRI_L_WO": ["mr-screening"]}
    (said,) = case.record({"mr": code}, "MRI_L_WO")
    for submission in (None, form(answers | {"hx-pt-weeks": 9}, 2, "amended")):
        case.evaluate(*([submission] if submission else []))
        assert case.drafts == {key: blockers}
        shown = {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP", "MR_SCREEN_INCOMPLETE"}
        assert set(case.found.decision.flags) & shown == flags
        assert case.trace("R13")["mr-screening"] == (code, [said.reference])


def test_a_swap_ends_in_one_draft_whichever_way_the_patient_changes(knowledge):
    case = Patient(knowledge, PACED, born="1954-05-01", sex="male")
    assert set(case.drafts) == {"CTM_L", "ED_REFERRAL"}
    case.evaluate(form(PACED | {"hx-anticoagulant": "yes"}, 2, "amended"))
    assert set(case.drafts) == {"ED_REFERRAL"}
    assert "RADIOLOGY_CONSULT" in case.reviews()
    case = Patient(knowledge, PACED, born="1954-05-01", sex="male")
    case.evaluate(form(PACED | {"mr-pacemaker": "no!"}, 2, "amended"))
    assert set(case.drafts) == {"MRI_L_WO", "ED_REFERRAL"}


def test_a_signed_order_in_the_place_of_another_goes_back_to_its_signer(knowledge):
    case = Patient(knowledge, PACED | {"hx-anticoagulant": "no"}, born="1954-05-01", sex="male")
    case.sign("CTM_L")
    case.evaluate(form(PACED | {"hx-anticoagulant": "yes"}, 2, "amended"))
    tasks = [one.resource for one in case.found.writes if one.resource["resourceType"] == "Task"]
    order = case.order("CTM_L", "active")
    assert [task["owner"] for task in tasks if task.get("basedOn") == [{"reference": order.local}]] == [ALICE.json]
