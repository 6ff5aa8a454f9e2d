"""A QuestionnaireResponse is held to the Questionnaire it names; a skipped item is legal, a disabled one is kept."""

# ruff: noqa: E501 - a case is one line of its table

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_svc.errors import Unprocessable
from fhir_svc.intake import answers
from fhir_svc.intake.faults import ISSUE_LIMIT, Fault, Faults

INTAKE = "https://example.org/fhir-svc/Questionnaire/lbp-lss-intake|1.0.0"
LOINC = "http://loinc.org"
OURS = "https://example.org/fhir-svc/CodeSystem/answer"
YES = {"valueCoding": {"system": LOINC, "code": "LA33-6"}}
NO = {"valueCoding": {"system": LOINC, "code": "LA32-8"}}


def item(link_id: str, *given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"linkId": link_id, **({"answer": list(given)} if given else {}), **more}


def response(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": INTAKE,
        "item": list(items),
    }


def group(link_id: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"linkId": link_id, "item": list(items)}


GOOD = [
    ("nothing answered", []),
    ("an empty group", [{"linkId": "rf"}]),
    ("a skipped item", [group("rf", item("rf-saddle-numbness"))]),
    ("yes", [group("rf", item("rf-saddle-numbness", YES))]),
    ("yes, with a display of the sender's", [group("rf", item("rf-saddle-numbness", {"valueCoding": {**YES["valueCoding"], "display": "Jawohl"}}))]),
    ("an integer", [group("ctx", item("ctx-pain-now", {"valueInteger": 7}))]),
    ("an implausible number", [group("ctx", item("ctx-pain-now", {"valueInteger": 370}))]),
    ("a decimal without fraction", [group("hx", item("hx-pt-weeks", {"valueDecimal": 8}))]),
    ("a quantity of an unknown unit", [group("ctx", item("ctx-back-pain", YES), item("ctx-duration-weeks", {"valueQuantity": {"value": Decimal("2.5"), "unit": "moons"}}))]),
    ("a value absent for a reason", [group("ctx", item("ctx-pain-now", {"_valueInteger": {"extension": [{"url": "u:x", "valueCode": "unknown"}]}}))]),
    ("an answer that is only an extension", [group("ctx", item("ctx-pain-now", {"extension": [{"url": "u:x", "valueCode": "unknown"}]}))]),
    ("questions in another order", [group("rf", item("rf-foot-drop"), item("rf-saddle-numbness", NO)), group("ctx")]),
]  # fmt: skip
BAD = [
    ("unknown linkId", [group("rf", item("rf-made-up", YES))], "link-id-unknown", "invariant", ".item[0].item[0].linkId"),
    ("linkId in another case", [group("rf", item("RF-saddle-numbness", YES))], "link-id-unknown", "invariant", ".item[0].item[0].linkId"),
    ("no linkId", [group("rf", {"_linkId": {"extension": [{"url": "u:x", "valueCode": "y"}]}})], "link-id-missing", "required", ".item[0].item[0].linkId"),
    ("text for a choice", [group("rf", item("rf-saddle-numbness", {"valueString": "yes"}))], "answer-type", "value", ".item[0].item[0].answer[0]"),
    ("boolean for a choice", [group("rf", item("rf-saddle-numbness", {"valueBoolean": True}))], "answer-type", "value", ".item[0].item[0].answer[0]"),
    ("quantity for a decimal", [group("hx", item("hx-pt-weeks", {"valueQuantity": {"value": 8}}))], "answer-type", "value", ".item[0].item[0].answer[0]"),
    ("decimal for an integer", [group("ctx", item("ctx-pain-now", {"valueDecimal": 7}))], "answer-type", "value", ".item[0].item[0].answer[0]"),
    ("not an option", [group("rf", item("rf-saddle-numbness", {"valueCoding": {"system": LOINC, "code": "LA9-9"}}))], "answer-not-an-option", "value", ".item[0].item[0].answer[0].value"),
    ("an option's code of another system", [group("rf", item("rf-saddle-numbness", {"valueCoding": {"system": OURS, "code": "LA33-6"}}))], "answer-not-an-option", "value", ".item[0].item[0].answer[0].value"),
    ("an option's code without system", [group("rf", item("rf-saddle-numbness", {"valueCoding": {"code": "LA33-6"}}))], "answer-not-an-option", "value", ".item[0].item[0].answer[0].value"),
    ("a coding of text alone", [group("rf", item("rf-saddle-numbness", {"valueCoding": {"display": "Yes"}}))], "answer-not-an-option", "value", ".item[0].item[0].answer[0].value"),
    ("an option of another question", [group("rf", item("rf-foot-drop", YES))], "answer-not-an-option", "value", ".item[0].item[0].answer[0].value"),
    ("two answers", [group("rf", item("rf-saddle-numbness", YES, NO))], "answer-repeated", "invariant", ".item[0].item[0].answer[1]"),
    ("the same item twice", [group("rf", item("rf-saddle-numbness", YES), item("rf-foot-drop"), item("rf-saddle-numbness", NO))], "link-id-repeated", "invariant", ".item[0].item[2].linkId"),
    ("the same group twice", [group("rf", item("rf-saddle-numbness", YES)), group("rf", item("rf-saddle-numbness", NO))], "link-id-repeated", "invariant", ".item[1].linkId"),
    ("a question outside its group", [item("rf-saddle-numbness", YES)], "item-nesting", "invariant", ".item[0].linkId"),
    ("a question in another group", [group("ctx", item("rf-saddle-numbness", YES))], "item-nesting", "invariant", ".item[0].item[0].linkId"),
    ("a question beneath a question", [group("rf", item("rf-saddle-numbness", item=[item("rf-saddle-onset")]))], "item-nesting", "invariant", ".item[0].item[0].item[0]"),
    ("a question beneath an answer", [group("rf", item("rf-saddle-numbness", {**YES, "item": [item("rf-saddle-onset")]}))], "item-nesting", "invariant", ".item[0].item[0].answer[0].item[0].linkId"),
    ("a group within a group", [group("ctx", group("rf"))], "item-nesting", "invariant", ".item[0].item[0].linkId"),
    ("an answer to a group", [{"linkId": "rf", "answer": [YES]}], "answer-not-allowed", "invariant", ".item[0].answer[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "items"), GOOD, ids=[one[0] for one in GOOD])
def test_what_the_form_foresees_is_accepted(questionnaires, name, items):
    assert answers.check(response(*items), questionnaires[INTAKE]) == []


@pytest.mark.parametrize(("name", "items", "error", "code", "place"), BAD, ids=[one[0] for one in BAD])
def test_what_the_form_does_not_foresee_is_refused_with_its_place(questionnaires, name, items, error, code, place):
    issues = answers.check(response(*items), questionnaires[INTAKE])
    assert [(i.error, i.code, i.expression) for i in issues if i.severity == "error"] == [
        (error, code, f"QuestionnaireResponse{place}")
    ]


def test_an_answered_item_that_was_not_enabled_is_a_warning_only(questionnaires):
    onset = {"valueCoding": {"system": OURS, "code": "within-14-days"}}
    hidden = response(group("rf", item("rf-saddle-numbness", NO), item("rf-saddle-onset", onset)))
    (issue,) = answers.check(hidden, questionnaires[INTAKE])
    assert (issue.severity, issue.error) == ("warning", "answer-disabled")
    assert issue.expression == "QuestionnaireResponse.item[0].item[1]"
    shown = response(group("rf", item("rf-saddle-numbness", YES), item("rf-saddle-onset", onset)))
    assert answers.check(shown, questionnaires[INTAKE]) == []


@pytest.mark.parametrize(
    ("named", "error", "code"),
    [
        (None, "questionnaire-missing", "required"),
        ("https://example.org/fhir-svc/Questionnaire/lbp-lss-intake", "questionnaire-unknown", "not-supported"),
        ("https://example.org/fhir-svc/Questionnaire/lbp-lss-intake|9.9.9", "questionnaire-unknown", "not-supported"),
        ("https://example.org/fhir-svc/Questionnaire/lbp-lss-intake|", "questionnaire-unknown", "not-supported"),
        ("https://other.example/Questionnaire/jane|1.0.0", "questionnaire-unknown", "not-supported"),
    ],
)
def test_only_a_known_questionnaire_with_its_version_is_taken_and_the_known_ones_are_named(
    questionnaires, named, error, code
):
    faults = Faults()
    one = {name: value for name, value in {**response(), "questionnaire": named}.items() if value is not None}
    answers.check_named(one, questionnaires, "Bundle.entry[3].resource", faults)
    ((fault, issue),) = faults.found
    assert (fault.status, issue.error, issue.code) == (422, error, code)
    assert issue.expression == "Bundle.entry[3].resource.questionnaire"
    assert INTAKE in issue.text
    assert "jane" not in issue.text


FORM = {
    "item": [
        {"linkId": "several", "type": "choice", "repeats": True, "answerOption": [{"valueInteger": 1}, {"valueString": "a"}]},
        {"linkId": "open", "type": "open-choice", "answerOption": [{"valueCoding": {"system": "s", "code": "c"}}]},
        {"linkId": "day", "type": "date", "item": [{"linkId": "why", "type": "text"}]},
        {"linkId": "note", "type": "display"},
        {"linkId": "family", "type": "group", "repeats": True, "item": [{"linkId": "name", "type": "string"}]},
    ]
}  # fmt: skip


@pytest.mark.parametrize(
    ("items", "errors"),
    [
        ([item("open", {"valueString": "anything"})], []),
        ([item("open", {"valueCoding": {"system": "s", "code": "d"}})], ["answer-not-an-option"]),
        ([item("day", {"valueDate": "2024", "item": [item("why", {"valueString": "x"})]})], []),
        ([item("day", {"valueDateTime": "2024"})], ["answer-type"]),
        ([item("note", {"valueString": "x"})], ["answer-not-allowed"]),
        ([group("family", item("name", {"valueString": "x"})), group("family", item("name", {"valueString": "y"}))], []),
        ([group("family", item("name", {"valueString": "x"}, {"valueString": "y"}))], ["answer-repeated"]),
    ],
)  # fmt: skip
def test_other_kinds_of_items_are_held_to_their_definition_too(items, errors):
    assert [issue.error for issue in answers.check(response(*items), FORM)] == errors


@pytest.mark.parametrize(
    ("condition", "value", "is_asked"),
    [
        ({"operator": "exists", "answerBoolean": True}, {"valueInteger": 1}, True),
        ({"operator": "exists", "answerBoolean": False}, {"valueInteger": 1}, False),
        ({"operator": "exists", "answerBoolean": False}, None, True),
        ({"operator": "=", "answerInteger": 1}, {"valueInteger": 1}, True),
        ({"operator": "!=", "answerInteger": 1}, {"valueInteger": 1}, False),
        ({"operator": "!=", "answerInteger": 1}, {"valueInteger": 2}, True),
        ({"operator": "!=", "answerInteger": 1}, None, False),
        ({"operator": ">", "answerDecimal": Decimal("1.5")}, {"valueDecimal": 2}, True),
        ({"operator": ">=", "answerInteger": 2}, {"valueInteger": 2}, True),
        ({"operator": "<", "answerInteger": 2}, {"valueInteger": 2}, False),
        ({"operator": "<=", "answerDate": "2024-01-01"}, {"valueDate": "2023-01-01"}, True),
        ({"operator": ">", "answerQuantity": {"value": 1, "code": "kg"}}, {"valueQuantity": {"value": 2, "code": "g"}}, False),
        ({"operator": ">", "answerQuantity": {"value": 1, "code": "kg"}}, {"valueQuantity": {"value": 2, "code": "kg"}}, True),
    ],
)  # fmt: skip
def test_every_condition_of_enable_when_is_understood(condition, value, is_asked):
    kinds = {"valueInteger": "integer", "valueDecimal": "decimal", "valueDate": "date", "valueQuantity": "quantity"}
    first = {"linkId": "a", "type": kinds[next(iter(value))] if value else "integer"}
    form = {"item": [first, {"linkId": "b", "type": "integer", "enableWhen": [{"question": "a", **condition}]}]}
    given_ = response(*([item("a", value)] if value else []), item("b", {"valueInteger": 0}))
    assert [issue.error for issue in answers.check(given_, form)] == ([] if is_asked else ["answer-disabled"])


def test_all_or_any_of_several_conditions():
    asked = [{"question": "a", "operator": "=", "answerInteger": number} for number in (1, 2)]
    for behaviour, is_asked in (("any", True), ("all", False)):
        second = {"linkId": "b", "type": "integer", "enableWhen": asked, "enableBehavior": behaviour}
        form = {"item": [{"linkId": "a", "type": "integer"}, second]}
        issues = answers.check(response(item("a", {"valueInteger": 1}), item("b", {"valueInteger": 0})), form)
        assert (issues == []) is is_asked


NAMES = st.sampled_from(
    ["linkId", "item", "answer", "valueCoding", "valueString", "_valueString", "system", "code", "questionnaire"]
)
WORDS = st.sampled_from(["rf", "rf-saddle-numbness", "ctx", "ctx-pain-now", LOINC, "LA33-6", INTAKE]) | st.text(
    max_size=3
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


@given(tree=st.dictionaries(NAMES, TREES, max_size=4))
def test_no_response_of_whatever_shape_breaks_the_comparison(questionnaires, tree):
    faults = Faults()
    answers.check_named(tree, questionnaires, "QuestionnaireResponse", faults)
    answers.compare(tree, questionnaires[INTAKE], "QuestionnaireResponse", faults)
    assert all(isinstance(fault, Fault) for fault, _ in faults.found)


def test_however_much_was_told_before_the_form_is_still_compared(reading):
    faults = Faults()
    for _ in range(ISSUE_LIMIT):
        faults.add(Fault.REFERENCE_KEPT, "Kept as it is.", "Bundle.entry[0].resource")
    made_up = response(group("rf", item("rf-made-up", YES)))
    answers.check_named(made_up, reading.questionnaires, "Bundle.entry[1].resource", faults)
    with pytest.raises(Unprocessable) as refusal:
        faults.refuse()
    assert [issue.error for issue in refusal.value.issues] == ["link-id-unknown"]
