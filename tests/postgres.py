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


@contextmanager
def server(where: Path) -> Iterator[str]:
    """Start one with the programs in `where`, syncing as in production, on a socket; gives its URL."""
    place = Path(tempfile.mkdtemp(prefix="fhir-pg-", dir="/tmp"))  # a socket's path must be short
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        shutil.chown(place, user)

    def run(program: str, *arguments: str) -> None:
        command = [str(where / program), "-D", str(place / "data"), *arguments]
        subprocess.run(command, check=True, user=user, cwd=place, capture_output=True, timeout=600)

    run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={place} -c max_connections=200 -c fsync=on"
    run("pg_ctl", "-w", "-t", "300", "-l", str(place / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={place}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(place, ignore_errors=True)
