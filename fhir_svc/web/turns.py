"""Bundles about the same take turns within a process, and who waits for a turn keeps nobody else waiting.

So many Bundles as there are seats are carried out at once. One that must wait for its turn gives its seat to another,
and holds nothing of the database yet. Between processes the database makes them wait.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from fhir_svc.errors import Unavailable
from fhir_svc.store import database

SEATS: Final = 8
PATIENCES: Final = 3  # so many times as long as for the database: who stands in front may wait for that
Name = tuple[str, ...]


@dataclass(slots=True)
class Seat:
    """Whether a Bundle has its seat now."""

    taken: bool = True


class Turns:
    """The seats of a process, and the line of those who are carried out or wait for their turn, as they came."""

    def __init__(self, seats: int = SEATS) -> None:
        self._seats = threading.BoundedSemaphore(seats)
        self._changed = threading.Condition()
        self._line: list[frozenset[Name]] = []

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """Read a Bundle and carry it out, among so many at once."""
        self._seats.acquire()
        seat = Seat()
        try:
            yield seat
        finally:
            if seat.taken:
                self._seats.release()

    @contextmanager
    def turn(self, names: Collection[Name], seat: Seat, *, keep: bool = False) -> Iterator[None]:
        """Wait until nobody who came before is about anything of these names; without the seat, unless to `keep` it."""
        mine = frozenset(names)
        if not mine:
            yield
            return
        with self._changed:
            self._line.append(mine)
            waits = not self._is_free(mine)
        try:
            if waits:
                self._await(mine, seat, keep=keep)
            yield
        finally:
            with self._changed:
                self._line[:] = [one for one in self._line if one is not mine]
                self._changed.notify_all()

    def _await(self, mine: frozenset[Name], seat: Seat, *, keep: bool) -> None:
        if not keep:
            seat.taken = False
            self._seats.release()
        with self._changed:
            came = self._changed.wait_for(lambda: self._is_free(mine), PATIENCES * database.PATIENCE)
        if not came:
            raise Unavailable("Others about the same are being carried out.", retry_after=1)
        if not keep:  # where none is free it goes on without: those who have one may be waiting for it
            seat.taken = self._seats.acquire(blocking=False)

    def _is_free(self, mine: frozenset[Name]) -> bool:
        for one in self._line:
            if one is mine:
                break
            if not one.isdisjoint(mine):
                return False
        return True


TURNS: Final = Turns()
