"""What an evaluation writes, against contract section 4 and FHIR R4."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fhir_svc.decision import Concern, Message, Review
from fhir_svc.orders.drafts import write_down
from fhir_svc.orders.failures import failure
from fhir_svc.orders.identity import order_value

B = "https://example.org/fhir-svc"
T = "2026-03-10T12:00:00.000Z"


@pytest.fixture
def rich(bench, want, safety_controls):
    """An evaluation that writes one of everything."""
    weights = [bench.stored("Observation", "w1"), bench.stored("Observation", "w2")]
    loss = bench.fact("weight-loss-percent", Decimal("7.50"), *weights, unit="%")
    saddle = bench.fact("rf-saddle-numbness", "yes", bench.form())
    age = bench.fact("age", 72, bench.stored("Patient", "p1"), unit="a")
    rules = [
        bench.rule("R01", saddle, bench.fact("rf-foot-drop", None), age, level="EMERGENCY"),
        bench.rule("R01b", saddle, level="SAME_DAY"),
        bench.rule("R31", loss, level="SOON"),
    ]
    wants = [want("MRI_L_WO", "stat", "R01"), want("ED_REFERRAL", "stat", "R01"), want("LAB_CRP", "routine", "R31")]
    findings = bench.findings(
        wants, rules, safety_controls("R13.unsafe", "R14.unknown"),
        level="EMERGENCY", flags=frozenset({"WEIGHT_LOSS", "CONFLICT"}), facts={"weight-loss-percent": loss},
        messages=(Message("EMERGENCY_ADVICE", ("R01",)), Message("ON_CALL_NOTIFICATION", ("R01",)),
                  Message("ASK_MISSING", ("R01",), ("rf-foot-drop", "rf-leg-weakness"))),
        concerns=(Concern("conflict", "R01", None, (saddle,), "Two sources disagree."),),
        missing=("rf-foot-drop", "rf-leg-weakness"), data_required=True,
    )  # fmt: skip
    record = (bench.form(), *weights, bench.stored("Patient", "p1"))
    decision = bench.decide(findings, *record)
    return decision, bench.write(decision, *record)


def test_everything_written_is_valid_r4(rich, r4):
    _, writes = rich
    resources = [*writes.guidance, *(write.resource for write in writes.writes)]
    kinds = {resource["resourceType"] for resource in resources}
    assert kinds >= {
        "GuidanceResponse", "RequestGroup", "ServiceRequest", "Task", "Observation", "Flag", "CommunicationRequest",
        "DetectedIssue", "Provenance",
    }  # fmt: skip
    for resource in resources:
        plain = json.loads(json.dumps(resource, default=str), parse_float=Decimal)
        assert [issue.text for issue in r4.check_r4(_numbers(plain, resource))] == [], resource["resourceType"]
        model = importlib.import_module(f"fhir.resources.R4B.{resource['resourceType'].lower()}")
        getattr(model, resource["resourceType"]).model_validate(resource)


def _numbers(plain, resource):
    """`json` has no Decimal: put the numbers back."""
    if isinstance(resource, Decimal):
        return resource
    if isinstance(resource, dict):
        return {key: _numbers(plain[key], value) for key, value in resource.items()}
    if isinstance(resource, list | tuple):
        return [_numbers(one, other) for one, other in zip(plain, resource, strict=True)]
    return plain


def test_the_trace_lists_level_flags_and_every_rule(rich):
    decision, writes = rich
    answer = writes.guidance[0]
    assert answer["status"] == "data-required"
    assert answer["moduleCanonical"] == decision.criteria
    assert answer["requestIdentifier"]["value"] == "request-s1"
    assert answer["occurrenceDateTime"] == T
    assert answer["outputParameters"] == {"reference": "#trace"}
    parameters = answer["contained"][0]["parameter"]
    assert parameters[0] == {"name": "triage-level", "valueCode": "EMERGENCY"}
    flags = [held["valueCoding"]["code"] for held in parameters if held["name"] == "flag"]
    assert flags == sorted(
        {"WEIGHT_LOSS", "CONFLICT", "MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP", "PREGNANCY_CHECK_REQUIRED"}
    )
    rules = {held["part"][0]["valueString"]: held["part"] for held in parameters if held["name"] == "rule"}
    assert list(rules) == [rule.id for rule in decision.rules]
    assert [part["name"] for part in rules["R01"]] == ["id", "outcome", "title", "fact", "fact", "fact", "citation"]
    assert rules["R01"][1] == {"name": "outcome", "valueCode": "met"}
    assert rules["R01"][3]["part"] == [
        {"name": "name", "valueCode": "rf-saddle-numbness"},
        {"name": "value", "valueCode": "yes"},
        {"name": "date", "valueDateTime": "2026-03-10"},
        {"name": "source", "valueReference": {"reference": "QuestionnaireResponse/q1/_history/1"}},
    ]
    assert [part["name"] for part in rules["R01"][4]["part"]] == ["name", "value", "date"]
    assert rules["R01"][4]["part"][1] == {"name": "value", "valueCode": "unknown"}
    assert {"name": "value", "valueInteger": 72} in rules["R01"][5]["part"]
    assert {"name": "value", "valueDecimal": Decimal("7.50")} in rules["R31"][3]["part"]


def test_a_success_without_anything_new_has_no_result(bench):
    writes = bench.write(bench.decide(bench.findings()))
    assert writes.guidance[0]["status"] == "success"
    assert "result" not in writes.guidance[0]
    assert writes.writes == ()


def test_one_guidance_response_per_submission_of_the_claim(bench, want, shelf):
    decision = bench.decide(bench.findings([want("ABI", "routine", "R18")]))
    pairs = [("g1", "r1"), ("g2", "r2")]
    writes = write_down(decision, bench.record(), shelf, scope="s", seed="x", subject="Patient/p1", submissions=pairs)
    assert [(held["id"], held["requestIdentifier"]["value"]) for held in writes.guidance] == pairs
    assert writes.guidance[0]["contained"] == writes.guidance[1]["contained"]


def test_a_draft_has_no_requester_and_names_its_reasons(bench, rich, of):
    decision, writes = rich
    drafts = {draft["code"]["coding"][-1]["code"]: draft for draft in of(writes, "ServiceRequest")}
    assert set(drafts) == {"CTM_L", "ED_REFERRAL", "LAB_CRP"}
    draft = drafts["CTM_L"]
    assert (draft["status"], draft["intent"], draft["priority"]) == ("draft", "order", "stat")
    assert "requester" not in draft
    assert "authoredOn" not in draft
    assert draft["instantiatesCanonical"] == [decision.criteria]
    assert draft["meta"]["security"][0]["code"] == "AIAST"
    assert draft["identifier"][0]["system"] == f"{B}/order"
    assert draft["identifier"][0]["type"]["coding"][0]["code"] == "PLAC"
    assert draft["identifier"][0]["value"] == order_value(bench.scope, "CTM_L", "s1", decision.criteria)
    assert draft["code"]["coding"][0] == {
        "system": "http://loinc.org", "code": "24965-6", "display": "CT Lumbar spine W contrast IT",
    }  # fmt: skip
    assert draft["category"][0]["coding"][0]["code"] == "363679005"
    assert draft["supportingInfo"] == [
        {"reference": "Patient/p1/_history/1"}, {"reference": "QuestionnaireResponse/q1/_history/1"},
    ]  # fmt: skip
    systems = {coding["system"] for reason in draft["reasonCode"] for coding in reason.get("coding", ())}
    assert systems == {"http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"}
    assert draft["note"][0]["text"] == "R01 Title of R01. a citation"
    assert {draft["requisition"]["value"] for draft in drafts.values()} == {draft["requisition"]["value"]}
    marks = {(held["url"].rpartition("/")[2], held.get("valueCode")) for held in draft["extension"]}
    assert {("rule", "R01"), ("blocker", "pregnancy-check"), ("instead-of", "MRI_L_WO")} <= marks


CODES = {
    "MRI_L_WO": "30679-5", "MRI_L_WWO": "24967-2", "CTM_L": "24965-6", "XR_L": "24972-2", "XR_L_FLEXEXT": "24971-4",
    "ABI": "77194-9", "LAB_CRP": "1988-5", "LAB_ESR": "30341-2", "ED_REFERRAL": "306104004",
    "SPINE_SURG_REFERRAL": "308482002", "VASC_REFERRAL": "307777008", "PT_REFERRAL": "308447003",
    "EMG_NCS": "42803009", "ESI": None,
}  # fmt: skip


@pytest.mark.parametrize("key", CODES)
def test_every_order_key_carries_the_code_of_the_contract(bench, want, of, r4, key):
    draft = of(bench.write(bench.decide(bench.findings([want(key, "routine", "RX")]))), "ServiceRequest")[0]
    codes = [coding["code"] for coding in draft["code"]["coding"]]
    assert codes == ([CODES[key], key] if CODES[key] else [key])
    assert draft["code"]["text"]
    assert draft["category"]
    assert draft["patientInstruction"]
    assert r4.check_r4(draft) == []


DEADLINES = [
    ("stat", "R01", "EMERGENCY", "2026-03-10T12:15:00.000Z"),
    ("asap", "R02", "SAME_DAY", "2026-03-10T16:00:00.000Z"),
    ("urgent", "R04", "URGENT", "2026-03-17T12:00:00.000Z"),
    ("routine", "R04", "SOON", "2026-03-24T12:00:00.000Z"),
    ("routine", "R11", "ROUTINE", "2026-04-07T12:00:00.000Z"),
    ("routine", "R18", None, "2026-04-07T12:00:00.000Z"),
    ("urgent", "R07", "EMERGENCY", "2026-03-17T12:00:00.000Z"),
]


@pytest.mark.parametrize(("priority", "rule", "level", "end"), DEADLINES)
def test_the_task_of_a_draft_ends_at_the_target_time_of_its_level(bench, want, of, priority, rule, level, end):
    findings = bench.findings([want("ABI", priority, rule)], [bench.rule(rule, level=level)])
    writes = bench.write(bench.decide(findings))
    task = of(writes, "Task")[0]
    assert task["code"]["coding"][0] == {"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "approve"}
    assert (task["status"], task["intent"], task["priority"]) == ("requested", "order", priority)
    assert task["focus"]["reference"] == f"ServiceRequest/{of(writes, 'ServiceRequest')[0]['id']}"
    assert task["for"] == {"reference": "Patient/p1"}
    assert task["reasonReference"] == {"reference": "GuidanceResponse/g-s1"}
    assert task["restriction"]["period"]["end"] == end
    assert "owner" not in task


def test_a_review_points_to_the_evaluation(bench, of):
    review = Review("R06", "asap", ("R06",), "SAME_DAY", "Numbness is spreading.")
    task = of(bench.write(bench.decide(bench.findings(reviews=(review,)))), "Task")[0]
    assert task["code"]["coding"][0] == {"system": f"{B}/CodeSystem/task-code", "code": "review"}
    assert task["focus"] == {"reference": "GuidanceResponse/g-s1"}
    assert task["description"] == "Numbness is spreading."
    assert task["restriction"]["period"]["end"] == "2026-03-10T16:00:00.000Z"


def test_the_patient_hears_the_words_of_the_artefact_and_the_questions_that_are_missing(rich, of):
    _, writes = rich
    messages = {held["reasonCode"][0]["coding"][0]["code"]: held for held in of(writes, "CommunicationRequest")}
    assert set(messages) == {"EMERGENCY_ADVICE", "ON_CALL_NOTIFICATION", "ASK_MISSING"}
    assert all(held["status"] == "active" for held in messages.values())
    assert messages["EMERGENCY_ADVICE"]["priority"] == "stat"
    assert "emergency department now" in messages["EMERGENCY_ADVICE"]["payload"][0]["contentString"]
    assert "not a diagnosis" in messages["EMERGENCY_ADVICE"]["payload"][-1]["contentString"]
    assert messages["EMERGENCY_ADVICE"]["recipient"] == [{"reference": "Patient/p1"}]
    assert messages["ON_CALL_NOTIFICATION"]["recipient"] == [{"display": "Clinician on call"}]
    assert len(messages["ASK_MISSING"]["payload"]) == 4


def test_what_was_computed_names_its_sources(rich, of):
    _, writes = rich
    derived = of(writes, "Observation")
    assert [held["code"]["coding"][0]["code"] for held in derived] == ["weight-loss-percent"]
    assert derived[0]["valueQuantity"]["value"] == Decimal("7.50")
    assert [held["reference"] for held in derived[0]["derivedFrom"]] == [
        "Observation/w1/_history/1", "Observation/w2/_history/1",
    ]  # fmt: skip


def test_concerns_name_the_draft_they_touch(rich, of):
    _, writes = rich
    drafts = {draft["id"]: draft["code"]["coding"][-1]["code"] for draft in of(writes, "ServiceRequest")}
    found = {
        held["code"]["coding"][0]["code"]: [
            drafts[one["reference"].partition("/")[2]] for one in held.get("implicated", ())
        ]
        for held in of(writes, "DetectedIssue")
    }
    assert found == {"conflict": ["CTM_L", "ED_REFERRAL"], "contraindication": ["CTM_L"]}


def test_the_proposal_holds_what_is_new_and_is_the_result(rich, of):
    _, writes = rich
    group = of(writes, "RequestGroup")[0]
    assert (group["intent"], group["status"]) == ("proposal", "active")
    assert writes.guidance[0]["result"] == {"reference": f"RequestGroup/{group['id']}"}
    kinds = [action["resource"]["reference"].partition("/")[0] for action in group["action"]]
    assert kinds.count("ServiceRequest") == 3
    assert kinds.count("CommunicationRequest") == 3


def test_the_software_says_what_it_asserted_from_which_evidence(rich, of):
    _, writes = rich
    stated = of(writes, "Provenance")[0]
    assert stated["agent"][0]["type"]["coding"][0]["code"] == "assembler"
    assert len(stated["target"]) == 4
    assert all(held["reference"].endswith("/_history/1") for held in stated["target"])
    assert {"role": "source", "what": {"reference": "QuestionnaireResponse/q1/_history/1"}} in stated["entity"]


def test_the_software_says_on_what_evidence_it_told_people(rich, of):
    _, writes = rich
    _, stated = of(writes, "Provenance")
    kinds = [held["reference"].partition("/")[0] for held in stated["target"]]
    written = [write.resource["resourceType"] for write in writes.writes]
    told = ("Flag", "CommunicationRequest", "DetectedIssue")
    assert kinds == [kind for kind in told for _ in range(written.count(kind))]
    assert set(kinds) == set(told)
    assert all(held["reference"].endswith("/_history/1") for held in stated["target"])
    assert {"role": "source", "what": {"reference": "QuestionnaireResponse/q1/_history/1"}} in stated["entity"]
    assert stated["agent"][0]["type"]["coding"][0]["code"] == "assembler"


def test_the_same_input_gives_the_same_bytes(bench, want, safety_controls):
    def once():
        findings = bench.findings([want("MRI_L_WO", "stat", "R01")], controls=safety_controls("R13.unsafe"))
        writes = bench.write(bench.decide(findings, bench.form()), bench.form())
        return json.dumps([writes.guidance, [write.resource for write in writes.writes]])

    assert once() == once()


def test_the_order_of_the_record_does_not_matter(bench, want):
    sources = [bench.form(), bench.stored("Observation", "o1"), bench.stored("Patient", "p1")]
    rules = [bench.rule("R01", bench.fact("a", "yes", *sources))]
    findings = bench.findings([want("MRI_L_WO", "stat", "R01")], rules)
    one, other = (bench.write(bench.decide(findings, *record), *record) for record in (sources, sources[::-1]))
    assert one == other


def test_a_clock_evaluation_with_a_used_seed_makes_orders_of_its_own(bench, want, of):
    wants = [want("MRI_L_WO", "stat", "R01")]
    _, first, held = bench.run(bench.findings(wants), bench.form())
    bench.at = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
    _, second, _ = bench.run(bench.findings(wants), *held)
    old, new = of(second, "ServiceRequest")
    assert (old["status"], new["status"]) == ("revoked", "draft")
    assert new["id"] != of(first, "ServiceRequest")[0]["id"]


def test_a_failure_is_told_and_asks_a_physician(bench, shelf, r4):
    pairs = [("g1", "r1"), ("g2", "r2")]
    writes = failure(shelf, bench.at, scope=bench.scope, seed="x", subject="Patient/p1", submissions=pairs)
    assert [held["status"] for held in writes.guidance] == ["failure", "failure"]
    task = writes.writes[0].resource
    assert (task["priority"], task["status"]) == ("asap", "requested")
    assert task["focus"] == {"reference": "GuidanceResponse/g1"}
    within = datetime.fromisoformat(task["restriction"]["period"]["end"]) - bench.at
    assert within == timedelta(minutes=22)  # as for a message that could not be read
    for resource in (*writes.guidance, task):
        assert r4.check_r4(resource) == []


REPEATED = [
    ("Flag", lambda bench, value: bench.findings(rules=[bench.rule("R01", bench.fact("x", value))])),
    ("Task", lambda bench, value: bench.findings(rules=[bench.rule("R06", bench.fact("x", value), level="SAME_DAY")])),
    ("CommunicationRequest", lambda bench, value: bench.findings(
        rules=[bench.rule("R30", bench.fact("x", value))], messages=(Message("RED_FLAG_RESCREEN", ("R30",)),))),
    ("DetectedIssue", lambda bench, value: bench.findings(
        concerns=(Concern("conflict", "R01", None, (bench.fact("x", value),)),))),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "findings"), REPEATED, ids=[case[0] for case in REPEATED])
def test_it_exists_once_while_the_deciding_values_stay_the_same(bench, of, kind, findings):
    _, first, held = bench.run(findings(bench, "yes"))
    assert len(of(first, kind)) == 1
    _, again, held = bench.run(findings(bench, "yes"), *held, seed="s2")
    assert of(again, kind) == []
    _, other, _ = bench.run(findings(bench, "both"), *held, seed="s3")
    assert [held for held in of(other, kind) if held.get("status") != "inactive"]
