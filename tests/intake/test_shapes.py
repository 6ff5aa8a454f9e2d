"""What comes in keeps the shape of our profiles: refused where one is claimed, warned of where a code calls for it."""

import copy
import json
from pathlib import Path

import pytest

from fhir_svc.intake.faults import Faults
from fhir_svc.intake.shapes import Shapes

B = "https://example.org/fhir-svc"
FOLDER = Path(__file__).parents[2] / "profiles" / "StructureDefinition"
SHAPES = Shapes(json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json")))
PATIENT = {"reference": "Patient/p"}


def measure(code):
    return {"coding": [{"system": f"{B}/CodeSystem/measure", "code": code}]}


GOOD = {
    "walking-distance": {
        "resourceType": "Observation",
        "status": "final",
        "code": measure("pain-free-walking-distance"),
        "subject": PATIENT,
        "effectiveDateTime": "2026-02-01",
        "valueQuantity": {"value": 500, "unit": "furlong"},
    },
    "distal-symptom-level": {
        "resourceType": "Observation",
        "status": "final",
        "code": measure("distal-symptom-level"),
        "subject": PATIENT,
        "effectiveDateTime": "2026-02-01",
        "component": [
            {"code": measure("start"), "valueInteger": 0},
            {"code": measure("end"), "valueInteger": 4},
        ],
    },
    "home-exercise-session": {
        "resourceType": "Procedure",
        "status": "not-done",
        "code": measure("home-exercise-session"),
        "subject": PATIENT,
        "performedDateTime": "2026-02-01",
    },
    "patient-message": {
        "resourceType": "Communication",
        "status": "completed",
        "subject": PATIENT,
        "sender": PATIENT,
        "sent": "2026-02-01T08:00:00Z",
        "payload": [{"contentString": "I can walk."}],
    },
}
BROKEN = [
    ("walking-distance", {"effectiveDateTime": None}, "effective"),
    ("walking-distance", {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-02-01"}}, "effective"),
    ("walking-distance", {"valueQuantity": None, "valueString": "far"}, "value"),
    ("walking-distance", {"valueQuantity": None}, "value"),
    ("distal-symptom-level", {"component": [{"code": measure("start"), "valueInteger": 1}]}, "component"),
    (
        "distal-symptom-level",
        {"component": [{"code": measure("start"), "valueInteger": 1}, {"code": measure("end"), "valueInteger": 5}]},
        "component.value",
    ),
    (
        "distal-symptom-level",
        {"component": [{"code": measure("start"), "valueInteger": 1}, {"code": measure("end"), "valueString": "foot"}]},
        "component.value",
    ),
    ("distal-symptom-level", {"effectiveDateTime": None}, "effective"),
    ("home-exercise-session", {"performedDateTime": None}, "performed"),
    ("home-exercise-session", {"performedDateTime": None, "performedString": "Monday"}, "performed"),
    ("home-exercise-session", {"status": "in-progress"}, "status"),
    ("patient-message", {"sent": None}, "sent"),
    ("patient-message", {"payload": None}, "payload"),
    ("patient-message", {"sender": None}, "sender"),
    ("patient-message", {"sender": {"reference": "Patient/other"}}, "sender"),
    ("patient-message", {"payload": [{"contentReference": {"reference": "Media/1"}}]}, "payload.content"),
]


def checked(name, changes, *, claimed):
    resource = copy.deepcopy(GOOD[name]) | changes
    resource = {key: value for key, value in resource.items() if value is not None}
    if claimed:
        resource["meta"] = {"profile": [f"{B}/StructureDefinition/{name}|1.0.0"]}
    faults = Faults()
    SHAPES.check(resource, "Here", faults)
    return faults.issues


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("claimed", [True, False])
def test_what_keeps_the_shape_is_taken_without_a_word(name, claimed):
    assert checked(name, {}, claimed=claimed) == []


@pytest.mark.parametrize(("name", "changes", "place"), BROKEN)
def test_a_claimed_profile_that_is_broken_is_refused(name, changes, place):
    issues = checked(name, changes, claimed=True)
    assert {(issue.code, issue.error, issue.severity) for issue in issues} == {("invariant", "profile-broken", "error")}
    assert f"Here.{place}" in {issue.expression for issue in issues}


@pytest.mark.parametrize(("name", "changes", "place"), BROKEN)
def test_without_a_claim_what_could_not_be_read_is_taken_with_a_warning(name, changes, place):
    issues = checked(name, changes, claimed=False)
    assert {(issue.error, issue.severity) for issue in issues} == {("shape-unreadable", "warning")}
    assert f"Here.{place}" in {issue.expression for issue in issues}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("walking-distance", {"effectiveDateTime": None, "status": "entered-in-error"}),
        ("walking-distance", {"valueQuantity": None, "dataAbsentReason": {"text": "no device"}}),
        ("walking-distance", {"code": {"text": "something else"}, "valueQuantity": None}),
        ("patient-message", {"sender": {"reference": "Practitioner/7"}, "sent": None}),
        ("patient-message", {"status": "in-progress"}),
    ],
)
def test_what_is_withdrawn_or_meant_otherwise_gets_no_warning(name, changes):
    assert checked(name, changes, claimed=False) == []


def test_a_profile_claimed_for_another_type_is_refused():
    resource = GOOD["patient-message"] | {"meta": {"profile": [f"{B}/StructureDefinition/walking-distance"]}}
    faults = Faults()
    SHAPES.check(resource, "Here", faults)
    assert [issue.error for issue in faults.issues] == ["profile-broken"]


@pytest.mark.parametrize("nonsense", [7, "x", [], {}, [7], {"coding": 7}, {"coding": [7]}, {"reference": 7}])
@pytest.mark.parametrize("element", ["code", "sender", "subject", "component", "payload", "meta", "status"])
def test_no_shape_however_odd_stops_the_check(nonsense, element):
    for good in GOOD.values():
        SHAPES.check(good | {element: nonsense}, "Here", Faults())
