"""What the queue page tells an admin of work: what is due now, what waits for its time, what must be mended and how."""

import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from fhir_svc.store import work, work_faults
from fhir_svc.store.database import now
from tests.web.test_inbox import text_of

PROFILES = Path(__file__).parents[2] / "profiles"


def add(ward, kind, *ahead, tenant="north"):
    """Rows of work, each due this long from now."""
    with ward.house.database.transaction() as tx:
        for number, span in enumerate(ahead):
            subject = f"{kind}-{tenant}-{number}"
            work.add(tx, tenant=tenant, kind=kind, subject=subject, patient=subject, not_before=now(tx) + span)


def queue_of(ward):
    return text_of(ward.session("ada").page("/queue"))


SOON, LATER = timedelta(hours=3, minutes=30), timedelta(days=40)
PAST = timedelta(minutes=-5)


def test_work_whose_time_lies_ahead_waits_and_is_not_shown_as_due(ward):
    add(ward, "clock", LATER, SOON, PAST)
    add(ward, "clock", timedelta(minutes=1), tenant="south")
    page = queue_of(ward)
    assert "1 due now" in page
    assert "2 waiting for their time next in 3 hours" in page
    assert "clock 1 2 next in 3 hours 0 0 0 0 " in page


def test_where_nothing_waits_nothing_is_said_of_a_next_time(ward):
    add(ward, "write_back", PAST)
    page = queue_of(ward)
    assert "1 due now" in page
    assert "0 waiting for their time" in page
    assert "next in" not in page


def test_the_metrics_keep_counting_both_as_due(ward):
    add(ward, "clock", LATER, PAST)
    numbers = ward.house.call("GET", "/metrics", client=None).get_data(as_text=True)
    assert 'fhir_svc_work_rows{kind="clock",state="due"} 2.0' in numbers.splitlines()


# -- what waits to be tried again


def put_back(ward, error, *waits, tenant="north", kind="write_back"):
    """A row that was tried once for each of these, and each time put back for so long."""
    with ward.house.database.transaction() as tx:
        row = work.add(tx, tenant=tenant, kind=kind, subject=f"Flag/{uuid4()}", patient="p1")
        for wait in waits:
            tx.exec_driver_sql("UPDATE work SET not_before = created WHERE id = ?", (row,))
            claimed = work.claim(tx, row, worker="w", lease=timedelta(seconds=30))
            until = now(tx) + wait
            work_faults.retry(tx, claimed.ids, error=error, not_before=until, counted=False)
    return row


def earlier(ward, row, span):
    """The first time it was put back was so long ago."""
    with ward.house.database.transaction() as tx:
        told = (int(span.total_seconds() * 1000), row)
        tx.exec_driver_sql("UPDATE work_history SET at = at - ? WHERE work = ? AND step = 1", told)


def test_work_that_waits_for_its_record_system_says_since_when_until_when_and_why(ward):
    earlier(ward, put_back(ward, "ehr-503", PAST, LATER), timedelta(hours=5))
    put_back(ward, "ehr-503", SOON)
    put_back(ward, "ehr-429", SOON)
    page = queue_of(ward)
    waiting = page[page.index("Waiting to be tried again") : page.index("Nothing is in quarantine")]
    told = "The record system says that it can not answer now (503). It is tried again by itself."
    assert re.search(r"write_back ehr-503 2 rows, since 5 hours ago \(.*?\), the first tried again in 3 hours", waiting)
    assert told in waiting
    assert re.search(r"write_back ehr-429 1 row, since just now \(.*?\), tried again in 3 hours \(.*?\)", waiting)
    assert "asked too often (429)" in waiting


def test_work_that_waits_for_nobody_or_is_of_another_tenant_is_not_shown_as_waiting_to_be_tried_again(ward):
    put_back(ward, "ehr-503", SOON, tenant="south")
    put_back(ward, "ehr-503", PAST)
    add(ward, "clock", LATER)
    arrest(ward, "ehr-422")
    assert "Waiting to be tried again" not in queue_of(ward)


@pytest.mark.parametrize("error", ["ehr-unclear", "endpoint-5xx", "exception-KeyError"])
def test_whatever_is_tried_again_says_why_it_waits(ward, error):
    put_back(ward, error, SOON)
    page = queue_of(ward)
    assert re.search(rf"{error} 1 row, since just now \(.*?\), tried again in 3 hours \(.*?\) [A-Z]", page)


# -- what must be mended


def arrest(ward, error):
    with ward.house.database.transaction() as tx:
        row = work.add(tx, tenant="north", kind="write_back", subject=f"ServiceRequest/{error}", patient="p1")
        claimed = work.claim(tx, row, worker="w", lease=timedelta(seconds=30))
        work_faults.quarantine(tx, claimed.ids, error=error)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ehr-422", "refuses it by a rule of its own (422)"),
        ("ehr-400", "calls what was sent malformed (400)"),
        ("ehr-403", "does not let this service do that (403)"),
        ("ehr-404", "knows no such address (404)"),
        ("ehr-413", "is too large for the record system (413)"),
        ("ehr-patient-not-found", "has no patient with the identifiers"),
        ("ehr-451", "refuses for good"),  # a status that has no words of its own
        ("ehr-307", "refuses for good"),
        ("exception-KeyError", "A fault of this program"),
        ("endpoint-410", "says that it is gone"),
    ],
)
def test_a_row_in_quarantine_says_what_is_wrong_and_what_to_mend(ward, code, words):
    arrest(ward, code)
    page = queue_of(ward)
    assert f"{code} after 1 attempt" in page
    (told,) = re.findall(rf"{code} after 1 attempt.*?History (.*?) Reason ", page)
    assert words in told
    assert re.search(r"requeue|discard", told)


def test_every_way_in_which_a_record_system_can_refuse_tells_what_to_mend():
    read = json.loads((PROFILES / "CodeSystem" / "error.json").read_text())
    told = {one["code"]: one["definition"] for one in read["concept"] if one["code"].startswith("ehr-")}
    assert {code for code, text in told.items() if not re.search(r"requeue|by itself", text)} == set()


# -- entered in error


def test_the_reasons_offered_for_entered_in_error_are_those_that_an_admin_can_have(ward):
    page = ward.session("ada").page("/queue").get_data(as_text=True)
    (listed,) = re.findall(r'<select id="reason".*?</select>', page, re.DOTALL)
    assert re.findall(r'<option value="([^"]*)"', listed) == [
        "",
        "entered-in-error",
        "source-withdrawn",
        "done-elsewhere",
        "withdrawn-by-ehr",
        "patient-merged",
    ]
    for theirs in ("Declined by a physician", "Closed by a physician", "Not signed in time", "Replaced by a newer"):
        assert theirs not in listed
    assert ">Entered in error</option>" in listed
