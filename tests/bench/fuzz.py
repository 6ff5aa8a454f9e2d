"""Requests at random against the real server on a real socket: no server error, no page, no silence, no growth.

Usage: `python -m tests.bench fuzz [postgresql] [REQUESTS [SEED]]`. Each seed asks otherwise; the default is 10,000
requests, seed 1, on SQLite.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings

from fhir_svc.app import create_app
from fhir_svc.store.database import Database
from tests import postgres
from tests.ports import free_port
from tests.web.cast import House, make_settings, prepare
from tests.web.fuzzing import Answer, Ask, asks, fault
from tests.web.hospital import Hospital

POSTGRESQL = "postgresql"
REQUESTS = 10_000
WARM = 1_000  # requests after which memory should grow no more
GROWTH = 30.0  # MB that it may grow nevertheless: the database has caches of its own
SLOWEST = 10.0  # seconds for one answer
SERVE = """
import sys
from fhir_svc import settings
from fhir_svc.app import create_app
from fhir_svc.web.server import Server
Server(create_app(settings.read()), bind=sys.argv[1], processes=1, threads=4).run()
"""


@contextmanager
def server(hospital: Hospital, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """The web role with one process; gives its port and that process."""
    given_settings = make_settings(str(hospital.house.database.url))
    secrets = {name: getattr(given_settings, name).get_secret_value() for name in ("signing_key", "audit_key")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_SVC_")} | {
        "FHIR_SVC_DATABASE_URL": str(hospital.house.database.url),
        "FHIR_SVC_SIGNING_KEY": secrets["signing_key"],
        "FHIR_SVC_AUDIT_KEY": secrets["audit_key"],
        "FHIR_SVC_BASE_URL": "http://localhost",
        "FHIR_SVC_CORS_ORIGINS": "https://app.north.example",
        "FHIR_SVC_RATE_BURST": "1e9",
    }
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", SERVE, f"127.0.0.1:{port}"], env=environment, stderr=log)
    try:
        while process.poll() is None and not _answers(port):
            time.sleep(0.05)
        (worker,) = psutil.Process(process.pid).children()
        yield port, worker
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        line.request("GET", "/readyz")
        return line.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        line.close()


@dataclass
class Run:
    """What was asked and what came of it."""

    hospital: Hospital
    port: int
    worker: psutil.Process
    statuses: Counter[int] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    memory: dict[int, float] = field(default_factory=dict)
    slowest: float = 0.0
    asked: int = 0

    def ask(self, ask: Ask) -> None:
        """Ask, and note whatever is wrong: one fault must not hide the next."""
        begun = time.monotonic()
        try:
            answer = self._send(ask)
            wrong = fault(ask, answer)
            self.statuses[answer.status] += 1
        except (OSError, http.client.HTTPException) as silence:
            wrong = f"no answer: {type(silence).__name__}"
        seconds = time.monotonic() - begun
        self.slowest = max(self.slowest, seconds)
        if wrong or seconds > SLOWEST:
            name = f"{wrong or 'too slow'}: {ask.method} {ask.path}"
            if name not in self.faults:
                print(name, str(ask)[:3000], file=sys.stderr)
            self.faults[name] += 1
        self.asked += 1
        self.rules[f"{ask.method} {ask.rule}"] += 1
        if self.asked % WARM == 0:
            self.memory[self.asked] = self.worker.memory_info().rss / 1e6

    def _send(self, ask: Ask) -> Answer:
        whole, headers = self.hospital.told(ask)
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            line.request(whole.method, whole.address, whole.body, headers | {"Host": "localhost"})
            answer = line.getresponse()
            return Answer.of(answer.status, answer.headers, answer.read())
        finally:
            line.close()

    def untouched(self) -> list[str]:
        """Routes that were never asked as they want to be."""
        wanted = (f"{method} {rule}" for rule, methods in self.hospital.rules() for method in methods)
        return [each for each in wanted if not self.rules[each]]


def attack(run: Run, requests: int, number: int) -> None:
    """Send so many."""

    @seed(number)
    @settings(
        max_examples=requests,
        deadline=None,
        derandomize=False,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(asks(run.hospital.rules()))
    def once(ask: Ask) -> None:
        run.ask(ask)

    once()


def main() -> int:
    """Run, print what came of it, and fail where something did."""
    words = [word for word in sys.argv[2:] if word != POSTGRESQL]
    requests, number = (int(word) for word in [*words, *[str(REQUESTS), "1"][len(words) :]])
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        url = f"sqlite:///{folder / 'fuzz.db'}"
        if POSTGRESQL in sys.argv:
            url = stack.enter_context(postgres.server(postgres.programs()))
        database = Database(url)
        prepare(database)
        house = House(create_app(make_settings(url, rate_burst="1e9", log_level="error"), database=database), database)
        hospital = Hospital(house)
        hospital.fill()
        begun = time.monotonic()
        with server(hospital, folder) as (port, worker):
            run = Run(hospital, port, worker)
            attack(run, requests, number)
        stacks = (folder / "log").read_bytes().count(b"Traceback")
        house.close()
    return report(run, stacks, time.monotonic() - begun)


def report(run: Run, stacks: int, seconds: float) -> int:
    """Print the figures; 1 where a promise is not kept."""
    spread = ", ".join(f"{status}: {count}" for status, count in sorted(run.statuses.items()))
    memory = ", ".join(f"{asked:,}: {size:.0f}" for asked, size in run.memory.items())
    grown = max(run.memory.values(), default=0.0) - run.memory.get(WARM, 0.0)
    print(f"fuzzing: {run.asked:,} requests in {seconds:.0f} s, slowest {run.slowest:.2f} s; {spread}")
    print(f"fuzzing: MB of the web process after so many requests: {memory}")
    print(f"fuzzing: {sum(run.faults.values())} faults, {stacks} stacks in the log, untouched: {run.untouched()}")
    return int(bool(run.faults) or bool(stacks) or (WARM in run.memory and grown > GROWTH))
