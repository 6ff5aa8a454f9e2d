"""How much one client may ask of one process: a token bucket for each client, and a second one for submissions.

What may carry a red flag is never starved: submissions draw on a bucket of their own, which no search, poll or dry run
can empty. The budgets are per process and start full; the installation divides its budget by its processes.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

MOST_CLIENTS: Final = 10_000  # forgotten, oldest first, so that invented names can't fill the memory


# What a request weighs: a check or a search costs more than a read.
WEIGHTS: Final = (("$evaluate", 2.0), ("$validate", 5.0), ("_search", 2.0), ("_history", 2.0))
SUBMISSIONS: Final = frozenset({"/fhir", "/fhir/$submit"})
SUBMITTED: Final = ("/fhir/QuestionnaireResponse", "/fhir/Communication", "/fhir/Observation")


def price(method: str, path: str) -> tuple[str, float]:
    """Give the purse that a request is paid from, and its weight."""
    path = path.rstrip("/")
    if method in {"POST", "PUT"} and "$" not in path.removesuffix("$submit") and not path.endswith("_search"):
        may_carry_red_flag = path in SUBMISSIONS or path.startswith(SUBMITTED)
        return ("submissions" if may_carry_red_flag else "general"), 1.0
    return "general", next((weight for part, weight in WEIGHTS if part in path), 1.0)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one request left: `allowed`, what remains, and the seconds until the next unit (`wait`) and to full."""

    allowed: bool
    burst: int
    remaining: int
    wait: int
    refill: int


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
