from __future__ import annotations

import itertools
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from fhir_svc.errors import Conflict, NotFound
from fhir_svc.store import ids, tables, tenants, work
from fhir_svc.store.database import now

T = "north"
LEASE = timedelta(seconds=30)


def add(tx, subject="g1", *, kind="evaluate", patient="p1", tenant=T, **more):
    return work.add(tx, tenant=tenant, kind=kind, subject=subject, patient=patient, **more)


def claim(database, work_id, *, worker="w1", lease=LEASE):
    with database.transaction() as tx:
        return work.claim(tx, work_id, worker=worker, lease=lease)


def states(tx, tenant=T):
    return {(one.kind, one.state): one.count for one in work.summary(tx, tenant)}


def age(database, **values):
    """Move what the database remembers into the past."""
    with database.transaction() as tx:
        changes = {tables.work.c[name]: now(tx) - timedelta(seconds=ago) for name, ago in values.items()}
        tx.execute(update(tables.work).values({column.name: moment for column, moment in changes.items()}))


def test_urgent_work_is_published_first_then_the_oldest(database):
    with database.transaction() as tx:
        first, second = add(tx, "g1"), add(tx, "g2", patient="p2")
        urgent = add(tx, "g3", patient="p3", urgent=True)
        add(tx, "g4", patient="p4", not_before=now(tx) + timedelta(hours=1))
        assert work.any_due(tx)
        assert [one[0] for one in work.due(tx, 10)] == [urgent, first, second]
        assert work.due(tx, 10) == []
        assert not work.any_due(tx)


def test_news_for_a_subscriber_is_published_before_what_failed_and_what_waits_since_long(database):
    with database.transaction() as tx:
        failing, waiting = (add(tx, name, kind="notify", patient=None) for name in ("failing", "waiting"))
        evaluation = add(tx, "g1")
        work.claim(tx, evaluation, worker="w", lease=LEASE)
        work.retry(tx, [evaluation], error="any", not_before=now(tx), worker="w")
        assert len(work.due(tx, 10)) == 3
        work.claim(tx, failing, worker="w", lease=LEASE)
        work.retry(tx, [failing], error="endpoint-failed", not_before=now(tx), worker="w", counted=False)
    age(database, published=6)
    with database.transaction() as tx:
        news = add(tx, "news", kind="notify", patient=None)
        assert [one[0] for one in work.due(tx, 10)] == [evaluation, news, failing, waiting]


def test_rows_of_one_millisecond_keep_their_order(database, monkeypatch):
    moments = itertools.count(1_795_000_000_000_000_000, 3_000)  # every three microseconds
    monkeypatch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: next(moments)))
    with database.transaction() as tx:
        rows = [add(tx, f"g{number}") for number in range(20)]
        tx.execute(update(tables.work).values(created=now(tx)))
        assert [one[0] for one in work.due(tx, 20)] == rows
        assert work.claim(tx, rows[7], worker="w", lease=LEASE).subjects == tuple(f"g{number}" for number in range(20))


def test_unclaimed_work_is_published_again_after_some_seconds(database):
    with database.transaction() as tx:
        only = add(tx)
        assert work.due(tx, 10) == [(only, "evaluate", False)]
    age(database, published=6)
    with database.transaction() as tx:
        assert work.due(tx, 10) == [(only, "evaluate", False)]


def test_work_of_the_demonstration_is_touched_only_when_asked_for(database):
    with database.transaction() as tx:
        tenants.add(tx, tenants.Tenant("demo", "http://127.0.0.1/fhir", demo=True))
        demo = add(tx, tenant="demo")
        assert work.due(tx, 10) == []
        assert work.claim(tx, demo, worker="w", lease=LEASE, demo=False) is None
        assert [one[0] for one in work.due(tx, 10, demo=True)] == [demo]
        assert work.claim(tx, demo, worker="w", lease=LEASE).demo


def test_a_claim_takes_everything_due_of_that_patient_and_nothing_else(database):
    with database.transaction() as tx:
        one, two = add(tx, "g1"), add(tx, "g2")
        clock = add(tx, "p1", kind="clock", not_before=now(tx) - timedelta(minutes=1))
        add(tx, "later", not_before=now(tx) + timedelta(hours=1))
        add(tx, "g3", patient="p2")
        add(tx, "ServiceRequest/1", kind="write_back")
    taken = claim(database, two)
    assert set(taken.ids) == {one, two, clock}
    assert taken.kind == "evaluate"
    assert taken.subjects == ("g1", "g2")
    assert (taken.tenant, taken.patient, taken.attempts, taken.exhausted) == (T, "p1", 1, False)
    assert claim(database, one) is None
    assert claim(database, "absent") is None


def test_t_is_the_newest_submissions_receipt_and_is_kept_on_retry(database):
    with database.transaction() as tx:
        add(tx, "g1")
    with database.transaction() as tx:
        before, newest, after = now(tx), add(tx, "g2"), now(tx)
    first = claim(database, newest)
    assert before <= first.at <= after
    with database.transaction() as tx:
        work.retry(tx, first.ids, error="transient", not_before=now(tx))
    again = claim(database, newest)
    assert (again.at, again.attempts) == (first.at, 2)


def test_t_of_a_clock_row_is_its_due_time(database):
    with database.transaction() as tx:
        moment = now(tx) - timedelta(days=3)
        row = add(tx, "p1", kind="clock", not_before=moment)
    assert claim(database, row).at == moment


def test_a_patient_is_evaluated_by_one_worker_at_a_time(database):
    with database.transaction() as tx:
        first = add(tx, "g1")
    held = claim(database, first)
    with database.transaction() as tx:
        second = add(tx, "g2")
    assert claim(database, second, worker="w2") is None
    with database.transaction() as tx:
        work.finish(tx, held.ids)
    assert claim(database, second, worker="w2").ids == (second,)


def test_a_resource_has_one_writer_and_one_waiting_row(database):
    with database.transaction() as tx:
        row = add(tx, "ServiceRequest/1", kind="write_back")
        assert add(tx, "ServiceRequest/1", kind="write_back", urgent=True) == row
        assert add(tx, "ServiceRequest/2", kind="write_back") != row
    held = claim(database, row)
    assert held.subjects == ("ServiceRequest/1",)
    with database.transaction() as tx:
        newer = add(tx, "ServiceRequest/1", kind="write_back")
    assert newer != row
    assert claim(database, newer) is None
    with database.transaction() as tx:
        work.finish(tx, held.ids)
    assert claim(database, newer) is not None


def test_a_late_finish_does_not_swallow_newer_work(database):
    with database.transaction() as tx:
        row = add(tx, "ServiceRequest/1", kind="write_back")
    held = claim(database, row, lease=timedelta(0))
    with database.transaction() as tx:
        assert work.release_expired(tx) == 1
        newer = add(tx, "ServiceRequest/1", kind="write_back")
        work.finish(tx, held.ids)
        assert states(tx) == {("write_back", "done"): 1, ("write_back", "due"): 1}
    assert claim(database, newer).ids == (newer,)


def test_a_clock_row_is_used_again_and_never_put_off(database):
    with database.transaction() as tx:
        soon = now(tx) - timedelta(seconds=1)
        row = add(tx, "p1", kind="clock", not_before=now(tx) + timedelta(days=9))
        assert add(tx, "p1", kind="clock", not_before=soon) == row
        assert add(tx, "p1", kind="clock", not_before=now(tx) + timedelta(days=1)) == row
    assert claim(database, row).at == soon


def test_expired_leases_and_those_of_a_restarted_worker_come_back(database):
    with database.transaction() as tx:
        rows = [add(tx, f"g{number}", patient=f"p{number}") for number in range(3)]
    claim(database, rows[0], lease=timedelta(0))
    claim(database, rows[1], worker="w2")
    claim(database, rows[2], worker="w3")
    with database.transaction() as tx:
        assert work.release_expired(tx) == 1
        assert work.release_worker(tx, "w2") == 1
        assert states(tx) == {("evaluate", "due"): 2, ("evaluate", "leased"): 1}


def test_an_expired_lease_can_be_claimed_by_another_at_once(database):
    with database.transaction() as tx:
        row = add(tx)
    claim(database, row, lease=timedelta(0))
    assert claim(database, row, worker="w2").attempts == 2


def test_what_kills_its_workers_is_exhausted_after_five_claims_and_drags_nobody_along(database):
    with database.transaction() as tx:
        poison = add(tx)
    for attempt in range(1, 6):
        taken = claim(database, poison, lease=timedelta(0))
        assert (taken.attempts, taken.exhausted) == (attempt, False)
    with database.transaction() as tx:
        innocent = add(tx, "g2")
    spent = claim(database, innocent)
    assert (spent.ids, spent.exhausted, spent.attempts) == ((poison,), True, 6)
    with database.transaction() as tx:
        work.quarantine(tx, spent.ids, error="exhausted")
        assert [(one.id, one.error, one.attempts) for one in work.quarantined(tx, T)] == [(poison, "exhausted", 6)]
        assert work.quarantined(tx, "south") == []
    assert claim(database, innocent).exhausted is False


def test_a_retry_waits_and_newer_work_of_that_resource_waits_with_it(database):
    with database.transaction() as tx:
        row = add(tx, "ServiceRequest/1", kind="write_back")
    held = claim(database, row)
    with database.transaction() as tx:
        early = add(tx, "ServiceRequest/1", kind="write_back")
        work.retry(tx, held.ids, error="throttled", not_before=now(tx) + timedelta(hours=1))
        late = add(tx, "ServiceRequest/1", kind="write_back")
    assert [claim(database, one) for one in (row, early, late)] == [None, None, None]


def test_a_worker_that_lost_its_lease_cannot_put_back_what_another_holds(database):
    with database.transaction() as tx:
        row = add(tx)
    claim(database, row, lease=timedelta(0))
    claim(database, row, worker="w2")
    with database.transaction() as tx:
        work.retry(tx, [row], error="late", not_before=now(tx), worker="w1")
        work.quarantine(tx, [row], error="late", worker="w1")
        assert states(tx) == {("evaluate", "leased"): 1}


def test_finished_work_stays_finished(database):
    with database.transaction() as tx:
        row = add(tx)
    held = claim(database, row)
    with database.transaction() as tx:
        work.finish(tx, held.ids)
        work.finish(tx, held.ids)
        work.retry(tx, held.ids, error="late", not_before=now(tx))
        work.quarantine(tx, held.ids, error="late")
        assert states(tx) == {("evaluate", "done"): 1}
    assert claim(database, row) is None


def test_an_admin_puts_back_or_drops_quarantined_work_once_with_a_reason_on_record(database):
    with database.transaction() as tx:
        row, other = add(tx), add(tx, "g2", patient="p2")
    for one in (row, other):
        held = claim(database, one)
        with database.transaction() as tx:
            work.quarantine(tx, held.ids, error="broken")
    with database.transaction() as tx:
        work.requeue(tx, T, row, actor="ada", reason="fixed")
        work.discard(tx, T, other, actor="ada", reason="test data")
        assert [(one.state, one.actor, one.reason) for one in work.history(tx, T, row)] == [
            ("quarantined", None, "broken"),
            ("due", "ada", "fixed"),
        ]
        assert work.history(tx, "south", row) == []
        assert states(tx) == {("evaluate", "due"): 1, ("evaluate", "discarded"): 1}
    for act in (work.requeue, work.discard):
        for error, tenant in ((Conflict, T), (NotFound, "south")):
            with pytest.raises(error), database.transaction() as tx:
                act(tx, tenant, row, actor="ada", reason="again")
    assert claim(database, row).attempts == 1


def test_the_summary_counts_and_ages_per_kind_and_state_and_tenant(database):
    with database.transaction() as tx:
        add(tx)
        add(tx, "ServiceRequest/1", kind="write_back", not_before=now(tx) + timedelta(hours=1))
        add(tx, tenant="south")
    age(database, created=90)
    with database.transaction() as tx:
        mine = {one.kind: one for one in work.summary(tx, T)}
        assert mine["evaluate"].count == 1
        assert mine["write_back"].oldest == 0
        assert (mine["evaluate"].ahead, mine["evaluate"].next) == (0, None)
        assert {one.kind: one.count for one in work.summary(tx)} == {"evaluate": 2, "write_back": 1}


def test_the_summary_tells_how_much_of_what_is_due_waits_for_its_time_and_until_when(database):
    with database.transaction() as tx:
        start = now(tx)
        soon, later = (start + timedelta(hours=hours) for hours in (1, 2))
        for number, ahead in enumerate((later, soon, start)):
            add(tx, f"g{number}", kind="write_back", patient=f"p{number}", not_before=ahead)
    row = claim(database, _due_row(database)).ids
    with database.transaction() as tx:
        found = {one.state: one for one in work.summary(tx, T)}
        assert (found["due"].count, found["due"].ahead, found["due"].next) == (2, 2, soon)
        assert (found["leased"].ahead, found["leased"].next) == (0, None)
        work.retry(tx, row, error="transient", not_before=soon - timedelta(minutes=1))
        (found,) = work.summary(tx, T)
        assert (found.count, found.ahead, found.next) == (3, 3, soon - timedelta(minutes=1))


def _due_row(database):
    with database.transaction() as tx:
        (row,) = work.due(tx, 10)
    return row[0]


def test_only_work_done_long_ago_is_forgotten(database):
    with database.transaction() as tx:
        done, open_ = add(tx), add(tx, "g2", patient="p2")
    held = claim(database, done)
    with database.transaction() as tx:
        work.retry(tx, held.ids, error="transient", not_before=now(tx))
    held = claim(database, done)
    with database.transaction() as tx:
        work.finish(tx, held.ids)
        assert work.forget_done(tx, older=timedelta(days=30)) == 0
    age(database, updated=31 * 86400)
    with database.transaction() as tx:
        assert work.forget_done(tx, older=timedelta(days=30)) == 1
        assert states(tx) == {("evaluate", "due"): 1}
        assert work.history(tx, T, done) == []
        assert [one.state for one in work.summary(tx, states=["due", "done"])] == ["due"]
        assert [one[0] for one in work.due(tx, 5)] == [open_]


def test_workers_report_that_they_live_and_that_they_progress(database):
    with database.transaction() as tx:
        work.heartbeat(tx, "w1", "evaluate", progressed=False)
        assert work.workers(tx)[0].progressed is None
        work.heartbeat(tx, "w1", "evaluate", progressed=True)
        work.heartbeat(tx, "w1", "evaluate", progressed=False)
        (only,) = work.workers(tx)
    assert (only.worker, only.role) == ("w1", "evaluate")
    assert only.started <= only.progressed <= only.seen
