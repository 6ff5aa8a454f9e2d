from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, func, insert, inspect, select, text
from sqlalchemy.exc import InvalidRequestError, OperationalError

from fhir_svc.errors import Broken, Conflict, Unavailable
from fhir_svc.store import database as database_room
from fhir_svc.store import resources, schema, submissions
from fhir_svc.store.database import Database, now
from fhir_svc.store.tables import metadata, resource_keys, search
from fhir_svc.store.tables import resources as resources_of

T = "north"


def test_the_migrations_make_exactly_the_tables(database):
    with database.transaction() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        for table in metadata.sorted_tables:
            made = {one["name"] for one in inspect(tx).get_indexes(table.name) if not one.get("duplicates_constraint")}
            assert {index.name for index in table.indexes} <= made
        if not database.sqlite:
            assert inspect(tx).has_sequence(resource_keys.name)


def test_the_release_knows_its_newest_migration():
    scripts = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    assert scripts.get_heads() == [schema.HEAD]


def test_rows_for_status_and_patient_come_back_with_the_release_that_read_them(database, observation):
    with database.transaction() as tx:
        resources.create(tx, T, observation("a", status="amended"), patient="p1", ours=False)
        allergy = {"resourceType": "AllergyIntolerance", "id": "b", "patient": {"reference": "Patient/p2"}}
        resources.create(tx, T, allergy, patient="p2", ours=False)
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        config.attributes["connection"] = tx
        left = {"tenant": T, "field": "Observation.status", "value": "amended", "system": "", "low": 0, "high": 0}
        key = tx.execute(select(resources_of.c.key).where(resources_of.c.id == "a")).scalar_one()
        tx.execute(insert(search).values(**left, resource=key))
        command.downgrade(config, "0004")
        assert _found_by_head(tx) == [
            ("AllergyIntolerance.patient", "p2"),
            ("Observation.status", "amended"),
            ("Observation.subject", "p1"),
        ]
        command.upgrade(config, "head")
        assert _found_by_head(tx) == []
        found = resources.search(tx, T, "Observation", [("patient", "p1"), ("status", "amended")], count=10)
        assert [one.id for one in found.entries] == ["a"]


def _found_by_head(tx):
    rows = tx.execute(select(search.c.field, search.c.value).order_by(search.c.field)).all()
    return [tuple(row) for row in rows if row.field.partition(".")[2] in {"status", "subject", "patient"}]


def test_a_database_without_tables_is_not_ready(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/new.db")
    with pytest.raises(Unavailable, match="db upgrade"):
        database.ready()
    database.upgrade()
    database.ready()
    database.dispose()


def test_a_ready_database_says_nothing(database):
    database.ready()
    database.upgrade()


UPGRADE = "import sys; from fhir_svc.store.database import Database; Database(sys.argv[1]).upgrade()"


def test_processes_that_upgrade_at_once_do_not_disturb_each_other(tmp_path):
    url = f"sqlite:///{tmp_path}/new.db"
    processes = [subprocess.Popen([sys.executable, "-c", UPGRADE, url]) for _ in range(2)]
    assert [process.wait(timeout=600) for process in processes] == [0, 0]
    database = Database(url)
    database.ready()
    database.dispose()


@pytest.mark.postgres
def test_processes_that_upgrade_postgresql_at_once_do_not_disturb_each_other(postgres_server):
    server = Database(postgres_server)
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
        tx.execute(text("CREATE DATABASE fresh"))
    url = postgres_server.replace("/postgres?", "/fresh?")
    processes = [subprocess.Popen([sys.executable, "-c", UPGRADE, url]) for _ in range(2)]
    assert [process.wait(timeout=600) for process in processes] == [0, 0]
    fresh = Database(url)
    fresh.ready()
    fresh.dispose()
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
        tx.execute(text("DROP DATABASE fresh"))
    server.dispose()


def test_the_files_are_readable_by_their_owner_only(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/deep/new.db")
    with database.transaction() as tx:
        tx.execute(text("CREATE TABLE t (a INTEGER)"))
        for path in (tmp_path / "deep").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700
    database.dispose()


def test_a_commit_reaches_the_disk_before_it_is_believed(database):
    with database.transaction() as tx:
        if database.sqlite:
            assert tx.execute(text("PRAGMA synchronous")).scalar() == 2
            assert tx.execute(text("PRAGMA journal_mode")).scalar() == "wal"
            assert tx.execute(text("PRAGMA foreign_keys")).scalar() == 1
        else:
            assert tx.execute(text("SHOW synchronous_commit")).scalar() == "on"
            assert tx.execute(text("SHOW fsync")).scalar() == "on"


def test_a_full_disk_is_said_so(sqlite_database, observation):
    with pytest.raises(Unavailable) as caught, sqlite_database.transaction() as tx:  # noqa: PT012  it fails at the end
        tx.execute(text("PRAGMA max_page_count = 1"))
        big = observation(note=[{"text": "x" * 2_000_000}])
        resources.create(tx, T, big, patient="p1", ours=False)
    assert caught.value.issues[0].code == "no-store"


def test_a_database_that_is_not_there_is_unavailable(tmp_path):
    gone = Database(f"postgresql+psycopg://postgres@/postgres?host={tmp_path}")
    with pytest.raises(Unavailable) as caught, gone.transaction():
        pass
    assert "Retry-After" in caught.value.headers
    with pytest.raises(Unavailable):
        gone.ready()
    directory = Database(f"sqlite:///{tmp_path}")
    with pytest.raises(Unavailable), directory.reading():
        pass


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    (tmp_path / "text.db").write_text("this is no database at all, only some words\n" * 100)
    with pytest.raises(Unavailable), Database(f"sqlite:///{tmp_path}/text.db").transaction():
        pass


def test_other_peoples_failures_pass_through(database):
    for error in (ConnectionError("the EHR"), KeyError("x"), Conflict("ours")):
        with pytest.raises(type(error)) as caught, database.transaction():
            raise error
        assert caught.value is error


@pytest.mark.postgres
def test_a_connection_that_the_server_ends_is_unavailable_and_the_next_one_works(postgres_database):
    with pytest.raises(Unavailable), postgres_database.transaction() as tx:
        tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with postgres_database.transaction() as tx:
        now(tx)


@pytest.mark.postgres
@pytest.mark.parametrize("way", ["reading", "transaction"])
def test_connections_that_the_server_ends_as_soon_as_they_are_made_are_unavailable(postgres_server, way):
    """A proxy that fails over does that, and so does a server that is going down."""
    other, database = Database(postgres_server), Database(postgres_server)

    def end(connection, _record):
        with other.transaction() as tx:
            tx.execute(select(func.pg_terminate_backend(connection.info.backend_pid, 60_000)))

    event.listen(database.engine, "connect", end)
    with pytest.raises(Unavailable), getattr(database, way)():
        pass
    event.remove(database.engine, "connect", end)
    with getattr(database, way)() as tx:
        now(tx)
    database.dispose()
    other.dispose()


@pytest.mark.postgres
@pytest.mark.parametrize("way", ["reading", "transaction"])
@pytest.mark.parametrize("after", [lambda _: None, now, lambda tx: tx.begin_nested().commit()])
def test_going_on_after_the_connection_was_lost_is_unavailable_however_it_is_found_out(postgres_database, way, after):
    with pytest.raises(Unavailable), getattr(postgres_database, way)() as tx:  # noqa: PT012  it fails later
        with suppress(OperationalError):
            tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        after(tx)
    with postgres_database.transaction() as tx:
        now(tx)


@pytest.mark.parametrize("misused", [lambda tx: tx.begin(), lambda tx: (tx.close(), now(tx))])
def test_a_mistake_of_ours_is_not_taken_for_a_database_that_is_gone(database, misused):
    with pytest.raises(InvalidRequestError), database.transaction() as tx:
        misused(tx)


@pytest.mark.postgres
def test_nobody_notices_that_the_server_ended_the_connections_that_were_idle(postgres_database):
    def mine():
        with postgres_database.reading() as tx:
            return tx.execute(text("SELECT pg_backend_pid()")).scalar_one()

    with postgres_database.reading(), postgres_database.reading(), postgres_database.reading():
        pass  # three connections wait in the pool now
    old = mine()
    other = Database(postgres_database.url.render_as_string())
    with other.transaction() as tx:
        named = "application_name = 'fhir-svc' AND pid <> pg_backend_pid()"
        ended = text(f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE {named}")  # noqa: S608 - fixed
        assert all(tx.execute(ended).scalars())
    other.dispose()
    assert len({old, *(mine() for _ in range(4))}) > 1


@pytest.mark.postgres
def test_what_is_large_is_packed_with_lz4_where_the_server_has_it(postgres_database):
    with postgres_database.transaction() as tx:
        packs = tx.execute(
            text("SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
        ).scalar_one_or_none()
        submissions.keep(tx, T, "c", submission="s1", raw=b'{"resourceType":"Bundle"}' * 1_000)
        how = tx.execute(text("SELECT pg_column_compression(raw) FROM submissions")).scalar_one()
    assert how == ("lz4" if packs else "pglz")


@pytest.mark.postgres
def test_a_connection_that_can_not_be_set_up_is_unavailable(postgres_server, monkeypatch):
    monkeypatch.setattr(database_room, "_POSTGRES_LZ4", "SELECT nothing_of_this_name")
    server = Database(postgres_server)
    with pytest.raises(Unavailable), server.reading():
        pass
    server.dispose()


@pytest.mark.postgres
def test_a_deadlock_ends_as_unavailable_and_can_be_tried_again(postgres_database, observation):
    with postgres_database.transaction() as tx:
        for id_ in ("a", "b"):
            resources.create(tx, T, observation(id_), patient="p1", ours=False)
    both = threading.Barrier(2, timeout=300)
    ends = []

    def write(first: str, second: str) -> None:
        try:
            with postgres_database.transaction() as tx:
                resources.put(tx, T, observation(first, by=first), patient="p1", ours=False)
                both.wait()
                resources.put(tx, T, observation(second, by=first), patient="p1", ours=False)
            ends.append("written")
        except Unavailable as error:
            ends.append(error.headers["Retry-After"])

    threads = [threading.Thread(target=write, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["1", "written"]


def test_a_writer_that_waits_too_long_is_told_to_come_again(sqlite_database, monkeypatch):
    monkeypatch.setattr("fhir_svc.store.database.PATIENCE", 0.05)
    other = sqlite3.connect(sqlite_database.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="busy"), sqlite_database.transaction():
        pass
    other.execute("ROLLBACK")
    other.close()
    with sqlite_database.transaction():
        caught = []

        def wait() -> None:
            with pytest.raises(Unavailable), sqlite_database.transaction():
                pass
            caught.append(True)

        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert caught == [True]


def test_no_value_of_a_row_is_in_what_a_failure_says(database, observation):
    secret = "Mustermann-Geheim"
    with database.transaction() as tx:
        resources.create(tx, T, observation(secret), patient=secret, ours=False)
    for statement in (
        "INSERT INTO resources SELECT * FROM resources",
        "INSERT INTO receipts (tenant, nothing) VALUES ('Mustermann-Geheim', 1)",
    ):
        with pytest.raises((Conflict, Broken, Unavailable)) as caught, database.transaction() as tx:
            tx.execute(text(statement))
        assert secret not in str(caught.value) + repr(caught.value.issues)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_a_password_is_not_shown():
    assert "geheim" not in repr(Database("postgresql+psycopg://svc:geheim@127.0.0.1/db"))


def test_a_child_process_opens_its_own_connections(database):
    with database.transaction() as tx:
        now(tx)
    before = database.engine
    child = os.fork()
    if child == 0:
        try:
            fine = database.engine is not before
            with database.transaction() as tx:
                now(tx)
        except BaseException:  # noqa: BLE001  the child must not run on into pytest
            os._exit(2)
        os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert database.engine is before
    with database.transaction() as tx:
        now(tx)


HALF = """
import sys
from fhir_svc.store import audit, resources, work
from fhir_svc.store.database import Database
with Database(sys.argv[1]).transaction() as tx:
    for number in range(50):
        one = {"resourceType": "Observation", "id": f"o{number}", "status": "final"}
        resources.create(tx, "north", one, patient="p1", ours=False)
    work.add(tx, tenant="north", kind="evaluate", subject="g", patient="p1")
    audit.record(tx, "north", {"resourceType": "AuditEvent"})
    print("written", flush=True)
    sys.stdin.read()
"""


def test_a_process_killed_inside_a_transaction_leaves_nothing_behind(database, observation):
    process = subprocess.Popen(
        [sys.executable, "-c", HALF, str(database.url)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    with database.transaction() as tx:
        for table in metadata.sorted_tables:
            assert tx.execute(select(func.count()).select_from(table)).scalar() == 0
        resources.create(tx, T, observation(), patient="p1", ours=False)
