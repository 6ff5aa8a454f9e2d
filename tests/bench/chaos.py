"""200 submissions while 20 kills happen: nothing lost, nothing doubled, here or in the EHR.

On SQLite workers, single pool processes, relay and broker are killed; `chaos postgresql` kills the database as well.
"""

from __future__ import annotations

import collections
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import requests

from fhir_svc.demo import forms
from fhir_svc.demo.ehr_client import Fhir
from fhir_svc.demo.play import CAUDA_EQUINA, PROFILES
from fhir_svc.demo.reading import held_by, order_key
from fhir_svc.demo.stack import Stack
from fhir_svc.ehr.outbound import ORDER
from tests import postgres

SUBMISSIONS = 200
KILLS = 20
SEED = 20_261_121
DRAINED_WITHIN = 60.0
POSTGRESQL = "postgresql"
DATABASE = "database"
VICTIMS = ("worker", "worker", "child", "broker", "relay")
OUTAGE = 1.0  # seconds for which a killed database is down, beside what it needs for its recovery


def kill(stack: Stack, victim: str) -> None:
    """SIGKILL a part with everything it started, or one pool child of the worker."""
    part = stack.parts["worker" if victim == "child" else victim]
    while not part.alive:  # killed a moment ago and not yet started again
        time.sleep(0.05)
    process = psutil.Process(part.pid)
    children = process.children(recursive=True)
    targets = [random.choice(children)] if victim == "child" and children else [process, *children]
    for target in targets:
        try:
            os.kill(target.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _supervise(stack: Stack, stop: threading.Event) -> None:
    while not stop.wait(0.1):
        stack.watch()


def _submit(service: Fhir, response: dict[str, Any]) -> str:
    while True:
        try:
            return str(service.send("POST", "QuestionnaireResponse", response).links["monitor"]["url"])
        except (requests.RequestException, RuntimeError):
            time.sleep(0.2)


def main() -> int:
    """Run it and say what was found; 1 when anything was lost or doubled."""
    random.seed(SEED)
    with (
        _database() as database,
        tempfile.TemporaryDirectory(prefix="fhir-svc-chaos-") as folder,
        Stack(Path(folder), database_url=database.url if database else None) as stack,
    ):
        stop = threading.Event()
        supervisor = threading.Thread(target=_supervise, args=(stack, stop))
        supervisor.start()
        try:
            return _run(stack, database)
        finally:
            stop.set()
            supervisor.join()


@contextmanager
def _database() -> Iterator[postgres.Server | None]:
    """The PostgreSQL that was asked for; None: the embedded default."""
    if POSTGRESQL not in sys.argv[1:]:
        yield None
        return
    where = postgres.programs()
    if where is None:
        raise SystemExit(postgres.ABSENT)
    with postgres.running(where) as found:
        yield found


def _strike(stack: Stack, database: postgres.Server | None, victim: str) -> None:
    if victim != DATABASE or database is None:
        kill(stack, victim)
        return
    database.kill()
    time.sleep(OUTAGE)
    database.start()


def _run(stack: Stack, database: postgres.Server | None) -> int:
    token = stack.token()
    service, ehr = Fhir(f"{stack.base}/fhir", token=token), Fhir(stack.ehr_base)
    form = forms.questionnaire(PROFILES, "lbp-lss-intake")
    kills = collections.Counter[str]()
    monitors = []
    for number in range(SUBMISSIONS):
        authored = datetime.now(UTC) - timedelta(seconds=30)
        monitors.append(_submit(service, forms.fill_in(form, f"Patient/chaos-{number}", authored, CAUDA_EQUINA)))
        if number % (SUBMISSIONS // KILLS) == 5:
            fourth = database is not None and sum(kills.values()) % 4 == 3
            victim = DATABASE if fourth else random.choice(VICTIMS)
            _strike(stack, database, victim)
            kills[victim] += 1
        time.sleep(0.05)
    last_fault = time.monotonic()
    token = stack.token()
    service = Fhir(f"{stack.base}/fhir", token=token)
    pending = set(monitors)
    while pending and time.monotonic() - last_fault < DRAINED_WITHIN:
        pending = {url for url in pending if service.get(url)["status"] == "in-progress"}
        time.sleep(0.2)
    evaluated = collections.Counter(service.get(url)["status"] for url in monitors)
    expected = [draft for number in range(SUBMISSIONS) for draft in _drafts_of(service, number)]
    delivered = 0
    while time.monotonic() - last_fault < 2 * DRAINED_WITHIN:
        delivered = sum(held_by(ehr, draft) is not None for draft in expected)
        if delivered == len(expected):
            break
        time.sleep(0.5)
    drained = time.monotonic() - last_fault
    per_patient = collections.Counter((draft["subject"]["reference"], order_key(draft)) for draft in expected)
    held = collections.Counter(_order(copy) for copy in ehr.search("ServiceRequest?_count=100000"))
    keys = {key for _, key in per_patient}
    print(f"database {POSTGRESQL if database else 'sqlite'}")
    print(f"submissions {SUBMISSIONS}, kills {sum(kills.values())} ({dict(kills)}), drained {drained:.1f} s after")
    print(f"evaluations {dict(evaluated)}")
    wanted = SUBMISSIONS * len(keys)
    print(f"drafts here {len(expected)} of {wanted} ({', '.join(sorted(keys))}), in the EHR {held.total()}")
    lost = wanted - delivered
    doubled = sum(count - 1 for count in (*per_patient.values(), *held.values()))
    print(f"lost {lost}, doubled {doubled}, still in progress {len(pending)}")
    return int(bool(lost or doubled or pending or not keys))


def _order(copy: dict[str, Any]) -> str:
    return next(str(one["value"]) for one in copy["identifier"] if one["system"] == ORDER)


def _drafts_of(service: Fhir, number: int) -> list[dict[str, Any]]:
    return service.search(f"ServiceRequest?subject=Patient/chaos-{number}&_count=50")


if __name__ == "__main__":
    sys.exit(main())
