"""R13 to R15, 'Orders together' and 'Order of control' of the criteria, one case a line."""

from __future__ import annotations

import pytest

from fhir_svc.orders.candidates import Candidate, merged
from fhir_svc.orders.controls import Passage
from fhir_svc.orders.definitions import ladder


def shown(decision):
    return {(order.key, order.priority): order.blockers for order in decision.orders}


def consults(decision):
    return [(review.priority, review.rules[0]) for review in decision.reviews if review.reason == "RADIOLOGY_CONSULT"]


PREGNANT = ("R14.pregnant", "R14.no-contrast-mri", "R14.xr", "R14.ionising")

CASES = [
    # name, wants, controls met, drafts with blockers, flags, consults
    ("all screening answers no", [("MRI_L_WO", "stat", "R01")], (), {("MRI_L_WO", "stat"): ()}, set(), []),
    ("R13 P: pacemaker of unknown type", [("MRI_L_WO", "stat", "R01")], ("R13.unsafe",),
     {("CTM_L", "stat"): ()}, {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP"}, []),
    ("R13 B: conditional device keeps the MRI", [("MRI_L_WO", "asap", "R02")], ("R13.conditional",),
     {("MRI_L_WO", "asap"): ()}, {"MR_SAFETY_REVIEW"}, []),
    ("R13 M: unanswered keeps the MRI and holds the signature", [("MRI_L_WO", "stat", "R01")], ("R13.unanswered",),
     {("MRI_L_WO", "stat"): ("mr-screening",)}, {"MR_SCREEN_INCOMPLETE"}, []),
    ("R13 unsafe and another item unanswered: swapped, nothing to screen", [("MRI_L_WO", "stat", "R01")],
     ("R13.unsafe", "R13.unanswered"), {("CTM_L", "stat"): ()}, {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP"}, []),
    ("R13 unsafe on anticoagulants: consult at the lost priority, no swap flag", [("MRI_L_WO", "stat", "R01")],
     ("R13.unsafe", "R13.no-contrast"), {}, {"MR_SAFETY_REVIEW", "RADIOLOGY_CONSULT"}, [("stat", "R01")]),
    ("R13 unsafe, anticoagulants unknown: drafted and consult", [("MRI_L_WO", "asap", "R02")],
     ("R13.unsafe", "R13.contrast-unknown"), {("CTM_L", "asap"): ()},
     {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP", "RADIOLOGY_CONSULT"}, [("asap", "R02")]),
    ("R13 no MRI wanted: no flag", [("PT_REFERRAL", "routine", "R20")], ("R13.unsafe", "R13.unanswered"),
     {("PT_REFERRAL", "routine"): ()}, set(), []),
    ("R14 P: pregnant, cauda equina", [("MRI_L_WO", "stat", "R01"), ("ED_REFERRAL", "stat", "R01")], PREGNANT,
     {("MRI_L_WO", "stat"): (), ("ED_REFERRAL", "stat"): ()}, {"PREGNANCY"}, []),
    ("R14 pregnant, contrast MRI becomes plain", [("MRI_L_WWO", "asap", "R03")], PREGNANT,
     {("MRI_L_WO", "asap"): ()}, {"PREGNANCY"}, []),
    ("R14 pregnant, blocked film becomes a consult", [("XR_L", "urgent", "R05")], PREGNANT,
     {}, {"PREGNANCY", "RADIOLOGY_CONSULT"}, [("urgent", "R05")]),
    ("R14 pregnant, flexion film is blocked", [("XR_L_FLEXEXT", "routine", "R09")], PREGNANT, {}, {"PREGNANCY"}, []),
    ("R14 pregnant, injection is blocked", [("ESI", "routine", "R21")], PREGNANT, {}, {"PREGNANCY"}, []),
    ("R14 unknown: film held", [("XR_L", "urgent", "R05")], ("R14.unknown",),
     {("XR_L", "urgent"): ("pregnancy-check",)}, {"PREGNANCY_CHECK_REQUIRED"}, []),
    ("R14 unknown: contrast MRI held", [("MRI_L_WWO", "asap", "R03")], ("R14.unknown",),
     {("MRI_L_WWO", "asap"): ("pregnancy-check",)}, {"PREGNANCY_CHECK_REQUIRED"}, []),
    ("R14 unknown: plain MRI needs no check", [("MRI_L_WO", "stat", "R01")], ("R14.unknown",),
     {("MRI_L_WO", "stat"): ()}, set(), []),
    ("R14 unknown and R13 unsafe: the myelogram is held", [("MRI_L_WO", "stat", "R01")], ("R14.unknown", "R13.unsafe"),
     {("CTM_L", "stat"): ("pregnancy-check",)}, {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP", "PREGNANCY_CHECK_REQUIRED"}, []),
    ("R14 unknown, contrast MRI lost to a consult: nothing remains to check", [("MRI_L_WWO", "asap", "R03")],
     ("R14.unknown", "R13.unsafe", "R13.no-contrast"), {},
     {"MR_SAFETY_REVIEW", "RADIOLOGY_CONSULT"}, [("asap", "R03")]),
    ("pregnant with an unsafe device: no myelogram, never a silent drop", [("MRI_L_WO", "stat", "R01")],
     (*PREGNANT, "R13.unsafe"), {}, {"PREGNANCY", "MR_SAFETY_REVIEW", "RADIOLOGY_CONSULT"}, [("stat", "R01")]),
    ("R15 P: eGFR 24", [("MRI_L_WWO", "asap", "R03")], ("R15.renal",),
     {("MRI_L_WWO", "asap"): ()}, {"GBCA_RENAL_REVIEW"}, []),
    ("R15 does not reach a plain MRI", [("MRI_L_WO", "asap", "R02")], ("R15.renal",),
     {("MRI_L_WO", "asap"): ()}, set(), []),
    ("R15 does not reach a swapped MRI", [("MRI_L_WWO", "asap", "R03")], ("R15.renal", "R13.unsafe"),
     {("CTM_L", "asap"): ()}, {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP"}, []),
    ("together: one order, the highest priority", [("MRI_L_WWO", "urgent", "R04"), ("MRI_L_WWO", "asap", "R03")], (),
     {("MRI_L_WWO", "asap"): ()}, set(), []),
    ("together: both lumbar MRIs, contrast at the higher priority",
     [("MRI_L_WO", "stat", "R01"), ("MRI_L_WWO", "asap", "R03")], (), {("MRI_L_WWO", "stat"): ()}, set(), []),
    ("together, pregnant: one plain MRI at the higher priority",
     [("MRI_L_WO", "asap", "R02"), ("MRI_L_WWO", "stat", "R03")], PREGNANT,
     {("MRI_L_WO", "stat"): ()}, {"PREGNANCY"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "wants", "met", "drafts", "flags", "asked"), CASES, ids=[case[0] for case in CASES])
def test_controls_leave_these_drafts_flags_and_consults(
    bench, want, safety_controls, name, wants, met, drafts, flags, asked
):
    findings = bench.findings([want(*one) for one in wants], controls=safety_controls(*met))
    decision = bench.decide(findings)
    assert shown(decision) == drafts
    assert set(decision.flags) == flags
    assert consults(decision) == asked


OUTCOMES = [
    ("no draft to control", [], ("R13.unsafe",), (), {"R13": "not-met"}),
    ("changed a draft", [("MRI_L_WO", "stat", "R01")], ("R13.unsafe",), (),
     {"R13": "met", "R14": "not-met", "R15": "not-met"}),
    ("held a draft", [("MRI_L_WO", "stat", "R01")], ("R13.unanswered",), (), {"R13": "met"}),
    ("flagged a draft", [("MRI_L_WWO", "asap", "R03")], ("R15.renal",), (), {"R15": "met"}),
    ("could have flagged it", [("MRI_L_WWO", "asap", "R03")], (), ("R15.renal",), {"R15": "cannot-tell"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "wants", "met", "maybe", "expected"), OUTCOMES, ids=[case[0] for case in OUTCOMES])
def test_a_control_is_met_when_it_changed_held_or_flagged_a_draft(
    bench, want, safety_controls, name, wants, met, maybe, expected
):
    findings = bench.findings([want(*one) for one in wants], controls=safety_controls(*met, maybe=maybe))
    decision = bench.decide(findings)
    assert {rule: decision.rule(rule).outcome.value for rule in expected} == expected


def test_pregnancy_is_met_without_any_draft(bench, safety_controls):
    findings = bench.findings(rules=[bench.rule("R14")], controls=safety_controls("R14.pregnant"))
    decision = bench.decide(findings)
    assert decision.rule("R14").outcome == "met"
    assert decision.flags == ()


def test_every_contraindication_is_named_with_the_order_it_concerns(bench, want, safety_controls):
    findings = bench.findings(
        [want("MRI_L_WO", "stat", "R01")], controls=safety_controls("R13.unsafe", "R13.no-contrast")
    )
    concerns = {(held.kind, held.rule, held.order) for held in bench.decide(findings).concerns}
    assert concerns == {("contraindication", "R13", "MRI_L_WO"), ("contraindication", "R13", "CTM_L")}


def test_a_met_rule_without_a_draft_leaves_a_review(bench, want):
    rules = [
        bench.rule("R01b", level="SAME_DAY"), bench.rule("R06", level="SAME_DAY"), bench.rule("R33", level="SOON"),
        bench.rule("R12", level="ROUTINE"), bench.rule("R02", level="SAME_DAY"),
    ]  # fmt: skip
    decision = bench.decide(bench.findings([want("MRI_L_WO", "asap", "R02")], rules))
    assert [(held.reason, held.priority) for held in decision.reviews] == [
        ("R01b", "asap"), ("R06", "asap"), ("R33", "routine"),
    ]  # fmt: skip


def test_symptoms_explain_an_order_and_a_suspected_disease_is_never_coded(bench, want):
    facts = [bench.fact("rf-saddle-numbness", "yes"), bench.fact("rf-bladder-change", "cannot-pass")]
    decision = bench.decide(bench.findings([want("MRI_L_WO", "stat", "R01")], [bench.rule("R01", *facts)]))
    codes = {coding["code"] for reason in decision.orders[0].reasons for coding in reason.get("coding", ())}
    assert codes == {"44077006", "44077006:363698007=38864007", "R20.0", "267064002", "R33.9", "279039007", "M54.50"}


@pytest.mark.parametrize(("listed", "expected"), [(True, True), (False, False)])
def test_neurogenic_claudication_is_a_reason_only_where_the_record_holds_the_diagnosis(bench, want, listed, expected):
    coding = {"system": "http://snomed.info/sct", "code": "303081002"}
    condition = bench.stored("Condition", "c1", code={"coding": [coding]})
    decision = bench.decide(bench.findings([want("MRI_L_WO", "routine", "R11")]), *([condition] if listed else []))
    codes = {coding["code"] for reason in decision.orders[0].reasons for coding in reason.get("coding", ())}
    assert ("M48.062" in codes) is expected


def test_an_order_in_the_place_of_another_says_so_when_a_second_rule_wants_it_too(knowledge):
    swapped = Candidate("CTM_L", "asap", ("R02",), instead_of="MRI_L_WO")
    wanted = Candidate("CTM_L", "stat", ("R01",))
    for both in ([swapped, wanted], [wanted, swapped]):
        (order,) = merged(both, ladder(knowledge))
        assert (order.priority, order.instead_of, set(order.rules)) == ("stat", "MRI_L_WO", {"R01", "R02"})


@pytest.mark.parametrize("outcome", ["met", "not-met"])
def test_a_physicians_answer_is_evidence_of_the_orders_that_its_check_would_hold(bench, knowledge, outcome):
    answer = bench.stored("Observation", "answer", ours=True)
    check = bench.control("R13.unanswered", "hold", {"MRI_L_WO"}, blocker="mr-screening", outcome=outcome)
    wanted = [Candidate("MRI_L_WO", "stat", ("R01",)), Candidate("XR_L", "urgent", ("R05",))]
    passage = Passage(wanted, ladder(knowledge), {"mr-screening": answer}).run([check])
    left = {held.key: (held.attached, held.blockers) for held in passage.candidates}
    assert left == {"MRI_L_WO": ((answer,) if outcome == "met" else (), ()), "XR_L": ((), ())}
