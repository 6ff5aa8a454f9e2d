"""What waits to be tried again tells why, since when and until when, on both databases."""

from datetime import timedelta

from fhir_svc.store import work, work_faults, work_waiting
from fhir_svc.store.database import now

LEASE, HOUR = timedelta(seconds=30), timedelta(hours=1)


def put_back(tx, subject, error, until, *, tenant="north", kind="write_back"):
    row = work.add(tx, tenant=tenant, kind=kind, subject=subject, patient="p1")
    claimed = work.claim(tx, row, worker="w", lease=LEASE)
    work_faults.retry(tx, claimed.ids, error=error, not_before=until, counted=False)
    return row


def test_rows_that_wait_for_the_same_reason_are_told_as_one(database):
    with database.transaction() as tx:
        at = now(tx)
        for hours in (3, 2, 4):
            put_back(tx, f"Flag/{hours}", "ehr-503", at + hours * HOUR)
        put_back(tx, "s1", "endpoint-5xx", at + HOUR, kind="notify")
        told = {(one.kind, one.error): one for one in work_waiting.waiting(tx, "north")}
        held = told["write_back", "ehr-503"]
        assert (held.count, held.until) == (3, at + 2 * HOUR)
        assert at <= held.since <= now(tx)
        assert (told["notify", "endpoint-5xx"].count, told["notify", "endpoint-5xx"].until) == (1, at + HOUR)
        assert len(told) == 2


def test_what_is_due_was_never_tried_or_is_an_admins_is_not_told(database):
    with database.transaction() as tx:
        at = now(tx)
        put_back(tx, "Flag/south", "ehr-503", at + HOUR, tenant="south")
        put_back(tx, "Flag/now", "ehr-503", at - HOUR)
        work.add(tx, tenant="north", kind="clock", subject="p1", patient="p1", not_before=at + HOUR)
        row = work.add(tx, tenant="north", kind="write_back", subject="Flag/set-aside", patient="p1")
        work_faults.quarantine(tx, work.claim(tx, row, worker="w", lease=LEASE).ids, error="ehr-422")
        assert work_waiting.waiting(tx, "north") == []
