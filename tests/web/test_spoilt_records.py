"""A stored record that is damaged: whoever needs it is told so and whom to tell, and all the others are there."""

import pytest

from tests.web.cast import FHIR, codes
from tests.web.drafting import set_passwords
from tests.web.test_act_parameters import ACTS, post
from tests.web.test_acts import DRAFT_ACTS
from tests.web.test_inbox import text_of

SPOILT = {
    "no JSON": b"lost",
    "half of it": b'{"resourceType": "Serv',
    "nothing": b"",
    "zeroes": b"\0" * 9,
    "a list": b"[]",
}
NO_TEXT = b'{"resourceType": "ServiceRequest", "status": "\xff"}'


@pytest.fixture
def ward(ward):
    set_passwords(ward.house.database, "alice")
    return ward


@pytest.mark.parametrize("body", [*SPOILT.values(), NO_TEXT], ids=[*SPOILT, "no text"])
def test_the_page_of_an_order_that_cannot_be_read_says_so_and_whom_to_tell(ward, body):
    draft = ward.draft()
    ward.overwrite(draft, 1, body)
    page = ward.session().page(f"/inbox/drafts/{draft}")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    told = text_of(page)
    assert "This record can't be read" in told.replace("&#39;", "'")
    assert "nothing can be signed" in told
    assert "Tell your administrator" in told
    assert draft in told
    assert "Sign this order" not in told


def test_an_earlier_version_that_cannot_be_read_is_told_on_the_page_too(ward):
    draft, session = ward.draft(), ward.session()
    assert session.revise(draft, priority="asap").status_code == 200
    ward.overwrite(draft, 1, b"lost")
    page = session.page(f"/inbox/drafts/{draft}")
    assert "nothing can be signed" in text_of(page)
    assert "Sign this order" not in text_of(page)


@pytest.mark.parametrize("form", ["sign", "decline", "defer", "reassign", "revise", "screening"])
def test_a_form_about_it_is_answered_by_a_page_that_says_so(ward, form):
    draft, session = ward.draft(), ward.session()
    ward.overwrite(draft, 1, b"lost")
    page = session.page(f"/inbox/drafts/{draft}/{form}", version="1", digest="0" * 64, reason="other", hours="24")
    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "nothing can be signed" in text_of(page)


@pytest.mark.parametrize("act", [*(act for act in ACTS if act.startswith("Service")), "ServiceRequest/{draft}"])
def test_every_act_on_it_and_reading_it_is_answered_with_an_outcome_that_repeats_nothing_of_it(ward, act):
    draft, session = ward.draft(), ward.session()
    ward.overwrite(draft, 1, b'{"status": "CANARY')
    address = act.format(draft=draft)
    given = DRAFT_ACTS.get(address.rpartition("/")[2], [])
    reading = act == "ServiceRequest/{draft}"
    answer = session.act(address, method="GET") if reading else post(session, address, given)
    assert (answer.status_code, answer.mimetype) == (500, FHIR)
    assert codes(answer) == ["internal" if reading else "broken"]
    assert b"CANARY" not in answer.data
    assert ward.task_of(draft).version == 1


def test_the_inbox_lists_all_others_and_says_which_one_cannot_be_read(ward):
    lost, kept = ward.draft("CTM_L"), ward.draft("XR_L")
    review = ward.review("See the patient today")
    ward.overwrite(lost, 1, b"lost")
    page = ward.session().page("/inbox")
    assert page.status_code == 200
    told = text_of(page)
    assert "X-ray of the lumbar spine" in told
    assert "See the patient today" in told
    assert told.count("damaged") == 1
    shown = page.get_data(as_text=True)
    for place in (f"/inbox/drafts/{lost}", f"/inbox/drafts/{kept}", f"/inbox/reviews/{review}"):
        assert f'href="{place}"' in shown


@pytest.mark.parametrize("body", SPOILT.values(), ids=SPOILT)
def test_the_inbox_lists_all_others_and_says_how_many_tasks_cannot_be_read(ward, body):
    ward.draft("XR_L")
    lost = ward.review("See the patient today")
    ward.overwrite(lost, 1, body)
    page = ward.session().page("/inbox")
    assert page.status_code == 200
    told = text_of(page)
    assert "X-ray of the lumbar spine" in told
    assert "1 more can't be shown" in told.replace("&#39;", "'")
    assert f'href="/inbox/reviews/{lost}"' in page.get_data(as_text=True)


def test_an_inbox_of_damaged_tasks_alone_does_not_say_that_nothing_waits(ward):
    ward.overwrite(ward.review(), 1, b"lost")
    told = text_of(ward.session().page("/inbox"))
    assert "1 more can" in told
    assert "Nothing waits for you" not in told


def test_the_inbox_lists_the_drafts_of_a_patient_who_cannot_be_read(ward):
    draft = ward.draft("XR_L")
    ward.overwrite("p1", 1, b"lost")
    told = text_of(ward.session().page("/inbox"))
    assert "X-ray of the lumbar spine" in told
    assert "Patient/p1" in told
    assert told.count("damaged") == 1
    assert "nothing can be signed" in text_of(ward.session().page(f"/inbox/drafts/{draft}"))


def test_the_page_of_a_review_or_a_source_that_cannot_be_read_says_so(ward):
    review = ward.review()
    ward.overwrite(review, 1, b"lost")
    ward.overwrite("form-p1", 1, b"lost")
    for path in (f"/inbox/reviews/{review}", "/inbox/sources/QuestionnaireResponse/form-p1/1"):
        page = ward.session().page(path)
        assert (page.status_code, page.mimetype) == (200, "text/html")
        assert "Tell your administrator" in text_of(page)


def test_the_log_has_where_it_failed_and_nothing_of_what_is_stored(ward, capfd):
    draft = ward.draft()
    ward.overwrite(draft, 1, b"CANARY")
    page = ward.session().page(f"/inbox/drafts/{draft}")
    logged = capfd.readouterr().err
    assert "CANARY" not in logged
    assert '"request.failed"' in logged
    assert page.headers["X-Request-Id"] in text_of(page)
    assert f'"request_id": "{page.headers["X-Request-Id"]}"' in logged
