"""`$validate` by a nominated profile and for a mode: what can't be checked is never called valid."""

import json

import pytest

from tests.web.cast import codes, intake_form, observation, patient, record, transaction

OURS = "https://example.org/fhir-svc/StructureDefinition/"
LEVEL = f"{OURS}distal-symptom-level"
R4 = "http://hl7.org/fhir/StructureDefinition/"


def level(**changes):
    """An observation that keeps to the profile of the most distal symptom level."""
    measure = "https://example.org/fhir-svc/CodeSystem/measure"
    parts = [
        {"code": {"coding": [{"system": measure, "code": code}]}, "valueInteger": number}
        for code, number in (("start", 3), ("end", 2))
    ]
    kept = {name: value for name, value in observation().items() if name != "valueQuantity"}
    code = {"coding": [{"system": measure, "code": "distal-symptom-level"}]}
    return kept | {"code": code, "effectiveDateTime": "2026-03-01", "component": parts} | changes


def ask(house, resource=None, *, kind="Observation", at="", query="", kinds=(), **named):
    """Call with Parameters; `named` are codes or addresses of them."""
    spelt = {"profile": "valueUri", "mode": "valueCode"} | dict(kinds)
    parameters = [{"name": "resource", "resource": resource}] if resource else []
    parameters += [{"name": name, spelt[name]: value} for name, value in named.items()]
    body = {"resourceType": "Parameters", "parameter": parameters}
    return house.call("POST", f"/fhir/{kind}{at}/$validate{query}", body)


def errors(answer):
    assert answer.status_code == 200, answer.text
    return [
        code for code, issue in zip(codes(answer), answer.json["issue"], strict=True) if issue["severity"] == "error"
    ]


NOMINATED = {
    "ours": (LEVEL, level(), []),
    "ours, with its version": (f"{LEVEL}|1.0.0", level(), []),
    "ours, broken": (LEVEL, level(component=level()["component"][:1]), ["profile-broken"]),
    "ours, for another type": (f"{OURS}home-exercise-session", level(), ["profile-broken"]),
    "ours, of an extension": (f"{OURS}fact", level(), ["profile-broken"]),
    "the type's own": (f"{R4}Observation", observation(), []),
    "the type's own, of this release": (f"{R4}Observation|4.0.1", observation(), []),
    "every resource's": (f"{R4}Resource", observation(), []),
    "nearly every resource's": (f"{R4}DomainResource", observation(), []),
    "another type's own": (f"{R4}Patient", observation(), ["profile-broken"]),
}
UNKNOWN = [
    "https://nowhere.example/StructureDefinition/none",
    f"{OURS}none",
    f"{LEVEL}|9.9.9",
    f"{R4}Observation|5.0.0",
    f"{R4}vitalsigns",
    "https://example.org/fhir-svc/Questionnaire/lbp-lss-intake",
    "none",
]


@pytest.mark.parametrize("name", NOMINATED)
def test_a_nominated_profile_is_validated_against_like_a_claimed_one(shared_house, name):
    profile, resource, expected = NOMINATED[name]
    query = {"profile": profile}
    found = [
        ask(shared_house, resource, profile=profile),
        ask(shared_house, resource, profile=profile, kinds={"profile": "valueCanonical"}),
        shared_house.call("POST", "/fhir/Observation/$validate", resource, query_string=query),
    ]
    assert [sorted(set(errors(answer))) for answer in found] == [expected] * 3
    if profile.startswith(OURS) and not expected:
        claiming = resource | {"meta": {"profile": [profile]}}
        assert errors(shared_house.call("POST", "/fhir/Observation/$validate", claiming)) == []


@pytest.mark.parametrize("profile", UNKNOWN)
def test_a_profile_that_is_not_known_here_is_an_error(shared_house, profile):
    named = ask(shared_house, observation(), profile=profile)
    query = {"profile": profile}
    asked = shared_house.call("POST", "/fhir/Observation/$validate", observation(), query_string=query)
    for answer, place in ((named, "Parameters.parameter[1].value"), (asked, "http.profile")):
        assert (answer.status_code, codes(answer)) == (422, ["profile-unknown"])
        issue = answer.json["issue"][0]
        assert (issue["severity"], issue["code"], issue["expression"]) == ("error", "not-supported", [place])


def test_a_resource_that_is_no_fhir_is_told_so_whatever_profile_is_nominated(shared_house):
    for changes in ({"status": "nonsense"}, {"meta": 7}, {"meta": {"profile": LEVEL}}):
        assert "profile-broken" not in errors(ask(shared_house, level(**changes), profile=LEVEL))
        assert errors(ask(shared_house, level(**changes), profile=LEVEL)) != []


def test_a_stored_resource_is_validated_against_the_profile(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    house.call("PUT", "/fhir/Observation/o2", level(id="o2"))
    for at, expected in (("/o1", True), ("/o2", False)):
        in_body = ask(house, at=at, mode="profile", profile=LEVEL)
        in_address = house.call("POST", f"/fhir/Observation{at}/$validate?mode=profile&profile={LEVEL}")
        assert [bool(errors(answer)) for answer in (in_body, in_address)] == [expected] * 2
    assert "profile" not in house.call("GET", "/fhir/Observation/o1").json.get("meta", {})


def test_what_the_service_writes_keeps_to_its_own_profiles(shared_house):
    data = {"name": "data", "resource": record(patient(id="p1"), intake_form(id="f1"))}
    body = {"resourceType": "Parameters", "parameter": [data]}
    answer = shared_house.call("POST", "/fhir/PlanDefinition/lbp-lss/$evaluate", body)
    written = [entry["resource"] for entry in answer.json["entry"]]
    approve = next(
        one for one in written if one["resourceType"] == "Task" and one["code"]["coding"][0]["code"] == "approve"
    )
    order = next(one for one in written if one["resourceType"] == "ServiceRequest")
    for one, profile, needed in ((approve, "approve-task", "focus"), (order, "order-draft", "instantiatesCanonical")):
        kind = one["resourceType"]
        assert errors(ask(shared_house, one, kind=kind, profile=OURS + profile)) == []
        broken = {name: value for name, value in one.items() if name != needed}
        assert set(errors(ask(shared_house, broken, kind=kind, profile=OURS + profile))) == {"profile-broken"}


MODES = {
    "create": ({"mode": "create"}, "", observation(), []),
    "create of what is wrong": ({"mode": "create"}, "", observation(status="nonsense"), ["code-invalid"]),
    "update": ({"mode": "update"}, "/o1", observation(id="o1"), []),
    "update under another id": ({"mode": "update"}, "/o1", observation(id="o2"), ["resource-id-mismatch"]),
    "delete": ({"mode": "delete"}, "/o1", None, ["method-not-allowed"]),
    "delete with a resource": ({"mode": "delete"}, "/o1", observation(id="o1"), ["method-not-allowed"]),
    "delete of nothing named": ({"mode": "delete"}, "", None, ["method-not-allowed"]),
    "profile": ({"mode": "profile", "profile": LEVEL}, "", level(), []),
}
REFUSED = {
    "no mode of R4's": ({"mode": "bogus"}, "", observation(), "parameter-value", "Parameters.parameter[1].value"),
    "update of nothing named": ({"mode": "update"}, "", observation(), "no-id", "Parameters.parameter[1].value"),
    "profile without a profile": ({"mode": "profile"}, "", observation(), "parameter-missing", "Parameters"),
    "create of nothing": ({"mode": "create"}, "", None, "parameter-missing", "Parameters"),
    "update without a resource": ({"mode": "update"}, "/o1", None, "parameter-missing", "Parameters"),
    "nothing to check": ({"profile": LEVEL}, "", None, "parameter-missing", "Parameters"),
}


@pytest.mark.parametrize("name", MODES)
def test_a_mode_says_what_is_meant(shared_house, name):
    named, at, resource, expected = MODES[name]
    assert errors(ask(shared_house, resource, at=at, **named)) == expected
    if resource:
        plain = shared_house.call("POST", f"/fhir/Observation{at}/$validate", resource, query_string=named)
        assert errors(plain) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_asked_is_refused_and_not_called_valid(shared_house, name):
    named, at, resource, error, place = REFUSED[name]
    answer = ask(shared_house, resource, at=at, **named)
    assert (answer.status_code, codes(answer)) == (422, [error])
    assert answer.json["issue"][0]["expression"] == [place]


def test_nothing_is_written_of_a_type_that_is_only_read(shared_house):
    task = {"resourceType": "Task", "status": "requested", "intent": "order"}
    assert errors(ask(shared_house, task, kind="Task")) == []
    for mode, at in (("create", ""), ("update", "/t1")):
        assert errors(ask(shared_house, task, kind="Task", at=at, mode=mode)) == ["type-not-taken"]


def test_what_is_said_in_the_address_and_in_the_body_is_said_twice(shared_house):
    for name, value in (("mode", "create"), ("profile", LEVEL)):
        answer = ask(shared_house, level(), query=f"?{name}={value}", **{name: value})
        assert (answer.status_code, codes(answer)) == (422, ["parameter-repeated"])
        answer = ask(shared_house, level(), query=f"?{name}={value}&{name}={value}")
        assert (answer.status_code, codes(answer)) == (422, ["parameter-repeated"])


@pytest.mark.parametrize("held", [{"valueString": "x"}, {"part": [{"name": "x", "valueCode": "y"}]}, {}])
def test_the_parameter_resource_holds_a_resource(shared_house, held):
    body = {"resourceType": "Parameters", "parameter": [{"name": "resource"} | held]}
    answer = shared_house.call("POST", "/fhir/Observation/$validate", body)
    assert (answer.status_code, codes(answer)) == (422, ["parameter-value"])


def test_a_bundle_is_validated_by_r4s_profile_alone(shared_house):
    fine = transaction(("PUT", "Observation/o1", observation(id="o1")))
    for profile, expected in ((f"{R4}Bundle", []), (LEVEL, ["profile-broken"]), (f"{R4}Patient", ["profile-broken"])):
        assert errors(ask(shared_house, json.loads(json.dumps(fine)), kind="Bundle", profile=profile)) == expected
    assert codes(ask(shared_house, fine, kind="Bundle", profile=f"{R4}DomainResource")) == ["profile-unknown"]
    assert errors(ask(shared_house, record(observation(id="o1")), kind="Bundle")) == ["bundle-type"]
