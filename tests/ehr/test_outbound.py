"""What the EHR is told names what the EHR knows, and nothing by an id that means nothing there."""

from decimal import Decimal

import pytest

from fhir_svc.ehr.outbound import agrees, condition, holds, logical, references, shape

B = "https://example.org/fhir-svc"
FLAG = {
    "resourceType": "Flag",
    "id": "f1",
    "meta": {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z", "security": [{"code": "AIAST"}]},
    "contained": [{"resourceType": "Device", "id": "d"}],
    "subject": {"reference": "Patient/p1", "display": "A"},
    "author": {"reference": "#d"},
    "extension": [{"url": "u", "valueReference": {"reference": "GuidanceResponse/g1/_history/2"}}],
}


def test_references_become_what_the_ehr_knows():
    names = {"Patient/p1": {"reference": "Patient/9"}, "GuidanceResponse/g1": logical("GuidanceResponse", "g1")}
    told = shape(FLAG, names)
    assert told["subject"] == {"reference": "Patient/9", "display": "A"}
    assert told["author"] == {"reference": "#d"}
    assert told["contained"] == FLAG["contained"]
    assert told["extension"][0]["valueReference"] == {
        "type": "GuidanceResponse",
        "identifier": {"system": f"{B}/GuidanceResponse", "value": "g1"},
        "display": "GuidanceResponse",
    }
    assert told["meta"] == {"security": [{"code": "AIAST"}]}


def test_a_reference_that_stays_loses_our_version():
    task = {"resourceType": "Task", "id": "t", "focus": {"reference": "ServiceRequest/s/_history/4"}}
    assert shape(task, {})["focus"] == {"reference": "ServiceRequest/s"}


def test_two_versions_that_a_provenance_is_about_are_one_resource_there():
    versions = [{"reference": f"ServiceRequest/s/_history/{number}"} for number in (1, 2)]
    entities = [{"role": "source", "what": one} for one in ({"reference": "Observation/o/_history/1"}, versions[0])]
    again = {"role": "revision", "what": versions[1]}
    signed = {"resourceType": "Provenance", "id": "p", "target": versions, "entity": [*entities, entities[1], again]}
    told = shape(signed, {"ServiceRequest/s": {"reference": "ServiceRequest/7"}})
    assert told["target"] == [{"reference": "ServiceRequest/7"}]
    assert [(one["role"], one["what"]["reference"]) for one in told["entity"]] == [
        ("source", "Observation/o"),
        ("source", "ServiceRequest/7"),
        ("revision", "ServiceRequest/7"),
    ]


def test_all_literal_references_are_found_once_each_place():
    assert list(references(FLAG)) == ["Patient/p1", "GuidanceResponse/g1"]


@pytest.mark.parametrize(
    ("resource", "wanted"),
    [
        (FLAG, [("identifier", f"{B}/Flag|f1")]),
        (
            {"resourceType": "ServiceRequest", "id": "s", "identifier": [{"system": f"{B}/order", "value": "v"}]},
            [("identifier", f"{B}/order|v")],
        ),
        (
            {
                "resourceType": "Provenance",
                "id": "p",
                "target": [{"reference": "ServiceRequest/s"}],
                "recorded": "2026",
            },
            [("target", "ServiceRequest/s"), ("recorded", "2026")],
        ),
    ],
)
def test_everything_delivered_can_be_searched_for(resource, wanted):
    assert condition(shape(resource, {})) == wanted


@pytest.mark.parametrize(
    ("copy", "told", "held", "agreed"),
    [
        ({"status": "draft"}, {"status": "draft"}, True, True),
        ({"status": "active"}, {"status": "draft"}, False, False),
        ({"status": "draft", "priority": "stat"}, {"status": "draft"}, True, False),
        ({"status": "draft"}, {"status": "draft", "note": []}, False, True),
        ({}, {"status": "draft"}, False, False),
        ({"v": Decimal("1.0")}, {"v": Decimal("1.00")}, True, True),
        ({"v": True}, {"v": 1}, False, False),
        ({"c": {"code": "a", "display": "A"}}, {"c": {"code": "a"}}, True, True),
        ({"c": [1, 2]}, {"c": [1]}, False, False),
        ({"s": {"reference": "http://h/fhir/Patient/1"}}, {"s": {"reference": "Patient/1"}}, True, True),
        ({"id": "x", "meta": {"versionId": "2"}}, {"id": "y"}, True, True),
    ],
)
def test_what_the_ehr_holds_is_compared_with_what_it_was_told(copy, told, held, agreed):
    assert holds(copy, told) is held
    assert agrees(copy, told) is agreed
