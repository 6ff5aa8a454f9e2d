"""The queues and task names, and the Celery app with the reason for every option.

The broker is only a bell: it carries row ids, may be emptied at any moment, and is never asked what there is to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue
from redis import Redis

URGENT, EVALUATE, WRITE_BACK, NOTIFY = "urgent", "evaluate", "write_back", "notify"
RECONCILE = "reconcile"  # a kind of row; it talks to the EHR as deliveries do, in their queue
TASKS = {
    "evaluate": "fhir_svc.evaluate",
    "clock": "fhir_svc.evaluate",
    "write_back": "fhir_svc.write_back",
    "escalate": "fhir_svc.escalate",
    "notify": "fhir_svc.notify",
    "reconcile": "fhir_svc.reconcile",
}


def queue_of(kind: str, *, urgent: bool) -> str:
    """The queue of a row: urgent evaluations never stand behind others, neither behind slow EHRs or subscribers."""
    if kind in {WRITE_BACK, RECONCILE}:
        return WRITE_BACK
    if kind == NOTIFY:
        return kind
    return URGENT if urgent else EVALUATE


def kinds_of(queues: Sequence[str]) -> set[str]:
    """The kinds of rows that come through these queues."""
    return {kind for kind in TASKS if queue_of(kind, urgent=False) in queues}


def waiting(broker: Redis, queue: str) -> int:
    """How many messages wait in a queue; kombu keeps a queue as a list of its name."""
    length: Any = broker.llen(queue)
    return int(length)


def _queue(name: str) -> Any:
    queue: Any = Queue
    exchange: Any = Exchange
    return queue(name, exchange(name, type="direct"), routing_key=name)


TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 300,  # how long a message of a dead worker is hidden; correctness is in the leases, not here
    "unacked_restore_interval": 5,  # look for such messages often: the default of minutes is only latency
    "unacked_restore_throttle": 1,  # ... but not all processes at once
    "socket_timeout": 5,  # a half-open connection must not block for ever (the default does)
    "socket_connect_timeout": 2,  # same, while connecting
    "socket_keepalive": True,  # lets the system find a peer that is gone
    "health_check_interval": 10,  # a connection that idled is tried before it is trusted
    "queue_order_strategy": "priority",  # queues are read in the order given, `urgent` first, not round robin
}

OPTIONS: dict[str, Any] = {
    "broker_transport_options": TRANSPORT_OPTIONS,
    "broker_connection_timeout": 2,  # seconds until a broker counts as down
    "broker_connection_retry": True,  # a broker that restarts is nothing to die of
    "broker_connection_retry_on_startup": True,  # same, when both start together
    "broker_connection_max_retries": None,  # for as long as it takes: the database keeps the work meanwhile
    "task_serializer": "json",  # no pickle: whoever reaches the broker must not run code here
    "accept_content": ["json"],  # same, for what comes in
    "result_backend": None,  # results are rows; a backend leaks connections and keys
    "task_ignore_result": True,  # same
    "task_store_errors_even_if_ignored": False,  # an exception's text can hold a patient's value
    "task_acks_late": True,  # a worker that dies leaves its message, which saves the wait for the relay
    "task_reject_on_worker_lost": True,  # without it acks_late acks when a child dies
    "worker_cancel_long_running_tasks_on_connection_loss": False,  # the effect is repeatable: let it finish
    "worker_prefetch_multiplier": 1,  # a stuck worker must not hoard
    "worker_max_tasks_per_child": 500,  # bounds whatever a library leaks
    "worker_hijack_root_logger": False,  # our logs, our format
    "worker_redirect_stdouts": False,  # same
    "worker_send_task_events": False,  # nobody listens; arguments and names stay here
    "task_send_sent_event": False,  # same
    "worker_enable_remote_control": True,  # with it off, a full prefetch window makes a silent hang on reconnect
    "control_queue_expires": 10.0,  # seconds; reply queues must not pile up
    "task_default_queue": EVALUATE,
    "task_create_missing_queues": False,  # a misspelt queue is an error, not a queue that nobody reads
    "task_queues": [_queue(name) for name in (URGENT, EVALUATE, WRITE_BACK, NOTIFY)],
    "task_track_started": False,  # the work table knows
    "enable_utc": True,
}


def celery(broker_url: str) -> Celery:
    """A Celery app on this broker, without tasks: enough to publish."""
    app = Celery("fhir_svc", broker=broker_url, set_as_current=False)
    app.conf.update(OPTIONS)
    return app
