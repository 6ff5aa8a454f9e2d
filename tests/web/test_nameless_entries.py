"""What a record sends without id and fullUrl is known again by what it says: nothing is stored twice."""

import threading

import pytest

from tests.web.cast import guidance_of, intake_form, observation, patient, record


def submit(house, *resources, client="north-ehr", **bundle):
    answer = house.call("POST", "/fhir/$submit", record(*resources) | bundle, client=client)
    assert answer.status_code == 200, answer.text
    return answer


def became(answer):
    return [one["details"]["coding"][0]["code"] for one in answer.json["issue"] if one["severity"] == "information"]


def total(house, kind):
    return house.call("GET", f"/fhir/{kind}?_summary=count").json["total"]


LIGHT, HEAVY = (observation(valueQuantity={"value": value, "unit": "kg"}) for value in (81, 82))
AGAIN = {
    "the same bytes": ([LIGHT, HEAVY, intake_form()], {}),
    "another order": ([HEAVY, intake_form(), LIGHT], {}),
    "a moment of the Bundle": ([LIGHT, HEAVY, intake_form()], {"timestamp": "2026-03-02T00:00:00Z"}),
    "a part of it": ([HEAVY], {}),
}


@pytest.mark.parametrize(("resources", "bundle"), AGAIN.values(), ids=AGAIN)
def test_a_record_sent_again_in_other_words_stores_nothing_again(house, resources, bundle):
    first = submit(house, LIGHT, HEAVY, intake_form())
    assert became(first) == ["stored"] * 3
    assert guidance_of(first)
    again = submit(house, *resources, **bundle)
    assert set(became(again)) <= {"unchanged", "stored"}
    assert (total(house, "Observation"), total(house, "QuestionnaireResponse")) == (2, 1)
    assert total(house, "GuidanceResponse") == 1
    assert all(one["resource"]["meta"]["versionId"] == "1" for one in everything(house))


def everything(house):
    return [
        entry
        for kind in ("Observation", "QuestionnaireResponse")
        for entry in house.call("GET", f"/fhir/{kind}").json["entry"]
    ]


def test_what_stands_so_often_in_a_record_is_stored_so_often_and_no_oftener(house):
    assert became(submit(house, LIGHT, LIGHT)) == ["stored", "stored"]
    assert became(submit(house, LIGHT, HEAVY, LIGHT)) == ["unchanged", "stored", "unchanged"]
    assert became(submit(house, LIGHT, LIGHT, LIGHT)) == ["unchanged", "unchanged", "stored"]
    assert total(house, "Observation") == 4


def test_what_says_anything_else_is_stored(house):
    others = [
        observation(valueQuantity={"value": 81, "unit": "g"}),
        observation("Patient/p1", effectiveDateTime="2026-03-01T08:00:01Z"),
        observation(status="amended"),
    ]
    for one in others:
        assert became(submit(house, one)) == ["stored"]
    assert became(submit(house, *reversed(others))) == ["unchanged"] * 3


def test_the_same_about_another_patient_is_stored(house):
    submit(house, observation("Patient/p1"))
    assert became(submit(house, observation("Patient/p2"))) == ["stored"]
    found = [house.call("GET", f"/fhir/Observation?patient={one}&_summary=count").json["total"] for one in ("p1", "p2")]
    assert found == [1, 1]


def test_what_came_under_a_name_and_what_came_without_are_two(house):
    submit(house, observation(id="o1"))
    assert became(submit(house, observation())) == ["stored"]
    assert total(house, "Observation") == 2


def test_what_another_tenant_sends_is_another_thing(house):
    submit(house, observation())
    assert became(submit(house, observation(), client="south-ehr")) == ["stored"]


STRANGER = patient() | {"identifier": [{"system": "https://x.example", "value": "1"}]}


@pytest.mark.parametrize("who", [patient(), STRANGER], ids=["registered", "any identifier"])
def test_a_patient_without_a_name_and_what_points_there_are_stored_once(house, who):
    number = who["identifier"][0]
    pointer = f"Patient?identifier={number['system']}|{number['value']}"
    first = submit(house, observation(pointer), who, intake_form(pointer))
    again = submit(house, who, intake_form(pointer), observation(pointer))
    assert (became(first), became(again)) == (["stored"] * 3, ["unchanged"] * 3)
    assert total(house, "Patient") == 1
    person = house.call("GET", "/fhir/Patient").json["entry"][0]["resource"]["id"]
    assert {one["resource"]["subject"]["reference"] for one in everything(house)} == {f"Patient/{person}"}
    guidance = house.call("GET", f"/fhir/GuidanceResponse/{guidance_of(first)}").json
    assert guidance["subject"]["reference"] == f"Patient/{person}"


def test_a_known_person_under_a_new_urn_each_time_is_the_one_whom_it_is_about(house):
    for number in (1, 2):
        urn = f"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0{number}"
        bundle = record(patient(), observation(urn))
        bundle["entry"][0]["fullUrl"] = urn
        assert house.call("POST", "/fhir/$submit", bundle).status_code == 200
    assert (total(house, "Patient"), total(house, "Observation")) == (1, 1)


def test_things_without_names_that_point_to_each_other_are_stored_once(house):
    def told():
        first = observation(identifier=[{"system": "https://x.example", "value": "a"}])
        second = observation(status="amended")
        bundle = record(first, second | {"derivedFrom": [{"reference": "Observation?identifier=https://x.example|a"}]})
        third = observation(status="corrected", derivedFrom=[{"reference": "urn:oid:1.2.3"}])
        bundle["entry"] += [
            {"resource": third},
            {"resource": observation(status="preliminary"), "fullUrl": "urn:oid:1.2.3"},
        ]
        return bundle

    for moment in ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"):
        assert house.call("POST", "/fhir/$submit", told() | {"timestamp": moment}).status_code == 200
    found = [entry["resource"] for entry in house.call("GET", "/fhir/Observation").json["entry"]]
    assert len(found) == 4
    pointed = {one["derivedFrom"][0]["reference"] for one in found if "derivedFrom" in one}
    assert pointed == {f"Observation/{one['id']}" for one in found if "derivedFrom" not in one}


def test_what_was_corrected_under_its_own_id_is_what_the_record_says_when_it_says_it_again(house):
    submit(house, observation())
    stored = house.call("GET", "/fhir/Observation").json["entry"][0]["resource"]
    house.call("PUT", f"/fhir/Observation/{stored['id']}", stored | {"status": "amended"})
    assert became(submit(house, observation(), timestamp="2026-03-02T00:00:00Z")) == ["stored"]
    assert total(house, "Observation") == 1
    assert house.call("GET", f"/fhir/Observation/{stored['id']}").json["status"] == "final"


def test_records_without_names_sent_at_once_are_one(house):
    house.bearer()
    moments = [f"2026-03-02T00:00:{second:02}Z" for second in range(10)]
    threads = [threading.Thread(target=submit, args=(house, LIGHT, HEAVY), kwargs={"timestamp": at}) for at in moments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (total(house, "Observation"), total(house, "GuidanceResponse")) == (2, 1)
