"""What the queue page tells an admin of work: what is due now, what waits for its time, what must be mended and how."""

from datetime import timedelta

import pytest

from fhir_svc.store import work
from fhir_svc.store.database import now
from tests.web.drafting import Ward
from tests.web.test_inbox import text_of


@pytest.fixture
def ward(house):
    return Ward(house)


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
