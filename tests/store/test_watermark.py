from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest

from fhir_svc.store import audit, resources
from fhir_svc.store import watermark as watermark_module
from fhir_svc.store.body import instant
from fhir_svc.store.clock import now
from fhir_svc.store.watermark import watermark

T = "north"


def polled(database, since=None):
    """What a poller finds, and what it asks on from."""
    with database.reading() as tx:
        moment = watermark(tx, T)
    with database.reading() as tx:
        params = [] if since is None else [("_lastUpdated", f"ge{instant(since)}")]
        found = resources.search(tx, T, "Observation", params, sort="_lastUpdated", count=100).entries
    return {one.id for one in found}, moment


def written(tx, one):
    resources.put(tx, T, one, patient="p1", ours=False)
    audit.record(tx, T, {"resourceType": "AuditEvent"})


@contextmanager
def under_way(database, one):
    """A transaction that has written this and is not at its end."""
    with database.transaction() as tx:
        resources.put(tx, T, one, patient="p1", ours=False)
        yield
        audit.record(tx, T, {"resourceType": "AuditEvent"})


def test_what_is_committed_after_it_was_looked_for_is_found_by_whoever_asks_on(database, observation):
    with database.transaction() as tx:
        written(tx, observation("before"))
    with under_way(database, observation("long")):
        first, moment = polled(database)
        if not database.sqlite:  # where others can write meanwhile
            with database.transaction() as tx:
                written(tx, observation("short"))
            second, later = polled(database, moment)
            assert second >= {"short"}
            moment = later
        assert first == {"before"}
    with database.transaction() as tx:
        written(tx, observation("after"))
    assert polled(database, moment)[0] >= {"long", "after"}


def test_what_was_seen_is_not_seen_for_ever(database, observation):
    with database.transaction() as tx:
        written(tx, observation("o1"))
    moment = None
    while (found := polled(database, moment))[0]:  # a millisecond may be that of both
        moment = found[1]
        with database.transaction() as tx:
            audit.record(tx, T, {"resourceType": "AuditEvent"})
    assert moment is not None


def test_before_anything_was_recorded_everything_may_still_come(sqlite_database):
    with sqlite_database.reading() as tx:
        assert watermark(tx, T).year == 1


@pytest.mark.postgres
def test_who_has_looked_at_the_clock_and_written_nothing_yet_counts(postgres_database):
    with postgres_database.transaction() as writer:
        stamp = now(writer)
        with postgres_database.reading() as tx:
            assert watermark(tx, T) <= stamp


@pytest.mark.postgres
def test_who_only_reads_for_long_holds_nothing_up(postgres_database, monkeypatch):
    with postgres_database.reading() as tx:
        begun = watermark(tx, T)
        tx.exec_driver_sql("SELECT pg_sleep(0.01)")
        with postgres_database.reading() as other:
            assert watermark(other, T) <= begun  # it might still write
        monkeypatch.setattr(watermark_module, "_READING_AT_MOST", timedelta())
        with postgres_database.reading() as other:
            assert watermark(other, T) > begun


def test_a_transaction_that_keeps_to_what_it_saw_tells_no_watermark_of_its_own(database):
    with database.transaction() as tx:
        audit.record(tx, T, {"resourceType": "AuditEvent"})
    with database.transaction() as tx:
        assert watermark_module.watermark_within(tx, T) <= now(tx)
    with database.reading() as tx:
        assert (watermark_module.watermark_within(tx, T) is None) is not database.sqlite
