"""The pages in a real Chromium: the main path by keyboard and mouse, hostile text, and what works without scripts."""

import os
import threading
from pathlib import Path
from uuid import uuid4

import pytest
from werkzeug.serving import make_server

from tests.web.cast import make_house
from tests.web.drafting import PASSWORD, Ward, set_passwords

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NASTY = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM.exists():
        reason = f"there is no {CHROMIUM}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET, timeout=300_000)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(template, built, tmp_path_factory):
    """The whole app on a port of this machine, with one patient's drafts."""
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    address = f"http://127.0.0.1:{server.server_port}"
    house = make_house(template, built, tmp_path_factory.mktemp("browser"), base_url=address)
    server.app = house.app
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    set_passwords(house.database, "alice", "bob", "ada")
    ward = Ward(house)
    ward.receive()
    yield ward, address
    server.shutdown()
    thread.join(timeout=60)
    server.server_close()


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def page(request, chromium, served):
    """A fresh browser window; what it complains about fails the test."""
    context = chromium.new_context(java_script_enabled=request.param, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)
    found = context.new_page()
    complaints = []
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    outside = []
    found.on("request", lambda asked: outside.append(asked.url) if not asked.url.startswith(served[1]) else None)
    yield found
    context.close()
    assert [each for each in complaints if "status of 4" not in each] == []
    assert outside == []


def log_in(page, address, who="alice", *, path="/inbox"):
    """Ask for a page, sign in, and be there: who asks for another one at once breaks off the loading of this one."""
    page.goto(f"{address}{path}")
    page.get_by_label("User name").fill(who)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def test_a_physician_logs_in_opens_a_draft_and_signs_it(page, served):
    ward, address = served
    draft = ward.draft("CTM_L")
    log_in(page, address)
    page.locator(f'a[href$="{draft}"]').click()
    page.get_by_role("heading", name="CT myelogram of the lumbar spine").wait_for()
    page.get_by_text("No clinician has approved these criteria.").wait_for()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Sign this order").click()
    page.get_by_role("heading", name="Signed").wait_for()
    page.get_by_text("Meaning: approval.").wait_for()
    assert ward.read("ServiceRequest", draft).content["status"] == "active"


def test_declining_takes_no_more_steps_than_signing(page, served):
    ward, address = served
    draft = ward.draft("XR_L", priority="urgent")
    log_in(page, address, "bob")
    page.goto(f"{address}/inbox/drafts/{draft}")
    page.get_by_label("Decline because").select_option("already-done")
    page.get_by_role("button", name="Decline this order").click()
    page.get_by_role("heading", name="Not ordered").wait_for()
    assert ward.read("ServiceRequest", draft).content["status"] == "revoked"


def test_a_wrong_password_is_told_in_place_and_the_draft_can_still_be_signed(page, served):
    ward, address = served
    draft = ward.draft()
    log_in(page, address)
    page.goto(f"{address}/inbox/drafts/{draft}")
    page.get_by_label("Your password").fill("not the password")
    page.keyboard.press("Enter")
    assert "not right" in page.get_by_role("alert").inner_text()
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"
    page.get_by_label("Your password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Signed").wait_for()


def test_hostile_text_stays_text(page, served):
    ward, address = served
    hostile = Ward(ward.house, patient="hostile")
    hostile.receive(name=NASTY, note=NASTY)
    guidance = hostile.guidance(title=NASTY, missing=NASTY)
    draft = hostile.draft(guidance=guidance, priority="routine", reasonCode=[{"text": NASTY}])
    log_in(page, address)
    for path in ("/inbox", f"/inbox/drafts/{draft}", "/inbox/sources/QuestionnaireResponse/form-hostile/1"):
        page.goto(address + path)
        assert "owned" not in page.title()
        assert page.locator("img, main script").count() == 0
    page.goto(f"{address}/inbox/drafts/{draft}")
    assert page.locator("bdi").filter(has_text="onerror").count() >= 1


@pytest.mark.parametrize("width", [1280, 375])
def test_pages_fit_every_screen_and_name_every_field(page, served, width):
    ward, address = served
    drafts = [ward.draft(blockers=("mr-screening",), priority="urgent"), ward.draft(blockers=("mr-screening",))]
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page, address)
    for path in (
        "/inbox",
        *(f"/inbox/drafts/{each}" for each in drafts),
        f"/inbox/reviews/{ward.review()}",
        "/criteria",
    ):
        page.goto(address + path)
        assert page.locator("h1").count() == 1
        box = page.locator("main").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        for field in page.locator("input:visible, select:visible, textarea:visible").all():
            name = field.get_attribute("id")
            labelled = page.locator(f'label[for="{name}"]').count() if name else 0
            assert labelled or field.locator("xpath=ancestor::label").count()


def test_an_admin_requeues_stuck_work(page, served):
    from datetime import timedelta  # noqa: PLC0415

    from fhir_svc.store import work, work_faults  # noqa: PLC0415

    ward, address = served
    with ward.house.database.transaction() as tx:
        row = work.add(tx, tenant="north", kind="notify", subject=str(uuid4()), patient=None)
        claimed = work.claim(tx, row, worker="w", lease=timedelta(seconds=30))
        work_faults.quarantine(tx, claimed.ids, error="endpoint-gone")
    log_in(page, address, "ada", path="/queue")
    page.locator(f"#reason-{row}").fill("It answers again")
    page.locator("li", has_text=row).get_by_role("button", name="Requeue").click()
    page.get_by_role("heading", name=f"What happened to {row}").wait_for()
    page.get_by_text("It answers again").wait_for()
    assert page.locator(f"#reason-{row}").count() == 0
    with ward.house.database.reading() as tx:
        assert work_faults.quarantined(tx, "north") == []


def spoken(page):
    """Everything that the browser tells assistive technology, in the order of the page."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    known, pending, told = {node["nodeId"]: node for node in nodes}, [nodes[0]["nodeId"]], []
    while pending:
        node = known[pending.pop()]
        pending += reversed(node["childIds"])
        if not node["ignored"] and node["role"]["value"] in {"StaticText", "list"}:
            told.append(node["name"]["value"].strip())
    return " ".join(told)


PRIORITIES = {
    "stat": "Priority: Stat : At once.",
    "asap": "Priority: ASAP : Contact with a clinician within 4 hours.",
    "urgent": "Priority: Urgent : Within 7 days.",
    "routine": "Priority: Routine : In the usual course.",
}


def test_priority_and_level_are_told_in_words_to_whoever_sees_no_colour_or_no_page(page, served):
    house = served[0].house
    ward = Ward(house, patient=f"told-{uuid4()}")
    ward.receive()
    drafts = {priority: ward.draft(priority=priority, blockers=("mr-screening",)) for priority in PRIORITIES}
    pages = [f"/inbox/drafts/{draft}" for draft in drafts.values()] + [f"/inbox/reviews/{ward.review()}"]
    log_in(page, served[1])
    heard = spoken(page)
    for draft, told in zip(drafts.values(), PRIORITIES.values(), strict=True):
        row = page.locator("tr").filter(has=page.locator(f'a[href$="{draft}"]'))
        assert row.get_by_role("cell").first.text_content() == told.replace(" :", ":")
        assert told in heard
    assert "Open before signing MRI safety screening is open" in heard
    for path, told in zip(pages, [*PRIORITIES.values(), PRIORITIES["asap"]], strict=True):
        page.goto(served[1] + path)
        heard = spoken(page)
        assert told in heard
        assert "Level: Emergency : At once." in heard
        for name in ("Priority:", "Level:"):  # seen too, not only heard
            assert page.get_by_text(name, exact=True).bounding_box()["width"] > 20
