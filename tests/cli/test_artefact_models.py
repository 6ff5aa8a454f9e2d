"""The artefacts are R4 in the eyes of typed models that are not ours; nothing of what they hold is repeated."""

import json

import pytest

from fhir_svc.artefact_models import strangers
from fhir_svc.artefacts import load_artefacts
from tests.cli.conftest import PROFILES

BROKEN = [
    ({"resourceType": "ValueSet", "id": "v", "status": "active", "colour": "CANARY"}, "ValueSet/v colour: "),
    ({"resourceType": "CodeSystem", "id": "c", "content": "complete"}, "CodeSystem/c"),
    ({"resourceType": "Riddle", "id": "r"}, "Riddle/r: there is no such resource type"),
]


def test_every_artefact_is_r4():
    assert list(strangers(load_artefacts(PROFILES))) == []


@pytest.mark.parametrize(("artefact", "told"), BROKEN)
def test_what_is_no_r4_is_told_with_its_place_and_without_its_value(artefact, told):
    found = list(strangers([artefact]))
    assert len(found) == 1
    assert found[0].startswith(told)
    assert "CANARY" not in found[0]


def test_the_check_of_the_criteria_looks_at_the_models_too(console, profiles):
    path = profiles / "ValueSet" / "onset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "green"}))
    result = console.type("criteria", "check", "--profiles", str(profiles))
    assert result.exit_code == 1
    assert "ValueSet/onset colour" in result.output


def test_what_a_clinician_reads_names_no_source_of_the_makers():
    plan = (PROFILES / "PlanDefinition" / "lbp-lss.json").read_text()
    grades = (PROFILES / "CodeSystem" / "evidence-grade.json").read_text()
    assert "seed" not in (plan + grades).lower()
