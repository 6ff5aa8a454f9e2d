"""Whom the audit names of what a Bundle did: each patient that it wrote of or read of."""

import re

import pytest
from sqlalchemy import event

from fhir_svc.store import audit, patients, resources
from tests.web.cast import EHR, MRN, intake_form, observation, patient, record, transaction


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


def refusals(house, patient_id):
    """The reasons for which parts of batches about a patient were refused."""
    found = house.as_person("ada", "GET", f"/fhir/AuditEvent?patient={patient_id}&subtype=batch&outcome=4").json
    return sorted(entry["resource"]["outcomeDesc"] for entry in found.get("entry", ()))


STALE = {"ifMatch": 'W/"7"'}
REFUSED_PARTS = {
    "a value": ("POST", observation(status="nonsense"), {}, "code-invalid"),
    "a precondition": ("PUT", observation(id="o1"), STALE, "version-conflict"),
    "an absolute reference": ("POST", observation(f"{EHR}/Patient/p1", status="nonsense"), {}, "code-invalid"),
    "a conditional reference": ("POST", observation(f"Patient?identifier={MRN}|12345", status="x y"), {}, None),
    "a conditional reference and a precondition": (
        "PUT",
        observation(f"Patient?identifier={MRN}|12345", id="o1"),
        STALE,
        "version-conflict",
    ),
    "an identifier": (
        "POST",
        observation(status="nonsense", subject={"identifier": {"system": MRN, "value": "12345"}}),
        {},
        "code-invalid",
    ),
    "another name of the element": (
        "POST",
        {"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/p1"}, "criticality": "x y"},
        {},
        None,
    ),
    "the Patient": ("PUT", patient(id="p1"), STALE, "version-conflict"),
    "another id of the patient": ("POST", observation("Patient/other", status="nonsense"), {}, "code-invalid"),
    "a method": ("DELETE", observation(), {}, "bundle-method"),
    "a contained Patient": (
        "POST",
        observation("#p", status="nonsense", contained=[patient(id="p")]),
        {},
        "code-invalid",
    ),
}


@pytest.mark.parametrize(("method", "resource", "request_", "reason"), REFUSED_PARTS.values(), ids=REFUSED_PARTS)
def test_a_refused_part_of_a_batch_is_found_by_the_patient_whom_it_names(house, method, resource, request_, reason):
    house.call("PUT", "/fhir/Patient/p1", patient(id="p1"))
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    with house.database.transaction() as tx:
        patients.alias(tx, "north", "other", "p1")
    url = resource["resourceType"] + (f"/{resource['id']}" if method == "PUT" else "")
    bundle = transaction((method, url, resource), ("POST", "Observation", observation("Patient/p2")), kind="batch")
    bundle["entry"][0]["request"] |= request_
    answer = house.call("POST", "/fhir", bundle)
    first, second = (entry["response"]["status"][0] for entry in answer.json["entry"])
    assert (first, second) == ("4", "2")
    assert len(refusals(house, "p1")) == 1
    assert reason is None or refusals(house, "p1") == [reason]
    assert refusals(house, "p2") == []


NOBODY = [
    None,
    7,
    [],
    {},
    {"reference": 7},
    {"reference": "Group/1"},
    {"reference": "#p"},
    {"reference": "Patient/nobody"},
    {"reference": "Patient?identifier=x|nobody"},
    {"reference": "Patient?nonsense=1"},
    {"reference": "https://elsewhere.example/fhir/Patient/p1"},
    {"identifier": 7},
    {"identifier": {"value": "12345"}},
]


@pytest.mark.parametrize("subject", NOBODY, ids=str)
def test_a_refused_part_that_names_nobody_who_is_known_is_told_without(house, subject):
    house.call("PUT", "/fhir/Patient/p1", patient(id="p1"))
    wrong = observation(status="nonsense", subject=subject)
    answer = house.call("POST", "/fhir", transaction(("POST", "Observation", wrong), kind="batch"))
    assert answer.json["entry"][0]["response"]["status"][0] == "4"
    with house.database.reading() as tx:
        found = audit.search(tx, "north", [("subtype", "batch"), ("outcome", "4")], count=10).entries
    assert [one.content.get("entity", [])[1:] for one in found] == [[]]  # but for the request's own id


SENT = {
    "create": ("POST", "Observation", observation()),
    "nothing new": ("POST", "$submit", record(observation(id="o1"))),
    "transaction": ("POST", "", transaction(("POST", "Observation", observation()))),
    "record": ("POST", "$submit", record(intake_form(id="f1"))),
    "updates": ("POST", "", transaction(("PUT", "Observation/o1", observation(id="o1", status="amended")))),
}


@pytest.mark.parametrize(("method", "url", "body"), SENT.values(), ids=SENT)
@pytest.mark.parametrize("prefer", ["return=minimal", "return=representation", "return=OperationOutcome"])
def test_an_answer_from_memory_is_found_by_the_patient_of_what_was_sent(house, method, url, body, prefer):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    for headers in ({}, {"Idempotency-Key": "k"}, {"Idempotency-Key": "k"}):
        answer = house.call(method, f"/fhir/{url}".rstrip("/"), body, headers={"Prefer": prefer} | headers)
        assert answer.status_code in {200, 201}
    assert [act for act, _ in told(house, "p1")][-2:] == ["replay", "replay"]


def test_a_batch_from_memory_is_found_by_every_patient_that_it_wrote_or_read_of(house):
    house.call("PUT", "/fhir/Observation/o3", observation("Patient/p3", id="o3"))
    with house.database.transaction() as tx:
        patients.alias(tx, "north", "other", "p2")
    parts = [("POST", "Observation", observation(f"Patient/{one}")) for one in ("p1", "other", "p1")]
    bundle = transaction(*parts, ("GET", "Observation/o3", None), kind="batch")
    for _ in range(2):
        assert house.call("POST", "/fhir", bundle).status_code == 200
    for one in ("p1", "p2", "p3"):
        assert [act for act, _ in told(house, one)].count("replay") == 1
    with house.database.reading() as tx:
        assert audit.verify(tx) == []
        assert audit.search(tx, "north", [("subtype", "replay")], count=10).total == 3


def test_an_answer_from_memory_about_no_patient_is_told_once(house):
    for _ in range(2):
        house.call("POST", "/fhir/Device", {"resourceType": "Device"})
    with house.database.reading() as tx:
        assert audit.search(tx, "north", [("subtype", "replay")], count=10).total == 1


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
