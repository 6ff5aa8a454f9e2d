"""What the page of a review shows of the order that it is about."""

import re
from html import unescape

import pytest

from tests.web.drafting import Ward
from tests.web.test_inbox import text_of


def review_about(ward, *references):
    """The address of a review whose `basedOn` names these."""
    guidance = ward.guidance()
    based = [{"reference": each} for each in references]
    more = {"basedOn": based, "description": "Look at it"} if based else {"description": "Look at it"}
    return f"/inbox/reviews/{ward.task('review', f'GuidanceResponse/{guidance}', guidance, **more)}"


def links(answer):
    """The text and address of every link under the heading of the page."""
    header = re.search(r'<header class="card.*?</header>', answer.get_data(as_text=True), re.DOTALL).group()
    return [(unescape(text), to) for to, text in re.findall(r'<a href="([^"]+)"><bdi>([^<]*)</bdi></a>', header)]


@pytest.mark.parametrize("suffix", ["", "/_history/1"])
def test_a_review_about_a_draft_leads_to_the_draft(ward, suffix):
    draft, session = ward.draft(), ward.session()
    page = session.page(review_about(ward, f"ServiceRequest/{draft}{suffix}"))
    assert links(page) == [("MRI of the lumbar spine without contrast", f"/inbox/drafts/{draft}")]
    assert "About: MRI of the lumbar spine without contrast a draft that waits" in text_of(page)
    assert session.page(links(page)[0][1]).status_code == 200


@pytest.mark.parametrize(
    ("status", "told"),
    [("active", "signed"), ("revoked", "revoked"), ("entered-in-error", "entered in error"), ("on-hold", "on hold")],
)
def test_it_says_what_became_of_the_order(ward, status, told):
    draft = ward.draft()
    ward.store(ward.read("ServiceRequest", draft).content | {"status": status})
    page = ward.session().page(review_about(ward, f"ServiceRequest/{draft}"))
    assert f"About: MRI of the lumbar spine without contrast {told}" in text_of(page)


@pytest.mark.parametrize(("code", "name"), [({"code": {"text": "MRI <elsewhere>"}}, "MRI <elsewhere>"), ({}, "Order")])
def test_an_order_that_another_system_placed_leads_to_what_was_received_of_it(ward, code, name):
    placed = {
        "resourceType": "ServiceRequest",
        "id": "theirs",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
    } | code
    ward.store(placed, ours=False)
    ward.store(placed | {"priority": "stat"}, ours=False)
    session = ward.session()
    page = session.page(review_about(ward, "ServiceRequest/theirs"))
    assert links(page) == [(name, "/inbox/sources/ServiceRequest/theirs/2")]
    assert session.page(links(page)[0][1]).status_code == 200


@pytest.mark.parametrize("references", [(), ("ServiceRequest/gone",), ("Flag/any",), ("#contained",)])
def test_a_review_about_no_order_on_file_has_no_link(ward, references):
    page = ward.session().page(review_about(ward, *references))
    assert page.status_code == 200
    assert links(page) == []
    assert "About:" not in text_of(page)


def test_an_order_of_another_tenant_is_not_shown(ward):
    theirs = Ward(ward.house, tenant="south")
    theirs.receive()
    page = ward.session().page(review_about(ward, f"ServiceRequest/{theirs.draft()}"))
    assert links(page) == []
