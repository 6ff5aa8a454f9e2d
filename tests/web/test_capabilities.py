"""What the service claims of itself is held against the running service."""

import pytest

from tests.web.cast import assertion, codes, transaction
from tests.web.test_token import ask


@pytest.fixture(scope="module")
def statement(shared_house):
    return shared_house.call("GET", "/fhir/metadata", client=None).json


def test_the_statement_is_valid_and_open_to_all(shared_house, statement):
    assert (statement["resourceType"], statement["fhirVersion"], statement["kind"]) == (
        "CapabilityStatement",
        "4.0.1",
        "instance",
    )
    assert statement["format"] == ["application/fhir+json", "json"]


def test_every_interaction_claimed_is_there(shared_house, statement):
    for rest in statement["rest"][0]["resource"]:
        kind, claimed = rest["type"], {one["code"] for one in rest.get("interaction", ())}
        if kind == "Bundle":
            continue
        if kind == "AuditEvent":
            assert shared_house.as_person("ada", "GET", "/fhir/AuditEvent").status_code == 200
            continue
        if "search-type" in claimed:
            assert shared_house.call("GET", f"/fhir/{kind}").status_code == 200
        for code, path in {"read": "", "vread": "/_history/1", "history-instance": "/_history"}.items():
            assert code in claimed
            answer = shared_house.call("GET", f"/fhir/{kind}/none{path}")
            assert (answer.status_code, codes(answer)) == (404, ["not-found"])
        for code, method, path in (("create", "POST", ""), ("update", "PUT", "/x")):
            answer = shared_house.call(method, f"/fhir/{kind}{path}", {"resourceType": kind})
            assert (answer.status_code == 405) is (code not in claimed), (kind, code)


def test_every_operation_claimed_has_a_route_and_a_definition(shared_house, statement):
    rest = statement["rest"][0]
    found = {(None, one["name"]): one for one in rest["operation"]}
    for resource in rest["resource"]:
        found |= {(resource["type"], one["name"]): one for one in resource.get("operation", ())}
    assert {
        (None, "submit"),
        ("PlanDefinition", "evaluate"),
        ("Observation", "validate"),
        ("ServiceRequest", "sign"),
        ("Task", "complete"),
    } <= set(found)
    ours = "https://example.org/fhir-svc/OperationDefinition/"
    for (_, name), one in found.items():
        if one["definition"].startswith(ours):
            place = one["definition"].removeprefix("https://example.org/fhir-svc")
            assert shared_house.call("GET", f"/fhir{place}").status_code == 200
        else:
            assert name == "validate"


def test_the_smart_configuration_leads_to_the_token_endpoint(shared_house):
    told = shared_house.call("GET", "/fhir/.well-known/smart-configuration", client=None).json
    assert told["token_endpoint"] == "http://localhost/auth/token"
    assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert set(told["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    assert "client-confidential-asymmetric" in told["capabilities"]


def test_every_scope_that_is_offered_is_granted_and_opens_what_it_names(house):
    offered = house.call("GET", "/fhir/.well-known/smart-configuration", client=None).json["scopes_supported"]
    assert {"system/*.cruds", "system/Observation.crus", "system/Task.rs", "system/Subscription.cruds"} <= set(offered)
    answer = ask(house, assertion(), scope=" ".join(offered))
    assert answer.json["scope"].split() == offered
    for scope in offered[1:]:
        kind = scope.partition("/")[2].partition(".")[0]
        searched = house.call("GET", f"/fhir/{kind}?_summary=count", scope=scope)
        assert searched.status_code == 200, scope


def test_the_audit_which_no_system_reads_is_neither_offered_nor_granted(house):
    offered = house.call("GET", "/fhir/.well-known/smart-configuration", client=None).json["scopes_supported"]
    assert not any("AuditEvent" in one for one in offered)
    resources = house.call("GET", "/fhir/metadata", client=None).json["rest"][0]["resource"]
    assert [one["type"] for one in resources if "admins" in one.get("documentation", "")] == ["AuditEvent"]
    for scope in ("system/AuditEvent.rs", "system/AuditEvent.read", "system/AuditEvent.*"):
        answer = ask(house, assertion(), scope=scope)
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_scope")
        beside = ask(house, assertion(), scope=f"system/Task.rs {scope}")
        assert (beside.status_code, beside.json["scope"]) == (200, "system/Task.rs")


def test_that_bundles_are_validated_is_claimed_and_nothing_else_of_them(shared_house, statement):
    (claimed,) = [one for one in statement["rest"][0]["resource"] if one["type"] == "Bundle"]
    definition = "http://hl7.org/fhir/OperationDefinition/Resource-validate"
    assert claimed == {"type": "Bundle", "operation": [{"name": "validate", "definition": definition}]}
    answer = shared_house.call("POST", "/fhir/Bundle/$validate", transaction())
    assert answer.status_code == 200
    assert shared_house.call("GET", "/fhir/Bundle").status_code == 404
