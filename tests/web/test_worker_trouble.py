"""What is wrong with a process that works all the same is seen by admins and by whoever watches the metrics."""

import pytest
from sqlalchemy import text

from fhir_svc.store import work
from tests.web.drafting import Ward
from tests.web.test_inbox import text_of

LINE = 'fhir_svc_worker_trouble{code="shadow-unusable"} 1.0'


@pytest.fixture
def ward(house):
    return Ward(house)


def report(house, trouble):
    with house.database.transaction() as tx:
        work.heartbeat(tx, "urgent-evaluate-0@host", "worker", progressed=True, trouble=trouble)
        work.heartbeat(tx, "write_back-0@host", "worker", progressed=True)


def seen(ward, house):
    page = text_of(ward.session("ada").page("/queue"))
    numbers = house.call("GET", "/metrics", client=None).get_data(as_text=True)
    return "shadow-unusable" in page, "nothing is tried out" in page, LINE in numbers.splitlines()


def test_criteria_that_can_not_be_tried_out_are_shown_until_they_can(ward, house):
    report(house, "shadow-unusable")
    assert seen(ward, house) == (True, True, True)
    report(house, None)
    assert seen(ward, house) == (False, False, False)


def test_the_trouble_of_a_process_that_is_gone_is_nobodys_any_more(ward, house):
    report(house, "shadow-unusable")
    with house.database.transaction() as tx:
        tx.execute(text("UPDATE workers SET seen = seen - 120000"))
    assert seen(ward, house) == (False, False, False)
