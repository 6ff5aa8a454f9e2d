"""The same promises on PostgreSQL: a handful of the web's tests on the other database."""

import pytest

from tests.web.cast import (
    SYNTHEA,
    at_once,
    intake_form,
    observation,
    patient,
    record,
    transaction,
)

pytestmark = pytest.mark.postgres


def test_copies_at_once_make_one_resource_and_get_one_answer(postgres_house):
    postgres_house.bearer()

    def post(_):
        answer = postgres_house.call("POST", "/fhir/QuestionnaireResponse", intake_form())
        return answer.status_code, answer.headers["Location"], answer.headers["Link"]

    assert len(set(at_once(30, post))) == 1
    assert postgres_house.call("GET", "/fhir/QuestionnaireResponse").json["total"] == 1
    assert postgres_house.call("GET", "/fhir/GuidanceResponse").json["total"] == 1


def test_conditional_creates_at_once_make_one_resource(postgres_house):
    postgres_house.bearer()

    def post(number):
        body = observation(identifier=[{"system": "https://x.example", "value": "1"}], note=[{"text": str(number)}])
        condition = {"If-None-Exist": "identifier=https://x.example|1"}
        return postgres_house.call("POST", "/fhir/Observation", body, headers=condition).status_code

    assert sorted(at_once(30, post)) == [200] * 29 + [201]


def test_the_same_person_sent_at_once_is_one_patient(postgres_house):
    postgres_house.bearer()

    def post(number):
        return postgres_house.call("POST", "/fhir/Patient", patient() | {"name": [{"family": str(number)}]}).json["id"]

    assert len(set(at_once(20, post))) == 1


def test_different_updates_at_once_are_all_kept_as_versions(postgres_house):
    postgres_house.bearer()

    def put(number):
        body = observation(id="o1", note=[{"text": str(number)}])
        return postgres_house.call("PUT", "/fhir/Observation/o1", body).status_code

    assert sorted(at_once(20, put)) == [200] * 19 + [201]
    assert len(postgres_house.call("GET", "/fhir/Observation/o1/_history").json["entry"]) == 20


def test_a_failing_batch_entry_takes_nothing_else_with_it(postgres_house):
    bundle = transaction(
        ("POST", "Observation", observation("Patient/a")),
        ("PUT", "Observation/o9", observation(id="o9")),
        ("POST", "Observation", observation("Patient/b")),
        kind="batch",
    )
    bundle["entry"][1]["request"]["ifMatch"] = 'W/"3"'
    answer = postgres_house.call("POST", "/fhir", bundle)
    assert [entry["response"]["status"][:3] for entry in answer.json["entry"]] == ["201", "412", "201"]


def test_a_whole_record_is_taken_and_taken_back(postgres_house):
    assert postgres_house.call("POST", "/fhir/$submit", SYNTHEA[0].read_bytes()).status_code == 200
    for status in ("final", "amended", "final"):
        answer = postgres_house.call("POST", "/fhir/$submit", record(observation(id="o1", status=status)))
        assert answer.status_code == 200
    assert postgres_house.call("GET", "/fhir/Observation/o1").headers["ETag"] == 'W/"3"'


def test_of_creates_at_once_that_want_no_resource_there_one_creates(postgres_house):
    postgres_house.bearer()

    def put(number):
        body = observation(id="o1", note=[{"text": str(number)}])
        return postgres_house.call("PUT", "/fhir/Observation/o1", body, headers={"If-None-Match": "*"}).status_code

    assert sorted(at_once(12, put)) == [201] + [412] * 11
    assert postgres_house.call("GET", "/fhir/Observation/o1").headers["ETag"] == 'W/"1"'


def test_of_two_patients_replaced_by_each_other_at_once_one_is_refused(postgres_house):
    postgres_house.bearer()
    for turn in range(3):
        names = (f"a{turn}", f"b{turn}")
        for name in names:
            postgres_house.call("PUT", f"/fhir/Patient/{name}", patient(name, id=name))

        def put(number, names=names):
            own, other = names[number], names[1 - number]
            link = [{"type": "replaced-by", "other": {"reference": f"Patient/{other}"}}]
            return postgres_house.call("PUT", f"/fhir/Patient/{own}", patient(own, id=own, link=link)).status_code

        assert sorted(at_once(2, put)) == [200, 422]
