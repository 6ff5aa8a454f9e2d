"""Databases for every room's tests: SQLite always, a real PostgreSQL where its programs are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_svc.store.database import Database
from fhir_svc.store.tables import metadata


def _programs() -> Path | None:
    """Where initdb and pg_ctl are: on the PATH, or where Debian hides them."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of our own, syncing as in production, on a socket in a directory of our own; gives its URL."""
    programs = _programs()
    if programs is None:
        reason = "PostgreSQL's programs (initdb, pg_ctl) are not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    place = Path(tempfile.mkdtemp(prefix="fhir-pg-", dir="/tmp"))  # a socket's path must be short
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        shutil.chown(place, user)

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", str(place / "data"), *arguments]
        subprocess.run(command, check=True, user=user, cwd=place, capture_output=True, timeout=60)

    run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={place} -c max_connections=200 -c fsync=on"
    run("pg_ctl", "-w", "-l", str(place / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={place}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def _postgres_tables(postgres_server: str) -> Iterator[Database]:
    database = Database(postgres_server)
    database.upgrade()
    yield database
    database.dispose()


@pytest.fixture
def postgres_database(_postgres_tables: Database) -> Iterator[Database]:
    """A PostgreSQL database without a row."""
    yield _postgres_tables
    with _postgres_tables.transaction() as tx:
        tx.exec_driver_sql("; ".join(str(table.delete()) for table in reversed(metadata.sorted_tables)))


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.dispose()
    return path


@pytest.fixture
def sqlite_database(_sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite database in a file of its own, without a row."""
    path = tmp_path / "test.db"
    shutil.copy(_sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    """Each database in turn: what is promised of the store is promised of both."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found
