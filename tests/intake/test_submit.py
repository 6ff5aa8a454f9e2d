"""Whole records are taken by `$submit`: with the EHR's ids, without what it ignores, and real ones too."""

# ruff: noqa: E501 - a case is one line of its table

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_svc.errors import Malformed
from fhir_svc.intake.submission import TAKEN, Kind, read_bundle, read_submit, settle
from tests.intake.sending import (
    OTHER,
    URN,
    Json,
    collection,
    get,
    observation,
    patient,
    post,
    refused,
    taken,
    transaction,
)


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
        sent = settle(taken(read_bundle(record, later)), {})
        assert len(sent.entries) == len(record["entry"])
        assert sent.subject.startswith("Patient/new-")
