"""Created or updated where a search finds nothing, or one."""

import threading

import pytest

from tests.web.cast import codes, observation, patient, transaction


def test_fifty_conditional_creates_at_once_make_one_resource(house):
    house.bearer()
    statuses = []

    def post(number):
        body = observation(identifier=[{"system": "https://x.example", "value": "1"}], note=[{"text": str(number)}])
        answer = house.call(
            "POST", "/fhir/Observation", body, headers={"If-None-Exist": "identifier=https://x.example|1"}
        )
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 49 + [201]
    assert house.call("GET", "/fhir/Observation").json["total"] == 1


def test_a_conditional_update_finds_makes_or_refuses(house):
    known = {"identifier": [{"system": "https://x.example", "value": "1"}]}
    place = "/fhir/Observation?identifier=https://x.example|1"
    assert house.call("PUT", place, observation(**known)).status_code == 201
    again = house.call("PUT", place, observation(status="amended", **known))
    assert (again.status_code, again.headers["ETag"]) == (200, 'W/"2"')
    house.call("PUT", "/fhir/Observation/o2", observation(id="o2", **known))
    several = house.call("PUT", place, observation(status="corrected", **known))
    assert (several.status_code, several.json["issue"][0]["code"]) == (412, "multiple-matches")


def test_a_conditional_create_refuses_what_it_cannot_look_up(house):
    for condition in ("nonsense=1", "", "?"):
        answer = house.call("POST", "/fhir/Observation", observation(), headers={"If-None-Exist": condition})
        assert answer.status_code == 400, condition
    assert house.rows("resources") == 0


@pytest.mark.parametrize(
    ("method", "path", "headers", "place"),
    [
        ("POST", "/fhir/Patient", {"If-None-Exist": "bogus=1"}, ["http.If-None-Exist"]),
        ("PUT", "/fhir/Patient?gender=male", {}, None),
    ],
)
def test_a_condition_that_is_not_supported_is_no_fault_of_the_body(house, method, path, headers, place):
    answer = house.call(method, path, patient(), headers=headers)
    assert (answer.status_code, codes(answer)) == (400, ["unsupported-parameter"])
    assert answer.json["issue"][0]["code"] == "not-supported"
    assert answer.json["issue"][0].get("expression") == place


def test_a_condition_of_an_entry_is_located_in_its_request(house):
    bundle = transaction(("PUT", "Patient?gender=male", patient()))
    answer = house.call("POST", "/fhir", bundle)
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[0].request.url"]


@pytest.mark.parametrize("bundled", [False, True])
def test_a_conditional_update_keeps_the_id_that_it_brings(house, bundled):
    known = {"identifier": [{"system": "https://x.example", "value": "1"}]}
    place = "Observation?identifier=https://x.example|1"

    def put(**changes):
        resource = observation(**known) | changes
        if bundled:
            return house.call("POST", "/fhir", transaction(("PUT", place, resource)))
        return house.call("PUT", f"/fhir/{place}", resource)

    assert put(id="mine").status_code == (200 if bundled else 201)
    assert house.call("GET", "/fhir/Observation/mine").status_code == 200
    other = put(id="other", status="amended")
    assert (other.status_code, codes(other)) == (400, ["resource-id-mismatch"])
    assert put(id="mine", status="amended").status_code == 200
    assert put(status="corrected").status_code == 200
    assert house.call("GET", "/fhir/Observation/mine").json["status"] == "corrected"
    assert house.call("GET", "/fhir/Observation").json["total"] == 1


def test_a_conditional_update_never_overwrites_what_its_condition_does_not_match(house):
    house.call("PUT", "/fhir/Observation/mine", observation(id="mine"))
    place = "/fhir/Observation?identifier=https://x.example|1"
    answer = house.call("PUT", place, observation(id="mine", status="amended"))
    assert (answer.status_code, codes(answer)) == (409, ["conflict"])
