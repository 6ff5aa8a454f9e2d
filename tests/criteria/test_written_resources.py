"""What an evaluation writes, as an EHR or a physician reads it: valid R4, with its reasons, evidence and rules."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from tests.criteria.cases.building import (
    PROFILES,
    B,
    Resource,
    T,
    calm,
    condition,
    day,
    message,
    patient,
    series,
    temperature,
    weight,
    woman,
)
from tests.criteria.cases.checking import RULES, Seen, exact, record_of, run
from tests.criteria.cases.presentations import SADDLE, WISH

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fhir.resources.R4B import get_fhir_model_class

SCT, ICD = "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
PATIENTS = {
    "cauda equina and a pacemaker": [calm(SADDLE | {"mr-pacemaker": "yes-unknown"})],
    "claudication": [calm(WISH)],
    "saddle skipped": [calm({"rf-saddle-numbness": None})],
    "fever against the form": [calm(), temperature("38.6")],
    "pregnant, cancer": [woman(), calm({"rf-cancer-history": "active", "ctx-pregnant": "pregnant"})],
    "walking declines": [calm(), series([1000] * 7, [800] * 4)],
    "an unclear message": [calm(), message("am I numb?")],
    "nothing": [calm()],
}
DECLARED = {
    held["name"]: held
    for each in json.loads((PROFILES / "Library" / "lbp-lss-facts.json").read_text())["extension"]
    for held in [{part["url"]: part.get("valueString", part.get("valueCode")) for part in each.get("extension", ())}]
    if each["url"] == f"{B}/StructureDefinition/fact"
}


def seen(name: str) -> Seen:
    return run(record_of(PATIENTS[name]))


def drafts(of: Seen) -> list[Resource]:
    return [each for each in of.written if each["resourceType"] == "ServiceRequest"]


def codes(draft: Resource, system: str) -> set[str]:
    return {
        code["code"] for reason in draft.get("reasonCode", ()) for code in reason["coding"] if code["system"] == system
    }


def rule(of: Seen, rule_id: str) -> list[Resource]:
    trace = of.evaluation.guidance[0]["contained"][0]["parameter"]
    return next(
        each["part"] for each in trace if each["name"] == "rule" and each["part"][0].get("valueString") == rule_id
    )


def facts(of: Seen, rule_id: str) -> dict[str, dict[str, Any]]:
    found = {}
    for part in rule(of, rule_id):
        if part["name"] == "fact":
            inner = {each["name"]: each for each in part["part"]}
            found[inner["name"]["valueCode"]] = inner
    return found


@pytest.mark.parametrize("name", PATIENTS)
def test_everything_written_is_valid_r4(name):
    result = seen(name)
    for resource in [*result.written, *result.evaluation.guidance]:
        text = json.dumps(resource, default=str)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            get_fhir_model_class(resource["resourceType"]).model_validate_json(text)


@pytest.mark.parametrize("name", PATIENTS)
def test_the_trace_lists_every_rule_with_title_and_citation(name):
    result = seen(name)
    assert set(RULES) <= set(result.rules)
    for each in RULES:
        names = {part["name"] for part in rule(result, each)}
        assert {"id", "outcome", "title", "citation"} <= names


@pytest.mark.parametrize("name", PATIENTS)
def test_every_draft_says_who_drafted_it_and_why(name):
    result = seen(name)
    requisitions = {json.dumps(each["requisition"], sort_keys=True) for each in drafts(result)}
    assert len(requisitions) <= 1
    for draft in drafts(result):
        assert draft["intent"] == "order"
        assert any(each["system"] == f"{B}/order" for each in draft["identifier"])
        assert draft["identifier"][0]["type"]["coding"][0]["code"] == "PLAC"
        assert draft["instantiatesCanonical"] == [f"{B}/PlanDefinition/lbp-lss|1.0.0"]
        assert {code["code"] for code in draft["meta"]["security"]} == {"AIAST"}
        assert draft["category"]
        assert codes(draft, SCT)
        assert codes(draft, ICD)
        assert any("R" in note["text"] for note in draft["note"])
        assert all("/_history/" in each["reference"] for each in draft["supportingInfo"])
        assert any(each["reference"].startswith("QuestionnaireResponse/form") for each in draft["supportingInfo"])


@pytest.mark.parametrize("name", PATIENTS)
def test_every_draft_has_one_task_with_a_target_time(name):
    result = seen(name)
    approvals = [
        each
        for each in result.written
        if each["resourceType"] == "Task" and each["code"]["coding"][0]["code"] == "approve"
    ]
    assert sorted(each["focus"]["reference"] for each in approvals) == sorted(
        f"ServiceRequest/{each['id']}" for each in drafts(result)
    )
    for task in approvals:
        assert (task["status"], task["intent"]) == ("requested", "order")
        assert task["restriction"]["period"]["end"]
        assert task["reasonReference"]["reference"].startswith("GuidanceResponse/")


def test_a_suspicion_is_never_coded_as_the_disease():
    emergency = drafts(run(record_of([calm(SADDLE)])))
    for draft in emergency:
        assert "R20.0" in codes(draft, ICD)
        assert "44077006" in codes(draft, SCT)
        assert not {"G83.4", "192970008"} & (codes(draft, ICD) | codes(draft, SCT))
    infection = drafts(run(record_of([calm(), temperature("39")])))
    assert all(not code.startswith("M46") for each in infection for code in codes(each, ICD))


REASONS = [
    (SADDLE, {"44077006", "44077006:363698007=38864007", "R20.0"}, {"267064002", "R33.9", "R32", "R15.9"}),
    ({"rf-bladder-change": "cannot-pass"}, {"267064002", "R33.9"}, {"44077006", "R20.0", "R32", "R15.9"}),
    ({"rf-bladder-change": "new-leakage"}, {"165232002", "R32"}, {"44077006", "R20.0", "R33.9", "R15.9"}),
    ({"rf-bowel-change": "leakage"}, {"72042002", "R15.9"}, {"44077006", "R20.0", "R33.9", "R32"}),
    ({"rf-foot-drop": "left"}, {"6077001", "M21.372"}, {"M21.371", "44077006"}),
    ({"rf-foot-drop": "right"}, {"6077001", "M21.371"}, {"M21.372", "44077006"}),
    ({"rf-fever-chills": "yes"}, {"386661006", "R50.9"}, {"44077006", "R20.0"}),
]


@pytest.mark.parametrize(("answers", "expected", "never"), REASONS)
def test_a_draft_carries_the_codes_of_the_symptoms_that_were_told(answers, expected, never):
    for draft in drafts(run(record_of([calm(answers)]))):
        carried = codes(draft, SCT) | codes(draft, ICD)
        assert expected <= carried
        assert not never & carried


def test_every_order_of_an_evaluation_names_the_numb_place_alike():
    said = SADDLE | {"rf-fever-chills": "yes", "mr-pacemaker": "yes-unknown", "rf-foot-drop": "left"}
    named = [
        [reason for reason in draft["reasonCode"] if "44077006" in {code["code"] for code in reason["coding"]}]
        for draft in drafts(run(record_of([calm(said)])))
    ]
    assert len(named) >= 4
    assert all(each == named[0] for each in named)
    assert [reason["text"] for reason in named[0]] == ["Numbness of the perineal (saddle) area"]


def test_claudication_is_a_reason_only_where_the_diagnosis_is_recorded():
    (unrecorded,) = drafts(seen("claudication"))
    assert not {"303081002", "M48.062"} & (codes(unrecorded, SCT) | codes(unrecorded, ICD))
    (recorded,) = drafts(run(record_of([calm(WISH), condition("303081002")])))
    assert {"303081002"} <= codes(recorded, SCT)
    assert {"M48.062"} <= codes(recorded, ICD)


def test_what_is_missing_is_named_in_the_trace_and_asked_for():
    result = seen("saddle skipped")
    missing = {part["valueCode"] for part in rule(result, "R41") if part["name"] == "missing"}
    assert "rf-saddle-numbness" in missing
    assert "rf-saddle-numbness" in json.dumps(result.evaluation.guidance[0]["dataRequirement"])
    asked = [each for each in result.written if each["resourceType"] == "CommunicationRequest"]
    assert any("ASK_MISSING" in json.dumps(each["reasonCode"]) for each in asked)


MEASURE = f"{B}/CodeSystem/measure"


@pytest.mark.parametrize(
    ("given", "name", "type_", "filters"),
    [
        (
            [calm({"rf-saddle-numbness": None})],
            "rf-saddle-numbness",
            "QuestionnaireResponse",
            {"item.linkId": {(f"{B}/Questionnaire/lbp-lss-intake", "rf-saddle-numbness")}},
        ),
        (
            [calm()],
            "steps-decline",
            "Observation",
            {"code": {("http://loinc.org", "41950-7")}},
        ),
        (
            [calm()],
            "rising-sessions",
            "Observation",
            {"code": {(MEASURE, "distal-symptom-level")}},
        ),
        ([patient(born=None), calm({"rf-trauma": "minor"})], "age", "Patient", {}),
    ],
)
def test_missing_data_is_asked_for_in_codes_that_an_ehr_has(given, name, type_, filters):
    asked = run(record_of(given)).evaluation.guidance[0]["dataRequirement"]
    (about,) = [each for each in asked if each["extension"][0]["valueCode"] == name]
    assert about["type"] == type_
    held = {
        each["path"]: {(code["system"], code["code"]) for code in each["code"]} for each in about.get("codeFilter", ())
    }
    assert {path: codes & held.get(path, set()) for path, codes in filters.items()} == filters
    assert about.get("mustSupport", []) == (["birthDate"] if type_ == "Patient" else [])
    served = {
        f"{B}/Questionnaire/lbp-lss-intake",
        f"{B}/Questionnaire/lbp-lss-walk",
        MEASURE,
        f"{B}/CodeSystem/order-key",
    }
    systems = {code["system"] for each in asked for held in each.get("codeFilter", ()) for code in held["code"]}
    assert all(system in served for system in systems if system.startswith(B))


def test_a_rule_names_the_facts_that_decided_it_with_their_sources():
    decided = facts(seen("cauda equina and a pacemaker"), "R01")
    assert (
        decided["rf-saddle-numbness"]["source"]["valueReference"]["reference"]
        == "QuestionnaireResponse/form/_history/1"
    )
    measured = facts(seen("fever against the form"), "R03")
    cited = json.dumps(measured, default=str)
    assert "Observation/observation-" in cited
    assert "38.6" in cited


UNKNOWN = [
    ("don't know", [woman(), calm(WISH | {"ctx-pregnant": "unknown"})], "R14", "ctx-pregnant", "unsure"),
    ("unsure of a red flag", [calm({"rf-saddle-numbness": "unsure"})], "R01", "rf-saddle-numbness", "unsure"),
    ("an unknown unit", [calm(), weight(12, day(3), unit="stone")], "R31", "weight-now", "unusable"),
    ("implausible", [calm(), weight(1200, day(3))], "R31", "weight-now", "unusable"),
    ("an odd gender", [patient(sex="other"), calm(WISH)], "R14", "sex", "unknown"),
]


@pytest.mark.parametrize(
    ("given", "rule_id", "name", "word"), [each[1:] for each in UNKNOWN], ids=[each[0] for each in UNKNOWN]
)
def test_a_fact_that_is_unknown_though_it_was_told_says_how(given, rule_id, name, word):
    shown = facts(run(record_of(given)), rule_id)[name]
    assert shown["value"] == {"name": "value", "valueCode": word}
    assert "unit" not in shown
    assert shown["source"]["valueReference"]["reference"].endswith("/_history/1")


@pytest.mark.parametrize("name", PATIENTS)
def test_every_fact_of_the_trace_has_a_value(name):
    result = seen(name)
    for each in RULES:
        assert all("value" in inner for inner in facts(result, each).values())


def test_a_measured_fever_is_evidence_of_its_drafts():
    for draft in drafts(seen("fever against the form")):
        assert any(each["reference"].startswith("Observation/") for each in draft["supportingInfo"])


def test_red_flags_raise_a_flag_and_a_conflict_a_detected_issue():
    result = seen("fever against the form")
    kinds = {each["resourceType"] for each in result.written}
    assert {"Flag", "DetectedIssue", "RequestGroup", "Provenance"} <= kinds
    group = next(each for each in result.written if each["resourceType"] == "RequestGroup")
    assert (group["intent"], group["status"]) == ("proposal", "active")


WEIGHTS = [weight(80, day(240)), weight(74, day(3))]
SIDES = [
    ("the weights", [calm(), *WEIGHTS], [{"rf-weight-loss", "weight-reference", "weight-now"}]),
    ("a fever", [calm(), temperature("38.6")], [{"rf-fever-chills", "temperature-highest"}]),
    (
        "both, each by itself",
        [calm(), *WEIGHTS, temperature("38.6")],
        [{"rf-weight-loss", "weight-reference", "weight-now"}, {"rf-fever-chills", "temperature-highest"}],
    ),
    (
        "a message, and a fever beside it",
        [calm(), message("I can't pee"), temperature("38.6")],
        [{"rf-bladder-change"}, {"rf-fever-chills", "temperature-highest"}],
    ),
]


@pytest.mark.parametrize(("given", "sides"), [each[1:] for each in SIDES], ids=[each[0] for each in SIDES])
def test_a_contradiction_shows_the_sides_that_disagree_and_nothing_else(given, sides):
    result = run(record_of(given))
    titles = {fact["title"]: name for name, fact in DECLARED.items()}
    issues = [each for each in result.written if each["resourceType"] == "DetectedIssue"]
    shown = [[side["code"][0]["text"].partition(":")[0] for side in each["evidence"]] for each in issues]
    assert sorted(sorted({titles[title] for title in each}) for each in shown) == sorted(map(sorted, sides))
    for issue, names in zip(issues, shown, strict=True):
        assert len(names) >= 2
        assert all(name in issue["detail"] for name in names)


def test_the_guidance_names_the_criteria_the_moment_and_the_patient():
    (guidance,) = seen("claudication").evaluation.guidance
    assert guidance["moduleCanonical"] == f"{B}/PlanDefinition/lbp-lss|1.0.0"
    assert str(guidance["occurrenceDateTime"]).startswith(T.strftime("%Y-%m-%dT%H:%M"))
    assert guidance["subject"]["reference"] == "Patient/p"
    assert guidance["id"] == "guidance-1"


def test_derived_values_are_observations_that_name_their_sources():
    result = seen("walking declines")
    derived = [each for each in result.written if each["resourceType"] == "Observation"]
    assert derived
    assert all(each["derivedFrom"] for each in derived)


def test_numbers_keep_their_digits():
    assert str(exact({"value": 38.1})["value"]) == "38.1"


def _ours(node: object) -> set[tuple[str, str]]:
    if isinstance(node, list):
        return set().union(*(_ours(each) for each in node))
    if not isinstance(node, dict):
        return set()
    own = str(node.get("system", "")).startswith(f"{B}/CodeSystem/") and "code" in node
    return ({(node["system"].rpartition("/")[2], node["code"])} if own else set()) | _ours(list(node.values()))


@pytest.mark.parametrize("name", PATIENTS)
def test_every_code_of_ours_that_is_written_is_defined(name):
    result = seen(name)
    written = _ours([*result.written, *result.evaluation.guidance])
    known = {
        (held["id"], concept["code"])
        for path in (PROFILES / "CodeSystem").glob("*.json")
        for held in [json.loads(path.read_text())]
        for concept in held["concept"]
    }
    assert written <= known
