"""Transactions and batches become submissions, with references resolved, or are refused with every place named."""

# ruff: noqa: E501 - a case is one line of its table

from __future__ import annotations

import copy

import pytest

from fhir_svc.errors import Malformed, Rejected, TooLarge, Unprocessable
from fhir_svc.intake.submission import ENTRY_LIMIT, SUBMIT_ENTRY_LIMIT, Batch, read_bundle, read_submit, settle
from tests.intake.sending import (
    OTHER,
    P1,
    URN,
    Json,
    collection,
    get,
    observation,
    patient,
    post,
    put,
    refused,
    taken,
    transaction,
)


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
    assert settle(sent, {}).subject == person


def test_a_posted_patient_that_is_a_stored_one_takes_its_id_everywhere(reading):
    bundle = transaction(post(patient(), URN), post(observation({"reference": URN})), post(observation(P1)))
    sent = taken(read_bundle(bundle, reading))
    settled = settle(sent, {"Patient/new-0": "Patient/1"})
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
    ("PUT with an id and a condition", transaction(put(observation(id="a"), "Observation/a?identifier=x")), Unprocessable, ("bundle-url", "value", "Bundle.entry[0].request.url")),
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
