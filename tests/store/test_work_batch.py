"""Rows and origins on both databases."""

from datetime import timedelta

import pytest

from fhir_svc.store import resources, submissions, tenants, work
from fhir_svc.store.origins import chosen_by_sender
from fhir_svc.store.tenants import Tenant
from fhir_svc.store.work_batch import New, add_new


def test_many_new_rows_are_told_of_urgent_ones_first_and_can_be_claimed(database):
    with database.transaction() as tx:
        tenants.add(tx, Tenant("north", "http://127.0.0.1/fhir"))
        rows = [New("ServiceRequest/a", "p1"), New("Task/b", "p1", urgent=True), New("Flag/c", None)]
        add_new(tx, tenant="north", kind="write_back", rows=rows)
        add_new(tx, tenant="north", kind="write_back", rows=[])
        assert work.any_due(tx, kinds={"write_back"})
        assert not work.any_due(tx, kinds={"evaluate"})
        assert work.due(tx, 10, kinds={"evaluate"}) == []
        told = work.due(tx, 10, kinds={"write_back"})
        assert [urgent for _, _, urgent in told] == [True, False, False]
        claim = work.claim(tx, told[0][0], worker="w", lease=timedelta(seconds=30))
    assert (claim.subjects, claim.patient, claim.kind, claim.attempts) == (("Task/b",), "p1", "write_back", 1)


def test_rows_of_a_demonstration_tenant_are_marked(database):
    with database.transaction() as tx:
        tenants.add(tx, Tenant("demo", "http://127.0.0.1/fhir", demo=True))
        add_new(tx, tenant="demo", kind="write_back", rows=[New("Flag/c", None)])
        assert not work.any_due(tx)
        assert work.any_due(tx, demo=True)


@pytest.mark.parametrize(
    ("raw", "chosen"),
    [(b'{"resourceType":"Patient","id":"p1"}', True), (b'{"resourceType":"Patient"}', False), (None, True)],
)
def test_whose_id_it_is_stands_in_the_bytes_received(database, raw, chosen):
    with database.transaction() as tx:
        if raw is not None:
            submissions.keep(tx, "north", "c", submission="s1", raw=raw)
        patient = {"resourceType": "Patient", "id": "p1"}
        submission = "s1" if raw is not None else None
        resources.put(tx, "north", patient, patient="p1", ours=False, submission=submission)
        assert chosen_by_sender(tx, "north", "Patient", "p1") is chosen


def test_an_attempt_that_was_none_is_given_back(database):
    with database.transaction() as tx:
        row = work.add(tx, tenant="north", kind="write_back", subject="Flag/c", patient=None)
        for _ in range(8):
            claim = work.claim(tx, row, worker="w", lease=timedelta(seconds=30))
            assert (claim.attempts, claim.exhausted) == (1, False)
            work.retry(tx, [row], error="not-now", not_before=claim.at, worker="w", counted=False)
