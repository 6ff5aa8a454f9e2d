"""Each resource is held to FHIR R4, and every fault is named with its code and its exact place."""

# ruff: noqa: E501 - a case is one line of its table

from __future__ import annotations

import copy
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_svc.errors import Malformed, Rejected, Unprocessable
from fhir_svc.intake.accepted import TAKEN
from fhir_svc.intake.faults import ISSUE_LIMIT
from tests.intake.conftest import PROFILES

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2024-02-29T10:00:00+01:00",
    "valueQuantity": {"value": Decimal("82.50"), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
}
CONCEPT = {"text": "x"}
PATIENT = {"reference": "Patient/1"}
MINIMAL: dict[str, dict[str, Any]] = {
    "Observation": OBSERVATION,
    "QuestionnaireResponse": {"resourceType": "QuestionnaireResponse", "status": "completed"},
    "Patient": {"resourceType": "Patient"},
    "Condition": {"resourceType": "Condition", "subject": PATIENT},
    "Procedure": {"resourceType": "Procedure", "status": "completed", "subject": PATIENT},
    "ImagingStudy": {"resourceType": "ImagingStudy", "status": "available", "subject": PATIENT},
    "DiagnosticReport": {"resourceType": "DiagnosticReport", "status": "final", "code": CONCEPT},
    "DeviceUseStatement": {
        "resourceType": "DeviceUseStatement", "status": "active", "subject": PATIENT, "device": {"reference": "Device/1"},
    },
    "Device": {"resourceType": "Device", "patient": PATIENT},
    "AllergyIntolerance": {
        "resourceType": "AllergyIntolerance",
        "patient": PATIENT,
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"},
            ],
        },
    },
    "MedicationStatement": {
        "resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": CONCEPT, "subject": PATIENT,
    },
    "MedicationRequest": {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "medicationCodeableConcept": CONCEPT,
        "subject": PATIENT,
    },
    "ServiceRequest": {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": PATIENT},
    "Communication": {"resourceType": "Communication", "status": "completed"},
}  # fmt: skip

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def narrated(content: str) -> dict[str, Any]:
    return {"text": {"status": "generated", "div": content}}


# what is put into the Observation (None: taken out), and the issue it must give: code, error, place under Observation
NARRATIVES = {  # none of which R4 takes
    "no namespace": "<div>x</div>",
    "another namespace": '<div xmlns="http://www.w3.org/2000/svg">x</div>',
    "another namespace inside": DIV.format('<p xmlns="http://www.w3.org/2000/svg">x</p>'),
    "an undeclared entity": DIV.format("&bogus;"),
    "an entity of HTML": DIV.format("a&nbsp;b"),
    "an entity of HTML in an attribute": DIV.format('<p title="&eacute;">x</p>'),
    "a character that is none": DIV.format("a&#0;b"),
    "a character beyond all": DIV.format("a&#xFFFFFFFF;b"),
    "an attribute twice": DIV.format('<p class="a" class="b">x</p>'),
    "an attribute without quotes": DIV.format("<p class=a>x</p>"),
    "an ampersand in an attribute": DIV.format('<a href="a?b&c">x</a>'),
    "two hyphens in a comment": DIV.format("<!-- a -- b -->x"),
    "CDATA": DIV.format("<![CDATA[x]]>"),
    "a DTD elsewhere": '<!DOCTYPE div SYSTEM "http://127.0.0.1/x.dtd">' + DIV.format("x"),
    "two divs": DIV.format("x") * 2,
    "white space alone, as references": DIV.format("&#160;&#x2003;&#10;"),
    "a comment alone": DIV.format("<!-- x -->"),
    "a picture of nothing": DIV.format("<img alt='x'/>"),
    "script": DIV.format("<script>x</script>"),
    "handler": DIV.format('<p onclick="x">y</p>'),
    "svg": DIV.format("<svg>x</svg>"),
    "DOCTYPE": '<!DOCTYPE div [<!ENTITY x "y">]>' + DIV.format("&x;"),
    "external entity": '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + DIV.format("&x;"),
    "processing instruction": "<?xml version='1.0'?>" + DIV.format("x"),
    "not closed": "<div>x",
    "closed in a wrong order": DIV.format("<b><i>x</b></i>"),
    "no div": "<p>x</p>",
    "text beside the div": DIV.format("x") + "y",
    "ampersand": DIV.format("a & b"),
    "nothing said": DIV.format(" <br/> "),
}

BAD: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("no code", {"code": None}, "required", "element-missing", ".code"),
    ("no status", {"status": None}, "required", "element-missing", ".status"),
    ("unknown element of another type", {"birthDate": "1980"}, "structure", "element-unknown", ".birthDate"),
    ("unknown element", {"Jane Doe": 1}, "structure", "element-unknown", ""),
    ("text for a boolean", {"valueQuantity": None, "valueBoolean": "true"}, "structure", "element-type", ".value"),
    ("one for a boolean", {"valueQuantity": None, "valueBoolean": 1}, "structure", "element-type", ".value"),
    ("text for a decimal", {"valueQuantity": {"value": "82"}}, "structure", "element-type", ".value.value"),
    ("decimal for an integer", {"valueQuantity": None, "valueInteger": Decimal("1.0")}, "value", "value-invalid", ".value"),
    ("integer of 33 bits", {"valueQuantity": None, "valueInteger": 2**31}, "value", "value-invalid", ".value"),
    ("null", {"code": {"text": None, "id": "a"}}, "structure", "element-type", ".code.text"),
    ("null in a list", {"category": [None]}, "structure", "element-type", ".category[0]"),
    ("empty list", {"category": []}, "structure", "element-empty", ".category"),
    ("empty object", {"method": {}}, "structure", "element-empty", ".method"),
    ("an id alone", {"method": {"id": "a"}}, "structure", "element-empty", ".method"),
    ("empty string", {"code": {"text": ""}}, "value", "value-invalid", ".code.text"),
    ("object for a list", {"category": {"text": "x"}}, "structure", "element-type", ".category"),
    ("list for an object", {"code": [{"text": "x"}]}, "structure", "element-type", ".code"),
    ("unknown code", {"status": "bogus"}, "code-invalid", "code-invalid", ".status"),
    ("code in upper case", {"status": "Final"}, "code-invalid", "code-invalid", ".status"),
    ("unknown comparator", {"valueQuantity": {"value": 1, "comparator": "~"}}, "code-invalid", "code-invalid", ".value.comparator"),
    ("two values", {"valueString": "x"}, "structure", "element-choice", ""),
    ("two times", {"effectivePeriod": {"start": "2024"}}, "structure", "element-choice", ""),
    ("value beside an extension of another", {"_valueString": {"extension": [{"url": "u:x", "valueCode": "y"}]}}, "structure", "element-choice", ""),
    ("no zone", {"effectiveDateTime": "2024-01-01T10:00:00"}, "value", "value-invalid", ".effective"),
    ("no seconds", {"effectiveDateTime": "2024-01-01T10:00Z"}, "value", "value-invalid", ".effective"),
    ("30 February", {"effectiveDateTime": "2024-02-30"}, "value", "value-invalid", ".effective"),
    ("29 February of no leap year", {"effectiveDateTime": "2023-02-29"}, "value", "value-invalid", ".effective"),
    ("29 February 1900", {"effectiveDateTime": "1900-02-29T00:00:00Z"}, "value", "value-invalid", ".effective"),
    ("31 June", {"effectiveDateTime": "2024-06-31"}, "value", "value-invalid", ".effective"),
    ("24 o'clock", {"effectiveDateTime": "2024-06-30T24:00:00Z"}, "value", "value-invalid", ".effective"),
    ("an American date", {"effectiveDateTime": "01/02/2024"}, "value", "value-invalid", ".effective"),
    ("a date for an instant", {"issued": "2024-06-30"}, "value", "value-invalid", ".issued"),
    ("id too long", {"id": "a" * 65}, "value", "value-invalid", ".id"),
    ("id with a line feed", {"id": "a\nb"}, "value", "value-invalid", ".id"),
    ("id with an underscore", {"id": "a_b"}, "value", "value-invalid", ".id"),
    ("uri with a space", {"code": {"coding": [{"system": "http://a b", "code": "x"}]}}, "value", "value-invalid", ".code.coding[0].system"),
    ("code with two spaces", {"code": {"coding": [{"code": "a  b"}]}}, "value", "value-invalid", ".code.coding[0].code"),
    ("obs-6", {"dataAbsentReason": CONCEPT}, "invariant", "invariant", ""),
    ("obs-7", {"component": [{"code": OBSERVATION["code"], "valueInteger": 1}]}, "invariant", "invariant", ".component[0].code"),
    ("obs-3", {"referenceRange": [{"appliesTo": [CONCEPT]}]}, "invariant", "invariant", ".referenceRange[0]"),
    ("qty-3", {"valueQuantity": {"value": 1, "code": "kg"}}, "invariant", "invariant", ".value"),
    ("per-1", {"effectiveDateTime": None, "effectivePeriod": {"start": "2024-02", "end": "2024-01-31"}}, "invariant", "invariant", ".effective"),
    ("rng-2", {"valueQuantity": None, "valueRange": {"low": {"value": 2}, "high": {"value": Decimal("1.9")}}}, "invariant", "invariant", ".value"),
    ("ext-1 neither", {"extension": [{"url": "u:x"}]}, "invariant", "invariant", ".extension[0]"),
    ("ext-1 both", {"extension": [{"url": "u:x", "valueCode": "y", "extension": [{"url": "z", "valueCode": "y"}]}]}, "invariant", "invariant", ".extension[0]"),
    ("extension without url", {"extension": [{"valueCode": "y"}]}, "required", "element-missing", ".extension[0].url"),
    ("extension with two values", {"extension": [{"url": "u:x", "valueCode": "y", "valueString": "y"}]}, "invariant", "invariant", ".extension[0]"),
    ("subject of a wrong type", {"subject": {"reference": "Organization/1"}}, "value", "reference-target", ".subject.reference"),
    ("absolute subject of a wrong type", {"subject": {"reference": "http://x.example/fhir/Organization/1"}}, "value", "reference-target", ".subject.reference"),
    ("conditional subject of a wrong type", {"subject": {"reference": "Organization?identifier=a|b"}}, "value", "reference-target", ".subject.reference"),
    ("subject.type of a wrong type", {"subject": {"type": "Organization", "display": "x"}}, "value", "reference-target", ".subject.type"),
    ("unknown type", {"subject": {"reference": "Person1/1"}}, "value", "reference-target", ".subject.reference"),
    ("path upwards", {"subject": {"reference": "../Patient/1"}}, "value", "reference-target", ".subject.reference"),
    ("path upwards in a URL's place", {"subject": {"reference": "Patient/../Patient/1"}}, "value", "reference-target", ".subject.reference"),
    ("reference without id", {"subject": {"reference": "Patient/"}}, "value", "reference-target", ".subject.reference"),
    ("fragment without contained", {"subject": {"reference": "#p"}}, "value", "contained-missing", ".subject.reference"),
    ("contained that nothing refers to", {"contained": [{"resourceType": "Patient", "id": "p"}]}, "invariant", "invariant", ".contained[0]"),
    ("contained of an unknown type", {"contained": [{"resourceType": "Jane", "id": "p"}], "subject": {"reference": "#p"}}, "not-supported", "resource-type-unknown", ".contained[0].resourceType"),
    ("contained in contained", {"contained": [{"resourceType": "Patient", "id": "p", "contained": [{"resourceType": "Patient"}]}], "subject": {"reference": "#p"}}, "invariant", "invariant", ".contained[0]"),
    ("contained with a version", {"contained": [{"resourceType": "Patient", "id": "p", "meta": {"versionId": "1"}}], "subject": {"reference": "#p"}}, "invariant", "invariant", ".contained[0].meta"),
    ("contained with a security label", {"contained": [{"resourceType": "Patient", "id": "p", "meta": {"security": [{"code": "R"}]}}], "subject": {"reference": "#p"}}, "invariant", "invariant", ".contained[0].meta"),
    ("contained in a circle", {"contained": [{"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "#q"}, "type": "seealso"}]}, {"resourceType": "Patient", "id": "q", "link": [{"other": {"reference": "#p"}, "type": "seealso"}]}], "subject": {"reference": "#p"}}, "value", "contained-circular", ".contained[0]"),
    ("contained of a wrong type", {"contained": [{"resourceType": "Medication", "id": "m"}], "performer": [{"reference": "#m"}]}, "value", "reference-target", ".performer[0].reference"),
    ("contained of a wrong type for another contained", {"contained": [{"resourceType": "Practitioner", "id": "p"}, {"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#p"}}], "performer": [{"reference": "#r"}]}, "value", "reference-target", ".contained[1].organization.reference"),
    ("contained that refers back where its container may not stand", {"contained": [{"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#"}}]}, "value", "reference-target", ".contained[0].organization.reference"),
    ("itself as its patient", {"subject": {"reference": "#"}}, "value", "reference-target", ".subject.reference"),
    ("contained care team with an unknown status", {"contained": [{"resourceType": "CareTeam", "id": "p", "status": "bogus"}], "performer": [{"reference": "#p"}]}, "code-invalid", "code-invalid", ".contained[0].status"),
    ("contained care team with an unknown element", {"contained": [{"resourceType": "CareTeam", "id": "p", "madeup": 1}], "performer": [{"reference": "#p"}]}, "structure", "element-unknown", ".contained[0]"),
    ("contained coverage without what R4 requires", {"contained": [{"resourceType": "Coverage", "id": "p", "status": "active"}], "focus": [{"reference": "#p"}]}, "required", "element-missing", ".contained[0].beneficiary"),
    ("contained of a type known by name only: its language", {"contained": [{"resourceType": "Basic", "id": "p", "language": 1}], "focus": [{"reference": "#p"}]}, "structure", "element-type", ".contained[0].language"),
    ("contained of a type known by name only: its meta", {"contained": [{"resourceType": "Basic", "id": "p", "meta": {"tag": [{"madeup": 1}]}}], "focus": [{"reference": "#p"}]}, "structure", "element-unknown", ".contained[0].meta.tag[0]"),
    ("contained of a type known by name only: null", {"contained": [{"resourceType": "Basic", "id": "p", "code": {"text": None}}], "focus": [{"reference": "#p"}]}, "structure", "element-type", ".contained[0].code.text"),
    ("contained of a type known by name only: nothing", {"contained": [{"resourceType": "Basic", "id": "p", "code": {"coding": [{}]}}], "focus": [{"reference": "#p"}]}, "structure", "element-empty", ".contained[0].code.coding[0]"),
    ("contained of a type known by name only: an empty list", {"contained": [{"resourceType": "Basic", "id": "p", "code": {"coding": []}}], "focus": [{"reference": "#p"}]}, "structure", "element-empty", ".contained[0].code.coding"),
    ("contained of a type known by name only: an empty text", {"contained": [{"resourceType": "Basic", "id": "p", "code": {"text": ""}}], "focus": [{"reference": "#p"}]}, "value", "value-invalid", ".contained[0].code.text"),
    ("contained of a type known by name only: an extension inside", {"contained": [{"resourceType": "Basic", "id": "p", "code": {"extension": [{"url": "u:x"}]}}], "focus": [{"reference": "#p"}]}, "invariant", "invariant", ".contained[0].code.extension[0]"),
    ("contained of a type known by name only: its narrative", {"contained": [{"resourceType": "Basic", "id": "p", **narrated("<p>x</p>")}], "focus": [{"reference": "#p"}]}, "invariant", "narrative", ".contained[0].text.div"),
    *((name, narrated(div), "invariant", "narrative", ".text.div") for name, div in NARRATIVES.items()),
    ("no div at all", {"text": {"status": "empty"}}, "required", "element-missing", ".text.div"),
]  # fmt: skip

# valid R4 that breaks our profile
UNPROFILED: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("modifierExtension", {"modifierExtension": [{"url": "u:x", "valueBoolean": True}]}, "extension", "modifier-extension", ".modifierExtension"),
    ("modifierExtension inside", {"component": [{"code": CONCEPT, "modifierExtension": [{"url": "u:x", "valueBoolean": True}]}]}, "extension", "modifier-extension", ".component[0].modifierExtension"),
    ("implicitRules", {"implicitRules": "u:rules"}, "not-supported", "implicit-rules", ".implicitRules"),
    ("status by extension only", {"status": None, "_status": {"extension": [{"url": "u:x", "valueCode": "y"}]}}, "required", "value-required", ".status"),
    ("a profile of ours that is none", {"meta": {"profile": ["https://example.org/fhir-svc/StructureDefinition/none"]}}, "invariant", "profile-unknown", ".meta.profile[0]"),
]  # fmt: skip

GOOD: list[tuple[str, dict[str, Any]]] = [
    ("as it is", {}),
    ("primitive extension", {"_effectiveDateTime": {"extension": [{"url": "u:x", "valueCode": "y"}]}}),
    ("absent value with its reason", {"valueQuantity": None, "dataAbsentReason": CONCEPT}),
    ("absent value by extension", {"valueQuantity": None, "_valueString": {"extension": [{"url": "u:x", "valueCode": "y"}]}}),
    ("unknown extension", {"extension": [{"url": "u:x", "extension": [{"url": "y", "valueDecimal": Decimal("0.10")}]}]}),
    ("extension with a value by extension", {"extension": [{"url": "u:x", "_valueString": {"extension": [{"url": "u:y", "valueCode": "z"}]}}]}),
    ("leap day", {"effectiveDateTime": "2000-02-29"}),
    ("leap second", {"effectiveDateTime": "2016-12-31T23:59:60Z"}),
    ("year", {"effectiveDateTime": "2024"}),
    ("month", {"effectiveDateTime": "2024-12"}),
    ("nanoseconds", {"effectiveDateTime": "2024-01-01T00:00:00.123456789-11:30"}),
    ("another's profile", {"meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]}}),
    ("our profile", {"meta": {"profile": ["https://example.org/fhir-svc/StructureDefinition/intake-response|1.0.0"]}}),
    ("versioned reference", {"subject": {"reference": "Patient/1/_history/2"}}),
    ("absolute reference", {"subject": {"reference": "https://ehr.example/fhir/Patient/1"}}),
    ("a URL that is no RESTful one", {"performer": [{"reference": "http://169.254.169.254/latest/meta-data"}]}),
    ("a URL that names no type of R4", {"performer": [{"reference": "https://x.example/Users/12"}]}),
    ("urn", {"performer": [{"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}]}),
    ("conditional", {"performer": [{"reference": "Practitioner?identifier=a|b"}]}),
    ("logical", {"subject": {"identifier": {"system": "u:x", "value": "y"}, "type": "Patient"}}),
    ("contained", {"contained": [{"resourceType": "Practitioner", "id": "p"}], "performer": [{"reference": "#p"}]}),
    ("contained care team", {"contained": [{"resourceType": "CareTeam", "id": "p", "status": "active"}], "performer": [{"reference": "#p"}]}),
    ("contained for contained", {"contained": [{"resourceType": "Organization", "id": "o"}, {"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#o"}}], "performer": [{"reference": "#r"}]}),
    ("contained where any type may stand", {"contained": [{"resourceType": "Medication", "id": "m"}], "focus": [{"reference": "#m"}]}),
    ("contained that refers back", {"contained": [{"resourceType": "Provenance", "id": "p", "target": [{"reference": "#"}], "recorded": "2024-01-01T00:00:00Z", "agent": [{"who": {"display": "x"}}]}]}),
    ("no-break space", {"code": {"text": "a\u00a0b"}}),
    ("markup in text", {"code": {"text": "<script>alert(1)</script>\u202e"}}),
    ("an open period", {"effectiveDateTime": None, "effectivePeriod": {"end": "2024"}}),
    ("a period within a day", {"effectiveDateTime": None, "effectivePeriod": {"start": "2024-01-01T23:00:00-05:00", "end": "2024-01-01"}}),
    ("narrative", narrated(DIV.format('<p id="a">x &amp; &#160; \u00a0<br/><a href="javascript:x">y</a><img src="http://x/"/></p><!-- z -->'))),
    ("a narrative that is a picture", narrated(DIV.format('<img src="a.png" alt=\'b\'/>'))),
]  # fmt: skip


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    made = {**copy.deepcopy(OBSERVATION), **copy.deepcopy(changes)}
    return {name: value for name, value in made.items() if value is not None or name not in changes}


@pytest.mark.parametrize(("name", "changes", "code", "error", "place"), BAD, ids=[one[0] for one in BAD])
def test_what_is_no_fhir_r4_is_refused_with_code_and_place(conformance, name, changes, code, error, place):
    with pytest.raises(Malformed) as refusal:
        conformance.require(changed(changes))
    found = [(issue.code, issue.error, issue.expression) for issue in refusal.value.issues]
    assert (code, error, f"Observation{place}") in found


@pytest.mark.parametrize(("name", "changes", "code", "error", "place"), UNPROFILED, ids=[one[0] for one in UNPROFILED])
def test_valid_r4_that_breaks_our_profile_is_unprocessable(conformance, name, changes, code, error, place):
    resource = changed(changes)
    assert conformance.check_r4(resource) == []
    with pytest.raises(Unprocessable) as refusal:
        conformance.require(resource)
    assert [(i.code, i.error, i.expression) for i in refusal.value.issues] == [(code, error, f"Observation{place}")]


@pytest.mark.parametrize(("name", "changes"), GOOD, ids=[one[0] for one in GOOD])
def test_good_resources_are_accepted_as_they_are(conformance, name, changes):
    resource = changed(changes)
    before = copy.deepcopy(resource)
    known = {"https://example.org/fhir-svc/StructureDefinition/intake-response"}
    assert conformance.check(resource, profiles=known) == []
    assert resource == before


def test_there_is_a_schema_and_a_minimal_example_for_every_type_that_is_taken(conformance):
    assert set(MINIMAL) == TAKEN
    assert conformance.types > TAKEN


@pytest.mark.parametrize("name", sorted(MINIMAL))
def test_the_least_that_r4_requires_is_enough(conformance, name):
    assert conformance.check(MINIMAL[name]) == []


@pytest.mark.parametrize("name", sorted(MINIMAL))
def test_each_element_that_r4_requires_is_missed(conformance, name):
    for element in set(MINIMAL[name]) - {
        "resourceType",
        "id",
        "effectiveDateTime",
        "valueQuantity",
        "subject",
        "patient",
    }:
        without = {key: value for key, value in MINIMAL[name].items() if key != element}
        assert conformance.check(without), element


UCUM = "http://unitsofmeasure.org"
PRACTITIONER = {"resourceType": "Practitioner", "id": "p"}
WHY = {"extension": [{"url": "u:x", "valueCode": "y"}]}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize(
    ("name", "changes", "error", "place"),
    [
        ("Condition", {"clinicalStatus": {"text": "active"}}, "code-invalid", ".clinicalStatus"),
        ("Condition", {"clinicalStatus": status(CLINICAL, "bogus")}, "code-invalid", ".clinicalStatus.coding"),
        ("Condition", {"clinicalStatus": status(VERIFICATION, "active")}, "code-invalid", ".clinicalStatus.coding"),
        ("Condition", {"clinicalStatus": status(CLINICAL, "active"), "verificationStatus": status(VERIFICATION, "entered-in-error")}, "invariant", ""),
        ("Condition", {"clinicalStatus": status(CLINICAL, "active"), "abatementDateTime": "2024"}, "invariant", ".clinicalStatus.coding"),
        ("Condition", {"stage": [{"type": CONCEPT}]}, "invariant", ".stage[0]"),
        ("Condition", {"onsetAge": {"value": -1, "system": "http://unitsofmeasure.org", "code": "a"}}, "invariant", ".onset.value"),
        ("AllergyIntolerance", {"clinicalStatus": None}, "invariant", ""),
        ("Patient", {"contact": [{"gender": "female"}]}, "invariant", ".contact[0]"),
        ("Patient", {"telecom": [{"value": "1"}]}, "invariant", ".telecom[0]"),
        ("Patient", {"birthDate": "1980-01-01T00:00:00Z"}, "value-invalid", ".birthDate"),
        ("Patient", {"gender": "F"}, "code-invalid", ".gender"),
        ("Patient", {"deceasedBoolean": True, "deceasedDateTime": "2024"}, "element-choice", ""),
        ("Patient", {"name": [{"given": ["A", None]}]}, "invariant", ".name[0]"),
        ("Patient", {"name": [{"given": ["A", None], "_given": [WHY, None]}]}, "invariant", ".name[0]"),
        ("Patient", {"name": [{"given": ["A"], "_given": [None, WHY]}]}, "invariant", ".name[0]"),
        ("Patient", {"name": [{"given": ["A", "B"], "_given": [WHY]}]}, "invariant", ".name[0]"),
        ("Patient", {"name": [{"_given": [WHY, None]}]}, "invariant", ".name[0]"),
        ("Patient", {"multipleBirthInteger": Decimal("2.0")}, "value-invalid", ".multipleBirth"),
        ("Communication", {"payload": [{"contentString": "a", "contentReference": {"display": "b"}}]}, "element-choice", ".payload[0]"),
        ("Communication", {"payload": [{"id": "a", "extension": [{"url": "u:x", "valueCode": "y"}]}]}, "element-choice", ".payload[0]"),
        ("ServiceRequest", {"orderDetail": [CONCEPT]}, "invariant", ""),
        ("ServiceRequest", {"quantityRatio": {"numerator": {"value": 1}}}, "invariant", ".quantity"),
        ("QuestionnaireResponse", {"item": [{"linkId": "a", "item": [{"linkId": "b"}], "answer": [{"valueCode": "c"}]}]}, "element-unknown", ".item[0].answer[0].value"),
        ("QuestionnaireResponse", {"item": [{"linkId": "a", "item": [{"linkId": "b"}], "answer": [{"valueString": "c"}]}]}, "invariant", ".item[0]"),
        ("QuestionnaireResponse", {"item": [{"linkId": "a"}] * 2001}, "too-many-items", ".item"),
        ("DiagnosticReport", {"presentedForm": [{"data": "AAAA"}]}, "invariant", ".presentedForm[0]"),
        ("DiagnosticReport", {"presentedForm": [{"contentType": "text/plain", "data": "A"}]}, "value-invalid", ".presentedForm[0].data"),
        ("MedicationRequest", {"dosageInstruction": [{"timing": {"repeat": {"period": 1}}}]}, "invariant", ".dosageInstruction[0].timing.repeat"),
        ("MedicationRequest", {"dosageInstruction": [{"timing": {"repeat": {"offset": 5}}}]}, "invariant", ".dosageInstruction[0].timing.repeat"),
        ("MedicationRequest", {"dosageInstruction": [{"timing": {"repeat": {"offset": 5, "when": ["AC", "C"]}}}]}, "invariant", ".dosageInstruction[0].timing.repeat.when[1]"),
        ("MedicationRequest", {"dispenseRequest": {"expectedSupplyDuration": {"value": 3, "system": "u:x", "code": "d"}}}, "invariant", ".dispenseRequest.expectedSupplyDuration.system"),
        ("MedicationRequest", {"dispenseRequest": {"expectedSupplyDuration": {"system": UCUM, "code": "d"}}}, "invariant", ".dispenseRequest.expectedSupplyDuration"),
        ("DiagnosticReport", {"presentedForm": [{"contentType": "PDF", "url": "u:x"}]}, "value-invalid", ".presentedForm[0].contentType"),
        ("Patient", {"extension": [{"url": "u:x", "valueMoney": {"value": 1, "currency": "euro"}}]}, "value-invalid", ".extension[0].value.currency"),
        ("MedicationRequest", {"contained": [PRACTITIONER], "medicationCodeableConcept": None, "medicationReference": {"reference": "#p"}}, "reference-target", ".medication.reference"),
        ("DeviceUseStatement", {"contained": [PRACTITIONER], "device": {"reference": "#p"}}, "reference-target", ".device.reference"),
        ("ImagingStudy", {"series": [{"uid": "1.2"}]}, "element-missing", ".series[0].modality"),
    ],
)  # fmt: skip
def test_the_rules_of_the_other_types_are_kept(conformance, name, changes, error, place):
    resource = {key: value for key, value in {**MINIMAL[name], **changes}.items() if value is not None}
    assert (error, f"{name}{place}") in [(issue.error, issue.expression) for issue in conformance.check(resource)]


@pytest.mark.parametrize(
    "name",
    [
        {"given": ["A", None], "_given": [None, WHY]},
        {"given": ["A", "B"], "_given": [WHY, None]},
        {"_given": [WHY, WHY]},
    ],
)
def test_a_list_of_primitives_may_hold_null_where_an_extension_stands_instead(conformance, name):
    assert conformance.check({"resourceType": "Patient", "name": [name]}) == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("MedicationRequest", {"dosageInstruction": [{"timing": {"repeat": {"offset": 5, "when": ["ACM"]}}}]}),
        ("MedicationRequest", {"dispenseRequest": {"expectedSupplyDuration": {"value": 30, "unit": "days"}}}),
        (
            "MedicationRequest",
            {"dispenseRequest": {"expectedSupplyDuration": {"value": 3, "system": UCUM, "code": "d"}}},
        ),
        ("DiagnosticReport", {"presentedForm": [{"contentType": "text/plain; charset=UTF-8", "url": "u:x"}]}),
        ("DiagnosticReport", {"presentedForm": [{"contentType": "application/fhir+json", "url": "u:x"}]}),
        ("Patient", {"extension": [{"url": "u:x", "valueMoney": {"value": 1, "currency": "EUR"}}]}),
    ],
)
def test_what_the_rules_of_the_other_types_allow_is_accepted(conformance, name, changes):
    assert conformance.check({**MINIMAL[name], **changes}) == []


def test_a_contained_resource_of_a_type_known_by_name_only_is_taken_and_told_of(conformance):
    basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x", "_text": WHY}, "created": "2024"}
    issues = conformance.check(
        changed({"contained": [PRACTITIONER, basic], "focus": [{"reference": "#b"}, {"reference": "#p"}]})
    )
    told = [(issue.severity, issue.error, issue.expression) for issue in issues]
    assert told == [("warning", "unchecked", "Observation.contained[1]")]


def test_however_much_is_told_of_what_is_contained_nothing_after_it_is_overlooked(conformance):
    basics = [{"resourceType": "Basic", "id": f"b{number}", "code": CONCEPT} for number in range(ISSUE_LIMIT + 1)]
    first = changed({"contained": basics, "focus": [{"reference": f"#b{number}"} for number in range(len(basics))]})
    assert len(conformance.faults(first).warnings) == ISSUE_LIMIT
    bad = changed({"modifierExtension": [{"url": "u:x", "valueBoolean": True}]})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": first}, {"resource": bad}]}
    with pytest.raises(Unprocessable) as refusal:
        conformance.require(bundle)
    assert [issue.expression for issue in refusal.value.issues] == ["Bundle.entry[1].resource.modifierExtension"]
    assert conformance.check(bundle)[0].error == "modifier-extension"


@pytest.mark.parametrize("kind", ["Jane", ["Basic"], 7])
def test_a_contained_resource_of_no_type_of_r4_is_refused_once(conformance, kind):
    found = conformance.check(
        changed({"contained": [{"resourceType": kind, "id": "p"}], "focus": [{"reference": "#p"}]})
    )
    assert [(issue.error, issue.expression) for issue in found] == [
        ("resource-type-unknown", "Observation.contained[0].resourceType")
    ]


def test_every_type_that_an_element_of_ours_names_is_known_in_full_inside_others(conformance):
    """`Reference-to-or-...` are the definitions of what may be referred to."""
    schema = json.loads((PROFILES / "schema" / "fhir-r4.schema.json").read_text())
    named = {one for taken in TAKEN for one in targets(schema, taken)}
    assert "CareTeam" in named
    for one in named:
        contained = {"resourceType": one, "id": "p", "madeup": 1}
        issues = conformance.check(changed({"contained": [contained], "focus": [{"reference": "#p"}]}))
        assert ("element-unknown", "Observation.contained[0]") in [(issue.error, issue.expression) for issue in issues]


def targets(schema, name):
    found = re.findall(
        r"#/\$defs/Reference-to-or-([A-Za-z\-]+)",
        json.dumps([one for key, one in schema["$defs"].items() if key == name or key.startswith(f"{name}.")]),
    )
    return {one for names in found for one in names.split("-or-")}


@pytest.mark.parametrize("name", ["Jane", "patient", "", 7, None, ["Patient"]])
def test_an_unknown_type_is_refused_without_repeating_it(conformance, name):
    with pytest.raises(Malformed) as refusal:
        conformance.require({"resourceType": name, "id": "a"})
    assert refusal.value.issues[0].expression == "Resource.resourceType"
    assert refusal.value.issues[0].code == "not-supported"


def test_a_fault_inside_a_bundle_says_in_which_entry(conformance):
    entries = [{"resource": OBSERVATION}, {"resource": changed({"status": "bogus", "implicitRules": "u:x"})}]
    issues = conformance.check({"resourceType": "Bundle", "type": "collection", "entry": entries})
    places = {issue.error: issue.expression for issue in issues}
    assert places == {
        "code-invalid": "Bundle.entry[1].resource.status",
        "implicit-rules": "Bundle.entry[1].resource.implicitRules",
    }


@pytest.mark.parametrize(
    ("bundle", "place"),
    [
        ({"type": "nonsense"}, "Bundle.type"),
        ({}, "Bundle.type"),
        ({"type": "transaction", "entry": [{"resource": OBSERVATION}]}, "Bundle.entry[0]"),
        ({"type": "collection", "entry": [{"resource": OBSERVATION, "request": {"method": "GET", "url": "x"}}]}, "Bundle.entry[0]"),
        ({"type": "collection", "total": 1}, "Bundle.type"),
        ({"type": "collection", "entry": [{"resource": OBSERVATION, "search": {"mode": "match"}}]}, "Bundle.entry[0]"),
        ({"type": "collection", "entry": [{"fullUrl": "urn:uuid:x"}]}, "Bundle.entry[0]"),
        ({"type": "collection", "entry": [{"fullUrl": "http://x/Patient/1/_history/2", "resource": OBSERVATION}]}, "Bundle.entry[0]"),
        ({"type": "transaction", "entry": [{"request": {"method": "post", "url": "Patient"}}]}, "Bundle.entry[0].request.method"),
    ],
)  # fmt: skip
def test_the_rules_of_bundles_are_kept(conformance, bundle, place):
    issues = conformance.check({"resourceType": "Bundle", **bundle})
    assert place in [(issue.expression or "").removesuffix(".fullUrl") for issue in issues]


def test_real_records_have_no_fault(conformance, records):
    for record in records():
        assert conformance.check(record) == []


UNNAMED = [
    # what is sent, the place of its object, and which member of that object is to be left out
    ({"zzzmadeup": 1, **OBSERVATION}, "Observation", 1),
    ({**OBSERVATION, "aaamadeup": 1}, "Observation", len(OBSERVATION) + 1),
    ({**OBSERVATION, "code": {"text": "x", "zzzmadeup": 1, "id": "a"}}, "Observation.code", 2),
    ({**OBSERVATION, "category": [{"text": "x"}, {"text": "x", "madeup": 1}]}, "Observation.category[1]", 2),
]


@pytest.mark.parametrize(("sent", "place", "member"), UNNAMED)
def test_a_member_that_is_not_named_is_counted_as_it_was_sent(conformance, sent, place, member):
    (issue,) = conformance.check(sent)
    assert issue.expression == place
    assert f"member {member} of" in issue.text
    assert "madeup" not in repr(issue)


def test_no_issue_repeats_a_value_of_the_input(conformance):
    marker = "Zx9marker"
    for _, changes, *_ in [*BAD, *UNPROFILED]:
        resource = changed(changes)
        for name, value in {"id": f"{marker}!", "language": marker * 3, marker: marker, "issued": marker}.items():
            resource[name] = value
        resource["subject"] = {"reference": f"{marker}/{marker}", "display": marker}
        issues = conformance.check(resource)
        assert issues
        assert not [issue for issue in issues if marker in f"{issue.text}{issue.expression}"]


def test_the_number_of_issues_is_bounded(conformance):
    items = [{"linkId": "", "answer": []} for _ in range(1500)]
    assert len(conformance.check({**MINIMAL["QuestionnaireResponse"], "item": items})) == ISSUE_LIMIT


@pytest.mark.parametrize(
    "changes",
    [
        {"component": [{}] * 60_000},
        {f"k{number}": 1 for number in range(30_000)},
        narrated(DIV.format("<!--" * 100_000)),
        narrated("<div" + " " * 500_000 + "x>y</div>"),
        {"contained": [{"resourceType": "Patient", "id": f"p{n}", "link": [{"other": {"reference": f"#p{n + 1}"}, "type": "refer"}]} for n in range(4_000)]},
        {"performer": [{"reference": "https:/" + "/Patient" * 100_000}, {"reference": "x"}]},
    ],
    ids=["errors", "names", "comments", "spaces", "contained", "reference"],
)  # fmt: skip
def test_a_body_made_to_cost_much_is_refused_with_few_issues(conformance, changes):
    assert 0 < len(conformance.check(changed(changes))) <= ISSUE_LIMIT


NAMES = st.sampled_from(
    ["resourceType", "id", "status", "code", "subject", "reference", "contained", "item", "answer", "text", "div", "extension",
     "url", "meta", "profile", "start", "end", "low", "high", "value", "component", "valueQuantity", "entry", "resource", "x",
     "_status", "modifierExtension", "implicitRules", "linkId", "coding", "questionnaire", "request", "method", "fullUrl",
     "type", "parameter", "part", "name", "identifier", "system", "authored", "effectiveDateTime"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.sampled_from(["Observation", "Patient", "QuestionnaireResponse", "Bundle", "Parameters", "final", "#a", "Patient/1",
                     "2024-01-01", "transaction", "PUT", "urn:uuid:a", "<div>x</div>", "Patient?identifier=a|b"]),
)  # fmt: skip
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=15
)
RESOURCES = st.builds(
    lambda name, rest: {**rest, "resourceType": name},
    st.sampled_from([*sorted(TAKEN), "Bundle", "Parameters", "Encounter"]),
    st.dictionaries(NAMES, TREES, max_size=8),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RESOURCES | st.dictionaries(NAMES, TREES, max_size=8))
def test_whatever_comes_is_accepted_or_refused_and_never_breaks(conformance, resource):
    issues = conformance.check(resource)
    if not issues:
        conformance.require(resource)
        return
    with pytest.raises(Rejected) as refusal:
        conformance.require(resource)
    assert refusal.value.status in {400, 422}
    assert 0 < len(refusal.value.issues) <= ISSUE_LIMIT
