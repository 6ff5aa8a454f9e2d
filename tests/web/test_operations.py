"""`$validate` and the dry run `$evaluate`: what they say, and that they leave nothing behind."""

import json

import pytest

from tests.web.cast import MRN, SYNTHEA, codes, intake_form, observation, patient, record, transaction

EVALUATE = "/fhir/PlanDefinition/lbp-lss/$evaluate"
AS_OF = "2026-03-01T09:00:00Z"


def parameters(data, **more):
    names = {"subject": "valueString", "asOf": "valueDateTime"}
    return {
        "resourceType": "Parameters",
        "parameter": [
            *([{"name": "data", "resource": data}] if data else []),
            *({"name": name, names[name]: value} for name, value in more.items()),
        ],
    }


def dry_run(house, *resources, **more):
    return house.call("POST", EVALUATE, parameters(record(*resources), **({"asOf": AS_OF} | more)))


def outcomes_of(answer):
    trace = answer.json["entry"][0]["resource"]["contained"][0]["parameter"]
    rules = [{part["name"]: part for part in one["part"]} for one in trace if one["name"] == "rule"]
    return {rule["id"]["valueString"]: rule["outcome"]["valueCode"] for rule in rules}


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(shared_house):
    before = [shared_house.rows(table) for table in ("resources", "work", "submissions")]
    answer = dry_run(shared_house, patient(id="p1"), intake_form(id="f1"))
    assert answer.status_code == 200
    assert (answer.json["resourceType"], answer.json["type"]) == ("Bundle", "collection")
    guidance = answer.json["entry"][0]["resource"]
    assert (guidance["resourceType"], guidance["occurrenceDateTime"]) == (
        "GuidanceResponse",
        "2026-03-01T09:00:00.000Z",
    )
    assert outcomes_of(answer)["R01"] == "met"
    kinds = [entry["resource"]["resourceType"] for entry in answer.json["entry"]]
    assert {"ServiceRequest", "Task", "RequestGroup", "Provenance"} <= set(kinds)
    assert [shared_house.rows(table) for table in ("resources", "work", "submissions")] == before


def test_the_same_dry_run_gives_the_same_bytes(shared_house):
    first, second = (dry_run(shared_house, patient(id="p1"), intake_form(id="f1")) for _ in range(2))
    assert first.data == second.data
    other = dry_run(shared_house, patient(id="p1"), intake_form(id="f1"), asOf="2026-03-01T10:00:00Z")
    assert other.data != first.data


def test_everything_a_dry_run_gives_is_valid_fhir(shared_house, built):
    answer = dry_run(shared_house, patient(id="p1"), intake_form(id="f1"))
    for entry in answer.json["entry"]:
        assert built.intake.whole().check_r4(entry["resource"]) == [], entry["resource"]["resourceType"]


def test_a_dry_run_reads_only_what_it_is_given(house):
    house.call("PUT", "/fhir/QuestionnaireResponse/f1", intake_form(id="f1"))
    assert outcomes_of(dry_run(house, patient(id="p1")))["R01"] == "cannot-tell"


@pytest.mark.parametrize("path", SYNTHEA, ids=lambda path: path.stem)
def test_a_whole_record_can_be_evaluated(shared_house, path):
    whole = json.loads(path.read_text()) | {"type": "collection"}
    for entry in whole["entry"]:
        entry.pop("request", None)
    answer = shared_house.call("POST", EVALUATE, parameters(whole, asOf="2026-11-01T00:00:00Z"))
    assert answer.status_code == 200, answer.text[:400]


def test_physicians_may_ask_and_admins_may_not(shared_house):
    body = parameters(record(patient(id="p1")))
    assert shared_house.as_person("alice", "POST", EVALUATE, body).status_code == 200
    assert shared_house.as_person("ada", "POST", EVALUATE, body).status_code == 403
    assert shared_house.call("POST", EVALUATE, body, scope="system/Observation.rs").status_code == 403
    assert shared_house.call("POST", EVALUATE, body, scope="system/PlanDefinition.r").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (parameters(None), 422),
        (parameters(observation()), 422),
        (parameters(record(observation("Patient/a", id="1"), observation("Patient/b", id="2"))), 422),
        (parameters(record(patient(id="p1")), subject="Patient/other"), 422),
        (parameters(record(patient(id="p1")), asOf="yesterday"), 400),
        (parameters(record(patient(id="p1")), asOf="2026-03-01T09:00:00"), 400),
        (parameters(record(patient(id="p1") | {"gender": "nonsense"})), 400),
        (observation(), 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "nonsense", "valueString": "x"}]}, 422),
        ({"resourceType": "Parameters"}, 422),
        ({"resourceType": "Parameters", "parameter": [{"name": "data", "resource": {"resourceType": ["x"]}}]}, 400),
        (parameters({"resourceType": "Bundle", "type": ["collection"], "entry": []}), 400),
        ({"resourceType": "Parameters", "parameter": [7]}, 400),
        ({"resourceType": "Parameters", "parameter": [{"name": ["data"]}]}, 400),
    ],
)
def test_a_dry_run_of_something_else_is_refused(shared_house, body, status):
    answer = shared_house.call("POST", EVALUATE, body)
    assert answer.status_code == status, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"


DATA = {"name": "data", "resource": record(patient(id="p1"))}


@pytest.mark.parametrize(
    ("added", "error", "place"),
    [
        ([DATA], "parameter-repeated", "Parameters.parameter[1]"),
        ([{"name": "asOf", "valueDateTime": "2026-03-01"}], "parameter-value", "Parameters.parameter[1].value"),
        ([{"name": "asOf", "valueInstant": AS_OF}], "parameter-value", "Parameters.parameter[1].value"),
        (
            [{"name": "asOf", "valueDateTime": "1066-10-14T09:00:00Z"}],
            "parameter-value",
            "Parameters.parameter[1].value",
        ),
        ([{"name": "asOf"}], "parameter-value", "Parameters.parameter[1].value"),
        ([{"name": "subject", "valueCode": "p1"}], "parameter-value", "Parameters.parameter[1].value"),
        ([{"name": "subject", "valueString": "Patient/other"}], "other-patient", "Parameters.parameter[1].value"),
        ([{"name": "mode", "valueCode": "x"}], "parameter-unknown", "Parameters.parameter[1]"),
    ],
)
def test_a_parameter_that_a_dry_run_does_not_take_is_told_where_it_stands(shared_house, added, error, place):
    body = {"resourceType": "Parameters", "parameter": [DATA, *added]}
    answer = shared_house.call("POST", EVALUATE, body)
    assert (answer.status_code, codes(answer)) == (422, [error])
    assert answer.json["issue"][0]["expression"] == [place]


def test_a_leap_second_is_the_first_moment_of_the_next_minute(shared_house):
    found = [dry_run(shared_house, patient(id="p1"), asOf=f"2026-03-01T09:{at}Z") for at in ("00:60", "01:00")]
    assert [answer.status_code for answer in found] == [200, 200]
    assert found[0].data == found[1].data


def test_what_is_wrong_is_located_in_the_parameters(shared_house):
    answer = dry_run(shared_house, patient(id="p1") | {"gender": "nonsense"})
    place = "Parameters.parameter[0].resource.entry[0].resource.gender"
    assert answer.json["issue"][0]["expression"] == [place]


def test_an_unknown_plan_is_not_found(shared_house):
    answer = shared_house.call("POST", "/fhir/PlanDefinition/none/$evaluate", parameters(record(patient(id="p1"))))
    assert (answer.status_code, codes(answer)) == (404, ["not-found"])


def test_a_good_resource_is_called_valid_and_not_stored(house):
    for path in ("/fhir/Observation/$validate", "/fhir/Observation/o1/$validate"):
        answer = house.call("POST", path, observation(id="o1"))
        assert (answer.status_code, codes(answer)) == (200, ["valid"])
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": observation()}]}
    assert codes(house.call("POST", "/fhir/Observation/$validate", wrapped)) == ["valid"]
    assert (house.rows("resources"), house.rows("submissions")) == (0, 0)


def test_a_stored_resource_can_be_validated(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    assert codes(house.call("POST", "/fhir/Observation/o1/$validate", "")) == ["valid"]
    assert house.call("POST", "/fhir/Observation/none/$validate", "").status_code == 404


def test_what_the_service_writes_can_be_validated_too(shared_house):
    answer = shared_house.call("POST", "/fhir/Task/$validate", {"resourceType": "Task", "status": "nonsense"})
    assert answer.status_code == 200
    assert "code-invalid" in {issue["code"] for issue in answer.json["issue"]}


def test_data_without_an_entry_are_refused(shared_house):
    for more in ({}, {"subject": "Patient/p1"}):
        answer = dry_run(shared_house, **more)
        assert (answer.status_code, answer.json["issue"][0]["code"]) == (422, "required")


@pytest.mark.parametrize(
    "subject",
    [
        "urn:uuid:6f2b6c1e-7d0d-4c55-9d43-0d9a3f1c2b11",
        "Patient/p1",
        "p1",
        "http://localhost/fhir/Patient/p1",
        "https://ehr.north.example/fhir/Patient/p1",
    ],
)
def test_the_subject_may_be_named_as_the_data_name_them(shared_house, subject):
    name = "urn:uuid:6f2b6c1e-7d0d-4c55-9d43-0d9a3f1c2b11"
    data = record(patient(id="p1"), intake_form(name, id="f1"))
    data["entry"][0]["fullUrl"] = name
    answer = shared_house.call("POST", EVALUATE, parameters(data, subject=subject, asOf=AS_OF))
    assert answer.status_code == 200, answer.text


def turned(value):
    """The same content with every object's members in another order."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    return [turned(one) for one in value] if isinstance(value, list) else value


def test_the_same_content_written_otherwise_gives_the_same_bytes(shared_house):
    loose = {name: value for name, value in observation().items() if name != "id"}  # its id is minted
    data = [patient(id="p1"), intake_form(id="f1"), loose]
    first = dry_run(shared_house, *data)
    other = parameters(turned(record(*reversed(data))), asOf=AS_OF)
    second = shared_house.call("POST", EVALUATE, json.dumps(other, indent=3))
    assert first.status_code == second.status_code == 200
    assert first.data == second.data


def test_what_is_wrong_is_located_where_it_stood(shared_house):
    kinds = [patient(id="p1"), *(observation(id=f"o{number}") for number in range(5))]
    kinds[3]["status"] = "nonsense"
    answer = dry_run(shared_house, *kinds)
    assert answer.json["issue"][0]["expression"] == ["Parameters.parameter[0].resource.entry[3].resource.status"]


def test_a_stored_resource_is_validated_without_a_body_and_without_saying_of_which_type_it_is(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    assert codes(house.call("POST", "/fhir/Observation/o1/$validate")) == ["valid"]
    assert house.call("POST", "/fhir/Observation/none/$validate").status_code == 404


def test_a_bundle_can_be_validated_and_stores_nothing(house):
    good, bad = observation(id="o1"), observation(id="o2", status="nonsense")
    fine = transaction(("PUT", "Observation/o1", good))
    assert codes(house.call("POST", "/fhir/Bundle/$validate", fine)) == ["valid"]
    for kind in ("transaction", "batch"):
        broken = transaction(("PUT", "Observation/o1", good), ("PUT", "Observation/o2", bad), kind=kind)
        answer = house.call("POST", "/fhir/Bundle/$validate", broken)
        assert answer.status_code == 200
        assert [one["expression"] for one in answer.json["issue"]] == [["Bundle.entry[1].resource.status"]]
    assert house.call("GET", "/fhir/Observation?_summary=count").json["total"] == 0


ERIN = {
    "a condition": {"reference": f"Patient?identifier={MRN}|12345"},
    "a condition, spelt for addresses": {"reference": f"Patient?identifier={MRN.replace(':', '%3A')}%7C12345"},
    "an identifier alone": {"identifier": {"system": MRN, "value": "12345"}},
}


@pytest.mark.parametrize("named", ERIN)
@pytest.mark.parametrize("minted", [True, False], ids=["without an id", "under an id"])
def test_a_dry_run_knows_the_patient_who_is_among_the_data_by_identifier(shared_house, named, minted):
    who = patient() if minted else patient(id="p1")
    answer = dry_run(shared_house, intake_form(id="f1") | {"subject": ERIN[named]}, who, patient("9", id="p9"))
    assert answer.status_code == 422  # of two patients
    answer = dry_run(shared_house, intake_form(id="f1") | {"subject": ERIN[named]}, who)
    assert answer.status_code == 200, answer.text
    assert outcomes_of(answer)["R01"] == "met"
    if not minted:
        assert answer.json["entry"][0]["resource"]["subject"]["reference"] == "Patient/p1"


def test_a_dry_run_knows_anything_else_that_is_among_the_data_by_identifier(shared_house):
    order = {"identifier": [{"system": "https://north.example/orders", "value": "o1"}], "status": "active"}
    order |= {"resourceType": "ServiceRequest", "id": "b1", "intent": "order", "subject": {"reference": "Patient/p1"}}
    based = [{"reference": "ServiceRequest?identifier=https://north.example/orders|o1"}]
    data = [patient(id="p1"), order, observation(id="o1", basedOn=based)]
    assert dry_run(shared_house, *data).status_code == 200
    refused = dry_run(shared_house, data[0], data[2])
    assert (refused.status_code, codes(refused)) == (422, ["reference-unresolved"])


@pytest.mark.parametrize(
    ("condition", "others", "status", "error"),
    [
        (f"identifier={MRN}|7", 0, 422, "reference-unresolved"),
        ("identifier=https://elsewhere.example|12345", 0, 422, "reference-unresolved"),
        ("birthdate=1950-02-03", 0, 422, "reference-unresolved"),
        (f"identifier={MRN}|12345&birthdate=1950-02-03", 0, 422, "reference-unresolved"),
        (f"identifier={MRN}|12345", 1, 412, "precondition-failed"),
    ],
)
def test_a_dry_run_guesses_at_nobody(shared_house, condition, others, status, error):
    more = [patient(id=f"p{number + 2}") for number in range(others)]
    answer = dry_run(shared_house, patient(id="p1"), intake_form(f"Patient?{condition}", id="f1"), *more)
    assert (answer.status_code, codes(answer)) == (status, [error])
    assert answer.json["issue"][0]["expression"] == [
        "Parameters.parameter[0].resource.entry[1].resource.subject.reference"
    ]


def test_what_the_data_name_by_identifier_makes_no_difference_in_another_order(shared_house):
    data = [patient(), intake_form(ERIN["a condition"]["reference"], id="f1")]
    first, second = dry_run(shared_house, *data), dry_run(shared_house, *reversed(data))
    assert (first.status_code, first.data) == (200, second.data)
