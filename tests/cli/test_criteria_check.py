"""`criteria check` finds every kind of fault that can be made in the artefacts, and names the place."""

import copy
import json
import re
import shutil

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.criteria.check_digits import is_sound
from fhir_svc.criteria.review import review
from tests.cli.conftest import PROFILES

ARTEFACTS = load_artefacts(PROFILES)
PLAN, FACTS = ("PlanDefinition", "lbp-lss"), ("Library", "lbp-lss-facts")


def artefact(found, kind, name):
    return next(one for one in found if (one["resourceType"], one["id"]) == (kind, name))


def rule(found, name):
    actions = [artefact(found, *PLAN)]
    while actions:
        action = actions.pop()
        if action["id"] == name:
            return action
        actions += [inner for inner in action.get("action", ()) if "id" in inner or "action" in inner]
        actions = [one | {"id": one.get("id", "")} if "id" not in one else one for one in actions]
    raise KeyError(name)


def fact(found, name):
    for held in artefact(found, *FACTS)["extension"]:
        words = {one["url"]: one for one in held["extension"]}
        if words["name"].get("valueCode") == name:
            return words
    raise KeyError(name)


def condition(text, *, of):
    def change(found):
        rule(found, of)["condition"][0]["expression"]["expression"] = text

    return change


def expression(text, *, of):
    def change(found):
        fact(found, of)["expression"]["valueExpression"]["expression"] = text

    return change


def replaced(kind, name, old, new):
    def change(found):
        one = artefact(found, kind, name)
        text = json.dumps(one, default=float)
        assert old in text
        fresh = json.loads(text.replace(old, new, 1))
        one.clear()
        one.update(fresh)

    return change


def without(key, *, of):
    def change(found):
        del rule(found, of)[key]

    return change


def without_grade(found):
    action = rule(found, "R06")
    action["extension"] = [one for one in action["extension"] if "strength" not in one["url"]]


def another_grade(found):
    for one in rule(found, "R06")["extension"]:
        if "strength" in one["url"]:
            one["valueCodeableConcept"]["text"] = "Q"


def unread_fact(found):
    artefact(found, *FACTS)["extension"].append(
        {
            "url": "https://example.org/fhir-svc/StructureDefinition/fact",
            "extension": [
                {"url": "name", "valueCode": "nobody-reads-me"},
                {"url": "kind", "valueCode": "known"},
                {"url": "of", "valueCode": "age"},
            ],
        }
    )


def without_option(found):
    form = artefact(found, "Questionnaire", "lbp-lss-intake")
    for group in form["item"]:
        for item in group["item"]:
            if item["linkId"] == "rf-numbness-spread":
                item["answerOption"] = [one for one in item["answerOption"] if one["valueCoding"]["code"] != "days"]


FAULTS = {
    "a mistyped LOINC code": (replaced("ActivityDefinition", "abi", "77194-9", "77149-9"), "abi .*77149-9"),
    "a mistyped SNOMED code": (replaced(*PLAN, '"417746004"', '"417746005"'), "417746005"),
    "a mistyped LOINC answer": (replaced("Questionnaire", "lbp-lss-intake", "LA33-6", "LA33-5"), "LA33-5"),
    "a mistyped code in a value set": (replaced("ValueSet", "order-code", "42803009", "42803008"), "42803008"),
    "a code of ours that nothing defines": (
        replaced("ActivityDefinition", "abi", '"code": "ABI"', '"code": "ABX"'),
        "abi .*no code ABX",
    ),
    "a link that leads nowhere": (
        replaced(*PLAN, "ActivityDefinition/ed-referral|1.0.0", "ActivityDefinition/ed-refferal|1.0.0"),
        "ed-refferal",
    ),
    "a link to another version": (replaced(*PLAN, "mri-l-wo|1.0.0", "mri-l-wo|1.1.0"), r"mri-l-wo\|1\.1\.0"),
    "a flag that nothing defines": (replaced(*PLAN, '"ABI_BORDERLINE"', '"ABI_BORDER"'), "ABI_BORDER\\b"),
    "a fact that nothing declares": (condition("%`numbness-speading`", of="R06"), "numbness-speading"),
    "a fact made of itself": (expression("%`limb-threat`", of="limb-threat"), "limb-threat.*made of itself"),
    "an answer that no form offers": (expression("%`rf-numbness-spread` = 'dayz'", of="numbness-spreading"), "dayz"),
    "an option that was taken off the form": (without_option, "rf-numbness-spread.*days|days"),
    "a contradiction in one condition": (
        condition("%`abi-lowest` > 1.00 and %`abi-lowest` < 0.90", of="R18.borderline"),
        "R18.borderline.*never",
    ),
    "a contradiction across facts": (
        condition("%`numbness-spreading` and %`rf-numbness-spread` != 'days'", of="R06"),
        "R06.*never be true",
    ),
    "a threshold outside what is plausible": (
        expression("(%`temperature-known` and %`temperature-highest` > 380) or %`rf-fever-chills` = 'yes'", of="fever"),
        "^lbp-lss-facts fever: .*never be true",
    ),
    "a condition that is always true": (
        condition("%`numbness-spreading` or %`numbness-spreading`.not()", of="R06"),
        "R06.*never.*false",
    ),
    "a branch against its rule": (
        condition("%`vascular-workup`.not()", of="R18.borderline"),
        "R18.borderline.*no patient",
    ),
    "a branch behind another that takes all of its patients": (
        condition("%`motor-emergency`", of="R02.same-day"),
        "R02.same-day.*no patient",
    ),
    "a rule without citation": (without("documentation", of="R06"), "R06.*citation"),
    "a rule without evidence grade": (without_grade, "R06.*grade"),
    "an evidence grade that nothing defines": (another_grade, "R06.*grade Q"),
    "a fact that no rule reads": (unread_fact, "nobody-reads-me.*no rule reads"),
    "an expression outside what conditions may say": (condition("%`age`.exists()", of="R06"), "not an expression"),
    "a rule without a condition": (without("condition", of="R06"), "R06"),
}


def test_nothing_is_wrong_with_the_shipped_artefacts():
    assert [str(one) for one in review(ARTEFACTS)] == []


@pytest.mark.parametrize(("change", "told"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_and_named(change, told):
    mutated = copy.deepcopy(ARTEFACTS)
    change(mutated)
    found = [str(one) for one in review(mutated)]
    assert any(re.search(told, line) for line in found), found


@pytest.mark.parametrize(
    ("system", "code", "sound"),
    [
        ("http://loinc.org", "LA12688-0", True),
        ("http://loinc.org", "LA12688-1", False),
        ("http://loinc.org", "24965-6", True),
        ("http://loinc.org", "24956-6", False),
        ("http://loinc.org", "lumbar", False),
        ("http://snomed.info/sct", "18347007", True),
        ("http://snomed.info/sct", "18374007", False),
        ("http://snomed.info/sct", "12", False),
        ("http://unitsofmeasure.org", "Cel", True),
    ],
)
def test_a_code_is_sound_only_with_its_check_digit(system, code, sound):
    assert is_sound(system, code) is sound


def test_the_command_finds_nothing_wrong_in_what_is_shipped(console, profiles):
    assert console.say("criteria", "check") == "nothing wrong\n"
    assert console.say("criteria", "check", "--profiles", str(profiles)) == "nothing wrong\n"


def test_the_command_fails_with_one_line_for_each_fault(console, profiles):
    place = profiles / "ActivityDefinition" / "abi.json"
    place.write_text(place.read_text().replace("77194-9", "77149-9").replace('"ABI"', '"ABX"'))
    result = console.type("criteria", "check", "--profiles", str(profiles))
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == len(set(result.output.splitlines())) >= 2
    assert "Traceback" not in result.output


def test_a_folder_that_holds_no_artefacts_is_told_in_one_line(console, profiles):
    (profiles / "PlanDefinition" / "lbp-lss.json").write_text("{")
    result = console.type("criteria", "check", "--profiles", str(profiles))
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    shutil.rmtree(profiles)
    assert console.type("criteria", "check", "--profiles", str(profiles)).exit_code == 2
