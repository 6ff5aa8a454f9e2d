"""The worker role: Celery consumes row ids; every task claims its row in the database and does one step.

Evaluations, deliveries and notifications run in processes of their own, so that a slow EHR never delays an evaluation
and a slow subscriber delays neither. Notifications run in threads, so that no subscriber waits for another.
"""

from __future__ import annotations

import gc
import logging
import os
from functools import partial
from importlib import import_module

from celery import Celery
from celery.apps.worker import Worker
from celery.signals import worker_process_init, worker_process_shutdown, worker_ready

from fhir_svc.settings import Settings
from fhir_svc.store import work
from workers import escalate, evaluate, notify, reconcile, watchdog, write_back
from workers.desk import configure_logs
from workers.equipment import Equipment, equip
from workers.queues import EVALUATE, NOTIFY, TASKS, URGENT, WRITE_BACK, celery
from workers.slots import clear, sign_in, sign_out, take_name
from workers.supervisor import supervise
from workers.tellers import Tellers

_EVALUATIONS = (URGENT, EVALUATE)
_TELL_TO_THE_END = 12.0  # seconds that notifications under way get when the worker stops
_LAZY = (  # what Celery loads when a worker starts: loaded before the fork, it is shared
    *("celery.app.control", "celery.app.events", "celery.backends.base", "celery.concurrency.prefork"),
    *("celery.worker.components", "celery.worker.consumer", "kombu.transport.redis"),
)


def make_app(broker_url: str, equipment: Equipment, tellers: Tellers | None = None) -> Celery:
    """The Celery app with its tasks. A task takes one argument, the opaque id of a row. `tellers`: who notifies."""
    app = celery(broker_url)

    def evaluate_row(work_id: str) -> None:
        evaluate.run(equipment, work_id)

    def write_back_row(work_id: str) -> None:
        write_back.run(equipment, work_id)

    def escalate_row(work_id: str) -> None:
        escalate.run(equipment, work_id)

    def reconcile_rows(work_id: str) -> None:
        reconcile.run(equipment, work_id)

    app.task(name=TASKS["escalate"], time_limit=escalate.LIMIT)(escalate_row)
    app.task(name=TASKS["evaluate"], time_limit=evaluate.LIMIT)(evaluate_row)
    if tellers is not None:

        def notify_row(work_id: str) -> None:
            notify.queue(equipment, tellers, work_id)

        app.task(name=TASKS["notify"])(notify_row)  # it hands over to a thread
    app.task(name=TASKS["reconcile"], time_limit=reconcile.LIMIT)(reconcile_rows)
    app.task(name=TASKS["write_back"], time_limit=write_back.LIMIT)(write_back_row)
    return app


def run_worker(settings: Settings, concurrency: int) -> None:
    """Work until SIGTERM, which lets running tasks end (at most 25 s).

    `concurrency`: processes that evaluate and deliver, beside the one that notifies subscribers.
    """
    configure_logs(settings.log_level)
    equipment = equip(settings, "")  # before any fork: its memory is shared
    equipment.database.ready()
    clear()
    for name in _LAZY:
        import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a child would write to every shared page, and so copy it
    evaluators = max(1, concurrency // 3)  # one evaluation makes several deliveries
    writers = concurrency - evaluators
    equipment.ehrs.writers = max(1, writers)
    lanes = [(_EVALUATIONS, evaluators), ((WRITE_BACK,), writers)] if writers else [((*_EVALUATIONS, WRITE_BACK), 1)]
    parts = [partial(_serve, equipment, queues, processes) for queues, processes in (*lanes, ((NOTIFY,), 1))]
    supervise(parts)


def _serve(equipment: Equipment, queues: tuple[str, ...], processes: int) -> None:
    """One Celery worker: a consumer and its pool, each of whose processes holds leases under a name of its own."""

    def begin(**_signal: object) -> None:
        equipment.process = sign_in(equipment.worker)

    def end(**_signal: object) -> None:
        sign_out()

    with take_name("-".join(queues)) as name:
        equipment.worker = name
        if EVALUATE not in queues:
            equipment.trouble = None  # the criteria are no matter of this lane
        with equipment.database.transaction() as tx:
            work.release_worker(tx, name)  # what this worker held when it died
        tellers = Tellers(partial(notify.run, equipment)) if queues == (NOTIFY,) else None
        app = make_app(equipment.broker_url, equipment, tellers)
        dog = watchdog.start(equipment, queues)
        worker_ready.connect(dog.released, weak=False)
        worker_process_init.connect(begin, weak=False)
        worker_process_shutdown.connect(end, weak=False)
        worker: Worker = app.Worker(
            hostname=name,
            pool="prefork" if tellers is None else "solo",  # a notification ends by its own deadline
            concurrency=processes,
            queues=list(queues),
            loglevel=logging.getLevelName(logging.WARNING),
            quiet=True,
            without_heartbeat=False,
        )
        worker.start()
        if tellers is not None:
            tellers.close(_TELL_TO_THE_END)
        code = worker.exitcode or 0
    if code:
        os._exit(code)
