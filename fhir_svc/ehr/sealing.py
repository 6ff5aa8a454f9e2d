"""The Authorization value that goes to a subscriber's endpoint, sealed for the time that it is kept.

It is bound to its subscription and endpoint: moved to another row, or sent elsewhere by whoever can write the database,
it opens no more.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from fhir_svc.errors import Broken

ALGORITHMS: Final = ["dir", "A256GCM"]
HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
MARK: Final = "sealed:"


def seal(value: str, secret: str, *place: str) -> str:
    """Seal a value for one place."""
    content = msgspec.json.encode([list(place), value])
    return MARK + jwe.encrypt_compact(HEADER, content, _key(secret), algorithms=ALGORITHMS)


def unseal(kept: str, secret: str, *place: str) -> str:
    """Give the value back; one that an earlier release kept in clear is given as it is. Broken: it can't be opened."""
    if not is_sealed(kept):
        return kept
    try:
        opened = jwe.decrypt_compact(kept.removeprefix(MARK), _key(secret), algorithms=ALGORITHMS).plaintext or b""
        bound, value = msgspec.json.decode(opened, type=tuple[list[str], str])
    except (JoseError, msgspec.DecodeError, ValueError, TypeError):
        raise _unreadable() from None
    if bound != list(place):
        raise _unreadable()
    return value


def is_sealed(kept: str) -> bool:
    """Whether it is sealed; an earlier release did not."""
    return kept.startswith(MARK)


def _unreadable() -> Broken:
    return Broken("the authorization of a subscription can't be opened", error="authorization-unreadable")


def _key(secret: str) -> OctKey:
    return OctKey.import_key(hashlib.sha256(b"fhir-svc subscriptions\x00" + secret.encode()).digest())
