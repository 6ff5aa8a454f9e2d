"""Deliveries are claimed many at a time, without one of them dragging the others along."""

from datetime import timedelta

from fhir_svc.store import tenants, work, work_lot
from fhir_svc.store.database import now
from fhir_svc.store.tenants import Tenant

LEASE = timedelta(seconds=30)
LOT = {"worker": "w", "lease": LEASE, "demo": False, "limit": 10}


def later(tx, seconds=60):
    return now(tx) + timedelta(seconds=seconds)


def add(tx, subject, tenant="north", **more):
    return work.add(tx, tenant=tenant, kind="write_back", subject=subject, patient="p1", **more)


def test_a_lot_holds_what_nobody_tried_of_one_tenant_urgent_first_and_what_others_name_before_them(database):
    with database.transaction() as tx:
        for name in ("north", "south"):
            tenants.add(tx, Tenant(name, "http://127.0.0.1/fhir"))
        add(tx, "Task/a")
        add(tx, "ServiceRequest/b")
        add(tx, "Provenance/c", urgent=True)
        add(tx, "Flag/d", urgent=True)
        add(tx, "ServiceRequest/e", tenant="south")
        add(tx, "ServiceRequest/f", not_before=later(tx))
        work.add(tx, tenant="north", kind="evaluate", subject="g", patient="p1")
        tried = add(tx, "ServiceRequest/h")
        work.claim(tx, tried, worker="w", lease=LEASE)
        work.retry(tx, [tried], error="e", not_before=later(tx, -60))
        lot = work_lot.claim_lot(tx, "north", "write_back", **LOT)
        assert [claim.subjects[0] for claim in lot] == ["Flag/d", "Provenance/c", "ServiceRequest/b", "Task/a"]
        assert {(claim.attempts, claim.exhausted, claim.tenant) for claim in lot} == {(1, False, "north")}
        assert work_lot.claim_lot(tx, "north", "write_back", **LOT) == []
        assert work.claim(tx, lot[0].ids[0], worker="other", lease=LEASE) is None
        assert work_lot.failed_before(tx, [tried, lot[0].ids[0]]) == {tried}


def test_what_was_put_back_counts_as_not_tried_and_only_its_holder_puts_it_back(database):
    with database.transaction() as tx:
        row = add(tx, "ServiceRequest/a")
        (claim,) = work_lot.claim_lot(tx, "north", "write_back", **LOT)
        work_lot.put_back(tx, claim.ids, worker="other")
        assert work_lot.claim_lot(tx, "north", "write_back", **LOT) == []
        work_lot.put_back(tx, claim.ids, worker="w")
        assert work_lot.failed_before(tx, [row]) == set()
        assert work.claim(tx, row, worker="v", lease=LEASE).attempts == 1


def test_what_died_in_a_lot_is_tried_alone_from_then_on(database):
    with database.transaction() as tx:
        first, second = add(tx, "ServiceRequest/a"), add(tx, "ServiceRequest/b")
        assert len(work_lot.claim_lot(tx, "north", "write_back", **LOT)) == 2
        assert work.release_worker(tx, "w") == 2
        assert work_lot.claim_lot(tx, "north", "write_back", **LOT) == []
        assert [work.claim(tx, row, worker="w", lease=LEASE).ids for row in (first, second)] == [(first,), (second,)]


def test_of_untried_deliveries_one_in_a_lot_is_told_and_whatever_failed_is_told_itself(database):
    with database.transaction() as tx:
        rows = [add(tx, f"ServiceRequest/{number}") for number in range(7)]
        tried = add(tx, "ServiceRequest/tried")
        work.claim(tx, tried, worker="w", lease=LEASE)
        work.retry(tx, [tried], error="e", not_before=later(tx, -60))
        told = {row for row, _, _ in work.due(tx, 20, lot=5)}
        assert tried in told
        assert len(told & set(rows)) == 2
        assert work.due(tx, 20, lot=5) == []
