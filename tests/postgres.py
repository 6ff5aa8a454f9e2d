"""A PostgreSQL of our own for tests and benchmarks: started in a directory of its own, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ABSENT = "PostgreSQL's programs (initdb, pg_ctl) are not installed"


def programs() -> Path | None:
    """Where initdb and pg_ctl are: on the PATH, or where Debian hides them."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


class Server:
    """One with the programs in `where`, syncing as in production, on a socket; it can be killed and started again."""

    def __init__(self, where: Path) -> None:
        self._where = where
        self._place = Path(tempfile.mkdtemp(prefix="fhir-pg-", dir="/tmp"))  # a socket's path must be short
        self._user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        if self._user:
            shutil.chown(self._place, self._user)
        self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    @property
    def url(self) -> str:
        """What SQLAlchemy connects to."""
        return f"postgresql+psycopg://postgres@/postgres?host={self._place}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self._place} -c max_connections=200 -c fsync=on"
        self._run("pg_ctl", "-w", "-t", "300", "-l", str(self._place / "log"), "-o", options, "start")

    def kill(self) -> None:
        """Stop it without a goodbye to anybody: what was not committed is gone, the log is replayed at the start."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def remove(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._place, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._where / program), "-D", str(self._place / "data"), *arguments]
        subprocess.run(command, check=True, user=self._user, cwd=self._place, capture_output=True, timeout=600)


@contextmanager
def running(where: Path) -> Iterator[Server]:
    """Start one; it is gone afterwards."""
    found = Server(where)
    found.start()
    try:
        yield found
    finally:
        found.kill()
        found.remove()


@contextmanager
def server(where: Path) -> Iterator[str]:
    """Start one and give its URL."""
    with running(where) as found:
        yield found.url
