"""The safety controls of the plan stand under the condition of their rule, as every branch of a rule does."""

import copy

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.criteria.rules import find
from fhir_svc.decision import Outcome
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Site
from tests.criteria.cases.building import PROFILES, T, calm
from tests.criteria.cases.checking import record_of

NO_SCREEN = [calm({"rf-saddle-numbness": "yes", "mr-pacemaker": None})]
PACED = [calm({"rf-saddle-numbness": "yes", "mr-pacemaker": "yes-unknown"})]


def controls(given, condition=None):
    """What the controls of R13 come out as, under another condition of the rule."""
    artefacts = copy.deepcopy(load_artefacts(PROFILES))
    plan = next(each for each in artefacts if each["resourceType"] == "PlanDefinition")
    rule = next(action for action in plan["action"] if action["id"] == "R13")
    if condition:
        rule["condition"][0]["expression"]["expression"] = condition
    findings = find(record_of(given), Knowledge(artefacts), Site("UTC"), T)
    return {held.id: held.outcome for held in findings.controls if held.rule == "R13"}


@pytest.mark.parametrize(("given", "control"), [(NO_SCREEN, "R13.incomplete"), (PACED, "R13.unsafe")])
def test_a_control_acts_while_its_rule_holds(given, control):
    assert controls(given)[control] is Outcome.MET


@pytest.mark.parametrize(
    ("given", "control", "condition", "outcome"),
    [
        (NO_SCREEN, "R13.incomplete", "%`mr-unsafe` or %`mr-conditional`", Outcome.CANNOT_TELL),
        (PACED, "R13.unsafe", "%`mr-conditional` or %`mr-screen-incomplete`", Outcome.NOT_MET),
    ],
)
def test_a_control_does_not_act_where_its_rule_does_not(given, control, condition, outcome):
    assert controls(given, condition)[control] is outcome
