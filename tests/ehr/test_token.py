"""Who we are towards an EHR: SMART Backend Services, with what may be less than we asked for."""

import json
from urllib.parse import parse_qs

import pytest
import responses
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from fhir_svc.ehr.client import EhrClient
from fhir_svc.ehr.replies import NotNow
from fhir_svc.ehr.token import BackendServices, client_assertion, granted
from fhir_svc.errors import Broken

BASE = "http://127.0.0.1:9/fhir"
TOKEN = "http://127.0.0.1:9/token"
EC = ECKey.generate_key("P-384", {"kid": "ec1"})
RSA = RSAKey.generate_key(2048)
ORDER = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft"}


def offer(ehr, **answer):
    ehr.get(f"{BASE}/.well-known/smart-configuration", json={"token_endpoint": TOKEN})
    ehr.post(TOKEN, json={"access_token": "t1", "token_type": "Bearer", "expires_in": 300, **answer})


def client():
    return EhrClient(BASE, BackendServices(BASE, "us", EC.as_pem(private=True).decode()))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (EC.as_dict(private=True), "ES384"),
        (json.dumps(EC.as_dict(private=True)), "ES384"),
        (EC.as_pem(private=True).decode(), "ES384"),
        (RSA.as_dict(private=True), "RS384"),
        (RSA.as_pem(private=True).decode(), "RS384"),
    ],
)
def test_an_assertion_is_signed_by_the_kind_of_the_key(key, algorithm):
    first, second = (client_assertion("us", TOKEN, key) for _ in range(2))
    public = EC if algorithm == "ES384" else RSA
    token = jwt.decode(first, public, algorithms=[algorithm])
    assert token.header["alg"] == algorithm
    assert token.header["kid"]
    claims = token.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("us", "us", TOKEN)
    assert claims["exp"] - claims["iat"] <= 300
    assert claims["jti"] != jwt.decode(second, public, algorithms=[algorithm]).claims["jti"]


@pytest.mark.parametrize(
    "key", [EC.as_pem(private=False).decode(), OctKey.generate_key(256).as_dict(), "nonsense", "{}", "{"]
)
def test_a_key_that_can_not_sign_is_broken(key):
    with pytest.raises(Broken) as raised:
        client_assertion("us", TOKEN, key)
    assert raised.value.issues[0].error == "ehr-key"


def test_a_token_is_fetched_once_and_kept():
    with responses.RequestsMock() as ehr, client() as us:
        offer(ehr)
        ehr.put(f"{BASE}/ServiceRequest/o1", headers={"ETag": 'W/"1"'})
        us.put(ORDER, version=None)
        us.put(ORDER, version="1")
        asked = [call.request for call in ehr.calls if call.request.url == TOKEN]
        assert len(asked) == 1
        form = parse_qs(asked[0].body.decode())
        assert form["grant_type"] == ["client_credentials"]
        assert "system/ServiceRequest.cruds" in form["scope"][0]
        assert ehr.calls[-1].request.headers["Authorization"] == "Bearer t1"


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_refused_token_is_replaced_once(refusals):
    with responses.RequestsMock() as ehr, client() as us:
        offer(ehr)
        for _ in range(refusals):
            ehr.put(f"{BASE}/ServiceRequest/o1", status=401)
        ehr.put(f"{BASE}/ServiceRequest/o1", headers={"ETag": 'W/"1"'}) if refusals == 1 else None
        if refusals == 1:
            assert us.put(ORDER, version=None).version == "1"
        else:
            with pytest.raises(NotNow):
                us.put(ORDER, version=None)
        assert len([call for call in ehr.calls if call.request.url == TOKEN]) == 2


@pytest.mark.parametrize(
    ("scope", "type_", "interaction", "covered"),
    [
        ("system/ServiceRequest.cruds", "ServiceRequest", "u", True),
        ("system/ServiceRequest.rs", "ServiceRequest", "u", False),
        ("system/ServiceRequest.rs system/*.c", "ServiceRequest", "c", True),
        ("system/*.*", "Task", "u", True),
        ("system/*.write", "Task", "c", True),
        ("system/*.read", "Task", "c", False),
        ("system/*.read", "Patient", "s", True),
        ("user/*.cruds", "Task", "c", False),
        ("system/Task.cu?status=draft", "Task", "c", True),
        ("", "Task", "c", False),
    ],
)
def test_scopes_of_both_versions_are_understood(scope, type_, interaction, covered):
    assert granted(scope, type_, interaction) is covered


def test_less_than_needed_is_found_before_anything_is_sent():
    with responses.RequestsMock() as ehr, client() as us:
        offer(ehr, scope="system/Patient.rs")
        with pytest.raises(Broken) as raised:
            us.put(ORDER, version=None)
        assert raised.value.issues[0].error == "ehr-scope"
        assert len(ehr.calls) == 2


@pytest.mark.parametrize(
    "endpoint", [None, 7, "http://auth.example.org/token", "file:///etc/passwd", "gopher://127.0.0.1/", "/token"]
)
def test_a_token_endpoint_that_is_not_https_is_not_used(endpoint):
    with responses.RequestsMock() as ehr, client() as us:
        ehr.get(f"{BASE}/.well-known/smart-configuration", json={"token_endpoint": endpoint})
        with pytest.raises(Broken):
            us.put(ORDER, version=None)
        assert len(ehr.calls) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"status": 400, "json": {"error": "invalid_client"}}, Broken),
        ({"status": 500, "body": "down"}, NotNow),
        ({"status": 200, "body": "<html>", "content_type": "text/html"}, NotNow),
        ({"status": 200, "json": {"access_token": "x", "token_type": "mac"}}, NotNow),
    ],
)
def test_a_token_endpoint_that_fails_sends_nothing_else(answer, kind):
    with responses.RequestsMock() as ehr, client() as us:
        ehr.get(f"{BASE}/.well-known/smart-configuration", json={"token_endpoint": TOKEN})
        ehr.post(TOKEN, **answer)
        with pytest.raises(kind):
            us.put(ORDER, version=None)
        assert len(ehr.calls) == 2
