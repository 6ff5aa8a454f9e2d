"""Opaque, sealed links to the next page: whoever reads a log of addresses learns nothing of what was searched."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from fhir_svc.errors import Malformed
from fhir_svc.store.cursors import Page
from fhir_svc.web.wire import instant

ALGORITHMS: Final = ["dir", "A256GCM"]
HEADER: Final = {"alg": "dir", "enc": "A256GCM"}


@dataclass(frozen=True, slots=True)
class Sought:
    """A search as it was asked: by whom (`tenant`), of which type, with which parameters, from which place on.

    `complete` is what the first page said of itself: to ask on from later is right for all pages together.
    """

    tenant: str
    kind: str
    params: tuple[tuple[str, str], ...]
    sort: str | None
    count: int
    cursor: str | None = None
    complete: datetime | None = None

    def following(self, page: Page) -> Sought:
        """The same search from behind this page on."""
        return replace(self, cursor=page.next, complete=self.complete or page.complete)


def meta(moment: datetime | None) -> dict[str, Any]:
    """The `meta` of a Bundle that is complete up to this moment: whoever asks on from there misses nothing."""
    return {"meta": {"lastUpdated": instant(moment)}} if moment else {}


def seal(sought: Sought, secret: str) -> str:
    """Write a page's token."""
    return jwe.encrypt_compact(HEADER, msgspec.json.encode(sought), _key(secret), algorithms=ALGORITHMS)


def unseal(token: str, secret: str, *, tenant: str, kind: str) -> Sought:
    """Read a page's token; Malformed if it is not one of ours for this tenant and type."""
    try:
        opened = jwe.decrypt_compact(token, _key(secret), algorithms=ALGORITHMS).plaintext or b""
        sought = msgspec.json.decode(opened, type=Sought)
    except (JoseError, msgspec.DecodeError, ValueError, TypeError) as failure:
        raise _not_ours() from failure
    if (sought.tenant, sought.kind) != (tenant, kind):
        raise _not_ours()
    return sought


def _not_ours() -> Malformed:
    return Malformed(
        "This page link is not one of ours: start the search again.",
        error="bad-cursor",
        code="value",
        expression="http._page",
    )


def _key(secret: str) -> OctKey:
    return OctKey.import_key(hashlib.sha256(b"fhir-svc page links\x00" + secret.encode()).digest())
