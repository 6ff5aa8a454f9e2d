"""Watches a worker from inside: reports that it lives, and ends it when it hangs.

A consumer can lose its connection without an error and wait for ever: nothing reads its socket, and its prefetch window
is full. So when messages wait in its queues, due rows grow old, and it took none for 30 s, the process is ended;
whoever supervises starts it again. It also looks after the dead of its host: what a killed process held is due again
within a second; only what a worker on another host held waits for its lease.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from redis import Redis
from redis.exceptions import RedisError

from fhir_svc.errors import FhirSvcError
from fhir_svc.store import work
from fhir_svc.store.database import now
from workers import slots
from workers.desk import Desk
from workers.queues import kinds_of, waiting

PATIENCE = 30.0  # seconds without progress, while there is work, that count as a hang
_TICK = 1.0  # seconds
_REPORT_EVERY = 5  # ticks
log = structlog.get_logger("fhir_svc.workers")


@dataclass(frozen=True, slots=True)
class Signs:
    """What is seen of a worker: seconds since it started and took work, age of the oldest due row, waiting messages."""

    up: float
    idle: float
    oldest_due: float
    waiting: int

    @property
    def hung(self) -> bool:
        """Whether it is there, with work in reach, and does nothing."""
        return min(self.up, self.idle, self.oldest_due) >= PATIENCE and self.waiting > 0


class Watchdog:
    """The watch over this process. `end` is what is done to it when it hangs."""

    def __init__(
        self,
        desk: Desk,
        broker_url: str,
        queues: Sequence[str],
        *,
        end: Callable[[], None] | None = None,
    ) -> None:
        self._desk = desk
        self._queues = queues
        self._broker = Redis.from_url(broker_url, socket_timeout=2, socket_connect_timeout=2)
        self._started = time.monotonic()
        self._ready = threading.Event()
        self._end = end or _end

    def released(self, **_signal: object) -> None:
        """Celery says that the worker consumes: from now on it reports that it lives, and can be found hanging."""
        self.look()
        self._ready.set()

    def look(self) -> Signs | None:
        """Report and look; None while database or broker can't be asked, which is no fault of this worker."""
        up = time.monotonic() - self._started
        name = self._desk.worker
        try:
            with self._desk.database.transaction() as tx:
                work.heartbeat(tx, name, "worker", progressed=False, trouble=self._desk.trouble)
                me = next(one for one in work.workers(tx) if one.worker == name)
                idle = (now(tx) - me.progressed).total_seconds() if me.progressed else up
                kinds = kinds_of(self._queues)
                ages = [one.oldest for one in work.summary(tx) if one.state == "due" and one.kind in kinds]
            messages = sum(waiting(self._broker, queue) for queue in self._queues)
        except (FhirSvcError, RedisError):
            return None
        return Signs(up, idle, max(ages, default=0.0), messages)

    def watch(self) -> None:
        """Look again and again; end the process when it hangs, or when the one that supervises it is gone."""
        supervisor = os.getppid()
        ticks = 0
        while True:
            bury(self._desk)
            if self._ready.is_set() and ticks % _REPORT_EVERY == 0:
                signs = self.look()
                if signs is not None and signs.hung:
                    log.error("worker.hung", worker=self._desk.worker, idle=round(signs.idle))
                    self._end()
                    return
            ticks += 1
            time.sleep(_TICK)
            if os.getppid() != supervisor:
                os.kill(os.getpid(), signal.SIGTERM)
                return


def bury(desk: Desk) -> None:
    """Give back what the dead of this host held."""
    try:
        with desk.database.reading() as tx:
            holders = work.holders(tx)
        for holder in holders:
            with slots.found_dead(holder) as dead:
                if dead:
                    with desk.database.transaction() as tx:
                        rows = work.release_dead(tx, holder)
                    log.warning("worker.died", worker=holder, rows=rows)
    except FhirSvcError:  # the next look finds them too
        return


def start(desk: Desk, queues: Sequence[str]) -> Watchdog:
    """Watch this process from a thread of its own."""
    watchdog = Watchdog(desk, desk.broker_url, queues)
    threading.Thread(target=watchdog.watch, name="watchdog", daemon=True).start()
    return watchdog


def _end() -> None:
    os._exit(1)
