"""A conditional reference of a transaction or record means what is stored when all of it is written."""

import pytest

from fhir_svc.store import resources
from fhir_svc.web.own_orders import ORDER
from tests.web.cast import MRN, codes, guidance_of, intake_form, observation, patient, record, transaction

ERIN = f"Patient?identifier={MRN}|12345"
ELSEWHERE = "https://elsewhere.example"
POINTER = "Patient?identifier=https://elsewhere.example|7"


def known_elsewhere(**changes):
    """A Patient with an identifier by which nobody is recognised here."""
    return patient(**changes) | {"identifier": [{"system": ELSEWHERE, "value": "7"}]}


def send(house, kind, *resources):
    """POST new resources in a transaction, or send a record of them that names none."""
    if kind == "submit":
        return house.call("POST", "/fhir/$submit", record(*resources))
    return house.call("POST", "/fhir", transaction(*[("POST", one["resourceType"], one) for one in resources]))


def subjects(house, kind="QuestionnaireResponse"):
    entries = house.call("GET", f"/fhir/{kind}").json.get("entry", ())
    return [entry["resource"]["subject"]["reference"] for entry in entries]


def evaluated(house, answer):
    return house.call("GET", f"/fhir/GuidanceResponse/{guidance_of(answer)}").json["subject"]["reference"]


def everybody(house):
    return [f"Patient/{one['resource']['id']}" for one in house.call("GET", "/fhir/Patient").json.get("entry", ())]


@pytest.fixture(params=["transaction", "submit"])
def kind(request):
    return request.param


@pytest.mark.parametrize("who", [patient(), known_elsewhere()], ids=["registered", "any identifier"])
@pytest.mark.parametrize("last", [True, False], ids=["form first", "patient first"])
def test_a_form_means_the_patient_who_comes_with_it(house, kind, who, last):
    form = intake_form(ERIN if who == patient() else POINTER)
    answer = send(house, kind, *((form, who) if last else (who, form)))
    assert answer.status_code == 200, answer.text
    assert subjects(house) == everybody(house) == [evaluated(house, answer)]


def test_a_stored_patient_whose_next_version_comes_along_is_one_match(house, kind):
    house.call("PUT", "/fhir/Patient/p1", patient(id="p1"))
    answer = send(house, kind, intake_form(ERIN), patient(gender="male"))
    assert answer.status_code == 200, answer.text
    assert subjects(house) == everybody(house) == [evaluated(house, answer)] == ["Patient/p1"]
    assert house.call("GET", "/fhir/Patient/p1").json["gender"] == "male"


def test_a_patient_sent_under_another_id_than_the_stored_one_is_one_match(house, kind):
    house.call("PUT", "/fhir/Patient/p1", patient(id="p1"))
    form = intake_form(ERIN, id="f1")
    if kind == "submit":
        answer = send(house, kind, form, patient(id="p9"))
    else:
        parts = ("PUT", "QuestionnaireResponse/f1", form), ("PUT", "Patient/p9", patient(id="p9"))
        answer = house.call("POST", "/fhir", transaction(*parts))
    assert answer.status_code == 200, answer.text
    assert subjects(house) == everybody(house) == [evaluated(house, answer)] == ["Patient/p1"]


def test_a_stored_patient_and_another_one_who_comes_along_are_two_matches(house, kind):
    house.call("PUT", "/fhir/Patient/p1", known_elsewhere(id="p1"))
    answer = send(house, kind, intake_form(POINTER), known_elsewhere(gender="male"))
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (412, "multiple-matches")
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[0].resource.subject.reference"]
    assert (subjects(house), everybody(house)) == ([], ["Patient/p1"])


def test_nobody_is_meant_where_neither_who_is_stored_nor_who_comes_along_matches(house, kind):
    house.call("PUT", "/fhir/Patient/p1", patient("1", id="p1"))
    answer = send(house, kind, intake_form(ERIN), patient("2"))
    assert (answer.status_code, codes(answer)) == (422, ["reference-unresolved"])
    assert (subjects(house), everybody(house)) == ([], ["Patient/p1"])


def test_a_patient_who_loses_the_number_in_the_same_transaction_is_no_match(house):
    house.call("PUT", "/fhir/Patient/p1", known_elsewhere(id="p1"))
    parts = ("PUT", "Patient/p1", patient("1", id="p1")), ("POST", "Observation", observation(POINTER))
    answer = house.call("POST", "/fhir", transaction(*parts))
    assert (answer.status_code, codes(answer)) == (422, ["reference-unresolved"])
    assert house.call("GET", "/fhir/Patient/p1").headers["ETag"] == 'W/"1"'


def test_a_form_does_not_reach_a_stored_patient_by_a_number_that_two_have(house):
    """The patient who comes along has it too: nobody is picked."""
    house.call("PUT", "/fhir/Patient/p1", known_elsewhere(id="p1"))
    house.call("PUT", "/fhir/Patient/p2", patient("2", id="p2"))
    both = patient("2") | {"identifier": [*patient("2")["identifier"], {"system": ELSEWHERE, "value": "7"}]}
    answer = house.call(
        "POST", "/fhir", transaction(("POST", "Patient", both), ("POST", "Observation", observation(POINTER)))
    )
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (412, "multiple-matches")


def test_other_things_that_come_along_are_meant_too(house, kind):
    device = {"resourceType": "Device", "identifier": [{"system": ELSEWHERE, "value": "d"}]}
    use = {"resourceType": "DeviceUseStatement", "status": "active", "subject": {"reference": "Patient/p1"}}
    use["device"] = {"reference": f"Device?identifier={ELSEWHERE}|d"}
    assert send(house, kind, use, device).status_code == 200
    stored = house.call("GET", "/fhir/Device").json["entry"][0]["resource"]["id"]
    assert house.call("GET", "/fhir/DeviceUseStatement").json["entry"][0]["resource"]["device"] == {
        "reference": f"Device/{stored}"
    }


def test_a_conditional_create_that_finds_is_meant_by_what_points_to_it(house):
    house.call("PUT", "/fhir/Patient/p1", known_elsewhere(id="p1"))
    bundle = transaction(("POST", "Observation", observation(POINTER)), ("POST", "Patient", known_elsewhere()))
    bundle["entry"][1]["request"]["ifNoneExist"] = POINTER.partition("?")[2]
    assert house.call("POST", "/fhir", bundle).status_code == 200
    assert (subjects(house, "Observation"), everybody(house)) == (["Patient/p1"], ["Patient/p1"])


def test_an_order_of_ours_that_comes_back_is_meant_as_it_stands(house, kind):
    order = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order", "code": {"text": "x"}}
    order |= {"subject": {"reference": "Patient/p1"}, "identifier": [{"system": ORDER, "value": "one"}]}
    with house.database.transaction() as tx:
        resources.create(tx, "north", order, patient="p1", ours=True)
    result = observation(basedOn=[{"reference": f"ServiceRequest?identifier={ORDER}|one"}])
    copy = {name: value for name, value in order.items() if name != "id"}
    assert send(house, kind, result, copy).status_code == 200
    stored = house.call("GET", "/fhir/Observation").json["entry"][0]["resource"]
    assert stored["basedOn"] == [{"reference": "ServiceRequest/d1"}]
    assert house.call("GET", "/fhir/ServiceRequest?_summary=count").json["total"] == 1


def test_a_precondition_that_fails_is_told_as_without_the_reference(house):
    house.call("PUT", "/fhir/Patient/p1", patient(id="p1"))
    bundle = transaction(("PUT", "Patient/p1", patient(id="p1")), ("POST", "Observation", observation(ERIN)))
    bundle["entry"][0]["request"]["ifMatch"] = 'W/"7"'
    answer = house.call("POST", "/fhir", bundle)
    assert (answer.status_code, codes(answer)) == (412, ["version-conflict"])
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[0].request.ifMatch"]


def test_an_entry_of_a_batch_means_what_is_stored_without_the_entries_behind_it(house):
    parts = ("POST", "Observation", observation(ERIN)), ("POST", "Patient", patient())
    answer = house.call("POST", "/fhir", transaction(*parts, kind="batch"))
    assert [entry["response"]["status"][:3] for entry in answer.json["entry"]] == ["422", "201"]


def test_the_same_again_is_stored_once(house, kind):
    house.call("PUT", "/fhir/Patient/p1", patient(id="p1"))
    for _ in range(2):
        assert send(house, kind, intake_form(ERIN), patient(gender="male")).status_code == 200
    assert subjects(house) == ["Patient/p1"]
    assert house.call("GET", "/fhir/Patient/p1").headers["ETag"] == 'W/"2"'
    assert house.call("GET", "/fhir/GuidanceResponse").json["total"] == 2  # of the PUT, and of this
