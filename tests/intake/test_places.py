"""Where a fault is, is said in FHIRPath's names: a choice by its element, whatever type was chosen."""

# ruff: noqa: E501 - a case is one line of its table

from __future__ import annotations

import json

import pytest

from fhir_svc.intake import places
from tests.intake.conftest import PROFILES

CASES = {
    "Observation.valueQuantity.comparator": "Observation.value.comparator",
    "Observation.component[0].valueQuantity.value": "Observation.component[0].value.value",
    "Bundle.entry[12].resource.effectiveDateTime": "Bundle.entry[12].resource.effective",
    "Observation.extension[0].extension[1].valueReference.reference": "Observation.extension[0].extension[1].value.reference",
    "MedicationRequest.medicationReference.reference": "MedicationRequest.medication.reference",
    "MedicationRequest.dosageInstruction[0].doseAndRate[0].doseQuantity": "MedicationRequest.dosageInstruction[0].doseAndRate[0].dose",
    "Patient.multipleBirthInteger": "Patient.multipleBirth",
    "Parameters.parameter[0].valueCode": "Parameters.parameter[0].value",
    "Device.property[0].valueQuantity[1]": "Device.property[0].valueQuantity[1]",
    "ServiceRequest.locationReference[0].reference": "ServiceRequest.locationReference[0].reference",
    "Observation.contained[0].doseQuantity": "Observation.contained[0].doseQuantity",
    "Communication.payload[0].contentAttachment.contentType": "Communication.payload[0].content.contentType",
    "Observation.status": "Observation.status",
    "Observation": "Observation",
    "": "",
}


@pytest.mark.parametrize("written", CASES)
def test_a_choice_is_named_by_its_element(written):
    assert places.said(written) == CASES[written]


IN = {"ElementDefinition": "element"}  # where a datatype stands that holds what looks like a choice


def chosen(definition):
    """JSON name to element of every choice of a definition: what its rules marked `x-choice` or `x-required` name."""
    found = {}
    for rule in definition.get("allOf", ()):
        marked = rule.get("then", rule)
        stem = marked.get("x-choice") or marked.get("x-required")
        names = {name for option in marked.get("oneOf", ()) for name in named(option)} if stem else ()
        found |= {name: stem for name in names if name != "extension"}
    return found


def named(option):
    return [name for one in (option, *option.get("anyOf", ())) for name in one.get("required", ())]


@pytest.mark.parametrize("file", ["fhir-r4.schema.json", "fhir-r4-all.schema.json"])
def test_every_choice_of_the_schema_is_known_and_nothing_else_is_taken_for_one(file):
    definitions = json.loads((PROFILES / "schema" / file).read_text())["$defs"]
    wrong = set()
    for kind, definition in definitions.items():
        choices = chosen(definition)
        parent = IN.get(kind, kind)
        for name in definition.get("properties", {}):
            wanted = f"{parent}[0].{choices.get(name, name)}"
            if not name.startswith("_") and places.said(f"{parent}[0].{name}") != wanted:
                wrong.add((kind, name))
    assert wrong - {("CodeSystem.concept.property", "valueCode")} == set()  # which nobody sends
