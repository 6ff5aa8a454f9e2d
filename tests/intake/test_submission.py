"""Bodies become submissions of one patient, with references resolved, or are refused with every place named."""

# ruff: noqa: E501 - a case is one line of its table

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_svc.errors import Malformed, Rejected, TooLarge, Unprocessable
from fhir_svc.intake.submission import (
    ENTRY_LIMIT,
    SUBMIT_ENTRY_LIMIT,
    TAKEN,
    Batch,
    Kind,
    Submission,
    read_bundle,
    read_single,
    read_submit,
    settle,
)

Json = dict[str, Any]
P1 = {"reference": "Patient/1"}


def observation(subject: Any = P1, **more: Any) -> Json:
    made = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": copy.deepcopy(subject),
        **more,
    }
    return {name: value for name, value in made.items() if value is not None}


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", **more}


def post(resource: Json, full_url: str | None = None, **request: Any) -> Json:
    asked = {"method": "POST", "url": resource["resourceType"], **request}
    return {**({"fullUrl": full_url} if full_url else {}), "resource": resource, "request": asked}


def put(resource: Json, url: str | None = None, **request: Any) -> Json:
    url = url or f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url, **request}}


def get(url: str) -> Json:
    return {"request": {"method": "GET", "url": url}}


def transaction(*entries: Json, type: str = "transaction") -> Json:  # noqa: A002 - FHIR's word for it
    return {"resourceType": "Bundle", "type": type, **({"entry": list(entries)} if entries else {})}


def collection(*resources: Json) -> Json:
    return transaction(*({"resource": one} for one in resources), type="collection")


def taken(submission: Submission | Batch) -> Submission:
    assert isinstance(submission, Submission)
    return submission


def refused(read: Callable[[], Any], error: type[Rejected] = Unprocessable) -> list[tuple[str, str, str | None]]:
    with pytest.raises(error) as refusal:
        read()
    return [(issue.error, issue.code, issue.expression) for issue in refusal.value.issues]


# --- one resource


def test_a_created_resource_gets_an_id_of_ours(reading):
    sent = read_single(observation(id="theirs"), reading, type="Observation")
    assert (sent.kind, sent.subject, sent.settled) == (Kind.SINGLE, "Patient/1", True)
    (entry,) = sent.entries
    assert (entry.method, entry.id, entry.resource["id"], entry.location) == ("POST", "new-0", "new-0", "Observation")


def test_an_updated_resource_keeps_the_clients_id(reading):
    sent = read_single(observation(id="o-7"), reading, type="Observation", id="o-7", if_match='W/"3"')
    assert (sent.entries[0].method, sent.entries[0].id, sent.entries[0].if_match) == ("PUT", "o-7", 'W/"3"')


def test_a_patient_is_its_own_subject(reading):
    assert read_single(patient(id="9"), reading, type="Patient", id="9").subject == "Patient/9"


@pytest.mark.parametrize(
    ("resource", "options", "error", "found"),
    [
        (observation(), {"type": "Condition"}, Malformed, ("resource-type-mismatch", "invalid", "Condition.resourceType")),
        ({"resourceType": "Jane"}, {"type": "Observation"}, Malformed, ("resource-type-unknown", "not-supported", "Observation.resourceType")),
        ({"resourceType": "Encounter"}, {"type": "Encounter"}, Unprocessable, ("type-not-taken", "not-supported", "Encounter.resourceType")),
        ({}, {"type": "Observation"}, Malformed, ("element-missing", "required", "Observation.resourceType")),
        (observation(id="a"), {"type": "Observation", "id": "b"}, Malformed, ("resource-id-mismatch", "invalid", "Observation.id")),
        (observation(), {"type": "Observation", "id": "b"}, Malformed, ("resource-id-mismatch", "invalid", "Observation.id")),
        (observation(status="bogus"), {"type": "Observation"}, Malformed, ("code-invalid", "code-invalid", "Observation.status")),
        (observation(None), {"type": "Observation"}, Unprocessable, ("subject-missing", "business-rule", "Observation.subject")),
        ({"resourceType": "Device", "patient": {"display": "x"}}, {"type": "Device"}, Unprocessable, ("subject-missing", "business-rule", "Device.patient")),
    ],
)  # fmt: skip
def test_a_body_that_is_not_what_the_url_says_is_refused(reading, resource, options, error, found):
    assert found in refused(lambda: read_single(resource, reading, **options), error)


# --- the subject

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
    settled = settle(sent, {sent.questions[0]: "Patient/77"}, reading)
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
    assert refused(lambda: settle(sent, {"Patient?identifier=a|b": "Patient/1"}, reading)) == [
        ("reference-unresolved", "not-found", "Bundle.entry[1].resource.performer[0].reference")
    ]


def test_answers_that_mean_two_patients_are_refused(reading):
    bundle = transaction(post(observation({"reference": "Patient?identifier=a|b"})), post(observation()))
    sent = taken(read_bundle(bundle, reading))
    found = refused(lambda: settle(sent, {"Patient?identifier=a|b": "Patient/2"}, reading))
    assert found == [("subject-several", "business-rule", "Bundle.entry[1].resource.subject")]


def contained_subject(**more: Any) -> Json:
    return observation({"reference": "#p"}, contained=[{"resourceType": "Patient", "id": "p", **more}])


def test_a_contained_patient_is_known_by_its_identifier_or_refused(reading):
    sent = read_single(contained_subject(identifier=[{"system": "s", "value": "v"}]), reading, type="Observation")
    assert sent.questions == ("Patient?identifier=s|v",)
    assert settle(sent, {"Patient?identifier=s|v": "Patient/4"}, reading).subject == "Patient/4"
    assert refused(lambda: settle(sent, {}, reading)) == [
        ("reference-unresolved", "not-found", "Observation.subject.reference")
    ]
    assert refused(lambda: read_single(contained_subject(), reading, type="Observation")) == [
        ("subject-not-patient", "business-rule", "Observation.subject")
    ]


def test_a_contained_patient_that_is_another_than_the_referenced_one_is_refused(reading):
    bundle = transaction(post(observation()), post(contained_subject(identifier=[{"system": "s", "value": "v"}])))
    sent = taken(read_bundle(bundle, reading))
    assert refused(lambda: settle(sent, {"Patient?identifier=s|v": "Patient/4"}, reading)) == [
        ("subject-several", "business-rule", "Bundle.entry[1].resource.subject")
    ]


# --- transactions

URN = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
OTHER = "urn:uuid:0d0b5c7e-8f4d-4f0a-9a8e-2d1f0c0b0a09"


def test_references_between_entries_become_ids_wherever_they_stand(reading):
    deep = observation(
        {"reference": URN},
        contained=[{"resourceType": "Provenance", "id": "c", "target": [{"reference": URN}]}],
        extension=[{"url": "u:x", "valueReference": {"reference": URN}}, {"url": "u:y", "valueUri": URN}],
        hasMember=[{"reference": OTHER}],
        note=[{"text": URN, "authorReference": {"reference": URN}}],
        identifier=[{"system": "urn:ietf:rfc:3986", "value": URN}],
    )
    deep["derivedFrom"] = [{"reference": "#c"}]
    deep["contained"] = [{"resourceType": "Media", "id": "c", "status": "completed", "content": {"title": "x"}, "subject": {"reference": URN}}]  # fmt: skip
    bundle = transaction(post(deep), post(patient(), URN), post(observation({"reference": URN}), OTHER))
    sent = taken(read_bundle(bundle, reading))
    first = sent.entries[0].resource
    person, other = "Patient/new-1", "Observation/new-2"
    assert first["subject"]["reference"] == person
    assert first["contained"][0]["subject"]["reference"] == person
    assert first["extension"][0]["valueReference"]["reference"] == person
    assert first["extension"][1]["valueUri"] == person
    assert first["hasMember"][0]["reference"] == other
    assert first["note"][0] == {"text": URN, "authorReference": {"reference": person}}
    assert first["identifier"][0]["value"] == URN
    assert not sent.settled
    assert settle(sent, {}, reading).subject == person


def test_a_posted_patient_that_is_a_stored_one_takes_its_id_everywhere(reading):
    bundle = transaction(post(patient(), URN), post(observation({"reference": URN})), post(observation(P1)))
    sent = taken(read_bundle(bundle, reading))
    settled = settle(sent, {"Patient/new-0": "Patient/1"}, reading)
    assert (settled.subject, settled.entries[0].id, settled.entries[0].resource["id"]) == ("Patient/1", "1", "1")
    assert settled.entries[1].resource["subject"]["reference"] == "Patient/1"


def test_relative_references_are_read_with_the_base_of_their_entry(reading):
    base = "https://ehr.example/fhir"
    bundle = transaction(
        post(patient(id="1"), f"{base}/Patient/1"),
        post(observation(id="5"), f"{base}/Observation/5"),
        post(observation()),
    )
    sent = taken(read_bundle(bundle, reading))
    assert sent.entries[1].resource["subject"]["reference"] == "Patient/new-0"
    assert sent.entries[2].resource["subject"]["reference"] == "Patient/1"


def test_verbs_are_carried_out_in_the_order_of_the_specification(reading):
    bundle = transaction(get("Patient/1"), put(patient(id="1")), post(observation()), get("Observation?code=x"))
    sent = taken(read_bundle(bundle, reading))
    assert [(entry.method, entry.index) for entry in sent.entries] == [("POST", 2), ("PUT", 1), ("GET", 0), ("GET", 3)]
    assert [(entry.type, entry.url) for entry in sent.entries[2:]] == [("Patient", "Patient/1"), ("Observation", "Observation?code=x")]  # fmt: skip
    assert len(sent.writes) == 2


def test_conditions_of_the_requests_are_handed_on(reading):
    bundle = transaction(
        post(observation(), ifNoneExist="identifier=a|b"),
        put(patient(id="1"), ifMatch='W/"2"'),
        put(observation(), "Observation?identifier=a|c"),
        {"request": {"method": "GET", "url": "Patient/1", "ifNoneMatch": 'W/"1"'}},
    )
    created, updated, conditional, read = taken(read_bundle(bundle, reading)).entries
    assert created.if_none_exist == "identifier=a|b"
    assert updated.if_match == 'W/"2"'
    assert (conditional.condition, conditional.id) == ("identifier=a|c", "new-1")
    assert read.if_none_match == 'W/"1"'


def test_a_bundle_that_only_reads_has_no_subject(reading):
    sent = taken(read_bundle(transaction(get("Patient/1")), reading))
    assert (sent.subject, sent.settled, sent.writes) == (None, True, ())


def test_an_empty_bundle_stores_nothing(reading):
    assert taken(read_bundle(transaction(), reading)).entries == ()


REFUSED: list[tuple[str, Json, type[Rejected], tuple[str, str, str]]] = [
    ("collection", collection(observation()), Unprocessable, ("bundle-type", "not-supported", "Bundle.type")),
    ("searchset", transaction(type="searchset"), Unprocessable, ("bundle-type", "not-supported", "Bundle.type")),
    ("unknown bundle type", transaction(type="nonsense"), Malformed, ("code-invalid", "code-invalid", "Bundle.type")),
    ("no Bundle", observation(), Malformed, ("resource-type-mismatch", "invalid", "Bundle.resourceType")),
    ("no request", transaction({"resource": observation()}), Malformed, ("invariant", "invariant", "Bundle.entry[0]")),
    ("delete", transaction({"request": {"method": "DELETE", "url": "Patient/1"}}), Unprocessable, ("bundle-method", "not-supported", "Bundle.entry[0].request.method")),
    ("patch", transaction({"request": {"method": "PATCH", "url": "Patient/1"}, "resource": observation()}), Unprocessable, ("bundle-method", "not-supported", "Bundle.entry[0].request.method")),
    ("unknown method", transaction({"request": {"method": "MOVE", "url": "Patient/1"}}), Malformed, ("code-invalid", "code-invalid", "Bundle.entry[0].request.method")),
    ("a type we do not take", transaction(post(observation()), post({"resourceType": "Encounter"})), Unprocessable, ("type-not-taken", "not-supported", "Bundle.entry[1].resource")),
    ("a type that does not exist", transaction(post({"resourceType": "Jane"})), Unprocessable, ("type-not-taken", "not-supported", "Bundle.entry[0].resource")),
    ("url of a type we do not take", transaction(post(observation(), url="Encounter")), Unprocessable, ("type-not-taken", "not-supported", "Bundle.entry[0].request.url")),
    ("url of another type", transaction(post(observation(), url="Condition")), Malformed, ("resource-type-mismatch", "invalid", "Bundle.entry[0].resource")),
    ("url with another id", transaction(put(observation(id="a"), "Observation/b")), Malformed, ("resource-id-mismatch", "invalid", "Bundle.entry[0].resource.id")),
    ("POST with an id", transaction(post(observation(id="a"), url="Observation/a")), Unprocessable, ("bundle-url", "value", "Bundle.entry[0].request.url")),
    ("PUT without an id", transaction(put(observation(id="a"), "Observation")), Unprocessable, ("bundle-url", "value", "Bundle.entry[0].request.url")),
    ("another server's url", transaction(put(observation(id="a"), "https://evil.example/Observation/a")), Unprocessable, ("bundle-url", "value", "Bundle.entry[0].request.url")),
    ("POST of nothing", transaction({"request": {"method": "POST", "url": "Observation"}}), Malformed, ("element-missing", "required", "Bundle.entry[0].resource")),
    ("fullUrl with another id", transaction(post(observation(id="a"), "https://ehr.example/fhir/Observation/b")), Unprocessable, ("full-url-mismatch", "value", "Bundle.entry[0].fullUrl")),
    ("fullUrl with another type", transaction(post(observation(id="a"), "https://ehr.example/fhir/Condition/a")), Unprocessable, ("full-url-mismatch", "value", "Bundle.entry[0].fullUrl")),
    ("a urn that means a wrong type", transaction(post(observation(encounter={"reference": URN})), post(observation(), URN)), Malformed, ("reference-target", "value", "Bundle.entry[0].resource.encounter.reference")),
    ("modifierExtension", transaction(post(observation(modifierExtension=[{"url": "u:x", "valueBoolean": True}]))), Unprocessable, ("modifier-extension", "extension", "Bundle.entry[0].resource.modifierExtension")),
    ("unknown questionnaire", transaction(post({"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "u:x|1", "subject": P1})), Unprocessable, ("questionnaire-unknown", "not-supported", "Bundle.entry[0].resource.questionnaire")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bundle", "error", "found"), REFUSED, ids=[one[0] for one in REFUSED])
def test_what_a_transaction_may_not_hold_is_refused_with_its_place(reading, name, bundle, error, found):
    assert found in refused(lambda: read_bundle(copy.deepcopy(bundle), reading), error)


DOUBLES = [
    ("fullUrl", transaction(get("Patient/1"), post(observation(), URN), post(observation(), URN)), "Bundle.entry[2].fullUrl"),
    ("identity", transaction(get("Patient/1"), put(patient(id="1")), put(patient(id="1"))), "Bundle.entry[2].resource"),
    ("condition", transaction(get("Patient/1"), post(observation(), ifNoneExist="identifier=a"), put(observation(), "Observation?identifier=a")), "Bundle.entry[2].resource"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bundle", "place"), DOUBLES, ids=[one[0] for one in DOUBLES])
def test_the_same_thing_twice_in_one_bundle_is_refused_with_both_indexes(reading, name, bundle, place):
    with pytest.raises(Unprocessable) as refusal:
        read_bundle(bundle, reading)
    (issue,) = refusal.value.issues
    assert (issue.code, issue.expression) == ("duplicate", place)
    assert "entry[1]" in issue.text
    assert "entry[2]" in issue.text


def test_more_entries_than_the_limit_are_too_large(reading):
    for read, limit in ((read_bundle, ENTRY_LIMIT), (read_submit, SUBMIT_ENTRY_LIMIT)):
        many = transaction(*[get("Patient/1")] * (limit + 1))
        assert refused(lambda read=read, many=many: read(many, reading), TooLarge) == [
            ("too-many-entries", "too-costly", "Bundle.entry")
        ]
    assert len(taken(read_bundle(transaction(*[get("Patient/1")] * ENTRY_LIMIT), reading)).entries) == ENTRY_LIMIT


# --- time

TIMES = [
    ("2026-03-01T12:15:00Z", True),
    ("2026-03-01T12:15:01Z", False),
    ("2026-03-01T14:15:00+02:00", True),
    ("2026-03-01T14:15:01+02:00", False),
    ("2026-03-02", True),
    ("2026-03-03", False),
    ("2026-03", True),
    ("2026-04", False),
    ("2026", True),
    ("2027", False),
    ("2016-12-31T23:59:60Z", True),
]


@pytest.mark.parametrize(("text", "is_taken"), TIMES)
@pytest.mark.parametrize(
    ("resource", "place"),
    [
        (lambda text: observation(effectiveDateTime=text), "effectiveDateTime"),
        (lambda text: observation(effectivePeriod={"start": text}), "effectivePeriod.start"),
        (lambda text: {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": P1, "authoredOn": text}, "authoredOn"),
        (lambda text: {"resourceType": "Communication", "status": "completed", "subject": P1, "sent": text}, "sent"),
    ],
)  # fmt: skip
def test_data_of_the_future_are_refused(reading, resource, place, text, is_taken):
    made = resource(text)
    name = made["resourceType"]
    if is_taken:
        assert read_single(made, reading, type=name).settled
    else:
        found = refused(lambda: read_single(made, reading, type=name))
        assert found == [("time-future", "business-rule", f"{name}.{place}")]


# --- batch


def test_each_entry_of_a_batch_is_a_submission_of_its_own(reading):
    bundle = transaction(
        post(observation()),
        post(observation({"reference": "Patient/2"})),
        post(observation(status="bogus")),
        post({"resourceType": "Encounter"}),
        get("Patient/1"),
        post(observation({"reference": URN})),
        post(patient(), URN),
        type="batch",
    )
    accepted = read_bundle(bundle, reading)
    assert isinstance(accepted, Batch)
    first, second, third, fourth, fifth, sixth, seventh = accepted.parts
    assert (taken(first).subject, taken(second).subject) == ("Patient/1", "Patient/2")
    assert isinstance(third, Malformed)
    assert third.issues[0].expression == "Bundle.entry[2].resource.status"
    assert isinstance(fourth, Unprocessable)
    assert fourth.issues[0].expression == "Bundle.entry[3].resource"
    assert (taken(fifth).entries[0].method, taken(fifth).entries[0].index) == ("GET", 4)
    assert isinstance(sixth, Unprocessable)
    assert (sixth.issues[0].code, sixth.issues[0].expression) == ("not-found", "Bundle.entry[5].resource.subject")
    assert taken(seventh).entries[0].index == 6


@pytest.mark.parametrize("entry", [{"resource": observation()}, {"request": {"method": "X", "url": "y"}}, {"jane": 1}])
def test_a_batch_that_is_no_bundle_is_refused_as_a_whole(reading, entry):
    with pytest.raises(Malformed):
        read_bundle(transaction(entry, type="batch"), reading)


def test_an_empty_batch_has_no_parts(reading):
    assert read_bundle(transaction(type="batch"), reading) == Batch(())


# --- $submit


def test_submit_keeps_the_ehrs_ids_and_says_what_it_ignored(reading):
    bundle = transaction(
        {"resource": patient(id="p")},
        {"resource": observation({"reference": "Patient/p"}, encounter={"reference": URN}), "fullUrl": OTHER},
        {"resource": {"resourceType": "Encounter", "jane": 1}, "fullUrl": URN},
        {"resource": observation({"reference": "Patient/p"}), "fullUrl": "https://ehr.example/fhir/Observation/o-3"},
        {"resource": observation({"reference": "Patient/p"})},
        type="collection",
    )
    sent = read_submit(bundle, reading)
    assert (sent.kind, sent.subject) == (Kind.SUBMIT, "Patient/p")
    assert [(entry.index, entry.method, entry.local) for entry in sent.entries] == [
        (0, "PUT", "Patient/p"),
        (1, "PUT", "Observation/0d0b5c7e-8f4d-4f0a-9a8e-2d1f0c0b0a09"),
        (3, "PUT", "Observation/o-3"),
        (4, "PUT", "Observation/new-0"),
    ]
    (ignored,) = sent.ignored
    assert (ignored.index, ignored.type, ignored.issue.expression) == (2, "Encounter", "Bundle.entry[2].resource")
    (warning,) = sent.warnings
    assert (warning.severity, warning.expression) == ("warning", "Bundle.entry[1].resource.encounter.reference")
    assert sent.entries[1].resource["encounter"]["reference"] == URN


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_submit_takes_the_resources_of_transactions_and_batches_but_deletes_nothing(reading, kind):
    deletion = {"request": {"method": "DELETE", "url": "Patient/1"}}
    sent = read_submit(transaction(post(observation(id="o")), deletion, get("Patient/1"), type=kind), reading)
    assert [entry.local for entry in sent.entries] == ["Observation/o"]
    assert [one.index for one in sent.ignored] == [1, 2]


def test_submit_reads_parameters_too_and_places_issues_in_them(reading):
    def body(inner: Json) -> Json:
        return {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "y"}, {"name": "bundle", "resource": inner}]}  # fmt: skip

    taken = read_submit(body(collection(observation(id="a"))), reading)
    assert taken.subject == "Patient/1"
    said = [(one.error, one.severity, one.expression) for one in taken.warnings]
    assert said == [("parameter-unknown", "warning", "Parameters.parameter[0]")]
    found = refused(lambda: read_submit(body(collection(observation(status="bogus"))), reading), Malformed)
    assert found[0][2] == "Parameters.parameter[1].resource.entry[0].resource.status"
    empty = {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "y"}]}
    assert refused(lambda: read_submit(empty, reading)) == [("bundle-missing", "required", "Parameters.parameter")]


def test_submit_takes_one_bundle_and_drops_none_in_silence(reading):
    one = {"name": "bundle", "resource": collection(observation(id="a"))}
    two = {"name": "bundle", "resource": collection(observation(id="b"))}
    found = refused(lambda: read_submit({"resourceType": "Parameters", "parameter": [one, two]}, reading))
    assert found == [("parameter-repeated", "business-rule", "Parameters.parameter[1]")]


def test_submit_refuses_two_patients_and_the_same_resource_twice(reading):
    two = collection(observation(id="a"), observation({"reference": "Patient/2"}, id="b"))
    assert refused(lambda: read_submit(two, reading))[0][0] == "subject-several"
    twice = collection(observation(id="a"), observation(id="a"))
    assert refused(lambda: read_submit(twice, reading))[0][:2] == ("bundle-duplicate", "duplicate")
    assert refused(lambda: read_submit(transaction(type="history"), reading))[0][0] == "bundle-type"


# --- real records


def test_real_records_are_taken_by_submit(reading, records):
    later = replace(reading, at=reading.at.replace(year=2100))
    for record in records():
        total = len(record["entry"])
        (person,) = [one["resource"]["id"] for one in record["entry"] if one["resource"]["resourceType"] == "Patient"]
        sent = read_submit(record, later)
        assert sent.subject == f"Patient/{person}"
        assert len(sent.entries) + len(sent.ignored) == total
        assert {entry.type for entry in sent.entries} <= TAKEN
        assert all(
            entry.resource.get("subject", {}).get("reference", sent.subject) == sent.subject for entry in sent.entries
        )


def test_real_records_as_they_are_hold_types_that_a_transaction_refuses_entry_by_entry(reading, records):
    for record in records():
        wrong = [n for n, one in enumerate(record["entry"]) if one["resource"]["resourceType"] not in TAKEN]
        found = refused(lambda record=record: read_bundle(record, reading))
        assert [place for _, _, place in found] == [f"Bundle.entry[{n}].resource" for n in wrong][:50]


def test_real_records_cut_to_the_types_we_take_are_transactions(reading, records):
    later = replace(reading, at=reading.at.replace(year=2100))
    for record in records():
        record["entry"] = [one for one in record["entry"] if one["resource"]["resourceType"] in TAKEN]
        sent = settle(taken(read_bundle(record, later)), {}, later)
        assert len(sent.entries) == len(record["entry"])
        assert sent.subject.startswith("Patient/new-")


# --- whatever comes

NAMES = st.sampled_from(
    ["resourceType", "id", "status", "subject", "reference", "identifier", "system", "value", "contained", "item", "extension",
     "entry", "resource", "request", "method", "url", "fullUrl", "type", "parameter", "name", "questionnaire", "ifNoneExist"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["Observation", "Patient", "QuestionnaireResponse", "Bundle", "Parameters", "Encounter", "final", "completed", "#a", "Patient/1",
     "Patient/2", "transaction", "batch", "collection", "PUT", "POST", "GET", "DELETE", "Observation/a", URN, "bundle",
     "Patient?identifier=a|b", "https://ehr.example/fhir/Patient/1", "https://[::1", "http://a:b/Patient/1"]
) | st.text(max_size=5)  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
LOOSE = st.dictionaries(NAMES, TREES, max_size=5)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"request": st.fixed_dictionaries({"method": WORDS, "url": WORDS}) | TREES},
        optional={"resource": st.builds(lambda loose: observation() | loose, LOOSE) | LOOSE, "fullUrl": WORDS},
    )
    | LOOSE,
    max_size=4,
)
BUNDLES = st.builds(
    lambda kind, entries, loose: {**loose, "resourceType": "Bundle", "type": kind, "entry": entries},
    WORDS,
    ENTRIES,
    LOOSE,
)


def read_or_refusal(read: Callable[[Json], Submission | Batch], body: Json) -> Submission | Batch | Rejected:
    try:
        return read(body)
    except Rejected as refusal:
        return refusal


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(body=BUNDLES | LOOSE)
def test_no_body_of_whatever_shape_breaks_the_reading(reading, body):
    for read in (
        lambda one: read_single(one, reading, type="Observation"),
        lambda one: read_single(one, reading, type="Patient", id="1"),
        lambda one: read_bundle(one, reading),
        lambda one: read_submit(one, reading),
    ):
        accepted = read_or_refusal(read, copy.deepcopy(body))
        for part in accepted.parts if isinstance(accepted, Batch) else (accepted,):
            assert isinstance(part, Submission) or part.status in {400, 413, 422}
