"""Everything the processes are told from outside, read once, frozen, and refused when it makes no sense.

Each setting is an environment variable `FHIR_SVC_<NAME>`; a secret may also come from a file named by
`FHIR_SVC_<NAME>_FILE`. A name that starts with `FHIR_SVC_` and means nothing here stops the boot, so that a misspelt
setting is never silently ignored. Nothing is read at import, and `repr` shows no secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from fhir_svc.loopback import LOOPBACK

PREFIX: Final = "FHIR_SVC_"
FROM_FILE: Final = "_FILE"
SECRETS: Final = frozenset({"database_url", "broker_url", "signing_key", "audit_key", "metrics_token"})
SHORTEST_KEY: Final = 32  # characters: an HMAC key below 256 bits could be searched for
CURVE: Final = "P-384"  # ES384 is the one algorithm of our signatures


class BadSettings(Exception):  # noqa: N818 - it names what is wrong, as the error tree does
    """The settings can't be used; the text names each of them and never holds a value."""


class Settings(BaseSettings):
    """What one installation is told. Durations are seconds, sizes bytes, addresses absolute URLs."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: SecretStr = Field(description="`sqlite:////absolute/path.db` or `postgresql+psycopg://...`")
    broker_url: SecretStr | None = Field(None, description="Valkey or Redis; needed by relay and worker only")
    base_url: str = Field("http://127.0.0.1:8080", description="the public root, as clients and browsers see it")
    profiles_dir: Path = Field(
        Path(__file__).resolve().parent.parent / "profiles", description="directory of the knowledge artefacts"
    )
    shadow_profiles_dir: Path | None = Field(
        None, description="a new version of the artefacts, evaluated beside the active one; it writes no orders"
    )
    signing_key: SecretStr = Field(description="PEM of the EC P-384 private key that signs orders")
    audit_key: SecretStr = Field(description="key of the hashes that stand for patients in the audit, 32 characters up")
    demo: bool = Field(False, description="demonstration rows are honoured; only on a loopback `base_url`")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    metrics_token: SecretStr | None = Field(None, description="bearer token for `/metrics`; without it loopback only")
    issuer: str | None = Field(None, description="`iss` of an outside authorization server whose tokens are taken")
    issuer_jwks_url: str | None = Field(None, description="https address of that server's public keys")
    cors_origins: tuple[str, ...] = Field((), description="origins that browsers may call from, comma-separated")
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="proxies in front, each of which adds whom it answers to `X-Forwarded-For`"
    )
    rate_per_second: float = Field(200.0, gt=0, description="budget of one client in one process, in requests")
    rate_burst: float = Field(1000.0, gt=0, description="how much of that budget may be spent at once")
    events_kept_days: int = Field(30, ge=1, le=3650, description="days for which `$events` shows delivered events")
    shadow_kept_days: int = Field(90, ge=1, le=3650, description="days for which shadow evaluations are kept")

    _signing: ECKey = PrivateAttr()

    @field_validator("base_url", "issuer_jwks_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an absolute http(s) URL without query or fragment")
        return value.rstrip("/")

    @field_validator("audit_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(f"must have at least {SHORTEST_KEY} characters")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if self.demo and not self.on_loopback:
            raise ValueError("demo is for a base_url on loopback only")
        if (self.issuer is None) != (self.issuer_jwks_url is None):
            raise ValueError("issuer and issuer_jwks_url go together")
        try:
            key = ECKey.import_key(self.signing_key.get_secret_value())
        except (JoseError, ValueError, TypeError) as failure:
            raise ValueError("signing_key must be the PEM of an EC private key") from failure
        if not key.is_private or key.curve_name != CURVE:
            raise ValueError(f"signing_key must be a private key on {CURVE}")
        self._signing = key
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings names these five
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `read` hands in: the environment is read there, once, and nowhere else."""
        return (init_settings,)

    @property
    def signing(self) -> ECKey:
        """The private key that signs orders."""
        return self._signing

    @property
    def on_loopback(self) -> bool:
        """Whether the public root can be reached from this machine only."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    @property
    def fhir_base(self) -> str:
        """The FHIR base, without a slash at its end."""
        return f"{self.base_url}/fhir"

    @property
    def token_url(self) -> str:
        """The token endpoint: the `aud` that client assertions must name."""
        return f"{self.base_url}/auth/token"


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings in `environ` (default: the process's); BadSettings names every one that can't be used."""
    given = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, text in sorted(given.items()):
        if not name.startswith(PREFIX):
            continue
        field, in_file = _field(name)
        if field is None:
            problems.append(_no_such(name))
            continue
        if in_file:
            content = _content(text)
            if content is None:
                problems.append(f"{name}: the file can't be read")
                continue
            text = content  # noqa: PLW2901 - the file's content is the value
        if field in values:
            problems.append(f"{name}: given twice, plain and as a file")
        values[field] = _list(text) if field == "cors_origins" else text
    return _checked(values, problems)


def database_url(environ: Mapping[str, str] | None = None) -> str:
    """The database alone, for an operator's command that needs nothing else.

    BadSettings when it is not given, or when anything is given that is no setting.
    """
    given = _known(environ)
    name = f"{PREFIX}DATABASE_URL"
    url = given.get(name) or _content(given.get(f"{name}{FROM_FILE}", ""))
    if not url:
        raise BadSettings(f"{name}: not given")
    return url


def profiles_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The directory of the knowledge artefacts alone, for a command that needs nothing else; BadSettings as above."""
    given = _known(environ)
    return Path(given.get(f"{PREFIX}PROFILES_DIR") or Settings.model_fields["profiles_dir"].default)


def _known(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    """The environment, if every setting in it is one."""
    given = os.environ if environ is None else environ
    unknown = [_no_such(name) for name in sorted(given) if name.startswith(PREFIX) and _field(name)[0] is None]
    if unknown:
        raise BadSettings("; ".join(unknown))
    return given


def _field(name: str) -> tuple[str | None, bool]:
    """The setting that a variable is for, None for none, and whether its value stands in a file."""
    field = name.removeprefix(PREFIX).lower()
    kept = field.removesuffix(FROM_FILE.lower())
    if kept != field and kept in SECRETS:
        return kept, True
    return (field if field in Settings.model_fields else None), False


def _no_such(name: str) -> str:
    return f"{name}: no such setting"


def _checked(values: dict[str, Any], problems: list[str]) -> Settings:
    try:
        settings = Settings(**values)
    except ValidationError as failure:
        problems += [
            f"{PREFIX}{'.'.join(str(part) for part in error['loc']).upper() or '*'}: {error['msg']}"
            for error in failure.errors(include_input=False, include_context=False, include_url=False)
        ]
    if problems:
        raise BadSettings("; ".join(problems))
    return settings


def _content(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _list(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace(",", " ").split() if part)
