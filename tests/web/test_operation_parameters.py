"""The Parameters that any operation is called with are checked like everything else that is sent."""

import pytest

from tests.web.cast import codes, intake_form, observation, patient, record

MEANS_ELSE = [{"url": "https://elsewhere.example/withdrawn", "valueBoolean": True}]


def submitted(resource):
    return "/fhir/$submit", "bundle", record(resource)


def dry_run(resource):
    return "/fhir/PlanDefinition/lbp-lss/$evaluate", "data", record(resource)


def validated(resource):
    return "/fhir/Observation/$validate", "resource", resource


OPERATIONS = {"submit": submitted, "evaluate": dry_run, "validate": validated}
WRONG = {
    "a modifierExtension": (
        {},
        {"modifierExtension": MEANS_ELSE},
        [],
        422,
        "Parameters.parameter[0].modifierExtension",
    ),
    "implicitRules": ({"implicitRules": "https://elsewhere.example/rules"}, {}, [], 422, "Parameters.implicitRules"),
    "an unknown element": ({"foo": 1}, {}, [], 400, "Parameters"),
    "an id that is none": ({"id": "a_b c"}, {}, [], 400, "Parameters.id"),
    "a meta that is none": ({"meta": 7}, {}, [], 400, "Parameters.meta"),
    "value and resource": ({}, {"valueString": "x"}, [], 400, "Parameters.parameter[0]"),
    "parts and resource": ({}, {"part": [{"name": "x", "valueCode": "y"}]}, [], 400, "Parameters.parameter[0]"),
    "two values": ({}, {"valueString": "x", "valueCode": "y"}, [], 400, "Parameters.parameter[0]"),
    "no object": ({}, {}, [7], 400, "Parameters.parameter[1]"),
    "null": ({}, {}, [None], 400, "Parameters.parameter[1]"),
    "no name": ({}, {}, [{"valueString": "x"}], 400, "Parameters.parameter[1].name"),
}


def call(house, operation, *, around=None, beside=None, more=(), resource=None):
    address, name, held = OPERATIONS[operation](resource or observation(id="o1"))
    parameters = [{"name": name, "resource": held} | (beside or {}), *more]
    return house.call("POST", address, {"resourceType": "Parameters", "parameter": parameters} | (around or {}))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("wrong", WRONG)
def test_parameters_that_are_no_parameters_are_refused_and_nothing_is_stored(shared_house, operation, wrong):
    around, beside, more, status, place = WRONG[wrong]
    before = [shared_house.rows(table) for table in ("resources", "submissions")]
    answer = call(shared_house, operation, around=around, beside=beside, more=more)
    assert answer.status_code == status, answer.text
    codes(answer)
    assert place in {one["expression"][0] for one in answer.json["issue"]}
    assert [shared_house.rows(table) for table in ("resources", "submissions")] == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_good_parameters_are_taken(house, operation):
    answer = call(house, operation, around={"id": "a1", "language": "en"}, beside={"id": "x"})
    assert answer.status_code == 200, answer.text


def test_what_is_wrong_inside_is_told_as_without_parameters(shared_house):
    wrong = observation(id="o1", status="nonsense")
    answer = call(shared_house, "submit", resource=wrong)
    assert answer.status_code == 400
    assert answer.json["issue"][0]["expression"] == ["Parameters.parameter[0].resource.entry[0].resource.status"]
    verdict = call(shared_house, "validate", resource=wrong)
    assert (verdict.status_code, codes(verdict)) == (200, ["code-invalid"])


def test_a_record_in_parameters_is_taken_with_what_it_does_not_use(house):
    other = {"resourceType": "Encounter", "id": "e1", "status": "nonsense", "modifierExtension": MEANS_ELSE}
    body = record(patient(id="p1"), intake_form(id="f1"), other)
    answer = house.call(
        "POST", "/fhir/$submit", {"resourceType": "Parameters", "parameter": [{"name": "bundle", "resource": body}]}
    )
    assert answer.status_code == 200, answer.text
    assert house.call("GET", "/fhir/QuestionnaireResponse?_summary=count").json["total"] == 1


@pytest.mark.parametrize("operation", OPERATIONS)
def test_two_resources_are_not_one(shared_house, operation):
    address, name, held = OPERATIONS[operation](observation(id="o1"))
    both = [{"name": name, "resource": held}] * 2
    answer = shared_house.call("POST", address, {"resourceType": "Parameters", "parameter": both})
    assert (answer.status_code, codes(answer)) == (422, ["parameter-repeated"])


@pytest.mark.parametrize("around", [{"foo": 1}, {"implicitRules": "https://elsewhere.example/rules"}])
def test_an_empty_list_hides_nothing_that_is_wrong_beside_it(shared_house, around):
    for address in ("/fhir/Subscription/$status", "/fhir/PlanDefinition/lbp-lss/$evaluate"):
        answer = shared_house.call("POST", address, {"resourceType": "Parameters", "parameter": []} | around)
        assert (answer.status_code, codes(answer)[0]) in {(400, "element-unknown"), (422, "implicit-rules")}
