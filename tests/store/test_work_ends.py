"""What the dead held is due again: all of it, at once the first time, and nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fhir_svc.store import work
from fhir_svc.store.database import now
from fhir_svc.store.tables import from_millis

LEASE = timedelta(hours=1)


def held(database, worker, patient, *, attempts=1):
    """A row that a process holds on its so-manieth attempt."""
    with database.transaction() as tx:
        row = work.add(tx, tenant="north", kind="evaluate", subject=f"g-{patient}", patient=patient)
        for _ in range(attempts - 1):
            work.claim(tx, row, worker="earlier", lease=LEASE)
            work.release_worker(tx, "earlier")
        assert work.claim(tx, row, worker=worker, lease=LEASE).attempts == attempts
    return row


def claimable(database, row):
    with database.transaction() as tx:
        return work.claim(tx, row, worker="next", lease=LEASE) is not None


def test_a_worker_that_starts_again_gets_back_what_all_its_processes_held_and_nothing_of_others(database):
    mine = [held(database, name, f"p{name}") for name in ("lane-1@h", "lane-1@h#7", "lane-1@h#70")]
    others = [held(database, name, f"p{name}") for name in ("lane-10@h#7", "lane-1@h2#7", "lane_1@h#7")]
    with database.transaction() as tx:
        assert set(work.holders(tx)) >= {"lane-1@h", "lane-10@h#7"}
        assert work.release_worker(tx, "lane-1@h") == 3
    assert [claimable(database, row) for row in mine] == [True] * 3
    assert [claimable(database, row) for row in others] == [False] * 3


def test_what_a_killed_process_held_can_be_claimed_at_once(database):
    row, other = held(database, "lane-1@h#7", "p1"), held(database, "lane-1@h#70", "p2")
    with database.transaction() as tx:
        assert work.release_dead(tx, "lane-1@h#7") == 1
        assert [one[0] for one in work.due(tx, 10)] == [row]
    assert claimable(database, row)
    assert not claimable(database, other)


@pytest.mark.parametrize(("attempts", "wait"), [(1, 0), (2, 1), (3, 4), (4, 16), (5, 16)])
def test_what_kills_its_process_again_waits_longer_each_time(database, attempts, wait):
    row = held(database, "lane-1@h#7", "p1", attempts=attempts)
    with database.transaction() as tx:
        before = now(tx)
        work.release_dead(tx, "lane-1@h#7")
        after = now(tx)
        found = tx.exec_driver_sql("SELECT not_before FROM work").scalar_one()
    assert before <= from_millis(found) - timedelta(seconds=wait) <= after
    assert claimable(database, row) is (wait == 0)
