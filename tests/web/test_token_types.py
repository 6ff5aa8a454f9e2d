"""Whatever stands in header or claims of a client assertion, `/auth/token` refuses it as RFC 6749 says."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jws import JWSRegistry

from fhir_svc.auth.oauth import Authority
from tests.web.cast import CLIENT_KEY, claimed
from tests.web.test_token import ask

FORMLESS = {
    "null": None,
    "an empty list": [],
    "a list": ["RS384", "http://elsewhere.example"],
    "a list of lists": [["north-ehr"]],
    "an empty object": {},
    "an object": {"north-ehr": 1},
    "true": True,
    "false": False,
    "a negative number": -1,
    "an endless number": 10**400,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "an empty text": "",
    "half a character": "\ud800",
    "NUL": "\0",
}
NUMBERS = {"0": 0, "5": 5, "1.5": 1.5}
TEXT = {"a word": "x", "a long word": "x" * 9000}
WRONG = {
    ("header", "alg"): FORMLESS | NUMBERS | TEXT,
    ("header", "kid"): FORMLESS | NUMBERS | TEXT,
    ("header", "typ"): FORMLESS | NUMBERS | TEXT,
    ("header", "jku"): FORMLESS | NUMBERS | TEXT,
    ("header", "crit"): FORMLESS | NUMBERS | TEXT,
    ("header", "b64"): {"false": False},
    ("claims", "iss"): FORMLESS | NUMBERS | TEXT,
    ("claims", "sub"): FORMLESS | NUMBERS | TEXT,
    ("claims", "aud"): FORMLESS | NUMBERS | TEXT | {"ours and no text": ["http://localhost/auth/token", {}]},
    ("claims", "exp"): FORMLESS | NUMBERS | TEXT,
    ("claims", "iat"): {name: one for name, one in (FORMLESS | NUMBERS | TEXT).items() if name != "null"},
    ("claims", "nbf"): {name: one for name, one in (FORMLESS | TEXT).items() if name != "null"},
    ("claims", "jti"): {name: one for name, one in (FORMLESS | NUMBERS | TEXT).items() if name != "a word"},
}
CASES = [(place, name, word) for (place, name), wrong in WRONG.items() for word in wrong]


def signed(header=None, claims=None):
    """An assertion that is rightly signed, whatever it says."""
    head = {"alg": "ES384", "kid": CLIENT_KEY.kid, "typ": "JWT"} | (header or {})
    body = claimed() | (claims or {})
    said = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, body))
    signature = JWSRegistry.algorithms["ES384"].sign(said, CLIENT_KEY)
    return (said + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def refused(answer):
    """What RFC 6749 5.2 wants of a refusal, of a client in this case."""
    told = (answer.status_code, answer.mimetype, answer.headers["Cache-Control"], answer.json["error"])
    return told == (400, "application/json", "no-store", "invalid_client") and bool(answer.json["error_description"])


def test_what_this_table_changes_is_a_token_request_that_is_granted(shared_house):
    assert ask(shared_house, signed()).status_code == 200
    assert ask(shared_house, signed(claims={"nbf": None})).status_code == 200


@pytest.mark.parametrize(("place", "name", "word"), CASES, ids=[" ".join(case) for case in CASES])
def test_a_header_or_claim_of_another_form_is_refused_as_invalid_client(shared_house, place, name, word):
    answer = ask(shared_house, signed(**{place: {name: WRONG[place, name][word]}}))
    assert refused(answer), (answer.status_code, answer.data[:200])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({name for _, name in WRONG} | {"jwk", "x5c", "x5u", "x5t", "cty", "enc", "zip"})


@settings(max_examples=40)  # each asks the whole app
@given(
    header=st.dictionaries(st.sampled_from(NAMES), anything), claims=st.dictionaries(st.sampled_from(NAMES), anything)
)
def test_no_header_and_no_claims_whatever_make_the_endpoint_fail(shared_house, header, claims):
    answer = ask(shared_house, signed(header, claims))
    assert answer.status_code == 200 or refused(answer), (answer.status_code, answer.data[:200])


def test_a_failure_inside_is_told_in_the_form_of_this_endpoint_and_names_nothing(shared_house, monkeypatch, capfd):
    def fail(*_):
        raise TypeError("CANARY")

    monkeypatch.setattr(Authority, "_check", fail)
    answer = ask(shared_house, signed())
    assert (answer.status_code, answer.json["error"]) == (500, "temporarily_unavailable")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/json", "no-store")
    assert b"CANARY" not in answer.data
    logged = capfd.readouterr().err
    assert "CANARY" not in logged
    assert [line["kind"] for line in map(json.loads, logged.splitlines()) if line["event"] == "request.failed"] == [
        "TypeError"
    ]


@pytest.mark.parametrize("given", ["Basic bm9ydGgtZWhyOng=", "Bearer", "Bearer nobody", "Digest x", "\xff"])
def test_a_client_that_says_who_it_is_in_another_way_is_not_known(shared_house, given):
    answer = shared_house.app.test_client().post("/auth/token", data={}, headers={"Authorization": given})
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"]
