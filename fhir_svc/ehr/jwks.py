"""Fetches the public keys that a registered client or authorization server publishes.

Only registered addresses come here, never one that a token names. https only, and only public addresses: the name is
resolved once, every address it has must be public, and the connection goes to exactly the address that was checked. No
redirect, no proxy, 64 kB, 3 seconds in all. Under demonstration settings a loopback address, http included, is taken.

Whoever needs a set that is being fetched waits for that fetch and is judged by it. Who sends key ids that nobody
published makes us fetch a few times and then now and then; a slow or failing host holds one thread and no more.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock, Thread
from typing import Any, Final

from fhir_svc.ehr import addresses
from fhir_svc.ehr.line import Line
from fhir_svc.ehr.replies import NotNow, Unclear
from fhir_svc.errors import Unavailable

LARGEST: Final = 64 * 1024
DEADLINE: Final = 3.0  # seconds for one fetch
PATIENCE: Final = 4.0  # seconds that anybody waits for one: to look up the name's address is not in the deadline
KEPT: Final = 300.0  # seconds a key set is trusted without asking again
FETCHES: Final = 5  # for one address at once, whatever is asked
EVERY: Final = 5.0  # seconds after which one more may be made
QUICK: Final = 1.0  # seconds that a fetch may have taken for many to wait for the next one
FAILED: Final = "The registered key set could not be fetched."
UNAVAILABLE: Final = "key-set-unavailable"
Keys = dict[str, Any]


@dataclass(slots=True)
class _Address:
    """What is known of one address: the last good set and until when it counts, fetches left, the one under way."""

    keys: Keys | None = None
    until: float = -math.inf
    left: float = FETCHES
    counted: float = -math.inf
    quick: bool = True
    begun: float = 0.0
    flight: Future[Keys | None] | None = None

    def may_fetch(self, at: float) -> bool:
        """Take one of the fetches that are left, if one is."""
        self.left = min(float(FETCHES), self.left + (at - self.counted) / EVERY)
        self.counted = at
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def landed(self, found: Keys | None, at: float) -> None:
        """Keep what was fetched; without it, what was kept counts on until the next may be fetched."""
        self.flight = None
        self.quick = found is not None and at - self.begun <= QUICK
        self.keys = found or self.keys
        self.until = max(self.until, at + EVERY) if found is None else at + KEPT


@dataclass(slots=True)
class KeySets:
    """The key sets fetched by this process. Thread-safe; a fetch that fails leaves the last good set in use."""

    loopback: bool = False
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, _Address] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, url: str, newer: bool = False) -> Keys:  # noqa: FBT001, FBT002 - handed on as a callable
        """Give the JWKS at `url`; `newer` asks again (a key id was missing).

        May be Unavailable: with the error `key-set-unavailable` where it was tried, with another where it was not.
        """
        with self._lock:
            known, at = self._known.setdefault(url, _Address()), self.clock()
            fresh = known.keys is not None and at < known.until
            if fresh and not newer:
                return known.keys or {}
            crowded = known.flight is not None and not known.quick
            if crowded and (newer or known.keys is None):
                raise Unavailable("The registered key set is being fetched.", retry_after=DEADLINE)
            flight = None if crowded else known.flight or self._depart(url, known, at)
            left = known.begun + PATIENCE - at
        found = _awaited(flight, left) if flight else None
        found = found or known.keys
        if found is None:
            raise Unavailable(FAILED, error=UNAVAILABLE)
        return found

    def _depart(self, url: str, known: _Address, at: float) -> Future[Keys | None] | None:
        """Begin a fetch in a thread of its own, so that nobody has to wait for its end; None if none may be made."""
        if not known.may_fetch(at):
            return None
        flight: Future[Keys | None] = Future()
        Thread(target=self._fly, args=(url, known, flight), daemon=True).start()
        known.begun, known.flight = at, flight
        return flight

    def _fly(self, url: str, known: _Address, flight: Future[Keys | None]) -> None:
        found = None
        try:
            found = fetch(url, loopback=self.loopback)
        except Unavailable:
            pass
        finally:
            with self._lock:
                known.landed(found, self.clock())
            flight.set_result(found)


def _awaited(flight: Future[Keys | None], left: float) -> Keys | None:
    try:
        return flight.result(max(0.0, left))
    except TimeoutError:
        return None


def fetch(url: str, *, loopback: bool = False) -> Keys:
    """Fetch one JWKS now; Unavailable for an address we don't call and for every answer that is no key set."""
    try:
        target = addresses.target(url, loopback=loopback)
        headers = {"Host": target.header, "Accept": "application/json"}
        with Line(DEADLINE, host=target.host) as line:
            raw = line.exchange("GET", target.url, headers=headers, limit=LARGEST)
        keys = json.loads(raw.body) if raw.status == HTTPStatus.OK else None
    except (addresses.NotPublic, addresses.NotFound, NotNow, Unclear, ValueError, RecursionError):
        keys = None
    if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
        raise Unavailable(FAILED, error=UNAVAILABLE)
    return keys
