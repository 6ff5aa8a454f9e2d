"""Settings are read once, refused when they make no sense, and never shown."""

import pytest
from joserfc.jwk import ECKey

from fhir_svc import settings

PEM = ECKey.generate_key("P-384").as_pem(private=True).decode()
LEAST = {
    "FHIR_SVC_DATABASE_URL": "sqlite:////tmp/a.db",
    "FHIR_SVC_SIGNING_KEY": PEM,
    "FHIR_SVC_AUDIT_KEY": "k" * 40,
}


def test_the_least_that_must_be_set_is_enough():
    read = settings.read({**LEAST, "PATH": "/bin"})
    assert read.fhir_base == "http://127.0.0.1:8080/fhir"
    assert read.token_url == "http://127.0.0.1:8080/auth/token"


def test_a_secret_may_come_from_a_file(tmp_path):
    (tmp_path / "key").write_text("f" * 40 + "\n")
    given = {k: v for k, v in LEAST.items() if k != "FHIR_SVC_AUDIT_KEY"}
    read = settings.read({**given, "FHIR_SVC_AUDIT_KEY_FILE": str(tmp_path / "key")})
    assert read.audit_key.get_secret_value() == "f" * 40


def test_origins_are_a_list_with_commas():
    assert settings.read({**LEAST, "FHIR_SVC_CORS_ORIGINS": "https://a.example, https://b.example"}).cors_origins == (
        "https://a.example",
        "https://b.example",
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"FHIR_SVC_DATABSE_URL": "x"}, "FHIR_SVC_DATABSE_URL"),
        ({"FHIR_SVC_AUDIT_KEY": "short-secret"}, "FHIR_SVC_AUDIT_KEY"),
        ({"FHIR_SVC_SIGNING_KEY": "not-a-key-secret"}, "signing_key"),
        ({"FHIR_SVC_SIGNING_KEY": ECKey.generate_key("P-256").as_pem(private=True).decode()}, "P-384"),
        ({"FHIR_SVC_BASE_URL": "ftp://secret.example"}, "FHIR_SVC_BASE_URL"),
        ({"FHIR_SVC_DEMO": "true", "FHIR_SVC_BASE_URL": "https://secret.example"}, "demo"),
        ({"FHIR_SVC_ISSUER": "https://secret.example"}, "issuer_jwks_url"),
        ({"FHIR_SVC_LOG_LEVEL": "secret"}, "FHIR_SVC_LOG_LEVEL"),
        ({"FHIR_SVC_TRUSTED_PROXIES": "-1"}, "FHIR_SVC_TRUSTED_PROXIES"),
        ({"FHIR_SVC_TRUSTED_PROXIES": "secret"}, "FHIR_SVC_TRUSTED_PROXIES"),
        ({"FHIR_SVC_AUDIT_KEY_FILE": "/no/such/secret"}, "FHIR_SVC_AUDIT_KEY_FILE"),
    ],
)
def test_what_makes_no_sense_stops_the_boot_and_is_named_without_its_value(change, named):
    with pytest.raises(settings.BadSettings, match=named) as refusal:
        settings.read({**LEAST, **change})
    assert "secret" not in str(refusal.value)


def test_no_secret_is_shown():
    shown = repr(settings.read(LEAST))
    assert PEM not in shown
    assert "k" * 40 not in shown
