"""What the service wrote itself and the EHR sends back: unchanged, changed, or never given."""

import pytest

from fhir_svc.orders.identity import derived
from fhir_svc.store import resources
from tests.web.cast import BASE, codes, due, observation, patient


def test_what_the_service_wrote_itself_is_not_overwritten(house):
    ours = observation(id="derived")
    with house.database.transaction() as tx:
        resources.create(tx, "north", ours, patient="p1", ours=True)
    answer = house.call("PUT", "/fhir/Observation/derived", ours | {"status": "cancelled"})
    assert (answer.status_code, codes(answer)) == (409, ["ours"])


@pytest.fixture
def draft(house):
    """A draft of the service's own."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "priority": "stat",
        "identifier": [{"system": "https://example.org/fhir-svc/order", "value": "v1"}],
        "subject": {"reference": "Patient/p1"},
        "code": {"text": "MRI"},
    }
    with house.database.transaction() as tx:
        resources.create(tx, "north", order, patient="p1", ours=True)
    return order


def test_an_order_of_ours_that_comes_back_is_no_other_order(house, draft):
    echoed = house.call("PUT", "/fhir/ServiceRequest/d1", draft)
    assert (echoed.status_code, echoed.headers["ETag"], echoed.headers.get("Link")) == (200, 'W/"1"', None)
    renamed = house.call("POST", "/fhir/ServiceRequest", {**draft, "id": "e77"})
    assert (renamed.status_code, renamed.headers["Location"]) == (200, f"{BASE}/ServiceRequest/d1/_history/1")
    assert house.call("GET", "/fhir/ServiceRequest").json["total"] == 1
    assert due(house) == []


def test_a_draft_changed_in_the_ehr_is_refused_and_a_physician_is_told_once(house, draft):
    for _ in range(2):
        answer = house.call("PUT", "/fhir/ServiceRequest/d1", draft | {"status": "active"})
        assert (answer.status_code, codes(answer)) == (409, ["draft-changed-elsewhere"])
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["status"] == "draft"
    tasks = house.call("GET", "/fhir/Task").json
    assert tasks["total"] == 1
    (task,) = [entry["resource"] for entry in tasks["entry"]]
    assert task["focus"] == {"reference": "ServiceRequest/d1"}  # no evaluation of ours is known that made it
    assert task["basedOn"] == [{"reference": "ServiceRequest/d1"}]
    assert "unsigned draft" in task["description"]
    assert task["restriction"]["period"]["end"] > task["authoredOn"]


def test_the_review_of_a_draft_changed_in_the_ehr_points_to_the_evaluation_that_made_it(house, draft):
    guidance = {"reference": "GuidanceResponse/g1"}
    approval = {
        "resourceType": "Task",
        "id": derived("Task", "approve", "d1"),
        "status": "requested",
        "intent": "order",
    }
    with house.database.transaction() as tx:
        resources.create(tx, "north", approval | {"reasonReference": guidance}, patient="p1", ours=True)
    for status in ("active", "active", "revoked"):
        house.call("PUT", "/fhir/ServiceRequest/d1", draft | {"status": status})
    found = [entry["resource"] for entry in house.call("GET", "/fhir/Task").json["entry"]]
    reviews = [task for task in found if task["id"] != approval["id"]]
    assert [(task["focus"], task["reasonReference"]) for task in reviews] == [(guidance, guidance)] * 2


def test_a_draft_changed_in_the_ehr_is_left_out_of_a_submitted_record(house, draft):
    record = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {**draft, "status": "active"}}, {"resource": observation(id="o1")}],
    }
    answer = house.call("POST", "/fhir/$submit", record)
    assert answer.status_code == 200
    assert [issue["details"]["coding"][0]["code"] for issue in answer.json["issue"]] == [
        "draft-changed-elsewhere",
        "stored",
    ]
    assert house.call("GET", "/fhir/Task").json["total"] == 1


def test_a_signed_order_takes_over_what_the_ehr_reports(house, draft):
    with house.database.transaction() as tx:
        resources.change(tx, "north", draft | {"status": "active"}, version=1, statuses={"draft"})
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", draft | {"status": "completed"})
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"3"')
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["status"] == "completed"
    assert len(due(house)) == 1


def test_an_identifier_of_ours_that_we_never_gave_is_refused(house, draft):
    forged = {**draft, "identifier": [{"system": "https://example.org/fhir-svc/order", "value": "other"}]}
    answer = house.call("POST", "/fhir/ServiceRequest", {name: v for name, v in forged.items() if name != "id"})
    assert (answer.status_code, codes(answer)) == (422, ["unknown-order"])


@pytest.mark.parametrize(
    "change",
    [
        {"priority": "routine"},
        {"priority": None},
        {"code": {"text": "CT"}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "24968-5"}]}},
        {"requester": {"reference": "Practitioner/forged"}},
    ],
)
def test_what_is_ours_in_a_draft_is_not_changed_elsewhere_unnoticed(house, draft, change):
    copy = {name: value for name, value in (draft | change).items() if value is not None}
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", copy)
    assert (answer.status_code, codes(answer)) == (409, ["draft-changed-elsewhere"])
    assert answer.json["issue"][0]["expression"] == [f"ServiceRequest.{next(iter(change))}"]
    assert house.call("GET", "/fhir/ServiceRequest/d1").headers["ETag"] == 'W/"1"'
    assert house.call("GET", "/fhir/Task").json["total"] == 1


@pytest.mark.parametrize("status", ["draft", "active"])
def test_an_order_that_the_ehr_moves_to_another_patient_is_refused_and_a_physician_is_told_once(house, draft, status):
    house.call("PUT", "/fhir/Patient/p2", patient("22", id="p2"))
    if status == "active":
        with house.database.transaction() as tx:
            resources.change(tx, "north", draft | {"status": status}, version=1, statuses={"draft"})
    for _ in range(2):
        moved = draft | {"status": status, "subject": {"reference": "Patient/p2"}}
        answer = house.call("PUT", "/fhir/ServiceRequest/d1", moved)
        assert (answer.status_code, codes(answer)) == (409, ["draft-changed-elsewhere"])
        assert answer.json["issue"][0]["expression"] == ["ServiceRequest.subject"]
    (task,) = [entry["resource"] for entry in house.call("GET", "/fhir/Task?patient=p1").json["entry"]]
    assert ("right patient" in task["description"]) == (status == "active")
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["subject"] == {"reference": "Patient/p1"}


@pytest.mark.parametrize("known_as", ["p1-of-the-ehr", "p1-replaced"])
def test_the_patient_of_an_order_may_come_back_under_another_id_of_the_same_person(house, draft, known_as):
    replaced = [{"other": {"reference": "Patient/p1"}, "type": "replaced-by"}]
    house.call("PUT", "/fhir/Patient/p1-replaced", patient("11", id="p1-replaced") | {"link": replaced})
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", draft | {"subject": {"reference": f"Patient/{known_as}"}})
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1"')
    assert house.call("GET", "/fhir/Task").json["total"] == 0


def test_what_an_ehr_adds_to_its_copy_of_a_draft_is_no_change(house, draft):
    added = {
        "meta": {"versionId": "7", "tag": [{"system": "https://ehr.example/tag", "code": "seen"}]},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">MRI</div>'},
    }
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", draft | added)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1"')
    assert house.call("GET", "/fhir/Task").json["total"] == 0
