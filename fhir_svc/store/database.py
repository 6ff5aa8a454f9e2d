"""One database, SQLite or PostgreSQL: how a transaction begins and ends, and what its failures are called.

Every other module of this room takes the connection of a transaction as its first argument (`tx`) and never commits.
"""

from __future__ import annotations

import os
import select
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url, text

from fhir_svc.errors import Broken, Collided, Conflict, FhirSvcError, Unavailable
from fhir_svc.store.clock import now
from fhir_svc.store.schema import HEAD, upgrade

__all__ = ["Connection", "Database", "now"]

PATIENCE = 10.0  # seconds a writer waits for its turn before it says "not now"
_NO_STORE = ("disk is full", "readonly database", "read-only", "disk i/o error", "no space left")
_SILENT = "The database doesn't answer."
_COLLISIONS = frozenset({"40P01", "40001"})  # a deadlock, a serialization failure
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL may lose committed transactions on power loss
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -4000",  # KiB of each connection; the system keeps the file in memory anyway
    "PRAGMA journal_size_limit = 67108864",
)
_POSTGRES_OPTIONS = (
    "-c statement_timeout=20000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000 "
    "-c timezone=UTC -c synchronous_commit=on"
)
# what is large (requests, answers) is compressed in a tenth of the time, where the server was built with LZ4
_POSTGRES_LZ4 = (
    "SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings "
    "WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"
)


class Database:
    """A database by URL: `sqlite:////abs/path.db` or `postgresql+psycopg://...`. Safe to make before a fork."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._pid = 0
        self._engine: Engine | None = None
        self._making = threading.Lock()
        self._writer = threading.Lock()

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)})"

    @property
    def engine(self) -> Engine:
        """This process's engine: connections never cross a fork."""
        if self._engine is None or self._pid != os.getpid():
            if self._pid != os.getpid():
                self._making, self._writer = threading.Lock(), threading.Lock()
            with self._making:
                if self._engine is not None and self._pid != os.getpid():
                    self._engine.dispose(close=False)
                    self._engine = None
                if self._engine is None:
                    self._engine = _sqlite_engine(self.url) if self.sqlite else _postgres_engine(self.url)
                self._pid = os.getpid()
        return self._engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit durably on exit, roll back on any exception. Database faults leave as errors of the house."""
        with _faults(), self._turn(), _connected(self.engine, begin="IMMEDIATE") as tx:
            yield tx

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot that sees one moment and can write nothing."""
        options = {} if self.sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with _faults(), _connected(self.engine, begin="DEFERRED", **options) as tx:
            yield tx

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite has one writer: the threads of a process queue here instead of polling its file lock."""
        if not self.sqlite:
            yield
            return
        _ = self.engine
        writer = self._writer
        if not writer.acquire(timeout=PATIENCE):
            raise Unavailable("The database is busy.", retry_after=1)
        try:
            yield
        finally:
            writer.release()

    def upgrade(self) -> None:
        """Bring the tables to the newest migration; safe when several processes do it at once."""
        with _faults():
            upgrade(self.engine)

    def ready(self) -> None:
        """Raise Unavailable unless the database answers and its tables are this release's."""
        with self.reading() as tx:
            try:
                found = tx.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
            except (exc.OperationalError, exc.ProgrammingError):
                found = []
        if found != [HEAD]:
            raise Unavailable("The database's tables are of another release: run `fhir-svc db upgrade`.")

    def dispose(self) -> None:
        """Close this process's connections."""
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()


def _sqlite_engine(url: Any) -> Engine:
    if url.database and url.database != ":memory:":
        _make_private(Path(url.database))
    engine = create_engine(
        url, hide_parameters=True, pool_size=8, max_overflow=32, pool_timeout=PATIENCE, connect_args={"timeout": 0}
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        try:
            _patiently(lambda: [connection.execute(pragma) for pragma in _SQLITE_PRAGMAS])
        except sqlite3.Error:
            connection.close()
            raise Unavailable("The database's file can't be used.") from None

    @event.listens_for(engine, "begin")
    def _begin(tx: Connection) -> None:
        immediate = tx.get_execution_options().get("begin") != "DEFERRED"
        tx.exec_driver_sql(f"PRAGMA query_only = {'OFF' if immediate else 'ON'}")
        _patiently(lambda: tx.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN"))

    return engine


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, for its owner only; the files beside it take over its mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError:
        raise Unavailable("The database's file can't be used.", code="no-store") from None


def _patiently(act: Any) -> None:
    """SQLite's own busy handler sleeps up to 100 ms a time; this asks every few milliseconds."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.0005
    while True:
        try:
            act()
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(pause * 2, 0.004)


def _postgres_engine(url: Any) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        pool_size=8,
        max_overflow=32,
        pool_timeout=PATIENCE,
        connect_args={
            "connect_timeout": 3,
            "options": _POSTGRES_OPTIONS,
            "application_name": "fhir-svc",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        try:
            connection.execute(_POSTGRES_LZ4)
            connection.commit()
        except Exception:  # noqa: BLE001  whatever the driver says: its name is not known where SQLite is used
            connection.close()
            raise Unavailable(_SILENT) from None

    @event.listens_for(engine, "checkout")
    def _taken(connection: Any, _record: Any, _proxy: Any) -> None:
        """Let the pool connect anew where the server has gone or spoken unasked; to ask it would be a round trip."""
        if connection.closed or _has_spoken(connection.fileno()):
            raise exc.DisconnectionError

    return engine


def _has_spoken(socket: int) -> bool:
    """Whether something waits to be read: of a connection that nobody uses, that is its end."""
    asked = select.poll()
    asked.register(socket, select.POLLIN)
    return bool(asked.poll(0))


@contextmanager
def _connected(engine: Engine, **options: Any) -> Iterator[Connection]:
    """A transaction on a connection of the pool. Whoever goes on after that was lost is not told by a DBAPIError."""
    try:
        connection = engine.connect()
    except exc.InvalidRequestError:  # each was ended as soon as it was made
        raise Unavailable(_SILENT) from None
    with connection:
        try:
            connection.execution_options(**options)
            with connection.begin():
                yield connection
        except exc.InvalidRequestError:
            if not connection.invalidated:
                raise
            raise Unavailable(_SILENT) from None


@contextmanager
def _faults() -> Iterator[None]:
    """Name the driver's errors; `from None`, because their texts can hold the values of a row."""
    try:
        yield
    except FhirSvcError:
        raise
    except exc.IntegrityError:
        raise Conflict("Somebody else wrote this at the same moment.") from None
    except exc.TimeoutError:
        raise Unavailable("The database is busy.", retry_after=1) from None
    except (exc.OperationalError, exc.InterfaceError) as error:
        raise _unavailable(error) from None
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise _unavailable(error) from None
        state = getattr(error.orig, "sqlstate", None)
        raise Broken(f"The database refused a statement ({type(error).__name__} {state}).", error="database") from None


def _unavailable(error: exc.DBAPIError) -> Unavailable:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state.startswith("53100") or any(words in str(error.orig).lower() for words in _NO_STORE):
        return Unavailable("The database can't store anything now.", code="no-store")
    if state in _COLLISIONS:
        return Collided("The database is busy.", retry_after=1)
    if state.startswith("40") or state in {"55P03", "57014"} or "locked" in str(error.orig):
        return Unavailable("The database is busy.", retry_after=1)
    return Unavailable(_SILENT)
