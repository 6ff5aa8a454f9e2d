"""The demonstration talks to this machine alone, whatever proxies the environment names."""

import json

import pytest
from joserfc.jwk import ECKey

from fhir_svc.demo.ehr_client import Fhir, fetch_token
from fhir_svc.demo.stack import Stack


@pytest.fixture(autouse=True)
def _proxies(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")


def test_the_ehr_of_the_demonstration_is_reached_directly(base):
    assert Fhir(base).get("metadata")["resourceType"] == "CapabilityStatement"
    assert Stack._answers(f"{base}/metadata")


def test_a_token_is_fetched_directly(base, tmp_path):
    key = tmp_path / "key.json"
    key.write_text(json.dumps(ECKey.generate_key("P-384", {"kid": "k"}).as_dict(private=True)))
    with pytest.raises(RuntimeError, match="no token: 404"):  # an EHR gives none, but it was asked
        fetch_token(f"{base}/Nonsense/token/x", "c", key, "system/*.rs")
