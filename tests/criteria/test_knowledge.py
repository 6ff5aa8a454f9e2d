"""The artefacts: faults are found before they decide anything; a second pathway needs files alone."""

import copy
import json
from datetime import timedelta

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.criteria.checks import is_loinc, is_snomed
from fhir_svc.criteria.rules import find
from fhir_svc.decision import Outcome
from fhir_svc.errors import Broken
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import ladder
from fhir_svc.record import Record, Site
from tests.criteria.cases.building import PROFILES, B, T, calm, temperature
from tests.criteria.cases.checking import record_of

ARTEFACTS = load_artefacts(PROFILES)


def changed(edit):
    """The artefacts after an edit of plan and Library."""
    made = copy.deepcopy(ARTEFACTS)
    by_type = {each["resourceType"]: each for each in made if each["resourceType"] in {"PlanDefinition", "Library"}}
    edit(by_type["PlanDefinition"], by_type["Library"])
    return made


def rule(plan, name):
    return next(action for action in plan["action"] if action["id"] == name)


def fact(library, name):
    return next(each["extension"] for each in library["extension"] if each["extension"][0].get("valueCode") == name)


def condition(plan, name, text):
    rule(plan, name)["condition"][0]["expression"]["expression"] = text


def test_the_artefacts_have_no_faults():
    assert Knowledge(ARTEFACTS).faults() == ()


@pytest.mark.parametrize(("term", "right"), [("8310-5", True), ("8310-6", False), ("41979-6", True), ("x", False)])
def test_a_loinc_check_digit_is_checked(term, right):
    assert is_loinc(term) is right


@pytest.mark.parametrize(
    ("concept", "right"),
    [
        ("44077006", True),
        ("44077007", False),
        ("241648003", False),
        ("394451000119106", True),
        ("a", False),
        ("", False),
        ("44077006:363698007=38864007", True),
        ("44077006:363698007=38864008", False),
        ("44077006:", False),
    ],
)
def test_a_snomed_check_digit_is_checked(concept, right):
    assert is_snomed(concept) is right


@pytest.mark.parametrize(
    "edit",
    [
        lambda plan, _: condition(plan, "R01", "%`no-such-fact` = 'yes'"),
        lambda plan, _: condition(plan, "R01", "%`rf-saddle-numbness`.exists()"),
        lambda plan, _: rule(plan, "R01").pop("condition"),
        lambda plan, _: rule(plan, "R01").update(priority="now"),
        lambda plan, _: plan["action"].append(plan["action"][0]),
        lambda plan, _: rule(plan, "R01")["extension"].append(
            {"url": f"{B}/StructureDefinition/flug", "valueCode": "X"}
        ),
        lambda _, library: fact(library, "age").append({"url": "windw", "valueCode": "x"}),
        lambda _, library: fact(library, "egfr").__setitem__(1, {"url": "kind", "valueCode": "newest"}),
        lambda _, library: library["extension"].append(library["extension"][-1]),
        lambda plan, _: plan.update(library=[f"{B}/Library/none|1.0.0"]),
    ],
)
def test_artefacts_that_could_decide_wrongly_are_not_loaded(edit):
    with pytest.raises(Broken):
        Knowledge(changed(edit))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda plan, _: condition(plan, "R06", "%`rf-numbness-spread` = 'dais'"), "never dais"),
        (lambda plan, _: condition(plan, "R06", "%`fever` and %`fever`.not()"), "never true"),
        (lambda plan, _: condition(plan, "R06", "%`age` > 65 and %`age` < 40"), "never true"),
        (lambda plan, _: condition(plan, "R06", "%`fever` or %`fever`.not()"), "never false"),
        (lambda plan, _: rule(plan, "R06")["documentation"].clear(), "citation"),
        (lambda plan, _: rule(plan, "R06")["extension"][0].update(valueCode="SOON"), None),
        (
            lambda plan, _: rule(plan, "R01")["action"][0].update(
                definitionCanonical=f"{B}/ActivityDefinition/x|1.0.0"
            ),
            "x",
        ),
        (lambda plan, _: rule(plan, "R40")["extension"][0].update(valueCode="CONFLIKT"), "CONFLIKT"),
        (lambda _, library: fact(library, "egfr")[3]["valueCoding"].update(code="98979-9"), "check digit"),
    ],
)
def test_a_fault_in_the_artefacts_is_named(edit, words):
    found = Knowledge(changed(edit)).faults()
    assert (not found) if words is None else any(words in fault for fault in found)


@pytest.mark.parametrize(
    "values",
    [{"epidural-cap": 0}, {"epidural-cap": "three"}, {"epidural-cap": True}, {"no-such": 1}, {"young-age": 200},
     {"epidurals-for-claudication": 1}],
)  # fmt: skip
def test_a_site_value_out_of_range_is_refused(values):
    with pytest.raises(Broken):
        find(record_of([calm()]), Knowledge(ARTEFACTS), Site("UTC", values), T)


MARKS = [
    (("lumbar-mri",), "MRI_L_WO MRI_L_WWO", "R13.no-myelogram R13.unsafe R13.conditional R13.incomplete"),
    (("intrathecal-contrast",), "CTM_L", "R13.myelogram-risk"),
    (("gadolinium",), "MRI_L_WWO", "R14.contrast R15.contrast"),
    (("ionising", "interventional"), "CTM_L ESI XR_L XR_L_FLEXEXT", "R14.block R14.film"),
    (("ionising", "interventional", "gadolinium"), "CTM_L ESI MRI_L_WWO XR_L XR_L_FLEXEXT", "R14.check"),
]


@pytest.mark.parametrize(("marks", "orders", "controls"), MARKS)
def test_the_controls_reach_every_order_that_is_marked_for_them_and_no_other(marks, orders, controls):
    wanted = {f"{B}/StructureDefinition/{mark}" for mark in marks}
    marked = {
        each["id"].upper().replace("-", "_")
        for each in ARTEFACTS
        if each["resourceType"] == "ActivityDefinition"
        for held in each["extension"]
        if held["url"] in wanted and held["valueBoolean"]
    }
    rules = Knowledge(ARTEFACTS).pathway("lbp-lss").plan.rules
    found = {action.id: action.control for rule in rules for action in rule.action.everything() if action.control}
    assert marked == set(orders.split())
    assert {key for name in controls.split() for key in found[name].orders} == marked


def test_the_levels_stand_in_their_order_each_with_its_priority_and_target_time():
    found = [(level.code, level.priority, level.within) for level in ladder(Knowledge(ARTEFACTS)).levels]
    assert found == [
        ("EMERGENCY", "stat", timedelta(minutes=15)),
        ("SAME_DAY", "asap", timedelta(hours=4)),
        ("URGENT", "urgent", timedelta(days=7)),
        ("SOON", "routine", timedelta(days=14)),
        ("ROUTINE", "routine", timedelta(days=28)),
        ("SELF_CARE", "routine", None),
    ]


def test_two_artefacts_of_one_id_are_refused():
    with pytest.raises(Broken):
        Knowledge([*ARTEFACTS, ARTEFACTS[0]])


def second_pathway():
    """Neck pain with fever, the smallest useful second pathway: a plan, a Library, a form."""
    expression = {"language": "text/fhirpath"}
    form = {
        "resourceType": "Questionnaire", "id": "neck", "url": f"{B}/Questionnaire/neck", "version": "1.0.0",
        "item": [{"linkId": "neck-pain", "type": "choice", "answerOption": [
            {"valueCoding": {"system": "http://loinc.org", "code": code}} for code in ("LA33-6", "LA32-8")]}],
    }  # fmt: skip
    words = [("LA33-6", "yes"), ("LA32-8", "no")]
    library = {
        "resourceType": "Library", "id": "neck-facts", "url": f"{B}/Library/neck-facts", "version": "1.0.0",
        "extension": [
            {"url": f"{B}/StructureDefinition/parameter", "extension": [
                {"url": "name", "valueCode": "clock-tolerance"}, {"url": "default", "valueDecimal": 15}]},
            {"url": f"{B}/StructureDefinition/form", "extension": [
                {"url": "name", "valueCode": "neck"}, {"url": "questionnaire", "valueCanonical": form["url"]},
                {"url": "level", "valueCode": "ROUTINE"},
                *({"url": "item", "extension": [
                    {"url": "code", "valueCoding": {"system": "http://loinc.org", "code": code}},
                    {"url": "value", "valueCode": value}]} for code, value in words)]},
            {"url": f"{B}/StructureDefinition/fact", "extension": [
                {"url": "name", "valueCode": "neck-pain"}, {"url": "kind", "valueCode": "answer"},
                {"url": "form", "valueCode": "neck"}, {"url": "role", "valueCode": "red-flag"},
                {"url": "value", "valueCode": "yes"}]},
            {"url": f"{B}/StructureDefinition/fact", "extension": [
                {"url": "name", "valueCode": "neck-temperature"}, {"url": "kind", "valueCode": "highest"},
                {"url": "code", "valueCoding": {"system": "http://loinc.org", "code": "8310-5"}},
                {"url": "unit", "valueCode": "Cel"},
                {"url": "window", "extension": [{"url": "since", "valueDuration": {"value": 72, "code": "h"}}]}]},
        ],
    }  # fmt: skip
    plan = {
        "resourceType": "PlanDefinition", "id": "neck", "url": f"{B}/PlanDefinition/neck", "version": "1.0.0",
        "library": [f"{library['url']}|1.0.0"],
        "action": [{
            "id": "N01", "title": "Neck pain with fever", "textEquivalent": "Seen today.",
            "documentation": [{"type": "citation", "citation": "A test."}],
            "condition": [{"kind": "applicability", "expression": expression | {
                "expression": "%`neck-pain` = 'yes' and %`neck-temperature` > 38.0"}}],
            "extension": [
                {"url": f"{B}/StructureDefinition/level", "valueCode": "SAME_DAY"},
                {"url": "http://hl7.org/fhir/StructureDefinition/cqf-strengthOfRecommendation",
                 "valueCodeableConcept": {"text": "P"}}],
            "action": [{"priority": "asap", "definitionCanonical": f"{B}/ActivityDefinition/lab-crp|1.0.0"}],
        }],
    }  # fmt: skip
    return [form, library, plan]


def test_a_second_pathway_needs_files_alone():
    knowledge = Knowledge([*ARTEFACTS, *second_pathway()])
    assert knowledge.faults() == ()
    answer = {"linkId": "neck-pain", "answer": [{"valueCoding": {"system": "http://loinc.org", "code": "LA33-6"}}]}
    form = {
        "resourceType": "QuestionnaireResponse", "status": "completed",
        "authored": (T - timedelta(hours=1)).isoformat(), "questionnaire": f"{B}/Questionnaire/neck|1.0.0",
        "item": [answer],
    }  # fmt: skip
    hot = find(record_of([form, temperature("38.1")]), knowledge, Site("UTC"), T, plan="neck")
    warm = find(record_of([form, temperature("38.0")]), knowledge, Site("UTC"), T, plan="neck")
    assert (hot.level, [want.key for want in hot.wants]) == ("SAME_DAY", ["LAB_CRP"])
    assert (warm.level, warm.rules[0].outcome) == ("ROUTINE", Outcome.NOT_MET)


def test_the_first_pathway_does_not_change_beside_a_second():
    record = record_of([calm({"rf-saddle-numbness": "yes"})])
    alone, beside = Knowledge(ARTEFACTS), Knowledge([*ARTEFACTS, *second_pathway()])
    assert find(record, alone, Site("UTC"), T) == find(record, beside, Site("UTC"), T)


def test_a_file_that_is_no_fhir_is_refused(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(Broken):
        load_artefacts(tmp_path)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(Broken):
        load_artefacts(tmp_path)


def test_an_empty_record_is_nobodys_all_clear():
    found = find(Record("p", ()), Knowledge(ARTEFACTS), Site("UTC"), T)
    outcomes = {each.id: each.outcome for each in found.rules}
    assert found.level is None
    assert {outcomes[name] for name in ("R01", "R02", "R11", "R12", "R20")} == {Outcome.CANNOT_TELL}
    assert found.wants == ()


def test_what_is_asked_for_is_found_through_other_facts():
    def through(plan, library):
        fact_of = [
            {"url": "name", "valueCode": "tier-1-open"},
            {"url": "kind", "valueCode": "expression"},
            {
                "url": "expression",
                "valueExpression": {"language": "text/fhirpath", "expression": "%`tier-1-missing`"},
            },
        ]
        library["extension"].append({"url": f"{B}/StructureDefinition/fact", "extension": fact_of})
        asking = rule(plan, "R41")["action"][0]
        asking["condition"][0]["expression"]["expression"] = "%`tier-1-open`"

    unsaid = record_of([calm({"rf-bladder-change": None})])
    for artefacts in (ARTEFACTS, changed(through)):
        found = find(unsaid, Knowledge(artefacts), Site("UTC"), T)
        assert [message.missing for message in found.messages] == [("rf-bladder-change",)]
