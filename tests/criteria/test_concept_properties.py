"""What the CodeSystems say of their codes is what the artefacts that decide say: neither can drift alone."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_svc.artefacts import load_artefacts
from tests.criteria.cases.building import PROFILES, B

ARTEFACTS = {(each["resourceType"], each["id"]): each for each in load_artefacts(PROFILES)}
APPROVE = ARTEFACTS["ActivityDefinition", "task-approve"]
INDICATIONS = ARTEFACTS["ActivityDefinition", "lumbar-indications"]


def valued(held: dict[str, Any]) -> Any:
    value = next((value for name, value in held.items() if name.startswith("value")), None)
    if not isinstance(value, dict):
        return value
    return tuple(code["code"] for code in value["coding"]) if "coding" in value else value.get("code")


def properties(code_system: str) -> dict[str, list[tuple[str, Any]]]:
    """The properties of every code, in their order."""
    concepts = ARTEFACTS["CodeSystem", code_system]["concept"]
    return {each["code"]: [(held["code"], valued(held)) for held in each.get("property", ())] for each in concepts}


def said(artefact: dict[str, Any], name: str) -> list[list[tuple[str, Any]]]:
    """The parts of every extension of this name."""
    found = [held for held in artefact["extension"] if held["url"] == f"{B}/StructureDefinition/{name}"]
    return [[(part["url"], valued(part)) for part in held["extension"]] for held in found]


def test_a_level_has_the_priority_and_the_place_of_its_target_time():
    levels = [dict(parts) for parts in said(APPROVE, "target-time")]
    expected = {each["level"]: [("priority", each["priority"]), ("rank", at)] for at, each in enumerate(levels, 1)}
    assert properties("triage-level") == expected


@pytest.mark.parametrize("key", properties("order-key"))
def test_an_order_key_has_the_standard_code_of_its_definition(key):
    codings = ARTEFACTS["ActivityDefinition", key.lower().replace("_", "-")]["code"]["coding"]
    assert [valued({"value": each}) for each in codings if each["system"] != f"{B}/CodeSystem/order-key"] == [
        code for _, code in properties("order-key")[key]
    ]


@pytest.mark.parametrize("blocker", ["mr-screening", "pregnancy-check"])
def test_a_blocker_is_cleared_by_the_answers_that_clear_it(blocker):
    stated = [parts for parts in said(APPROVE, "screening") if ("blocker", blocker) in parts]
    held = properties("blocker")[blocker]
    assert [code for name, code in held if name == "answer"] == [dict(parts)["answer"] for parts in stated]
    clearing = [dict(parts)["answer"] for parts in stated if dict(parts)["clears"]]
    assert [code for name, code in held if name == "clears"] == clearing


@pytest.mark.parametrize(("blocker", "stands"), [("mr-screening", True), ("pregnancy-check", False)])
def test_an_answer_about_the_scanner_stands_for_later_drafts_and_one_about_pregnancy_does_not(blocker, stands):
    stated = [dict(parts) for parts in said(APPROVE, "screening") if ("blocker", blocker) in parts]
    assert stated
    assert {bool(each.get("standing")) for each in stated} == {stands}


@pytest.mark.parametrize("answer", [code for code, held in properties("answer").items() if held])
def test_an_answer_that_is_a_finding_is_coded_as_this_finding_on_an_order(answer):
    indications = [parts for parts in said(INDICATIONS, "indication") if ("value", answer) in parts]
    coded = {code for parts in indications for code in dict(parts)["concept"]}
    assert {code for _, code in properties("answer")[answer]} <= coded
