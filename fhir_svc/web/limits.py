"""How much one client may ask of one process: a token bucket for each client, and a second one for submissions.

What may carry a red flag is never starved: submissions draw on a bucket of their own, which no search, poll or dry run
can empty; so do those who come for a token or to log in. Whoever has not proved who they are pays for their address:
a name that they only give is charged with nothing, or a stranger could empty the purse of whom they name.
The reads in a Bundle are paid from the purse that other reads are paid from, each as it would be alone.
The budgets are per process and start full; the installation divides its budget by its processes.
"""

from __future__ import annotations

import math
import re
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from threading import Lock
from typing import Final

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import TooManyRequests
from fhir_svc.intake.accepted import TAKEN

MOST_CLIENTS: Final = 10_000  # forgotten, oldest first, so that invented names can't fill the memory

ONE_SITE: Final = 64  # bits of an IPv6 address that are the same in all of one caller's

# What a request weighs: a check or a search costs more than a read.
WEIGHTS: Final = (("$evaluate", 2.0), ("$validate", 5.0), ("_search", 2.0), ("_history", 2.0))
BUNDLES: Final = frozenset({"/fhir", "/fhir/$submit"})
WRITTEN: Final = re.compile(r"/fhir/([A-Za-z]+)(?:/[^/$_][^/$]*)?")
GENERAL: Final = "general"
DOORS: Final = {"/auth/token": "token", "/login": "login"}


def price(method: str, path: str) -> tuple[str, float]:
    """Give the purse that a request is paid from, and its weight."""
    path = path.rstrip("/")
    if path in DOORS:
        return DOORS[path], 1.0
    written = WRITTEN.fullmatch(path)
    if method in {"POST", "PUT"} and (path in BUNDLES or (written is not None and written[1] in TAKEN)):
        return "submissions", 1.0
    return GENERAL, next((weight for part, weight in WEIGHTS if part in path), 1.0)


def whereabouts(address: str | None) -> str:
    """Give what callers who have not proved who they are share a purse by: the address, of IPv6 its network."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> ONE_SITE << ONE_SITE))


def payer(actor: Actor | None, address: str | None) -> str:
    """Give whose purse it is: the caller's own, or that of the address from which somebody unknown comes."""
    return f"{actor.role}:{actor.id}" if actor else f"at:{whereabouts(address)}"


@dataclass(frozen=True, slots=True)
class Spent:
    """What one request left: `allowed`, what remains, and the seconds until the next unit (`wait`) and to full."""

    allowed: bool
    burst: int
    remaining: int
    wait: int
    refill: int

    def insist(self) -> None:
        """Refuse (429) what the purse did not hold."""
        if not self.allowed:
            raise TooManyRequests(
                "The budget of this client is used up; wait as long as Retry-After says.",
                headers={"Retry-After": str(self.wait)},
            )


@dataclass(slots=True)
class Budgets:
    """Every client's buckets in this process; `rate` units per second come back, `burst` may be spent at once."""

    rate: float = 200.0
    burst: float = 1000.0
    _buckets: OrderedDict[tuple[str, str], tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def spend(self, client: str, purse: str, weight: float, at: float) -> Spent:
        """Take `weight` units from the client's `purse` at the monotonic second `at`, if they are there."""
        with self._lock:
            left, since = self._buckets.pop((client, purse), (self.burst, at))
            left = min(self.burst, left + max(0.0, at - since) * self.rate)
            allowed = left >= weight
            left -= weight if allowed else 0.0
            self._buckets[client, purse] = (left, at)
            while len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        wait = 0 if allowed else max(1, math.ceil((weight - left) / self.rate))
        return Spent(allowed, int(self.burst), int(left), wait, math.ceil((self.burst - left) / self.rate))


def pay_for_reads(budgets: Budgets, actor: Actor, urls: Iterable[str], *, insist: bool) -> None:
    """Take what the GET entries of a Bundle weigh, at most a full purse; `insist`: 429 where it is not there."""
    weight = sum(price("GET", f"/fhir/{url.partition('?')[0]}")[1] for url in urls)
    if weight:
        spent = budgets.spend(payer(actor, None), GENERAL, min(weight, budgets.burst), time.monotonic())
        if insist:
            spent.insist()
