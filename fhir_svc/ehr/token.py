"""SMART Backend Services, our side: who we are towards an EHR.

Without a registered client there is no Authorization, as for the sandbox.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhir_svc.ehr.line import Line
from fhir_svc.ehr.replies import NotNow, check
from fhir_svc.errors import Broken
from fhir_svc.loopback import LOOPBACK

SCOPE = " ".join(
    [f"system/{type_}.cruds" for type_ in ("ServiceRequest", "CommunicationRequest", "Flag", "Task", "Provenance")]
    + ["system/Patient.rs"]
)
_ASSERTION_SECONDS = 240  # SMART allows five minutes; one is left for clocks that differ
_RENEW_BEFORE = 30.0  # seconds before its end at which a token is not used for another delivery
_SMALL = 64_000
_LETTERS = {"read": "rs", "write": "cud", "*": "cruds"}
_SCOPE = re.compile(r"system/(\w+|\*)\.(read|write|\*|c?r?u?d?s?)")


class Authorization(Protocol):
    """How a request to an EHR says who sends it."""

    def header(self, line: Line, type_: str, interaction: str) -> Mapping[str, str]:
        """Return the headers for one interaction (a letter of `cruds`) on a type."""

    def renew(self) -> bool:
        """Forget what was refused; False where nothing else can be tried."""


class Anonymous:
    """No Authorization at all."""

    def header(self, line: Line, type_: str, interaction: str) -> Mapping[str, str]:  # noqa: ARG002  a Protocol
        """Return nothing."""
        return {}

    def renew(self) -> bool:
        """Say that there is nothing to renew."""
        return False


def private_key(key: Mapping[str, Any] | str) -> RSAKey | ECKey:
    """Read a private key: a JWK, its JSON, or PEM. Broken where it is neither RSA nor EC."""
    for kind in (ECKey, RSAKey):
        try:
            found: RSAKey | ECKey = kind.import_key(_jwk(key))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if found.is_private:
            return found
    raise Broken("the EHR client's key is neither a private RSA nor EC key", error="ehr-key")


def _jwk(key: Mapping[str, Any] | str) -> Any:
    if isinstance(key, str) and key.lstrip().startswith("{"):
        return msgspec.json.decode(key)
    return dict(key) if isinstance(key, Mapping) else key


def client_assertion(client: str, token_url: str, key: Mapping[str, Any] | str) -> str:
    """Sign a fresh assertion (new `jti`) for the token endpoint: ES384 with an EC key, RS384 with an RSA key."""
    signer = private_key(key)
    algorithm = "ES384" if isinstance(signer, ECKey) else "RS384"
    now = int(time.time())
    claims = {"iss": client, "sub": client, "aud": token_url, "iat": now, "exp": now + _ASSERTION_SECONDS}
    header = {"alg": algorithm, "typ": "JWT", "kid": signer.kid or signer.thumbprint()}
    return jwt.encode(header, {**claims, "jti": str(uuid.uuid4())}, signer, algorithms=[algorithm])


def granted(scope: str, type_: str, interaction: str) -> bool:
    """Tell whether a granted scope (SMART v1 or v2) covers an interaction on a type."""
    for one in scope.split():
        found = _SCOPE.fullmatch(one.partition("?")[0])
        if found and found[1] in {"*", type_} and interaction in _LETTERS.get(found[2], found[2]):
            return True
    return False


class BackendServices:
    """Fetches and keeps the access token of one registered client at one EHR."""

    def __init__(self, base: str, client: str, key: str) -> None:
        self._base, self._client, self._key = base, client, key
        self._token: tuple[str, str, float] | None = None

    def header(self, line: Line, type_: str, interaction: str) -> Mapping[str, str]:
        """Return a bearer header; Broken `ehr-scope` where the EHR granted less than this interaction needs."""
        if self._token is None or self._token[2] < time.monotonic():
            self._token = self._fetch(line)
        token, scope, _ = self._token
        if not granted(scope, type_, interaction):
            raise Broken("the EHR granted less than is needed", error="ehr-scope")
        return {"Authorization": f"Bearer {token}"}

    def renew(self) -> bool:
        """Forget the token, so that the next request fetches another."""
        self._token = None
        return True

    def _fetch(self, line: Line) -> tuple[str, str, float]:
        url = self._discover(line)
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": client_assertion(self._client, url, self._key),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        raw = line.exchange("POST", url, headers=headers, body=urlencode(form).encode(), limit=_SMALL)
        answer = check(raw, writing=False).json() or {}
        token, kind = answer.get("access_token"), str(answer.get("token_type", "")).lower()
        if not isinstance(token, str) or kind != "bearer":
            raise NotNow("the EHR's token endpoint answered something else", error="ehr-token")
        lasts = float(answer.get("expires_in", 60))
        return token, str(answer.get("scope", SCOPE)), time.monotonic() + max(1.0, lasts - _RENEW_BEFORE)

    def _discover(self, line: Line) -> str:
        place = f"{self._base}/.well-known/smart-configuration"
        raw = line.exchange("GET", place, headers={"Accept": "application/json"}, limit=_SMALL)
        url = (check(raw, writing=False).json() or {}).get("token_endpoint")
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        loopback = parts.hostname in LOOPBACK and urlsplit(self._base).hostname in LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
            raise Broken("the EHR names no usable token endpoint", error="ehr-token-endpoint")
        return str(url)
