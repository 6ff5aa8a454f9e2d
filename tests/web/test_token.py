"""`POST /auth/token`: who gets a token, who does not, and that every refusal is RFC 6749's."""

import base64
import hmac
import json
import threading
import time

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from fhir_svc.store import clients
from tests.web.cast import CLIENT_KEY, EVERYTHING, PUBLIC, RSA_KEY, assertion

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def ask(house, token, *, scope="system/Observation.cruds", forwarded=None, **changes):
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": TYPE,
        "client_assertion": token,
        "scope": scope,
    } | changes
    return house.app.test_client().post(
        "/auth/token",
        data={name: value for name, value in form.items() if value is not None},
        headers={"X-Forwarded-For": forwarded} if forwarded else {},
    )


@pytest.mark.parametrize(("key", "algorithm"), [(CLIENT_KEY, "ES384"), (RSA_KEY, "RS384")])
def test_a_registered_key_gets_a_token_that_opens_what_was_granted(house, key, algorithm):
    answer = ask(house, assertion(key, algorithm))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 300, "system/Observation.cruds")
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    assert house.app.test_client().get("/fhir/Observation", headers=bearer).status_code == 200
    assert house.app.test_client().get("/fhir/Condition", headers=bearer).status_code == 403


@pytest.mark.parametrize(
    "audience", [["http://localhost/auth/token"], ["https://elsewhere.example", "http://localhost/auth/token"]]
)
def test_our_audience_may_stand_in_a_list(house, audience):
    assert ask(house, assertion(aud=audience)).status_code == 200


def test_a_client_id_beside_the_assertion_says_the_same(house):
    assert ask(house, assertion(), client_id="north-ehr").status_code == 200
    for other in ("south-ehr", "nobody", "NORTH-EHR"):
        answer = ask(house, assertion(), client_id=other)
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_client")
    twice = ask(house, assertion(), client_id=["north-ehr", "north-ehr"])
    assert (twice.status_code, twice.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
def test_another_method_is_refused_in_the_form_of_this_endpoint_alone(shared_house, method):
    browser = shared_house.app.test_client()
    answer = browser.open("/auth/token", method=method)
    assert (answer.status_code, answer.mimetype) == (405, "application/json")
    assert "POST" in answer.headers["Allow"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert method == "HEAD" or answer.json["error"] == "invalid_request"
    elsewhere = shared_house.call("DELETE", "/fhir/Observation/o1")
    assert (elsewhere.status_code, elsewhere.mimetype) == (405, "application/fhir+json")


def test_the_database_holds_only_a_hash_of_the_token(house):
    token = ask(house, assertion()).json["access_token"]
    with house.database.reading() as tx:
        assert token not in str(tx.exec_driver_sql("SELECT * FROM tokens").all())


def test_no_more_is_granted_than_is_registered(house):
    narrowed = ask(house, assertion(iss="north-reader", sub="north-reader"), scope="system/*.cruds launch openid").json
    assert narrowed["scope"] == "system/*.rs"


def test_a_scope_that_is_not_registered_is_refused(house):
    answer = ask(house, assertion(), scope="patient/*.rs system/Observation.rs?category=vital-signs")
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_scope")


def test_a_type_that_is_not_served_is_not_granted(house):
    served = "system/*.cruds system/Questionnaire.r system/Subscription.cruds"
    assert ask(house, assertion(), scope=f"system/Bogus.rs {served} system/Group.r").json["scope"] == served
    answer = ask(house, assertion(), scope="system/Bogus.rs")
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_scope")


def _unsigned():
    part = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "ec-1"}).encode()).rstrip(b"=").decode()
    return f"{part}.{assertion().split('.')[1]}."


def _with_public_key_as_secret():
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "rsa-1"}).encode()).rstrip(b"=")
    signed = head + b"." + assertion().split(".")[1].encode()
    mac = hmac.digest(RSA_KEY.as_pem(private=False), signed, "sha256")
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def _tampered():
    head, body, signature = assertion().split(".")
    other = assertion(sub="north-ehr", scope="more").split(".")[1]
    assert body != other
    return f"{head}.{other}.{signature}"


def _with_half_a_character():
    part = assertion().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) | {"jti": "j\ud800"}
    return jws.serialize_compact({"alg": "ES384", "kid": "ec-1"}, json.dumps(claims), CLIENT_KEY, algorithms=["ES384"])


ABUSES = {
    "no signature": _unsigned,
    "the public key as an HMAC secret": _with_public_key_as_secret,
    "claims changed after signing": _tampered,
    "no JWT at all": lambda: "nonsense",
    "an empty assertion": lambda: "",
    "a huge assertion": lambda: "a" * 20_000,
    "an unknown key id": lambda: assertion(header={"kid": "nobody"}),
    "a key id that is a path": lambda: assertion(header={"kid": "../../dev/null"}),
    "no key id": lambda: assertion(header={"kid": None}),
    "another key under a known id": lambda: assertion(ECKey.generate_key("P-384", {"kid": "ec-1"})),
    "a short RSA key": lambda: assertion(RSAKey.generate_key(1024, {"kid": "rsa-1"}), "RS384"),
    "an algorithm beside ours": lambda: assertion(
        RSAKey.import_key(RSA_KEY.as_pem(private=True), {"kid": "rsa-1"}), "RS256"
    ),
    "a key set address of its own": lambda: assertion(header={"jku": "https://169.254.169.254/keys"}),
    "an unknown client": lambda: assertion(iss="nobody", sub="nobody"),
    "a client in another's name": lambda: assertion(sub="south-ehr"),
    "no issuer": lambda: assertion(iss=None),
    "an issuer that is no text": lambda: assertion(iss=["north-ehr"]),
    "another audience": lambda: assertion(aud="http://localhost/fhir"),
    "several other audiences": lambda: assertion(aud=["http://localhost/fhir", "https://elsewhere.example"]),
    "no audience in a list": lambda: assertion(aud=[]),
    "an audience inside an object": lambda: assertion(aud={"http://localhost/auth/token": 1}),
    "an audience that only begins like ours": lambda: assertion(aud="http://localhost/auth/token/more"),
    "no audience": lambda: assertion(aud=None),
    "expired": lambda: assertion(exp=int(time.time()) - 120, iat=None),
    "no expiry": lambda: assertion(exp=None),
    "an expiry that is no number": lambda: assertion(exp="soon"),
    "alive for an hour": lambda: assertion(exp=int(time.time()) + 3600),
    "alive for six minutes": lambda: assertion(exp=int(time.time()) + 361),
    "not yet valid": lambda: assertion(nbf=int(time.time()) + 200),
    "issued in the future": lambda: assertion(iat=int(time.time()) + 200, exp=int(time.time()) + 280),
    "no jti": lambda: assertion(jti=None),
    "a jti that is no text": lambda: assertion(jti=7),
    "an endless jti": lambda: assertion(jti="j" * 300),
    "a jti that holds NUL": lambda: assertion(jti="j\0"),
    "a jti that holds a line's end": lambda: assertion(jti="j\nj"),
    "a jti that holds half a character": _with_half_a_character,
    "an issuer that holds NUL": lambda: assertion(iss="north-ehr\0", sub="north-ehr\0"),
}


@pytest.mark.parametrize("abuse", ABUSES.values(), ids=ABUSES.keys())
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_an_abused_assertion_is_refused_as_invalid_client(shared_house, abuse):
    answer = ask(shared_house, abuse())
    assert (answer.status_code, answer.mimetype, answer.json["error"]) == (400, "application/json", "invalid_client")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "jwt"}, "invalid_client"),
        ({"client_assertion": None}, "invalid_client"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
        ({"grant_type": ["client_credentials", "client_credentials"]}, "invalid_request"),
    ],
)
def test_a_malformed_request_is_told_what_is_wrong(shared_house, changes, error):
    answer = ask(shared_house, assertion(), **changes)
    assert (answer.status_code, answer.json["error"]) == (400, error)


def test_another_method_or_media_type_never_answers_html(shared_house):
    browser = shared_house.app.test_client()
    assert browser.post("/auth/token", json={}).status_code == 415
    assert browser.get("/auth/token").status_code == 405
    for answer in (browser.post("/auth/token", json={}), browser.get("/auth/token")):
        assert "html" not in answer.content_type


def test_a_jti_is_used_once_even_by_fifty_at_once(house):
    token = assertion()
    statuses = []

    def try_it():
        statuses.append(ask(house, token).status_code)

    threads = [threading.Thread(target=try_it) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 49


def test_a_clock_that_is_a_minute_off_is_tolerated(house):
    moment = int(time.time())
    assert ask(house, assertion(iat=moment + 50, exp=moment + 340)).status_code == 200
    moment = int(time.time())
    assert ask(house, assertion(iat=moment - 340, exp=moment - 50)).status_code == 200


def test_keys_are_rotated_by_two_key_ids(house):
    fresh = ECKey.generate_key("P-384", {"kid": "ec-2"})
    with house.database.transaction() as tx:
        both = {"keys": [*PUBLIC["keys"], fresh.as_dict(private=False)]}
        clients.change_keys(tx, "north-ehr", jwks=both, jwks_url=None)
    assert ask(house, assertion(fresh)).status_code == 200
    assert ask(house, assertion(CLIENT_KEY)).status_code == 200


def test_a_revoked_client_gets_no_token_and_its_tokens_end(house):
    token = ask(house, assertion()).json["access_token"]
    with house.database.transaction() as tx:
        clients.revoke(tx, "north-ehr")
    assert ask(house, assertion()).json["error"] == "invalid_client"
    refused = house.app.test_client().get("/fhir/Observation", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("given", ["Bearer nobody", "Bearer", "Basic YTpi", "bearer  ", "Bearer " + "x" * 5000])
def test_a_token_that_is_not_ours_is_401_with_an_outcome(shared_house, given):
    answer = shared_house.app.test_client().get("/fhir/Observation", headers={"Authorization": given})
    assert answer.status_code == 401
    assert answer.json["issue"][0]["code"] == "login"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_tokens_and_refusals_stand_in_the_audit(house):
    ask(house, assertion())
    ask(house, assertion(aud="https://elsewhere.example"))
    found = house.as_person("ada", "GET", "/fhir/AuditEvent?subtype=token").json
    assert sorted(entry["resource"]["outcome"] for entry in found["entry"]) == ["0", "4"]


def test_a_scope_grants_what_it_says_and_no_more():
    from fhir_svc.auth.scopes import grant, permits  # noqa: PLC0415 - pure, beside its endpoint

    types = {"Observation", "Task"}
    assert grant("system/Observation.read", EVERYTHING, types) == "system/Observation.read"
    assert grant("system/*.*", "system/Observation.rs system/Task.r", types) == "system/Observation.rs system/Task.r"
    assert grant("system/*.*", "system/Bogus.rs system/Task.r", types) == "system/Task.r"
    assert grant("system/Task.cruds", "system/Task.rs system/*.c", types) == "system/Task.crs"
    assert grant("user/*.rs patient/*.rs openid", EVERYTHING, types) == ""
    assert permits(["system/Observation.write"], "Observation", "c")
    assert not permits(["system/Observation.write"], "Observation", "r")
    assert not permits(["system/Observation.rs"], "Condition", "r")
    assert not permits(["system/Observation.sr"], "Observation", "r")
