"""Bodies become submissions, or are refused with every place named: one resource, its time, and whatever comes."""

# ruff: noqa: E501 - a case is one line of its table

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_svc.errors import Malformed, Rejected, Unprocessable
from fhir_svc.intake.submission import Batch, Kind, Submission, read_bundle, read_single, read_submit
from tests.intake.sending import P1, URN, Json, observation, patient, refused


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
        (lambda text: observation(effectiveDateTime=text), "effective"),
        (lambda text: observation(effectivePeriod={"start": text}), "effective.start"),
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
