"""Checks a signed JWT of a client (SMART Backend Services) or of an outside authorization server. Says no in one word.

Algorithms are fixed (RS384, ES384); keys come from what is registered, never from the token; a key is chosen by its id.
Pure but for the key sets it is handed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey
from joserfc.util import to_bytes, urlsafe_b64decode

ALGORITHMS: Final = {"RS384": "RSA", "ES384": "EC"}
CURVE: Final = "P-384"
LEAST_RSA_BITS: Final = 2048
LIFETIME: Final = 300  # seconds an assertion may live
SKEW: Final = 60  # seconds our clocks may differ
LONGEST: Final = 16_384  # characters of a token
LONGEST_JTI: Final = 255
KeySource = Callable[[bool], Mapping[str, Any]]  # True: ask again, a key id was missing


class NotTrusted(Exception):  # noqa: N818 - it is an answer more than an error
    """The token is not to be trusted; the text is a stable word for log and audit, never content."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token whose signature is not yet checked says of itself."""

    header: Mapping[str, Any]
    body: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Give a claim that must be a non-empty string; no database keeps a NUL or half a character."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise NotTrusted(f"{name}-missing")
        if not value.isprintable():
            raise NotTrusted(f"{name}-invalid")
        return value


def peek(token: str) -> Claims:
    """Read header and claims without trusting them: only to find out whose keys to check with."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3:  # noqa: PLR2004 - a compact JWS has three parts
        raise NotTrusted("not-a-jwt")
    try:
        header, body = (json.loads(urlsafe_b64decode(to_bytes(part))) for part in parts[:2])
    except (ValueError, RecursionError) as failure:
        raise NotTrusted("not-a-jwt") from failure
    if not isinstance(header, dict) or not isinstance(body, dict):
        raise NotTrusted("not-a-jwt")
    return Claims(header, body)


def verify(token: str, claims: Claims, keys: KeySource) -> None:
    """Check the signature with the one registered key that the header's `kid` names."""
    algorithm, kid, form = (claims.header.get(name) for name in ("alg", "kid", "typ"))
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise NotTrusted("algorithm")
    if not isinstance(kid, str) or not kid:
        raise NotTrusted("kid-missing")
    typed = isinstance(form, str) and form.upper() in {"JWT", "AT+JWT"}
    if "crit" in claims.header or ("typ" in claims.header and not typed):
        raise NotTrusted("header")
    found = _key(keys(False), kid, algorithm) or _key(keys(True), kid, algorithm)
    if found is None:
        raise NotTrusted("kid-unknown")
    try:
        jws.deserialize_compact(token, found, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError) as failure:
        raise NotTrusted("signature") from failure


def _key(key_set: Mapping[str, Any], kid: str, algorithm: str) -> RSAKey | ECKey | None:
    for given in key_set.get("keys", ()):
        if not isinstance(given, dict) or given.get("kid") != kid or given.get("kty") != ALGORITHMS[algorithm]:
            continue
        if given.get("use", "sig") != "sig" or given.get("alg", algorithm) != algorithm:
            continue
        try:
            key = JWKRegistry.import_key({name: value for name, value in given.items() if name != "d"})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey) and key.public_key.key_size >= LEAST_RSA_BITS:
            return key
        if isinstance(key, ECKey) and key.curve_name == CURVE:
            return key
    return None


def usable(given: Mapping[str, Any]) -> bool:
    """Whether a registered key could prove a client: it has an id, and the type, size and use of our algorithms."""
    kid = given.get("kid")
    named = isinstance(kid, str) and kid != ""
    return named and any(_key({"keys": [given]}, str(kid), algorithm) is not None for algorithm in ALGORITHMS)


def check_times(claims: Claims, at: datetime, *, lifetime: int | None = LIFETIME) -> float:
    """Check `exp`, `nbf` and `iat` at a moment, and give the second until which the token must be remembered."""
    moment = at.timestamp()
    expires = _second(claims, "exp")
    if expires is None:
        raise NotTrusted("exp-missing")
    if expires <= moment - SKEW:
        raise NotTrusted("expired")
    begins, issued = _second(claims, "nbf"), _second(claims, "iat")
    if lifetime is not None and expires > (moment + SKEW if issued is None else issued) + lifetime:
        raise NotTrusted("exp-too-late")
    if max(begins or 0, issued or 0) > moment + SKEW:
        raise NotTrusted("not-yet")
    return expires + SKEW


def check_audience(claims: Claims, audience: str) -> None:
    """Check that the token is for `audience`, among others perhaps (RFC 7519 4.1.3)."""
    given = claims.body.get("aud")
    named = given if isinstance(given, list) else [given]
    if audience not in named or not all(isinstance(one, str) for one in named):
        raise NotTrusted("audience")


def token_id(claims: Claims) -> str:
    """Give the `jti`."""
    given = claims.text("jti")
    if len(given) > LONGEST_JTI:
        raise NotTrusted("jti-too-long")
    return given


def _second(claims: Claims, name: str) -> float | None:
    value = claims.body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:  # noqa: PLR2004 - year 5138
        raise NotTrusted(f"{name}-invalid")
    return value
