"""How the sandbox EHR misbehaves when told to, and what it counted, so that exactly-once can be checked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """One misbehaviour. `count` None: until replaced. Times in seconds.

    `delay` waits before anything; `hold` is how long a half-open connection stays silent; `race` the gap between the
    search and the insert of a conditional create; `drip` the pause between two bytes of the answer.
    """

    delay: float = 0.0
    status: int | None = None
    retry_after: float | None = None
    lose_answer: bool = False
    half_open: bool = False
    hold: float = 60.0
    race: float = 0.0
    drip: float = 0.0
    html_body: bool = False
    no_location: bool = False
    wrong_length: bool = False
    type: str | None = None
    method: str | None = None
    count: int | None = None


SWITCHES = {"update_create": True, "check_references": False, "task": True, "provenance": True}


@dataclass
class Faults:
    """The faults in force, and the lasting switches (`SWITCHES`)."""

    switches: dict[str, bool] = field(default_factory=lambda: dict(SWITCHES))
    active: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def replace(self, wanted: Any) -> None:
        """Take a JSON object (or a list of them) as the new faults; `{}` heals. TypeError for an unknown name."""
        given = wanted if isinstance(wanted, list) else [wanted]
        switches = {name: value for one in given for name, value in one.items() if name in SWITCHES}
        faults = [{name: value for name, value in one.items() if name not in SWITCHES} for one in given]
        made = [Fault(**one) for one in faults if one]
        with self._lock:
            self.active = made
            self.switches.update(switches)

    def take(self, method: str, type_: str) -> Fault:
        """Find the fault for this request (a harmless one where none applies) and count it down."""
        with self._lock:
            for fault in self.active:
                fits = fault.type in {None, type_} and fault.method in {None, method}
                if fits and fault.count != 0:
                    if fault.count is not None:
                        fault.count -= 1
                    return fault
        return Fault()

    def shown(self) -> Mapping[str, Any]:
        """Show what is in force, as JSON."""
        with self._lock:
            return {**self.switches, "faults": [dict(vars(fault)) for fault in self.active]}


@dataclass
class Tally:
    """Counts of requests and creations. `most_in_flight`: writes of one thing under way at the same time."""

    requests: Counter[str] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)
    most_in_flight: Counter[str] = field(default_factory=Counter)
    _flying: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, method: str, type_: str, status: int | str) -> None:
        """Count an answered (or lost) request."""
        with self._lock:
            self.requests[f"{method} {type_} {status}"] += 1

    def creation(self, type_: str, names: list[str]) -> None:
        """Count a resource made, under each of its identifiers."""
        with self._lock:
            self.created.update([type_, *(f"{type_} {name}" for name in names)])

    @contextmanager
    def flight(self, names: list[str]) -> Iterator[None]:
        """Count writes of the same thing that overlap."""
        with self._lock:
            for name in names:
                self._flying[name] += 1
                self.most_in_flight[name] = max(self.most_in_flight[name], self._flying[name])
        try:
            yield
        finally:
            with self._lock:
                self._flying.subtract(names)

    def shown(self) -> Mapping[str, Any]:
        """Show the counts, as JSON."""
        with self._lock:
            return {
                "requests": dict(self.requests),
                "created": dict(self.created),
                "most_in_flight": dict(self.most_in_flight),
            }
