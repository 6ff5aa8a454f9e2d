"""Fetches the public keys that a registered client or authorization server publishes.

Only registered addresses come here, never one that a token names. https only, and only public addresses: the name is
resolved once, every address it has must be public, and the connection goes to exactly the address that was checked. No
redirect, no proxy, 64 kB, 3 seconds in all. Under demonstration settings a loopback address, http included, is taken.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

from fhir_svc.ehr import addresses
from fhir_svc.errors import Unavailable

LARGEST: Final = 64 * 1024
DEADLINE: Final = 3.0
KEPT: Final = 300.0  # seconds a key set is trusted without asking again
SOONEST: Final = 10.0  # seconds between two fetches for one address, whatever is asked
FAILED: Final = "The registered key set could not be fetched."


class _Pinned(HTTPAdapter):
    """Connects to an address but speaks TLS to, and checks the certificate of, the name it was resolved from."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make connections whose certificate must be the name's."""
        super().init_poolmanager(*args, assert_hostname=self._host, server_hostname=self._host, **kwargs)


@dataclass(slots=True)
class KeySets:
    """The key sets fetched by this process. Thread-safe; a fetch that fails leaves the last good set in use."""

    loopback: bool = False
    _kept: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    _tried: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, url: str, newer: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - handed on as a callable
        """Give the JWKS at `url`; `newer` asks again (a key id was missing). May be Unavailable."""
        with self._lock:
            moment = time.monotonic()
            at, kept = self._kept.get(url, (-KEPT, None))
            fresh = kept is not None and moment - at < KEPT and not newer
            if kept is not None and (fresh or moment - self._tried.get(url, -SOONEST) < SOONEST):
                return kept
            if moment - self._tried.get(url, -SOONEST) < SOONEST:
                raise Unavailable(FAILED, error="key-set-unavailable")
            self._tried[url] = moment
        try:
            fetched = fetch(url, loopback=self.loopback)
        except Unavailable:
            if kept is None:
                raise
            return kept
        with self._lock:
            self._kept[url] = (time.monotonic(), fetched)
        return fetched


def fetch(url: str, *, loopback: bool = False) -> dict[str, Any]:
    """Fetch one JWKS now; Unavailable for an address we don't call and for every answer that is no key set."""
    try:
        target = addresses.target(url, loopback=loopback)
    except (addresses.NotPublic, addresses.NotFound):
        raise Unavailable(FAILED, error="key-set-unavailable") from None
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", _Pinned(target.host))
        try:
            body = _read(session, target.url, target.header)
            keys = json.loads(body)
        except (requests.RequestException, ValueError) as failure:
            raise Unavailable(FAILED, error="key-set-unavailable") from failure
    if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
        raise Unavailable(FAILED, error="key-set-unavailable")
    return keys


def _read(session: requests.Session, target: str, host: str) -> bytes:
    until = time.monotonic() + DEADLINE
    asked = {"Host": host, "Accept": "application/json", "Accept-Encoding": "identity"}
    body = bytearray()
    with session.get(target, headers=asked, timeout=DEADLINE, allow_redirects=False, stream=True) as answer:
        if answer.status_code != requests.codes.ok:
            raise ValueError("not 200")
        while part := answer.raw.read1(4096, decode_content=False):  # what is there, without waiting for more
            body += part
            if len(body) > LARGEST or time.monotonic() > until:
                raise ValueError("too large or too slow")
    return bytes(body)
