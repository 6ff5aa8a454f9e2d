"""The relay: tells the workers, through the broker, which rows are due. It loses nothing: it only reads the table.

Two relays do no harm: a row told twice is claimed once. A broker that is down or full is tried again; meanwhile rows
stay due. It also does what nobody's message starts: expired leases, deferred Tasks, escalations,
heartbeats of subscriptions, looking for delivered orders, tidying.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from types import FrameType
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from fhir_svc.errors import FhirSvcError
from fhir_svc.settings import Settings
from fhir_svc.store import work
from fhir_svc.store.database import Database
from workers import escalate, housekeeping, notify, reconcile
from workers.desk import Desk, configure_logs
from workers.queues import EVALUATE, NOTIFY, TASKS, WRITE_BACK, celery, queue_of, waiting

_BATCH = 20  # rows told at a time
_LOT = 5  # deliveries for one message: whoever hears it takes more than one
_FULL = 20  # messages in a queue beyond which more would only pile up and be told twice: rows stay due
_BUSY, _IDLE = 0.01, 0.03  # seconds between looks
_SWEEP_EVERY, _REPORT_EVERY, _TIDY_EVERY = 1.0, 5.0, 3600.0  # seconds
_BEAT_EVERY = 0.25  # seconds; a heartbeat's shortest period is 1
_RECONCILE_EVERY = 300.0  # seconds; when each order is looked for stands with it
_CLOSE_WITHIN = 1.0  # seconds to say goodbye to a broker that may be gone
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds after a failure of broker or database
log = structlog.get_logger("fhir_svc.relay")


class Relay:
    """One relay; `turn` is one look at the table."""

    def __init__(self, desk: Desk, broker_url: str) -> None:
        self._desk = desk
        self._app: Celery = celery(broker_url)
        self._broker = Redis.from_url(broker_url, socket_timeout=5, socket_connect_timeout=2, socket_keepalive=True)
        self._connection: Any = None
        self._producer: Any = None
        self._stop = threading.Event()
        self._pause = 0.0
        self._next_beat = 0.0
        self._next_sweep = 0.0
        self._next_report = 0.0
        self._next_tidy = 0.0
        self._next_reconciliation = 0.0

    def stop(self) -> None:
        """End after the present look."""
        self._stop.set()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._stop.is_set():
            try:
                self._sweep()
                told = self.turn()
            except (FhirSvcError, RedisError, OperationalError, OSError) as trouble:
                self._stop.wait(self._failed(trouble))
                continue
            if self._pause:
                log.warning("relay.back")
            self._pause = 0.0
            self._stop.wait(_BUSY if told else _IDLE)

    def turn(self) -> int:
        """Tell what is due now; how many rows there were. Nothing is marked as told while there is no broker.

        Kinds whose queue is full are not asked for: more messages would only pile up, and each look writes.
        """
        demo = self._desk.settings.demo
        with self._desk.database.reading() as tx:
            if not work.any_due(tx, demo=demo, kinds=TASKS):
                return 0
        full = {queue for queue in (EVALUATE, WRITE_BACK, NOTIFY) if waiting(self._broker, queue) >= _FULL}
        kinds = [kind for kind in TASKS if queue_of(kind, urgent=False) not in full]
        with self._desk.database.reading() as tx:
            if full and not work.any_due(tx, demo=demo, kinds=kinds):
                return 0
        with self._desk.database.transaction() as tx:
            rows = work.due(tx, _BATCH, demo=demo, kinds=kinds, lot=_LOT)
        for row_id, kind, urgent in rows:
            self._tell(TASKS[kind], row_id, queue_of(kind, urgent=urgent))
        return len(rows)

    def _tell(self, task: str, row_id: str, queue: str) -> None:
        """Publish over a connection of our own: a pool would keep those that broke."""
        if self._producer is None:
            self._connection = self._app.connection_for_write()
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        self._app.send_task(task, (row_id,), queue=queue, producer=self._producer, retry=False, ignore_result=True)

    def _sweep(self) -> None:
        moment = time.monotonic()
        if moment >= self._next_beat:
            self._next_beat = moment + _BEAT_EVERY
            notify.sweep(self._desk)
        if moment >= self._next_sweep:
            self._next_sweep = moment + _SWEEP_EVERY
            with self._desk.database.transaction() as tx:
                work.release_expired(tx)
        if moment >= self._next_report:
            self._next_report = moment + _REPORT_EVERY
            with self._desk.database.transaction() as tx:
                work.heartbeat(tx, self._desk.worker, "relay", progressed=True)
            escalate.sweep(self._desk)
        if moment >= self._next_reconciliation:
            self._next_reconciliation = moment + _RECONCILE_EVERY
            reconcile.sweep(self._desk)
        if moment >= self._next_tidy:
            self._next_tidy = moment + _TIDY_EVERY
            housekeeping.tidy(self._desk)

    def _failed(self, trouble: Exception) -> float:
        """Say so once, and wait longer each time."""
        if not self._pause:
            log.warning("relay.waits", kind=type(trouble).__name__)
        if self._connection is not None:
            self._connection.collect(_CLOSE_WITHIN)
        self._connection = self._producer = None
        self._pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, self._pause * 2))
        return self._pause


def run(settings: Settings) -> None:
    """Relay until SIGTERM or Ctrl-C."""
    configure_logs(settings.log_level)
    database = Database(settings.database_url.get_secret_value())
    desk = Desk(settings, database, f"relay-{os.getpid()}@{socket.gethostname()}")
    database.ready()
    relay = Relay(desk, desk.broker_url)

    def stop(_number: int, _frame: FrameType | None) -> None:
        relay.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    relay.run()
