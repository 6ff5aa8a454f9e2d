"""What became of a draft, who changed it, and the basis it was decided on, as its page tells a physician."""

import json
import re

import pytest

from fhir_svc.orders import provenance, states
from tests.web.drafting import Ward, now, set_passwords
from tests.web.test_inbox import rule, sign, text_of


@pytest.fixture
def ward(ward):
    set_passwords(ward.house.database, "alice", "bob", "ada")
    return ward


def signed(ward, draft):
    session = ward.session()
    answer = sign(session, draft, session.page(f"/inbox/drafts/{draft}"))
    assert answer.status_code == 303
    return session


def mark(ward, draft, **more):
    form = {"order": draft, "reason": "entered-in-error", "text": "Wrong <record>"}
    assert ward.session("ada").page("/queue/entered-in-error", **(form | more)).status_code == 303


def report(ward, draft, status):
    """The EHR reports another status of an order of ours."""
    order = ward.read("ServiceRequest", draft).content
    assert ward.house.call("PUT", f"/fhir/ServiceRequest/{draft}", order | {"status": status}).status_code == 200


def take_back(ward, draft):
    """The software revokes its own draft and cancels its Task."""
    order, task = ward.read("ServiceRequest", draft).content, ward.task_of(draft).content
    back, cancelled = states.withdrawn(order, task, reason="superseded", at=now())
    ward.store(back)
    ward.store(cancelled)


def shown(ward, draft):
    return text_of(ward.session().page(f"/inbox/drafts/{draft}"))


# -- what became of it


def test_a_signed_order_entered_in_error_says_so_first_why_when_and_by_whom_and_then_that_it_was_signed(ward):
    draft = ward.draft()
    signed(ward, draft)
    mark(ward, draft)
    page = shown(ward, draft)
    withdrawn, why = page.index("Withdrawn: entered in error"), page.index("Wrong &lt;record&gt;")
    assert withdrawn < why < page.index("It had been signed") < page.index("Alice signed this order on")
    assert "This order was marked as entered in error by an administrator on " in page


def test_another_reason_than_the_state_itself_is_told_with_it(ward):
    draft = ward.draft()
    mark(ward, draft, reason="done-elsewhere")
    page = shown(ward, draft)
    assert "marked as entered in error (the order was placed or done elsewhere) by an administrator on " in page


def test_a_draft_entered_in_error_says_so_and_that_nobody_signed_it(ward):
    draft = ward.draft()
    mark(ward, draft)
    page = shown(ward, draft)
    assert "Withdrawn: entered in error" in page
    assert "It was never signed." in page
    assert "Wrong &lt;record&gt;" in page
    assert "Its task is closed" not in page
    assert "signed this order" not in page


@pytest.mark.parametrize(
    ("status", "heading", "told"),
    [
        ("revoked", "Withdrawn: revoked after it was signed", "This order was revoked by the record system on "),
        (
            "entered-in-error",
            "Withdrawn: entered in error",
            "This order was marked as entered in error by the record system on ",
        ),
    ],
)
def test_a_signed_order_that_the_record_system_takes_back_says_so_first(ward, status, heading, told):
    draft = ward.draft()
    signed(ward, draft)
    report(ward, draft, status)
    page = shown(ward, draft)
    assert page.index(heading) < page.index(told) < page.index("It had been signed")


@pytest.mark.parametrize(("status", "words"), [("completed", "completed"), ("on-hold", "on hold")])
def test_a_signed_order_tells_what_the_record_system_reports_of_it(ward, status, words):
    draft = ward.draft()
    signed(ward, draft)
    report(ward, draft, status)
    assert f"The record system reports this order as {words}." in shown(ward, draft)


def test_a_signed_order_that_stands_is_told_as_signed_and_nothing_else(ward):
    draft = ward.draft()
    signed(ward, draft)
    page = shown(ward, draft)
    assert "The signature is valid" in page
    assert "Withdrawn" not in page
    assert "had been signed" not in page
    assert "The record system reports" not in page


def test_what_was_signed_keeps_its_place_when_others_of_it_were_entered_in_error(ward):
    guidance = ward.guidance()
    draft, other = ward.draft(guidance=guidance), ward.draft("XR_L", guidance=guidance)
    mark(ward, other)
    assert "X-ray of the lumbar spine stat, entered in error" in shown(ward, draft)


def test_a_draft_that_the_software_took_back_is_not_told_as_taken_back_by_the_one_it_was_handed_to(ward):
    draft = ward.draft()
    assert ward.session().page(f"/inbox/drafts/{draft}/reassign", version="1", owner="bob").status_code == 303
    take_back(ward, draft)
    page = shown(ward, draft)
    assert "Not ordered This draft was revoked (replaced by a newer draft) on " in page
    assert "Bob" not in page


def test_a_declined_draft_names_who_declined_it(ward):
    draft = ward.draft()
    form = {"version": "1", "reason": "contraindicated", "text": "Pregnant"}
    assert ward.session("bob").page(f"/inbox/drafts/{draft}/decline", **form).status_code == 303
    page = shown(ward, draft)
    assert "Not ordered This draft was revoked (declined by a physician, contraindicated) by Bob on " in page
    assert "Pregnant" in page


# -- who changed it


BY_HAND = "Changed by a physician since the software drafted it"
BY_RULE = "Updated by the criteria since it was first drafted"


def evaluate(ward, draft, note):
    """An evaluation of newer evidence leaves a note on the draft, and says that it was the software."""
    order = ward.read("ServiceRequest", draft).content
    ward.store(order | {"note": [*order["note"], {"text": note}]})
    new = ward.read("ServiceRequest", draft)
    ward.store(provenance.asserted([new.reference], [], identity=new.reference, at=now()))


def test_what_only_the_software_changed_is_not_told_as_a_physicians(ward):
    draft = ward.draft()
    evaluate(ward, draft, "R05 Fever with back pain")
    page = shown(ward, draft)
    assert BY_HAND not in page
    assert f"{BY_RULE} Note: R05 Fever with back pain" in page


def test_what_each_of_them_changed_is_told_apart(ward):
    draft = ward.draft(priority="urgent")
    evaluate(ward, draft, "R05 Fever with back pain")
    form = {"version": "2", "priority": "stat", "note": "Seen <today>"}
    assert ward.session("bob").page(f"/inbox/drafts/{draft}/revise", **form).status_code == 303
    evaluate(ward, draft, "R07 Cancer in the history")
    form = {"version": "4", "priority": "asap"}
    assert ward.session().page(f"/inbox/drafts/{draft}/revise", **form).status_code == 303
    page = shown(ward, draft)
    assert f"{BY_HAND} Priority: urgent asap Note: Seen &lt;today&gt; {BY_RULE}" in page
    assert f"{BY_RULE} Note: R05 Fever with back pain Note: R07 Cancer in the history Why it is proposed" in page


def test_a_physicians_change_that_was_changed_back_is_none(ward):
    draft, session = ward.draft(priority="urgent"), ward.session()
    for version, priority in enumerate(("stat", "urgent"), start=1):
        form = {"version": str(version), "priority": priority}
        assert session.page(f"/inbox/drafts/{draft}/revise", **form).status_code == 303
    assert BY_HAND not in shown(ward, draft)


def test_signing_and_what_the_record_system_reports_change_nothing_of_it(ward):
    draft = ward.draft()
    signed(ward, draft)
    report(ward, draft, "completed")
    page = shown(ward, draft)
    assert BY_HAND not in page
    assert BY_RULE not in page


# -- the basis it was decided on


def basis(page):
    return re.findall(r"<h3>(.*?) <span", page.get_data(as_text=True))


def decline(ward, draft):
    form = {"version": "1", "reason": "contraindicated"}
    assert ward.session().page(f"/inbox/drafts/{draft}/decline", **form).status_code == 303


def put_off(ward, draft):
    assert ward.session().page(f"/inbox/drafts/{draft}/defer", version="1", hours="24").status_code == 303


@pytest.mark.parametrize("decide", [signed, decline, mark])
def test_the_page_of_what_was_decided_shows_the_basis_that_stood_there_and_no_later_one(ward, decide):
    draft = ward.draft(guidance=ward.guidance(title="Suspected infection"))
    ward.guidance(title="Suspected infection with fever")
    session = ward.session()
    before = basis(session.page(f"/inbox/drafts/{draft}"))
    assert before == ["Suspected infection with fever"]
    decide(ward, draft)
    ward.guidance(title="What was found after that")
    assert basis(session.page(f"/inbox/drafts/{draft}")) == before


def test_the_basis_of_a_signed_order_stays_when_it_is_withdrawn_after_a_later_evaluation(ward):
    draft = ward.draft(guidance=ward.guidance(title="Suspected infection"))
    ward.guidance(title="Suspected infection with fever")
    signed(ward, draft)
    ward.guidance(title="What was found after that")
    mark(ward, draft)
    assert basis(ward.session().page(f"/inbox/drafts/{draft}")) == ["Suspected infection with fever"]


def test_a_draft_that_was_put_off_shows_the_newest_basis(ward):
    draft = ward.draft(guidance=ward.guidance(title="Suspected infection"))
    put_off(ward, draft)
    ward.guidance(title="Suspected infection with fever")
    assert basis(ward.session().page(f"/inbox/drafts/{draft}")) == ["Suspected infection with fever"]


def test_a_draft_that_the_software_took_back_shows_what_it_was_drafted_on(ward):
    draft = ward.draft(guidance=ward.guidance(title="Suspected infection"))
    ward.guidance(title="Nothing of it is left")
    take_back(ward, draft)
    assert basis(ward.session().page(f"/inbox/drafts/{draft}")) == ["Suspected infection"]


# -- whose it is


def pages_about(ward):
    session = ward.session()
    addresses = ("/inbox", f"/inbox/drafts/{ward.draft()}", f"/inbox/reviews/{ward.review()}")
    return [session.page(address) for address in addresses[1:]] + [session.page(addresses[0])]


def test_patients_of_whom_no_record_was_received_are_told_apart_by_their_ids(ward):
    for patient in ("unknown-one", "unknown-two"):
        for page in pages_about(Ward(ward.house, patient=patient)):
            assert f"Name not received birth date unknown Patient/{patient}" in text_of(page)


@pytest.mark.parametrize(
    ("identifiers", "told"),
    [
        ([{"system": "urn:mrn", "value": "MRN <77>"}, {"value": "second"}], "Patient/p1 , MRN &lt;77&gt;"),
        ([{"system": "urn:none"}, {"value": "second"}], "Patient/p1 , second"),
        ([], "Patient/p1"),
    ],
)
def test_a_patient_is_named_with_id_and_first_identifier(ward, identifiers, told):
    known = ward.read("Patient", "p1").content
    ward.store(known | {"identifier": identifiers} if identifiers else known, ours=False)
    for page in pages_about(ward):
        assert re.search(rf"Erin Example born 1950-02-03, \d+ years, female {told} ", text_of(page))


# -- what stands beside it


LOINC = "http://loinc.org"


@pytest.mark.parametrize(
    ("kind", "fact", "resource", "told"),
    [
        (
            "ServiceRequest",
            ("standing-order", "active-stat"),
            {"code": {"coding": [{"system": LOINC, "code": "24972-2"}]}, "status": "active", "intent": "order"},
            "Standing order: X-ray of the lumbar spine Active stat 10 Mar 2026",
        ),
        (
            "ServiceRequest",
            ("standing-order", "draft-routine"),
            {"code": {"text": "MR <lumbar>"}, "status": "draft", "intent": "order"},
            "Standing order: MR &lt;lumbar&gt; Draft routine 10 Mar 2026",
        ),
        (
            "DiagnosticReport",
            ("earlier-imaging", "final"),
            {"code": {"coding": [{"system": LOINC, "code": "24967-2"}]}, "status": "final"},
            "Earlier imaging: MRI of the lumbar spine without and with contrast Final 10 Mar 2026",
        ),
        (
            "ImagingStudy",
            ("earlier-imaging", "available"),
            {"procedureCode": [{"text": "CT of the lumbar spine"}], "status": "available"},
            "Earlier imaging: CT of the lumbar spine Available 10 Mar 2026",
        ),
        (
            "DiagnosticReport",
            ("earlier-imaging", "final"),
            {"code": {"coding": [{"system": LOINC, "code": "0-0"}]}, "status": "final"},
            "Earlier imaging Final 10 Mar 2026",
        ),
    ],
)
def test_what_makes_it_a_duplicate_is_named_by_its_kind(ward, kind, fact, resource, told):
    whose = {"resourceType": kind, "id": "earlier", "subject": {"reference": "Patient/p1"}}
    ward.store(whose | resource, ours=False)
    guidance = ward.guidance()
    held = ward.read("GuidanceResponse", guidance).content
    given = [
        {"name": "name", "valueCode": fact[0]},
        {"name": "value", "valueCode": fact[1]},
        {"name": "date", "valueDateTime": "2026-03-10T10:30:00Z"},
        {"name": "source", "valueReference": {"reference": f"{kind}/earlier/_history/1"}},
    ]
    duplicate = rule("R16", "Duplicates", "any-red-flag")
    duplicate["part"].append({"name": "fact", "part": given})
    held["contained"][0]["parameter"].append(duplicate)
    ward.store(held)
    assert told in shown(ward, ward.draft(guidance=guidance))


# -- a signature that proves nothing


WARNING = "Treat this order as unsigned and tell your administrator."


def carrying(ward, draft, change):
    """The Provenance with the signature, its bytes changed in the database."""
    provenances = [
        one for one in ward.find("Provenance", target=f"ServiceRequest/{draft}") if "signature" in one.content
    ]
    (held,) = provenances
    ward.overwrite(held.id, 1, change(json.dumps(held.content).encode()))


def sql(ward, statement, *values):
    with ward.house.database.transaction() as tx:
        tx.exec_driver_sql(statement, values)


def edited(**change):
    return lambda body: json.dumps(json.loads(body) | change).encode()


def another_note(ward, draft):
    first = ward.session().act(f"ServiceRequest/{draft}/_history/1", method="GET").data
    ward.overwrite(draft, 1, edited(note=[{"text": "slipped in"}])(first))


BROKEN = {
    "no record": lambda ward, draft: sql(ward, "DELETE FROM signatures WHERE draft = ?", draft),
    "another record": lambda ward, draft: sql(ward, "UPDATE signatures SET jws = 'a..b' WHERE draft = ?", draft),
    "another digest": lambda ward, draft: sql(ward, "UPDATE signatures SET digest = 'x' WHERE draft = ?", draft),
    "another order": another_note,
    "Provenance of nobody": lambda ward, draft: carrying(ward, draft, edited(signature=[])),
    "Provenance without a signature": lambda ward, draft: carrying(ward, draft, lambda _: b'{"id": "x"}'),
    "Provenance of another shape": lambda ward, draft: carrying(ward, draft, edited(signature=["none"])),
    "no base64": lambda ward, draft: carrying(ward, draft, edited(signature=[{"data": "%", "who": {}, "when": "x"}])),
    "no text": lambda ward, draft: carrying(ward, draft, edited(signature=[{"data": "/w==", "who": {}, "when": "x"}])),
    "no JSON": lambda ward, draft: carrying(ward, draft, lambda _: b"lost"),
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
def test_an_order_whose_signature_proves_nothing_warns_before_all_else(ward, spoil):
    draft = ward.draft()
    session = signed(ward, draft)
    assert WARNING not in shown(ward, draft)
    spoil(ward, draft)
    page = shown(ward, draft)
    assert page.index("This order is not proven to be signed") < page.index(WARNING) < page.index("born 1950")
    assert "The signature is valid" not in page
    assert "signed this order on" not in page
    assert "Not waiting for a decision now" not in page
    assert session.verify(draft)["valid"] == [False]


@pytest.mark.parametrize("status", ["active", "on-hold", "completed", "unknown", "revoked", "entered-in-error"])
def test_an_order_that_says_it_was_signed_and_has_no_signature_warns_in_every_state(ward, status):
    draft = ward.draft()
    order = ward.read("ServiceRequest", draft).content
    ward.store(order | {"status": status, "requester": {"reference": "Practitioner/pr-alice", "display": "Alice"}})
    assert WARNING in shown(ward, draft)


def test_an_active_order_without_a_requester_warns_too(ward):
    draft = ward.draft()
    ward.store(ward.read("ServiceRequest", draft).content | {"status": "active"})
    assert WARNING in shown(ward, draft)


@pytest.mark.parametrize("after", [None, decline, put_off, take_back, mark])
def test_what_nobody_says_was_signed_has_no_such_warning(ward, after):
    draft = ward.draft()
    if after is not None:
        after(ward, draft)
    assert WARNING not in shown(ward, draft)


@pytest.mark.parametrize("status", ["completed", "on-hold", "revoked"])
def test_a_signature_that_holds_has_no_such_warning_whatever_the_record_system_reports(ward, status):
    draft = ward.draft()
    signed(ward, draft)
    report(ward, draft, status)
    page = shown(ward, draft)
    assert WARNING not in page
    assert "The signature is valid" in page
