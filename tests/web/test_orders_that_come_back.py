"""What the service wrote itself and the EHR sends back: unchanged, changed, or never given."""

import pytest

from fhir_svc.orders.identity import derived
from fhir_svc.store import resources
from tests.web.cast import BASE, MRN, codes, due, guidance_of, observation, patient, record, transaction


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
    (task,) = reviews(house)
    assert "status, urgency, code or requester" in task["description"]


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


SIGNED = {"requester": {"reference": "Practitioner/alice"}}
P2 = {"subject": {"reference": "Patient/p2"}}


def become(house, order, version=1):
    """The order gets to a state by what happens here."""
    with house.database.transaction() as tx:
        resources.change(tx, "north", order, version=version, statuses={"draft", "active"})
    return order


def reviews(house, patient="p1"):
    """The Tasks about a patient, the oldest first."""
    found = house.call("GET", f"/fhir/Task?patient={patient}").json.get("entry", [])
    return sorted((entry["resource"] for entry in found), key=lambda task: task["authoredOn"])


@pytest.mark.parametrize(
    ("now", "refused", "wanted", "urgency"),
    [
        ({"status": "draft"}, "drafted for another patient", "Sign or decline the draft", "asap"),
        ({"status": "active"} | SIGNED, "signed for another patient", "carried out for the right patient", "stat"),
        ({"status": "completed"} | SIGNED, "signed for another patient", "carried out for the right patient", "asap"),
        ({"status": "revoked"} | SIGNED, "signed for another patient", "nobody carries it out", "stat"),
        ({"status": "revoked"}, "drafted for another patient", "nobody carries it out", "asap"),
    ],
)
def test_an_order_that_the_ehr_moves_to_another_patient_is_refused_and_a_physician_is_told_once(
    house, draft, now, refused, wanted, urgency
):
    house.call("PUT", "/fhir/Patient/p2", patient("22", id="p2"))
    order = become(house, draft | now) if now["status"] != "draft" else draft
    for _ in range(2):
        answer = house.call("PUT", "/fhir/ServiceRequest/d1", order | P2)
        assert (answer.status_code, codes(answer)) == (409, ["order-moved"])
        assert answer.json["issue"][0]["expression"] == ["ServiceRequest.subject"]
        assert refused in answer.json["issue"][0]["details"]["text"]
    (task,) = reviews(house)
    assert task["reasonCode"]["coding"][0]["code"] == "order-moved"
    assert wanted in task["description"]
    assert task["priority"] == urgency
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["subject"] == {"reference": "Patient/p1"}


def test_an_order_that_is_moved_once_signed_or_to_a_third_patient_is_asked_about_again(house, draft):
    for who in ("p2", "p3"):
        house.call("PUT", f"/fhir/Patient/{who}", patient(who, id=who))
    house.call("PUT", "/fhir/ServiceRequest/d1", draft | P2)
    (task,) = reviews(house)
    with house.database.transaction() as tx:
        resources.change(tx, "north", task | {"status": "completed"}, version=1, statuses={"requested"})
    signed = become(house, draft | {"status": "active"} | SIGNED)
    for who in ("p2", "p2", "p3"):
        house.call("PUT", "/fhir/ServiceRequest/d1", signed | {"subject": {"reference": f"Patient/{who}"}})
    assert sorted(task["status"] for task in reviews(house)) == ["completed", "requested", "requested"]


CONTAINED = {
    "contained": [{"resourceType": "Patient", "id": "c", "identifier": [{"system": MRN, "value": "22"}]}],
    "subject": {"reference": "#c"},
}
SECOND = patient("22", id="p2")
NAMED_OTHERWISE = [
    ([SECOND], CONTAINED),
    ([SECOND], {"subject": {"identifier": CONTAINED["contained"][0]["identifier"][0]}}),
    ([SECOND, SECOND | {"id": "x2"}], {"subject": {"reference": "Patient/x2"}}),
    ([SECOND | {"link": [{"other": {"reference": "Patient/p7"}, "type": "replaced-by"}]}], P2),
]


@pytest.mark.parametrize(("stored", "subject"), NAMED_OTHERWISE)
def test_another_patient_is_another_however_the_order_names_them(house, draft, stored, subject):
    signed = become(house, draft | {"status": "active"} | SIGNED)
    for one in stored:
        assert house.call("PUT", f"/fhir/Patient/{one['id']}", one).status_code < 300
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", signed | {"status": "on-hold"} | subject)
    assert (answer.status_code, codes(answer)) == (409, ["order-moved"])
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["status"] == "active"
    assert len(reviews(house)) == 1


@pytest.mark.parametrize("brought", [patient("22", id="p2"), observation("Patient/p2", id="o2")])
def test_an_order_moved_to_a_patient_who_comes_with_it_is_left_out_of_a_submitted_record(house, draft, brought):
    signed = become(house, draft | {"status": "active"} | SIGNED)
    for status in ("on-hold", "completed"):
        answer = house.call("POST", "/fhir/$submit", record(brought, signed | P2 | {"status": status}))
        assert answer.status_code == 200
        assert codes(answer)[1] == "order-moved"
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["status"] == "active"
    assert len(reviews(house)) == 1


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_transaction_that_moves_an_order_to_a_patient_who_comes_with_it_is_refused_as_a_whole(house, draft, method):
    signed = become(house, draft | {"status": "active"} | SIGNED)
    full = "urn:uuid:0d3f7d0e-3c86-4a5f-9d0c-6c8b2a1f4e11"
    moved = signed | {"status": "completed", "subject": {"reference": full}}
    target = ("PUT", "Patient/p2") if method == "PUT" else ("POST", "Patient")
    for _ in range(2):
        whole = transaction((*target, patient("22", id="p2"), full), ("PUT", "ServiceRequest/d1", moved))
        answer = house.call("POST", "/fhir", whole)
        assert (answer.status_code, codes(answer)) == (409, ["order-moved"])
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["status"] == "active"
    assert house.call("GET", "/fhir/Patient").json["total"] == 0
    assert len(reviews(house)) == 1


def test_a_report_under_an_id_of_which_nothing_is_known_is_about_the_patient_of_the_order_each_time(house, draft):
    signed = become(house, draft | {"status": "active"} | SIGNED) | {"subject": {"reference": "Patient/p1-ehr"}}
    for status in ("on-hold", "active", "active"):
        answer = house.call("PUT", "/fhir/ServiceRequest/d1", signed | {"status": status})
        assert answer.status_code == 200
        if "Link" in answer.headers:
            guidance = house.call("GET", f"/fhir/GuidanceResponse/{guidance_of(answer)}").json
            assert guidance["subject"] == {"reference": "Patient/p1"}
    assert house.call("GET", "/fhir/ServiceRequest/d1").headers["ETag"] == 'W/"4"'
    for started in ("GuidanceResponse", "Task"):
        assert house.call("GET", f"/fhir/{started}?patient=p1-ehr").json["total"] == 0
    assert house.call("GET", "/fhir/GuidanceResponse?patient=p1").json["total"] == 2
    assert house.call("GET", "/fhir/Task").json["total"] == 0


def test_orders_of_two_patients_are_not_both_of_one_of_whom_nothing_is_known(house, draft):
    signed = become(house, draft | {"status": "active"} | SIGNED)
    other = signed | {"id": "d2", "identifier": [signed["identifier"][0] | {"value": "v2"}]}
    with house.database.transaction() as tx:
        resources.create(tx, "north", other | P2, patient="p2", ours=True)
    unknown = {"status": "on-hold", "subject": {"reference": "Patient/somebody"}}
    answer = house.call("POST", "/fhir/$submit", record(signed | unknown, other | unknown))
    assert codes(answer) == ["stored", "order-moved"]
    assert len(reviews(house, "p2")) == 1


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


def test_an_order_that_one_bundle_reports_twice_takes_over_both_in_turn(house, draft):
    signed = become(house, draft | {"status": "active"} | SIGNED)
    again = {name: value for name, value in signed.items() if name != "id"} | {"status": "on-hold"}
    done = signed | {"status": "completed"}
    whole = transaction(("POST", "ServiceRequest", again), ("PUT", "ServiceRequest/d1", done))
    answer = house.call("POST", "/fhir", whole)
    assert [entry["response"]["etag"] for entry in answer.json["entry"]] == ['W/"3"', 'W/"4"']
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["status"] == "completed"


def test_an_ended_order_that_the_ehr_revives_is_refused_and_the_task_does_not_call_it_a_draft(house, draft):
    become(house, draft | {"status": "revoked"} | SIGNED)
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", draft | {"status": "active"} | SIGNED)
    assert (answer.status_code, codes(answer)) == (409, ["draft-changed-elsewhere"])
    (task,) = reviews(house)
    assert "withdrawn or ended here" in task["description"]
