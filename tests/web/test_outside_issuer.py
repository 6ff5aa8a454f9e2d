"""Bearer tokens of one outside authorization server, and clients that publish their keys."""

import time
from dataclasses import replace

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from fhir_svc.errors import Unavailable
from fhir_svc.store import clients
from fhir_svc.store.clients import Client
from fhir_svc.web.services import EXTENSION
from tests.web.cast import CLIENT_KEY, PUBLIC, assertion, make_house

ISSUER = "https://login.north.example"
KEYS = "https://login.north.example/keys"
CROWDED = "https://crowded.example/keys"
SERVER_KEY = ECKey.generate_key("P-384", {"kid": "server"})


@pytest.fixture
def house(template, built, tmp_path):
    """A house that trusts an outside server, whose keys are fetched without a network."""
    house = make_house(template, built, tmp_path, issuer=ISSUER, issuer_jwks_url=KEYS)
    published = {KEYS: {"keys": [SERVER_KEY.as_dict(private=False)]}, "https://ehr.example/keys": PUBLIC}

    def fetch(url, _newer):
        if url == CROWDED:
            raise Unavailable("not tried", retry_after=3)
        if url not in published:
            raise Unavailable("no such key set", error="key-set-unavailable")
        return published[url]

    given = house.app.extensions[EXTENSION]
    object.__setattr__(given, "authority", replace(given.authority, published=fetch))
    return house


def token(key=SERVER_KEY, **changes):
    moment = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": "http://localhost/fhir",
        "sub": "someone",
        "client_id": "north-ehr",
        "scope": "system/Observation.rs openid",
        "iat": moment,
        "exp": moment + 3600,
    } | changes
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES384", "kid": key.kid}, given, key, algorithms=["ES384"])


def read(house, bearer, path="/fhir/Observation"):
    return house.app.test_client().get(path, headers={"Authorization": f"Bearer {bearer}"}).status_code


def test_a_token_of_the_trusted_server_opens_what_both_allow(house):
    assert read(house, token()) == 200
    assert read(house, token(), "/fhir/Condition") == 403
    assert read(house, token(client_id="north-reader", scope="system/*.cruds"), "/fhir/Condition") == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"nbf": 99999999999},
        {"client_id": "nobody"},
        {"client_id": 7},
        {"client_id": "north-ehr\0"},
        {"client_id": ["north-ehr"]},
        {"client_id": None, "sub": {}},
        {"aud": ["http://localhost/fhir", 7]},
        {"exp": [1]},
        {"scope": 7},
        {"key": ECKey.generate_key("P-384", {"kid": "server"})},
        {"key": ECKey.generate_key("P-384", {"kid": "other"})},
    ],
)
def test_a_token_that_is_not_quite_right_opens_nothing(house, changes):
    assert read(house, token(**changes)) == 401


def test_without_the_setting_no_outside_token_is_taken(shared_house):
    assert read(shared_house, token()) == 401


def test_a_revoked_client_comes_in_by_no_door(house):
    with house.database.transaction() as tx:
        clients.revoke(tx, "north-ehr")
    assert read(house, token()) == 401


def test_a_clients_keys_may_be_published_at_a_registered_address(house):
    with house.database.transaction() as tx:
        clients.add(tx, Client("publishes", "north", "system/*.rs", jwks_url="https://ehr.example/keys"))
        clients.add(tx, Client("gone", "north", "system/*.rs", jwks_url="https://gone.example/keys"))
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "scope": "system/*.rs",
    }
    browser = house.app.test_client()

    def ask(name, **header):
        made = assertion(CLIENT_KEY, iss=name, sub=name, header=header)
        return browser.post("/auth/token", data=form | {"client_assertion": made}).status_code

    assert ask("publishes") == 200
    assert ask("publishes", jku="https://ehr.example/keys") == 200
    assert ask("publishes", jku="https://elsewhere.example/keys") == 400
    assert ask("gone") == 400


def test_while_too_many_wait_for_keys_nobody_is_told_that_the_proof_is_wrong(house):
    with house.database.transaction() as tx:
        clients.add(tx, Client("waits", "north", "system/*.rs", jwks_url=CROWDED))
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "scope": "system/*.rs",
        "client_assertion": assertion(CLIENT_KEY, iss="waits", sub="waits"),
    }
    answer = house.app.test_client().post("/auth/token", data=form)
    assert (answer.status_code, answer.json["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "3"
    given = house.app.extensions[EXTENSION]
    settings = given.settings.model_copy(update={"issuer_jwks_url": CROWDED})
    object.__setattr__(given, "authority", replace(given.authority, settings=settings))
    assert read(house, token()) == 503
