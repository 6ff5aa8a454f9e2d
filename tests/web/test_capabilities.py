"""What the service claims of itself is held against the running service."""

import pytest

from tests.web.cast import codes, observation, patient

SAMPLES = {"Observation": observation, "Patient": patient}


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
        kind, claimed = rest["type"], {one["code"] for one in rest["interaction"]}
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


def test_every_search_parameter_claimed_is_taken(shared_house, statement):
    values = {"date": "2026-01-01", "reference": "Patient/p1", "token": "x", "string": "x", "uri": "https://x.example"}
    for rest in statement["rest"][0]["resource"]:
        for parameter in rest["searchParam"]:
            query = {parameter["name"]: values[parameter["type"]]}
            strict = {"query_string": query, "headers": {"Prefer": "handling=strict"}}
            if rest["type"] == "AuditEvent":
                answer = shared_house.as_person("ada", "GET", "/fhir/AuditEvent", **strict)
            else:
                answer = shared_house.call("GET", f"/fhir/{rest['type']}", **strict)
            assert answer.status_code == 200, (rest["type"], parameter, answer.text)


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


def test_what_is_not_fhir_is_described_completely(shared_house):
    told = shared_house.call("GET", "/openapi.json", client=None).json
    described = set(told["paths"])
    assert {"/auth/token", "/login", "/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"} <= described
    for rule in shared_house.app.url_map.iter_rules():
        if not rule.rule.startswith("/fhir") and not rule.endpoint.endswith("static"):
            assert rule.rule.replace("<", "{").replace(">", "}") in described
