"""Child processes of the embedded stack: started, watched, started again when they die, stopped in order.

Each has a session of its own, so that Ctrl-C reaches the supervisor alone, and so that all of a part can be ended.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

STOP_WITHIN = 15.0  # seconds a part has for finishing what is in hand
SOONEST_RESTART = 0.2  # seconds; doubles with each early death
LATEST_RESTART = 3.0
_TICK = 0.02  # seconds


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """Whether somebody accepts connections on that loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def python(*arguments: str) -> list[str]:
    """A command line of this very interpreter."""
    return [sys.executable, *arguments]


@dataclass(slots=True)
class Part:
    """One process of the stack, with its children. `ready` says when it can be used."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    pause: float = field(default=SOONEST_RESTART)
    asked: float | None = None  # when it was asked to stop

    def start(self) -> None:
        """Start the process; its output goes to `log`, readable by its owner only."""
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        self.started, self.asked = time.monotonic(), None

    @property
    def alive(self) -> bool:
        """Whether the process runs. One that ended is not reaped here: its id must stay taken until its group is."""
        if self.process is None or self.process.returncode is not None:
            return False
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:  # reaped meanwhile, by another thread
            return False

    @property
    def pid(self) -> int:
        """The process id; RuntimeError before the first start."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self.process.pid

    def revive(self) -> None:
        """Start the process again if it has died, more slowly the more often it dies young."""
        if self.alive:
            return
        lived = time.monotonic() - self.started
        self.pause = SOONEST_RESTART if lived > LATEST_RESTART * 2 else min(self.pause * 2, LATEST_RESTART)
        if lived >= self.pause:
            self.restarts += 1
            self._end()
            self.start()

    def ask_to_stop(self) -> None:
        """SIGTERM, if it still runs; once, for a second one may break into the stopping."""
        if self.asked is None:
            self.asked = time.monotonic()
            if self.alive and self.process is not None:
                os.kill(self.process.pid, signal.SIGTERM)  # Popen's own way would reap it

    def stop(self) -> None:
        """Ask to stop, wait, and end what is left of it then: itself and its children."""
        self.ask_to_stop()
        while self.alive and time.monotonic() < (self.asked or 0.0) + STOP_WITHIN:
            time.sleep(_TICK)
        self._end()

    def _end(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
            os.killpg(self.process.pid, signal.SIGKILL)  # not reaped yet: nobody else can have this id
        self.process.wait()

    def tail(self, lines: int = 15) -> str:
        """The end of its log, for the person who must find out why it did not start."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
