"""The pages of physicians and admins, as a browser without scripts meets them."""

import re
from datetime import timedelta

import pytest

from fhir_svc.store import audit, work, work_faults, work_watch
from tests.web.drafting import PASSWORD, B, set_passwords
from tests.web.test_acts import events


@pytest.fixture
def ward(ward):
    set_passwords(ward.house.database, "alice", "bob", "ada")
    return ward


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def field(answer, name):
    (found,) = set(re.findall(rf'name="{name}" value="([^"]*)"', answer.get_data(as_text=True)))
    return found


# -- who sees which page


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("alice", "/inbox", 200),
        ("alice", "/criteria", 200),
        ("alice", "/queue", 403),
        ("ada", "/queue", 200),
        ("ada", "/criteria", 200),
        ("ada", "/inbox", 403),
        ("ada", "/inbox/drafts/{draft}", 403),
        ("ada", "/inbox/reviews/{review}", 403),
        ("ada", "/inbox/sources/QuestionnaireResponse/form-p1/1", 403),
        ("charlie", "/inbox", 200),
        ("charlie", "/inbox/drafts/{draft}", 404),
        ("charlie", "/inbox/reviews/{review}", 404),
        ("charlie", "/inbox/sources/QuestionnaireResponse/form-p1/1", 404),
    ],
)
def test_roles_and_tenants_are_apart(ward, who, path, status):
    path = path.format(draft=ward.draft(), review=ward.review())
    answer = ward.session(who).page(path)
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    if who != "alice":
        assert "Erin" not in text_of(answer)


@pytest.mark.parametrize("path", ["/inbox", "/queue", "/criteria", "/inbox/drafts/x", "/inbox/reviews/x"])
def test_a_system_opens_no_page_and_nobody_is_sent_to_the_door(ward, path):
    assert ward.house.call("GET", path).status_code == 403
    answer = ward.house.app.test_client().get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next={path}")
    assert ward.house.app.test_client().get(path).status_code == 401


@pytest.mark.parametrize("path", ["/login", "/inbox", "/inbox/drafts/{draft}", "/inbox/drafts/none"])
def test_pages_can_do_nothing_but_show_themselves(ward, path):
    answer = ward.session().page(path.format(draft=ward.draft()))
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"  # else our own forms look foreign to us
    assert "no-store" in answer.headers["Cache-Control"]
    assert "<script" not in answer.get_data(as_text=True)
    assert " style=" not in answer.get_data(as_text=True)


# -- the worklist


def test_the_most_urgent_stands_first_and_drafts_and_reviews_in_one_list(ward):
    routine = ward.draft("XR_L", priority="routine", due=9)
    late = ward.draft("MRI_L_WO", priority="urgent", due=-5)
    soon = ward.draft("CTM_L", priority="urgent", due=60)
    stat = ward.draft("MRI_L_WO", priority="stat", due=900)
    review = ward.review(priority="asap")
    page = ward.session().page("/inbox").get_data(as_text=True)
    order = [page.index(each) for each in (stat, review, late, soon, routine)]
    assert order == sorted(order)
    assert "Overdue" in page
    assert "1 stat, 1 ASAP, 2 urgent, 1 routine" in " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_what_is_put_off_leaves_the_list_and_what_is_decided_too(ward):
    draft, session = ward.draft(), ward.session()
    assert draft in session.page("/inbox").get_data(as_text=True)
    answer = session.page(f"/inbox/drafts/{draft}/defer", version="1", hours="24")
    assert answer.status_code == 303
    assert draft not in session.page("/inbox").get_data(as_text=True)
    assert draft in session.page("/inbox?show=put-off").get_data(as_text=True)


def test_an_empty_worklist_says_so(ward):
    assert "Nothing waits for you" in text_of(ward.session().page("/inbox"))


def test_the_list_says_which_rule_wants_a_draft_and_on_what_grounds(ward):
    ward.draft(reasonCode=[{"text": "Numbness of the saddle area"}])
    shown = text_of(ward.session().page("/inbox"))
    assert "Suspected cauda equina syndrome, acute Numbness of the saddle area" in shown


# -- one draft


def message(ward, identity, to, title, text):
    ward.store(
        {
            "resourceType": "CommunicationRequest",
            "id": identity,
            "status": "active",
            "subject": {"reference": "Patient/p1"},
            "recipient": [to],
            "reasonCode": [{"text": title}],
            "payload": [{"contentString": text}],
            "authoredOn": "2026-03-01T08:00:00Z",
        }
    )


def test_a_draft_shows_what_the_patient_was_told_and_nothing_told_to_others(ward):
    draft, session = ward.draft(), ward.session()
    assert "No message was made for the patient." in text_of(session.page(f"/inbox/drafts/{draft}"))
    message(ward, "m1", {"reference": "Patient/p1"}, "Speak with a clinician today", "We have asked <b>someone</b>.")
    message(ward, "m2", {"display": "Clinician on call"}, "Notify the clinician on call", "Acknowledge.")
    page = session.page(f"/inbox/drafts/{draft}")
    assert "Speak with a clinician today 1 Mar 2026, 08:00 GMT" in text_of(page)
    assert b"We have asked &lt;b&gt;someone&lt;/b&gt;." in page.data
    assert "Notify the clinician on call" not in text_of(page)


def test_a_draft_shows_its_whole_basis(ward):
    page = ward.session().page(f"/inbox/drafts/{ward.draft(blockers=('mr-screening',))}")
    shown = text_of(page)
    for words in (
        "MRI of the lumbar spine without contrast",  # what
        "Proposed by software, not ordered",
        "Emergency",
        "Suspected cauda equina, acute R01",  # why
        "ACR Appropriateness Criteria",
        "Yes",
        "1 Mar 2026, 08:00 GMT",
        "What could not be told",  # what is unknown
        "Motor deficit R02 Missing: Foot",
        "MRI safety screening is open",  # what blocks
        "version 1.0.0",
        "No clinician has approved these criteria.",
        "What the software may not know",
        "Signing means: approval",
    ):
        assert words in shown, words
    assert 'href="/inbox/sources/QuestionnaireResponse/form-p1/1"' in page.get_data(as_text=True)
    assert "checked" not in page.get_data(as_text=True)  # nothing is ticked in advance


def test_a_source_is_shown_as_questions_and_answers_never_as_its_narrative(ward):
    page = ward.session().page("/inbox/sources/QuestionnaireResponse/form-p1/1")
    assert "Is any part of the area that would touch a saddle numb" in text_of(page)
    assert "never shown" not in page.get_data(as_text=True)


def sign(session, draft, page, password=PASSWORD, **more):
    form = {"version": field(page, "version"), "digest": field(page, "digest"), "password": password}
    return session.page(f"/inbox/drafts/{draft}/sign", **(form | more))


def test_signing_on_the_page_needs_the_password_and_shows_who_when_and_what_it_means(ward):
    draft, session = ward.draft(), ward.session(confirmed=False)
    page = session.page(f"/inbox/drafts/{draft}")
    refused = sign(session, draft, page, password="wrong")
    assert refused.status_code == 401
    assert "The user name or the password is not right." in text_of(refused)
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"
    answer = sign(session, draft, page)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/inbox/drafts/{draft}")
    shown = text_of(session.page(f"/inbox/drafts/{draft}"))
    assert re.search(r"Alice signed this order on \d+ \w+ \d{4}, \d\d:\d\d \w+ \. Meaning: approval\.", shown)
    assert "The signature is valid" in shown
    assert "Sign this order" not in shown


def test_what_was_shown_is_what_is_signed(ward):
    draft, session = ward.draft(priority="urgent"), ward.session()
    page = session.page(f"/inbox/drafts/{draft}")
    ward.session("bob").page(f"/inbox/drafts/{draft}/revise", version="1", priority="stat")
    answer = sign(session, draft, page)
    assert answer.status_code == 412
    shown = text_of(answer)
    assert "It has changed since you saw it" in shown
    assert "Changed by a physician since the software drafted it" in shown
    assert "Priority: urgent stat" in shown
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"


@pytest.mark.parametrize("version", ["9" * 20, "9" * 5000, "²", "-1", ""])
def test_a_version_that_can_be_none_is_told_so(ward, version):
    draft, session = ward.draft(), ward.session()
    assert session.page(f"/inbox/drafts/{draft}/decline", version=version, reason="other").status_code == 412
    assert session.page(f"/inbox/sources/QuestionnaireResponse/form-p1/{version}").status_code == 404
    assert ward.read("ServiceRequest", draft).version == 1


def test_changed_evidence_takes_the_signature_away_and_says_why(ward):
    draft, session = ward.draft(), ward.session()
    page = session.page(f"/inbox/drafts/{draft}")
    ward.store(ward.form(status="entered-in-error"), ours=False)
    answer = sign(session, draft, page)
    assert answer.status_code == 409
    assert "No longer current: QuestionnaireResponse/form-p1/_history/1" in text_of(answer)
    assert b"Sign this order" not in answer.data


def test_declining_is_one_choice_and_keeps_what_was_typed_when_it_is_missing(ward):
    draft, session = ward.draft(), ward.session()
    answer = session.page(f"/inbox/drafts/{draft}/decline", version="1", reason="", text="She is <b>pregnant</b>")
    assert answer.status_code == 422
    assert b"Choose a reason." in answer.data
    assert b"She is &lt;b&gt;pregnant&lt;/b&gt;" in answer.data
    answer = session.page(f"/inbox/drafts/{draft}/decline", version="1", reason="contraindicated", text="Pregnant")
    assert answer.status_code == 303
    shown = text_of(session.page(f"/inbox/drafts/{draft}"))
    assert "Not ordered" in shown
    assert "contraindicated" in shown
    assert "Pregnant" in shown


def test_a_blocked_draft_is_screened_and_then_signed(ward):
    draft, session = ward.draft(priority="urgent", blockers=("mr-screening",)), ward.session()
    page = session.page(f"/inbox/drafts/{draft}")
    assert b"Sign this order" not in page.data
    assert "Yes: MR unsafe" in text_of(page)
    assert "I do not know" not in text_of(page)  # that is how a patient is asked
    assert session.page(f"/inbox/drafts/{draft}/screening", version="1").status_code == 422
    assert session.page(f"/inbox/drafts/{draft}/screening", version="1", mr="no").status_code == 303
    page = session.page(f"/inbox/drafts/{draft}")
    assert sign(session, draft, page).status_code == 303
    assert ward.read("ServiceRequest", draft).content["status"] == "active"


def test_a_blocked_stat_draft_asks_for_a_reason_for_each_open_check(ward):
    draft, session = ward.draft(blockers=("pregnancy-check",)), ward.session()
    page = session.page(f"/inbox/drafts/{draft}")
    assert b'name="override-pregnancy-check"' in page.data
    assert sign(session, draft, page).status_code == 422
    assert sign(session, draft, page, **{"override-pregnancy-check": "No time"}).status_code == 303


def test_a_draft_is_handed_over_and_revised_on_the_page(ward):
    draft, session = ward.draft(), ward.session()
    assert session.page(f"/inbox/drafts/{draft}/reassign", version="1", owner="bob").status_code == 303
    assert "For Bob" in text_of(session.page("/inbox"))
    code = "http://loinc.org|24968-0"
    assert session.page(f"/inbox/drafts/{draft}/revise", version="1", code=code, note="Open scanner").status_code == 303
    order = ward.read("ServiceRequest", draft).content
    assert order["code"]["coding"][0]["code"] == "24968-0"
    assert order["note"][-1]["text"] == "Open scanner"
    assert session.page(f"/inbox/drafts/{draft}/revise", version="2").status_code == 422


@pytest.mark.parametrize("act", ["sign", "decline", "defer", "reassign", "revise", "screening"])
def test_forms_of_other_sites_change_nothing(ward, act):
    draft, session = ward.draft(), ward.session()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = session.browser.post(f"/inbox/drafts/{draft}/{act}", data={"version": "1"}, headers=headers)
        assert answer.status_code == 403
    assert ward.read("ServiceRequest", draft).version == 1


@pytest.mark.parametrize("act", ["sign", "decline", "defer", "reassign", "revise", "screening"])
@pytest.mark.parametrize(("who", "status"), [("ada", 403), ("charlie", 404)])
def test_forms_of_other_roles_and_tenants_change_nothing(ward, act, who, status):
    set_passwords(ward.house.database, "charlie")
    draft, session = ward.draft(), ward.session(who)
    form = {"version": "1", "digest": "0" * 64, "password": PASSWORD, "reason": "other", "hours": "24", "owner": "bob"}
    answer = session.page(f"/inbox/drafts/{draft}/{act}", **form, mr="no", note="x")
    assert answer.status_code == status
    assert ward.read("ServiceRequest", draft).version == 1


def test_an_act_of_a_session_that_has_ended_leads_to_the_door(ward):
    draft, session = ward.draft(), ward.session()
    session.page("/logout", x="y")
    answer = session.page(f"/inbox/drafts/{draft}/decline", version="1", reason="other")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert ward.read("ServiceRequest", draft).version == 1


def test_who_looked_at_what_is_audited(ward):
    draft, session = ward.draft(), ward.session()
    session.page(f"/inbox/drafts/{draft}")
    session.page("/inbox/sources/QuestionnaireResponse/form-p1/1")
    (read,), (source,) = events(ward, "read"), events(ward, "vread")
    assert f"ServiceRequest/{draft}/_history/1" in str(read.content["entity"])
    assert "QuestionnaireResponse/form-p1/_history/1" in str(source.content["entity"])
    assert "Patient/p1" not in str(read.content)  # patients are keyed hashes


def test_a_refused_act_is_audited(ward):
    draft, session = ward.draft(), ward.session()
    session.page(f"/inbox/drafts/{draft}/decline", version="9", reason="other")
    (event,) = events(ward, "decline")
    assert (event.content["outcome"], event.content["outcomeDesc"]) == ("4", "version-changed")


# -- reviews


def test_a_review_is_closed_with_an_outcome_and_a_note(ward):
    review, session = ward.review(), ward.session()
    page = session.page(f"/inbox/reviews/{review}")
    assert "Numbness is spreading: see the patient today" in text_of(page)
    form = {"version": "1", "note": "Seen <today>", "closed-fact": "rf-saddle-numbness"}
    missing = session.page(f"/inbox/reviews/{review}/complete", **form)
    assert missing.status_code == 422
    assert b"Seen &lt;today&gt;" in missing.data
    assert session.page(f"/inbox/reviews/{review}/complete", outcome="seen", **form).status_code == 303
    shown = text_of(session.page(f"/inbox/reviews/{review}"))
    assert "Reviewed" in shown
    assert "The patient was seen" in shown
    assert ward.read("Task", review).content["status"] == "completed"


def rule(name, title, fact):
    return {
        "name": "rule",
        "part": [
            {"name": "id", "valueString": name},
            {"name": "outcome", "valueCode": "met"},
            {"name": "title", "valueString": title},
            {"name": "fact", "part": [{"name": "name", "valueCode": fact}, {"name": "value", "valueBoolean": True}]},
        ],
    }


def test_a_review_shows_the_rule_that_asks_for_it_first_and_offers_to_close_answers_alone(ward):
    guidance = ward.guidance()
    held = ward.read("GuidanceResponse", guidance).content
    held["contained"][0]["parameter"].append(rule("R41", "Missing red-flag answers", "any-red-flag"))
    ward.store(held)
    asked = {"coding": [{"system": f"{B}/PlanDefinition/lbp-lss", "code": "R41"}]}
    review = ward.task("review", f"GuidanceResponse/{guidance}", guidance, reasonCode=asked)
    page = ward.session().page(f"/inbox/reviews/{review}")
    shown = text_of(page)
    found, others = shown.index("What was found"), shown.index("Other rules that are met")
    assert (
        found < shown.index("Missing red-flag answers R41") < others < shown.index("Suspected cauda equina, acute R01")
    )
    assert re.findall(r'name="closed-fact" value="([^"]+)"', page.get_data(as_text=True)) == ["rf-saddle-numbness"]


def test_a_review_shows_the_order_that_held_a_draft_back_with_its_date_and_a_link(ward):
    guidance = ward.guidance()
    held = ward.read("GuidanceResponse", guidance).content
    duplicate = rule("R16", "Duplicates", "any-red-flag")
    standing = [
        {"name": "name", "valueCode": "standing-order"},
        {"name": "value", "valueCode": "active-stat"},
        {"name": "date", "valueDateTime": "2026-03-10T10:30:00Z"},
        {"name": "source", "valueReference": {"reference": "ServiceRequest/theirs/_history/1"}},
    ]
    duplicate["part"].append({"name": "fact", "part": standing})
    held["contained"][0]["parameter"].append(duplicate)
    ward.store(held)
    asked = {"coding": [{"system": f"{B}/PlanDefinition/lbp-lss", "code": "R01"}]}
    review = ward.task("review", f"GuidanceResponse/{guidance}", guidance, reasonCode=asked)
    page = ward.session().page(f"/inbox/reviews/{review}")
    assert "Standing order Active stat 10 Mar 2026" in text_of(page)
    assert "/inbox/sources/ServiceRequest/theirs/1" in page.get_data(as_text=True)


def test_a_review_that_only_a_code_names_is_told_in_words(ward):
    guidance = ward.guidance()
    coded = {"coding": [{"system": f"{B}/CodeSystem/review-reason", "code": "draft-changed-elsewhere"}]}
    review = ward.task("review", f"GuidanceResponse/{guidance}", guidance, reasonCode=coded)
    title = "The record system changed an order that is an unsigned draft here"
    for path in ("/inbox", f"/inbox/reviews/{review}"):
        shown = text_of(ward.session().page(path))
        assert title in shown
        assert "Decide which of the two stands." in shown
        assert "draft-changed-elsewhere" not in shown


# -- markup from outside


NASTY = [
    "<script>alert(1)</script>",
    "\u202eevil",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{ 'evaluated' * 2 }}",
]


@pytest.mark.parametrize("nasty", NASTY)
def test_markup_in_names_titles_and_answers_is_inert(ward, nasty):
    ward.receive(name=nasty, note=nasty)
    guidance = ward.guidance(title=nasty, missing=nasty)
    draft = ward.draft(guidance=guidance, reasonCode=[{"text": nasty}], note=[{"text": nasty}])
    ward.task("review", f"GuidanceResponse/{guidance}", guidance, description=nasty)
    session = ward.session()
    for path in ("/inbox", f"/inbox/drafts/{draft}", "/inbox/sources/QuestionnaireResponse/form-p1/1"):
        page = session.page(path).get_data(as_text=True)
        for live in ("<script", "<img", "<svg", "evaluatedevaluated"):
            assert live not in page
    assert re.search(r"<bdi>[^<]+</bdi>", session.page("/inbox").get_data(as_text=True))


# -- the queue


@pytest.fixture
def queue(ward):
    """Three rows of work of north, one of south; two of north's are in quarantine."""
    with ward.house.database.transaction() as tx:
        rows = [
            work.add(tx, tenant=tenant, kind="write_back", subject=f"ServiceRequest/{index}", patient="p1")
            for index, tenant in enumerate(("north", "north", "south", "north"))
        ]
        for row in rows[:3]:
            claimed = work.claim(tx, row, worker="w", lease=timedelta(seconds=30))
            work_faults.quarantine(tx, claimed.ids, error="ehr-refused")
        work_watch.heartbeat(tx, "worker-1", "worker", progressed=True)
    return rows


def test_the_queue_tells_an_admin_how_the_work_stands(ward, queue):
    shown = text_of(ward.session("ada").page("/queue"))
    assert "1 due" in shown
    assert "2 in quarantine" in shown
    assert "ehr-refused after 1 attempt" in shown
    assert "worker-1" in shown
    assert queue[2] not in shown  # another tenant's
    assert "Erin" not in shown


def test_an_admin_marks_an_order_by_its_id_and_reads_nothing_of_it(ward):
    draft, session = ward.draft(), ward.session("ada")
    form = {"order": draft, "reason": "entered-in-error", "text": "Wrong record"}
    missing = session.page("/queue/entered-in-error", **(form | {"reason": ""}))
    assert missing.status_code == 422
    assert draft in missing.get_data(as_text=True)
    assert session.page("/queue/entered-in-error", **(form | {"order": "none"})).status_code == 404
    done = session.page("/queue/entered-in-error", **form)
    assert done.status_code == 303
    shown = text_of(session.page(done.headers["Location"]))
    assert "The order is marked as entered in error" in shown
    assert "MRI" not in shown
    assert ward.read("ServiceRequest", draft).content["status"] == "entered-in-error"
    assert ward.session().page("/queue/entered-in-error", **form).status_code == 403
    assert [one.content["outcome"] for one in events(ward, "enter-in-error")].count("0") == 1


@pytest.mark.parametrize(("act", "state"), [("requeue", "due"), ("discard", "discarded")])
def test_stuck_work_is_put_back_or_dropped_with_a_reason(ward, queue, act, state):
    session = ward.session("ada")
    assert session.page(f"/queue/{queue[0]}/{act}", reason=" ").status_code == 422
    done = session.page(f"/queue/{queue[0]}/{act}", reason="The EHR is <b>mended</b>")
    assert done.status_code == 303
    shown = text_of(session.page(done.headers["Location"]))
    assert f"What happened to {queue[0]}" in shown
    assert "quarantined after 1 attempt: ehr-refused" in shown
    assert f"{state} after" in shown
    assert "by ada : The EHR is &lt;b&gt;mended&lt;/b&gt;" in shown
    with ward.house.database.reading() as tx:
        (last,) = work_faults.history(tx, "north", queue[0])[-1:]
        found = audit.search(tx, "north", [], count=50).entries
    assert (last.state, last.reason) == (state, "The EHR is <b>mended</b>")
    (told,) = [
        each.content for each in found if each.content["subtype"][0]["code"] == act and each.content["outcome"] == "0"
    ]
    rows = [entity["what"]["identifier"] for entity in told["entity"] if "identifier" in entity["what"]]
    assert [each["value"] for each in rows if each["system"].endswith("/work")] == [queue[0]]
    assert "mended" not in str(told)
    assert session.page(f"/queue/{queue[0]}/{act}", reason="again").status_code == 409


def test_the_history_of_work_is_shown_to_an_admin_of_its_tenant_alone(ward, queue):
    session = ward.session("ada")
    assert "quarantined after 1 attempt: ehr-refused" in text_of(session.page(f"/queue?of={queue[0]}"))
    for other in (queue[2], "none"):  # another tenant's, and nobody's
        assert "What happened to" not in text_of(session.page(f"/queue?of={other}"))
    assert ward.session().page(f"/queue?of={queue[0]}").status_code == 403


@pytest.mark.parametrize(("who", "row", "status"), [("alice", 0, 403), ("ada", 2, 404), ("ada", 3, 409)])
def test_only_an_admin_of_the_tenant_mends_and_only_what_is_stuck(ward, queue, who, row, status):
    answer = ward.session(who).page(f"/queue/{queue[row]}/requeue", reason="because")
    assert answer.status_code == status


# -- the criteria


def test_every_rule_stands_in_plain_words_with_its_citation_and_that_nobody_approved_it(ward):
    page = ward.session().page("/criteria")
    shown = text_of(page)
    assert "No clinician has approved these criteria" in shown
    plan = ward.house.app.extensions["fhir_svc"].knowledge.plan
    for action in plan["action"]:
        assert f"{action['id']} {action['title']}" in shown.replace("&#39;", "'")
    assert "%`" not in shown
