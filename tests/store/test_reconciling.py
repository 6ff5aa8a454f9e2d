"""When an order is looked for, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from fhir_svc.store import delivery, reconciling, tables, work
from fhir_svc.store.database import now
from fhir_svc.store.delivery import FIRST_CHECK

HOUR = timedelta(hours=1)
ORDER = "ServiceRequest/o1"


def delivered(database, *locals_, ago=HOUR):
    with database.transaction() as tx:
        for local in locals_:
            delivery.record(tx, "north", local, ehr_id="e1", ehr_version="1", delivered_version=1)
        at = now(tx) - ago
        tx.execute(update(tables.deliveries).values(at=at))
        rows = tables.deliveries.c
        tx.execute(update(tables.deliveries).where(rows.check_at.is_not(None)).values(check_at=at + FIRST_CHECK))


def due(database, limit=10):
    with database.reading() as tx:
        return [one.local for one in reconciling.due(tx, "north", limit)]


def test_orders_alone_are_looked_for_an_hour_after_they_were_delivered(database):
    delivered(database, ORDER, "Task/t1", "Patient/p1")
    assert due(database) == [ORDER]
    with database.transaction() as tx:
        delivery.record(tx, "north", ORDER, ehr_id="e1", ehr_version="2", delivered_version=2)
    assert due(database) == []


@pytest.mark.parametrize(("age", "wait"), [(HOUR, HOUR), (24 * HOUR, HOUR), (240 * HOUR, 10 * HOUR)])
def test_an_order_that_was_seen_is_looked_for_again_after_a_part_of_its_age(database, age, wait):
    delivered(database, ORDER, ago=age)
    with database.transaction() as tx:
        before = now(tx)
        reconciling.seen(tx, "north", [ORDER])
        found = tx.execute(tables.deliveries.select()).one().check_at
        after = now(tx)
    assert before + wait <= found <= after + wait + timedelta(seconds=1 + (after - before).total_seconds())


def test_what_is_gone_is_forgotten_and_counted_and_what_moved_is_read_before_it_is_written(database):
    delivered(database, ORDER)
    with database.transaction() as tx:
        reconciling.gone(tx, "north", ORDER)
        assert delivery.known(tx, "north", ORDER) == delivery.Delivery()
    assert due(database) == []
    delivered(database, ORDER)
    with database.transaction() as tx:
        assert [one.lost for one in reconciling.due(tx, "north", 10)] == [1]
        reconciling.moved(tx, "north", ORDER, "e2")
        assert delivery.known(tx, "north", ORDER) == delivery.Delivery("e2", None, 1)
    assert due(database) == []


def test_what_an_admin_is_asked_about_stands_in_quarantine_with_its_history(database):
    with database.transaction() as tx:
        reconciling.set_aside(tx, "north", ORDER, "p1", error="ehr-several-copies")
        (row,) = work.quarantined(tx, "north")
        assert (row.kind, row.error) == ("write_back", "ehr-several-copies")
        assert [step.reason for step in work.history(tx, "north", row.id)] == ["ehr-several-copies"]
        assert reconciling.spoken_for(tx, "north", [ORDER, "ServiceRequest/o2"]) == {ORDER}
        work.discard(tx, "north", row.id, actor="ada", reason="both are right")
        assert reconciling.spoken_for(tx, "north", [ORDER]) == {ORDER}


def test_a_tenant_has_one_search_for_its_orders_at_a_time(database):
    with database.transaction() as tx:
        assert not reconciling.begun(tx, "north")
        first, second = (
            work.add(tx, tenant="north", kind="reconcile", subject=name, patient=None) for name in ("north", "more")
        )
        work.add(tx, tenant="south", kind="reconcile", subject="south", patient=None)
        claim = work.claim(tx, first, worker="w1", lease=HOUR)
        assert set(claim.ids) == {first, second}
        assert work.claim(tx, second, worker="w2", lease=HOUR) is None
        assert reconciling.begun(tx, "north")
        work.finish(tx, claim.ids)
        assert not reconciling.begun(tx, "north")
        assert reconciling.begun(tx, "south")
