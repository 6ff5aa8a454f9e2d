"""Every submission is about one patient, whichever way it is named, or it is refused."""

# ruff: noqa: E501 - a case is one line of its table

from __future__ import annotations

import copy
from typing import Any

import pytest

from fhir_svc.intake.submission import read_bundle, read_single, settle
from tests.intake.sending import P1, Json, get, observation, patient, post, put, refused, taken, transaction

SUBJECTS = [
    ("relative", P1),
    ("versioned", {"reference": "Patient/1/_history/4"}),
    ("absolute under the EHR's base", {"reference": "https://ehr.example/fhir/Patient/1"}),
    ("the same with port and other case", {"reference": "HTTPS://EHR.example:443/fhir/Patient/1"}),
    ("absolute under our base", {"reference": "http://127.0.0.1:8080/fhir/Patient/1/_history/2"}),
]


@pytest.mark.parametrize(("name", "subject"), SUBJECTS, ids=[one[0] for one in SUBJECTS])
def test_every_form_of_the_same_patient_is_the_same_patient(reading, name, subject):
    sent = taken(read_bundle(transaction(post(observation(subject)), post(observation(copy.deepcopy(P1)))), reading))
    assert sent.subject == "Patient/1"
    assert sent.entries[0].resource["subject"]["reference"].startswith("Patient/1")


UNSUITABLE = [
    ("absent", None, "subject-missing", "business-rule", ""),
    ("a name only", {"display": "Jane"}, "subject-missing", "business-rule", ""),
    ("an incomplete identifier", {"identifier": {"value": "7"}}, "subject-missing", "business-rule", ""),
    ("a group", {"reference": "Group/1"}, "subject-not-patient", "business-rule", ""),
    ("a group of our base", {"reference": "https://ehr.example/fhir/Group/1"}, "subject-not-patient", "business-rule", ""),
    ("another server's", {"reference": "https://evil.example/fhir/Patient/1"}, "subject-foreign", "value", ""),
    ("a base that only begins like ours", {"reference": "https://ehr.example/fhir2/Patient/1"}, "subject-foreign", "value", ""),
    ("a host that only begins like ours", {"reference": "https://ehr.example.evil.example/fhir/Patient/1"}, "subject-foreign", "value", ""),
    ("ours as user name of another", {"reference": "https://ehr.example@evil.example/fhir/Patient/1"}, "subject-foreign", "value", ""),
    ("a metadata address", {"reference": "http://169.254.169.254/latest/meta-data"}, "subject-foreign", "value", ""),
    ("a file", {"reference": "file:///etc/passwd"}, "subject-foreign", "value", ""),
    ("a urn of nothing", {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}, "reference-unresolved", "not-found", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "subject", "error", "code", "place"), UNSUITABLE, ids=[one[0] for one in UNSUITABLE])
def test_a_subject_that_is_no_patient_we_can_know_is_refused(reading, name, subject, error, code, place):
    found = refused(lambda: read_single(observation(copy.deepcopy(subject)), reading, type="Observation"))
    assert (error, code, f"Observation.subject{place}") in found
    inside = transaction(get("Patient/1"), post(observation(copy.deepcopy(subject))))
    assert (error, code, f"Bundle.entry[1].resource.subject{place}") in refused(lambda: read_bundle(inside, reading))


TWO = [
    ("two literal", transaction(post(observation()), post(observation({"reference": "Patient/2"})))),
    ("urn and literal", transaction(put(patient(id="9")), post(observation()))),
    ("two Patients", transaction(put(patient(id="1")), put(patient(id="2")))),
    ("an absolute other", transaction(post(observation()), post(observation({"reference": "https://ehr.example/fhir/Patient/2"})))),
    ("patient and subject", transaction(post(observation()), post({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/2"}, "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "entered-in-error"}]}}))),
    ("sender and subject", transaction(post({"resourceType": "Communication", "status": "completed", "subject": P1, "sender": {"reference": "Patient/2"}}))),
    ("source and subject", transaction(post({"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "https://example.org/fhir-svc/Questionnaire/lbp-lss-intake|1.0.0", "subject": P1, "source": {"reference": "Patient/2"}}))),
    ("a device of another", transaction(post(observation()), post({"resourceType": "Device", "patient": {"reference": "Patient/2"}}))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bundle"), TWO, ids=[one[0] for one in TWO])
def test_two_patients_in_one_submission_are_refused_and_none_is_picked(reading, name, bundle):
    found = refused(lambda: read_bundle(copy.deepcopy(bundle), reading))
    assert [(error, code) for error, code, _ in found] == [("subject-several", "business-rule")]


def test_a_device_without_patient_belongs_to_the_patient_of_its_bundle(reading):
    bundle = transaction(post(observation()), post({"resourceType": "Device"}))
    assert taken(read_bundle(bundle, reading)).subject == "Patient/1"


def test_a_device_alone_may_have_no_patient(reading):
    sent = read_single({"resourceType": "Device"}, reading, type="Device")
    assert (sent.subject, sent.settled, len(sent.writes)) == (None, True, 1)


def test_a_subject_by_identifier_is_a_question_to_the_store(reading):
    subject = {"identifier": {"system": "urn:oid:1.2.3", "value": "A 7|8"}}
    sent = read_single(observation(subject), reading, type="Observation")
    assert not sent.settled
    assert sent.questions == ("Patient?identifier=urn:oid:1.2.3|A%207%7C8",)
    settled = settle(sent, {sent.questions[0]: "Patient/77"})
    assert (settled.subject, settled.settled) == ("Patient/77", True)
    assert settled.entries[0].resource["subject"]["reference"] == "Patient/77"
    assert settled.entries[0].resource["subject"]["identifier"]["value"] == "A 7|8"


def test_a_question_without_an_answer_is_refused_with_its_place(reading):
    bundle = transaction(
        post(observation({"reference": "Patient?identifier=a|b"})),
        post(observation(performer=[{"reference": "Practitioner?identifier=a|c"}])),
    )
    sent = taken(read_bundle(bundle, reading))
    assert sent.questions == ("Patient?identifier=a|b", "Practitioner?identifier=a|c")
    assert refused(lambda: settle(sent, {"Patient?identifier=a|b": "Patient/1"})) == [
        ("reference-unresolved", "not-found", "Bundle.entry[1].resource.performer[0].reference")
    ]


def test_answers_that_mean_two_patients_are_refused(reading):
    bundle = transaction(post(observation({"reference": "Patient?identifier=a|b"})), post(observation()))
    sent = taken(read_bundle(bundle, reading))
    found = refused(lambda: settle(sent, {"Patient?identifier=a|b": "Patient/2"}))
    assert found == [("subject-several", "business-rule", "Bundle.entry[1].resource.subject")]


def contained_subject(**more: Any) -> Json:
    return observation({"reference": "#p"}, contained=[{"resourceType": "Patient", "id": "p", **more}])


def test_a_contained_patient_is_known_by_its_identifier_or_refused(reading):
    sent = read_single(contained_subject(identifier=[{"system": "s", "value": "v"}]), reading, type="Observation")
    assert sent.questions == ("Patient?identifier=s|v",)
    assert settle(sent, {"Patient?identifier=s|v": "Patient/4"}).subject == "Patient/4"
    assert refused(lambda: settle(sent, {})) == [("reference-unresolved", "not-found", "Observation.subject.reference")]
    assert refused(lambda: read_single(contained_subject(), reading, type="Observation")) == [
        ("subject-not-patient", "business-rule", "Observation.subject")
    ]


def test_a_contained_patient_that_is_another_than_the_referenced_one_is_refused(reading):
    bundle = transaction(post(observation()), post(contained_subject(identifier=[{"system": "s", "value": "v"}])))
    sent = taken(read_bundle(bundle, reading))
    assert refused(lambda: settle(sent, {"Patient?identifier=s|v": "Patient/4"})) == [
        ("subject-several", "business-rule", "Bundle.entry[1].resource.subject")
    ]
