"""Databases for every room's tests: SQLite always, a real PostgreSQL where its programs are installed."""

from __future__ import annotations

import os
import re
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import event
from sqlalchemy.pool import Pool

from fhir_svc.store import database as database_module
from fhir_svc.store.database import Database
from fhir_svc.store.tables import metadata
from tests import postgres

for _name in {"http_proxy", "https_proxy", "all_proxy"} & {name.lower() for name in os.environ}:
    os.environ.pop(_name, None)  # all traffic of tests stays on this machine, whatever the environment says
    os.environ.pop(_name.upper(), None)

# No deadlines: a busy machine is no fault. The same examples every time: what is red is red for everybody.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


@event.listens_for(Pool, "connect")
def _connected(connection: Any, record: Any) -> None:
    """Close connections with the engine that is forgotten: Python 3.13 and later complain of those left open."""
    weakref.finalize(record, connection.close).atexit = False


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    """Nobody in a test gives up waiting for a lock because the machine is busy; who wants to see that says so."""
    unhurried = re.sub(r"timeout=\d+", "timeout=300000", database_module._POSTGRES_OPTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_module, "PATIENCE", 300.0)
        patch.setattr(database_module, "_POSTGRES_OPTIONS", unhurried)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL of our own; skips where it is not installed, which under CI is a failure."""
    found = postgres.programs()
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(postgres.ABSENT)
        pytest.skip(postgres.ABSENT)
    with postgres.server(found) as url:
        yield url


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
