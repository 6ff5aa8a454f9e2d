"""Whom the audit names of what a Bundle did: each patient that it wrote of or read of."""

import re

import pytest
from sqlalchemy import event

from fhir_svc.store import audit, patients, resources
from tests.web.cast import observation, patient, record, transaction


def told(house, patient_id):
    """What was done about a patient: act and things, oldest first."""
    found = house.as_person("ada", "GET", f"/fhir/AuditEvent?patient={patient_id}").json
    return [
        (one["resource"]["subtype"][0]["code"], things(one["resource"])) for one in reversed(found.get("entry", ()))
    ]


def things(event_):
    return [one["what"]["reference"] for one in event_.get("entity", ()) if "reference" in one["what"]]


def test_a_batch_is_found_by_every_patient_that_it_writes_of_with_what_it_wrote_of_them(house):
    names = {"p1": ["a", "c"], "p2": ["b"], None: ["d"]}
    parts = [
        ("PUT", f"Observation/{name}", observation(f"Patient/{one}", id=name))
        for name, one in (("a", "p1"), ("b", "p2"), ("c", "p1"))
    ]
    house.call(
        "POST", "/fhir", transaction(*parts, ("PUT", "Device/d", {"resourceType": "Device", "id": "d"}), kind="batch")
    )
    for one in ("p1", "p2"):
        assert told(house, one) == [("batch", [f"Observation/{name}/_history/1" for name in names[one]])]
    with house.database.reading() as tx:
        every = [one.content for one in audit.search(tx, "north", [("subtype", "batch")], count=10).entries]
        assert audit.verify(tx) == []
    assert sorted(thing for one in every for thing in things(one)) == [
        "Device/d/_history/1",
        *[f"Observation/{name}/_history/1" for name in "abc"],
    ]


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize(
    "url",
    ["Observation/o2", "Observation/o2/_history/1", "Observation/o2/_history", "Patient/p2", "Patient/p2/_history"],
)
def test_what_a_bundle_reads_of_a_patient_is_found_as_if_it_had_been_read_alone(house, kind, url):
    house.call("PUT", "/fhir/Patient/p2", patient(id="p2"))
    house.call("PUT", "/fhir/Observation/o2", observation("Patient/p2", id="o2"))
    before = len(told(house, "p2"))
    assert house.call("GET", f"/fhir/{url}").status_code == 200
    assert house.call("POST", "/fhir", transaction(("GET", url, None), kind=kind)).status_code == 200
    alone, bundled = told(house, "p2")[before:]
    assert bundled == alone


def test_a_batch_leaves_one_event_for_each_patient_and_thing_read_of_however_many_entries(house):
    writes = [("POST", "Observation", observation(note=[{"text": str(number)}])) for number in range(20)]
    house.call("POST", "/fhir", transaction(*writes, ("GET", "Observation?patient=p1", None), kind="batch"))
    with house.database.reading() as tx:
        found = audit.search(tx, "north", [], count=50).entries
    assert [one.content["subtype"][0]["code"] for one in found] == ["batch", "search-type"]
    assert len(things(found[0].content)) == 20


def test_reading_an_artefact_leaves_no_event_in_a_bundle_either(house):
    for url in ("CodeSystem", "Questionnaire/lbp-lss-intake", "Questionnaire/lbp-lss-intake/_history"):
        alone = house.call("GET", f"/fhir/{url}")
        bundled = house.call("POST", "/fhir", transaction(("GET", url, None))).json["entry"][0]["resource"]
        assert bundled["resourceType"] == alone.json["resourceType"]
    with house.database.reading() as tx:
        acts = {one.content["subtype"][0]["code"] for one in audit.search(tx, "north", [], count=10).entries}
    assert acts == {"transaction"}


def test_a_patient_is_read_in_a_bundle_by_every_id_that_it_is_known_by(house):
    house.call("PUT", "/fhir/Patient/p2", patient(id="p2"))
    with house.database.transaction() as tx:
        patients.alias(tx, "north", "other", "p2")
    answer = house.call("POST", "/fhir", transaction(("GET", "Patient/other", None)))
    assert answer.json["entry"][0]["resource"]["id"] == house.call("GET", "/fhir/Patient/other").json["id"] == "p2"


def test_the_chain_of_the_audit_is_locked_when_all_else_is_written(house):
    for name in ("d1", "d2"):
        order = {"resourceType": "ServiceRequest", "id": name, "status": "draft", "intent": "order"}
        order |= {"subject": {"reference": "Patient/p1"}, "code": {"text": name}}
        with house.database.transaction() as tx:
            resources.create(tx, "north", order, patient="p1", ours=True)
    written = []
    event.listen(
        house.database.engine,
        "before_cursor_execute",
        lambda *args: written.extend(re.findall(r"^(?:INSERT INTO|UPDATE) (\w+)", args[2])),
    )
    changed = [order | {"id": name, "status": "active", "code": {"text": name}} for name in ("d1", "d2")]
    assert house.call("POST", "/fhir/$submit", record(*changed)).status_code == 200
    submitted = list(written)
    assert house.call("GET", "/fhir/Task?_summary=count").json["total"] == 2
    assert {"work", "resources", "receipts", "submissions"} <= set(submitted)
    assert submitted[submitted.index("audit_heads") :] == ["audit_heads", "audit", "audit_heads"]
