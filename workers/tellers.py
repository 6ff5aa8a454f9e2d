"""The threads that tell subscribers, each in turn: those that hang or fail hold up nobody else, however many.

Telling waits for sockets, so it takes threads. Each subscriber (one client at one host) has at most two of them; all
who failed or were slow when they were last told share half of the threads. A row that waits here is still due in the
table, so that it costs nothing to lose it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

THREADS = 32
MOST_OF_ONE = 2  # at once, of one subscriber: one of them for what failed before, where there is such
MOST_DOUBTFUL = THREADS // 2  # at once, of all who failed or were slow
SLOW = 1.0  # seconds after which the next of this subscriber is told more carefully
log = structlog.get_logger("fhir_svc.workers")


@dataclass(frozen=True, slots=True)
class _UnderWay:
    subscriber: Hashable
    failed: bool
    doubtful: bool


class Tellers:
    """Rows that wait for their turn, and the threads that `tell` them."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._threads = ThreadPoolExecutor(THREADS, "notify")
        self._changed = threading.Condition()
        self._known: set[str] = set()
        self._under_way: dict[str, _UnderWay] = {}
        self._slow: set[Hashable] = set()
        self._waiting: dict[bool, dict[Hashable, deque[str]]] = {False: {}, True: {}}  # what failed before comes last
        self._closed = False

    def knows(self, row: str) -> bool:
        """Whether a row waits here or is under way: a relay says again what is still due."""
        return row in self._known

    def take(self, row: str, subscriber: Hashable, *, failed: bool) -> None:
        """Tell this row when it is its turn; `failed`: its subscription was not told the last time it was tried."""
        with self._changed:
            if self._closed or row in self._known:
                return
            self._known.add(row)
            self._waiting[failed].setdefault(subscriber, deque()).append(row)
            self._begin()

    def close(self, within: float) -> None:
        """Begin nothing more, and give what is under way so many seconds to end."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._under_way, within)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        for failed, waiting in self._waiting.items():
            for subscriber in list(waiting):
                while (chosen := self._chosen(subscriber, failed=failed)) is not None:
                    rows = waiting.pop(subscriber)
                    row = rows.popleft()
                    if rows:
                        waiting[subscriber] = rows  # behind the others
                    self._under_way[row] = chosen
                    self._threads.submit(self._carry_out, row)

    def _chosen(self, subscriber: Hashable, *, failed: bool) -> _UnderWay | None:
        """What beginning one more of this subscriber would be; None while it is not its turn."""
        if self._closed or subscriber not in self._waiting[failed] or len(self._under_way) >= THREADS:
            return None
        one = _UnderWay(subscriber, failed, failed or subscriber in self._slow)
        its = [each for each in self._under_way.values() if each.subscriber == subscriber]
        doubtful = sum(each.doubtful for each in self._under_way.values())
        if len(its) >= MOST_OF_ONE:
            return None
        if one.doubtful and (doubtful >= MOST_DOUBTFUL or any(each.failed == failed for each in its)):
            return None
        return one

    def _carry_out(self, row: str) -> None:
        begun = time.monotonic()
        try:
            self._tell(row)
        except Exception as trouble:  # noqa: BLE001  the row is still due, and the thread is needed
            log.error("notify.left", work=row, kind=type(trouble).__name__)  # noqa: TRY400  no text, no traceback
        with self._changed:
            subscriber = self._under_way.pop(row).subscriber
            self._known.discard(row)
            (self._slow.add if time.monotonic() - begun >= SLOW else self._slow.discard)(subscriber)
            self._begin()
            self._changed.notify_all()
