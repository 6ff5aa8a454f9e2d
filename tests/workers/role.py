"""Runs one role of the real thing in a process of its own, with a tiny fixed pathway in place of the criteria.

Leases last an hour here: whoever dies while he holds one must be found dead.

Usage: python role.py worker|relay PROCESSES. A GuidanceResponse whose id starts with `poison` kills its process, one
that starts with `bug` raises; every other one leads to one draft.
"""

import os
import signal
import sys
from datetime import timedelta

from fhir_svc import settings as settings_module
from fhir_svc.evaluation import Evaluation
from fhir_svc.orders.identity import derived
from fhir_svc.orders.writes import Write, Writes
from workers import celery_app, evaluate, notify, relay, write_back

SYSTEM = "https://example.org/fhir-svc/order"


class Decided:
    """The one part of a Decision that workers read."""

    next_change = None


def pathway(record, knowledge, site, at, *, scope, seed, subject, submissions):
    if seed.startswith("poison"):
        os.kill(os.getpid(), signal.SIGKILL)
    if seed.startswith("bug"):
        raise ValueError("SECRET")
    value = derived("order", scope, seed)
    draft = {
        "resourceType": "ServiceRequest",
        "id": value,
        "identifier": [{"system": SYSTEM, "value": value}],
        "status": "draft",
        "intent": "order",
        "subject": {"reference": subject},
    }
    return Evaluation(answers(submissions, subject, "success"), (Write(draft),), Decided())


def failure(knowledge, at, *, scope, seed, subject, submissions):
    task = {"resourceType": "Task", "id": derived("failure", scope, seed), "status": "requested", "intent": "order"}
    return Writes(answers(submissions, subject, "failure"), (Write({**task, "priority": "asap"}),))


def answers(submissions, subject, status):
    return tuple(
        {
            "resourceType": "GuidanceResponse",
            "id": id_,
            "status": status,
            "requestIdentifier": {"value": request},
            "subject": {"reference": subject},
        }
        for id_, request in submissions
    )


def fix(module):
    module.evaluate, module.failure = pathway, failure


if __name__ == "__main__":
    fix(evaluate)
    evaluate.LEASE = notify.LEASE = write_back.LEASE = timedelta(hours=1)
    read = settings_module.read()
    if sys.argv[1] == "worker":
        celery_app.run_worker(read, int(sys.argv[2]))
    else:
        relay.run(read)
