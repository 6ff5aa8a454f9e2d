"""What physicians may do to drafts, through the FHIR operations; each case on a real database."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from fhir_svc.store import accounts, audit
from fhir_svc.store.tables import work
from tests.web.cast import codes
from tests.web.drafting import B, now, values

STAT = timedelta(minutes=15)

DRAFT_ACTS = {
    "$prepare-signature": [],
    "$sign": [{"name": "digest", "valueString": "0" * 64}, {"name": "meaning", "valueCode": "approval"}],
    "$decline": [{"name": "reason", "valueCode": "other"}],
    "$defer": [{"name": "until", "valueDateTime": "2099-01-01T00:00:00Z"}],
    "$reassign": [{"name": "owner", "valueString": "bob"}],
    "$revise": [{"name": "draft", "resource": {"resourceType": "ServiceRequest", "priority": "asap"}}],
    "$record-screening": [{"name": "mr", "valueCode": "no"}],
}


def digest_of(session, draft, etag=1):
    return session.prepare(draft, etag)["digest"][0]


def events(ward, act):
    with ward.house.database.reading() as tx:
        found = audit.search(tx, "north", [], count=100).entries
    return [each for each in found if each.content["subtype"][0]["code"] == act]


# -- who may act, and on what


@pytest.mark.parametrize(("act", "parameters"), DRAFT_ACTS.items())
def test_every_act_needs_the_version_that_was_seen(ward, act, parameters):
    draft = ward.draft()
    answer = ward.session().act(f"ServiceRequest/{draft}/{act}", *parameters)
    assert answer.status_code == 428
    assert codes(answer) == ["precondition-required"]


@pytest.mark.parametrize(("act", "parameters"), DRAFT_ACTS.items())
@pytest.mark.parametrize(("who", "status"), [("ada", 403), ("charlie", 404)])
def test_admins_and_other_tenants_act_on_no_draft(ward, act, parameters, who, status):
    draft = ward.draft()
    answer = ward.session(who).act(f"ServiceRequest/{draft}/{act}", *parameters, etag=1)
    assert answer.status_code == status
    assert ward.read("ServiceRequest", draft).version == 1


@pytest.mark.parametrize(("act", "parameters"), DRAFT_ACTS.items())
def test_a_system_acts_on_no_draft(ward, act, parameters):
    draft = ward.draft()
    body = {"resourceType": "Parameters", "parameter": parameters}
    answer = ward.house.call("POST", f"/fhir/ServiceRequest/{draft}/{act}", body, headers={"If-Match": 'W/"1"'})
    assert answer.status_code == 403
    assert ward.read("ServiceRequest", draft).version == 1


@pytest.mark.parametrize(("act", "parameters"), DRAFT_ACTS.items())
def test_nobody_acts_without_logging_in(ward, act, parameters):
    body = {"resourceType": "Parameters", "parameter": parameters}
    answer = ward.house.call("POST", f"/fhir/ServiceRequest/{ward.draft()}/{act}", body, client=None)
    assert answer.status_code == 401


@pytest.mark.parametrize(("act", "parameters"), DRAFT_ACTS.items())
@pytest.mark.parametrize("status", ["on-hold", "completed", "rejected", "cancelled"])
def test_no_act_works_on_a_task_that_is_not_open(ward, act, parameters, status):
    draft = ward.draft()
    ward.store(dict(ward.task_of(draft).content) | {"status": status})
    answer = ward.session().act(f"ServiceRequest/{draft}/{act}", *parameters, etag=1)
    assert answer.status_code == 409
    assert ward.read("ServiceRequest", draft).version == 1


@pytest.mark.parametrize(("act", "parameters"), DRAFT_ACTS.items())
def test_no_act_works_on_an_order_of_the_ehr(ward, act, parameters):
    ward.store({"resourceType": "ServiceRequest", "id": "theirs", "status": "draft", "intent": "order"}, ours=False)
    answer = ward.session().act(f"ServiceRequest/theirs/{act}", *parameters, etag=1)
    assert (answer.status_code, codes(answer)) == (409, ["not-ours"])


@pytest.mark.parametrize(("act", "parameters"), DRAFT_ACTS.items())
def test_an_unknown_draft_and_an_unknown_parameter_are_told(ward, act, parameters):
    session, draft = ward.session(), ward.draft()
    assert session.act(f"ServiceRequest/none/{act}", *parameters, etag=1).status_code == 404
    answer = session.act(f"ServiceRequest/{draft}/{act}", {"name": "wrong", "valueString": "x"}, etag=1)
    assert (answer.status_code, codes(answer)) == (422, ["parameter-unknown"])
    assert answer.json["issue"][0]["expression"] == ["Parameters.parameter[0]"]


@pytest.mark.parametrize("name", [["owner"], {}, None, 7, "\x00"])
def test_a_parameter_whose_name_is_no_text_is_told(ward, name):
    draft = ward.draft()
    answer = ward.session().act(f"ServiceRequest/{draft}/$reassign", {"name": name, "valueString": "bob"}, etag=1)
    assert answer.status_code in {400, 422}
    assert answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(("act", "parameters"), [item for item in DRAFT_ACTS.items() if item[0] != "$sign"])
def test_another_version_than_the_current_one_is_refused(ward, act, parameters):
    draft = ward.draft(blockers=("mr-screening",))
    session = ward.session()
    revised = session.act(f"ServiceRequest/{draft}/$revise", *DRAFT_ACTS["$revise"], etag=1)
    assert revised.status_code == 200
    assert session.act(f"ServiceRequest/{draft}/{act}", *parameters, etag=1).status_code == 412


def test_a_foreign_page_can_make_no_browser_act(ward):
    draft = ward.draft()
    browser = ward.session().browser
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = browser.post(f"/fhir/ServiceRequest/{draft}/$decline", json={}, headers=headers)
        assert (answer.status_code, codes(answer)) == (403, ["foreign-origin"])


# -- declining, putting off, handing over


def test_a_declined_draft_is_revoked_with_its_reason_and_told_to_the_ehr(ward):
    draft = ward.draft()
    parameters = [{"name": "reason", "valueCode": "already-done"}, {"name": "text", "valueString": "MRI last week"}]
    answer = ward.session().act(f"ServiceRequest/{draft}/$decline", *parameters, etag=1)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    order, task = ward.read("ServiceRequest", draft).content, ward.task_of(draft).content
    assert (order["status"], task["status"]) == ("revoked", "rejected")
    (why,) = [held for held in order["extension"] if held["url"].endswith("request-statusReason")]
    assert why["valueCodeableConcept"] == task["statusReason"]
    assert {(each["system"], each["code"]) for each in task["statusReason"]["coding"]} == {
        (f"{B}/CodeSystem/status-reason", "declined"),
        (f"{B}/CodeSystem/decline-reason", "already-done"),
    }
    assert task["statusReason"]["text"] == "MRI last week"
    assert "requester" not in order
    assert {f"ServiceRequest/{draft}", f"Task/{task['id']}"} <= deliveries(ward)
    assert len(events(ward, "decline")) == 1


@pytest.mark.parametrize("parameters", [[], [{"name": "reason", "valueCode": "dislike"}]])
def test_a_decline_needs_a_reason_of_the_list(ward, parameters):
    draft = ward.draft()
    assert ward.session().act(f"ServiceRequest/{draft}/$decline", *parameters, etag=1).status_code == 422
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"


def test_a_declined_draft_can_be_neither_signed_nor_declined_again(ward):
    draft, session = ward.draft(), ward.session()
    digest = digest_of(session, draft)
    assert session.act(f"ServiceRequest/{draft}/$decline", *DRAFT_ACTS["$decline"], etag=1).status_code == 200
    for etag in (1, 2):
        assert session.sign(draft, digest, etag=etag).status_code == 409
        assert session.act(f"ServiceRequest/{draft}/$decline", *DRAFT_ACTS["$decline"], etag=etag).status_code == 409


def test_a_deferred_draft_rests_and_comes_back(ward):
    draft, session = ward.draft(), ward.session()
    assert session.act(f"ServiceRequest/{draft}/$defer", *DRAFT_ACTS["$defer"], etag=1).status_code == 200
    task = ward.task_of(draft)
    assert task.content["status"] == "on-hold"
    ward.store(rested(task.content, "2020-01-01T00:00:00Z"))  # the instant has come
    answer = session.sign(draft, digest_of(session, draft))
    assert answer.status_code == 200
    assert ward.task_of(draft).content["status"] == "completed"


def rested(task, until):
    kept = [held for held in task["extension"] if not held["url"].endswith("deferred-until")]
    return dict(task) | {
        "extension": [*kept, {"url": f"{B}/StructureDefinition/deferred-until", "valueDateTime": until}]
    }


@pytest.mark.parametrize(
    ("until", "status"),
    [
        ("2020-01-01T00:00:00Z", 422),
        ("2099-01-01", 422),
        ("9999-12-31T23:59:59-12:00", 422),
        ("tomorrow", 400),
        ("", 400),
    ],
)
def test_a_draft_is_deferred_to_an_instant_to_come(ward, until, status):
    draft = ward.draft()
    parameters = [{"name": "until", "valueDateTime": until}]
    assert ward.session().act(f"ServiceRequest/{draft}/$defer", *parameters, etag=1).status_code == status
    assert ward.task_of(draft).content["status"] == "requested"


@pytest.mark.parametrize("owner", ["bob", "pr-bob", "Practitioner/pr-bob"])
def test_a_draft_is_handed_to_a_colleague(ward, owner):
    draft = ward.draft()
    parameters = [{"name": "owner", "valueString": owner}]
    assert ward.session().act(f"ServiceRequest/{draft}/$reassign", *parameters, etag=1).status_code == 200
    assert ward.task_of(draft).content["owner"] == {"reference": "Practitioner/pr-bob", "display": "Bob"}


@pytest.mark.parametrize("owner", ["charlie", "ada", "nobody", "Practitioner/None"])
def test_a_draft_is_handed_to_no_stranger(ward, owner):
    parameters = [{"name": "owner", "valueString": owner}]
    assert ward.session().act(f"ServiceRequest/{ward.draft()}/$reassign", *parameters, etag=1).status_code == 422


# -- revising


def test_a_revision_is_a_new_version_that_tells_apart_who_did_what(ward):
    draft, session = ward.draft(priority="urgent"), ward.session()
    change = {
        "resourceType": "ServiceRequest",
        "priority": "asap",
        "code": {"coding": [{"system": "http://loinc.org", "code": "24968-0"}]},
        "note": [{"text": "Claustrophobic"}],
        "performer": [{"display": "Radiology North"}],
    }
    answer = session.act(f"ServiceRequest/{draft}/$revise", {"name": "draft", "resource": change}, etag=1)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    order = answer.json
    assert (order["status"], order["priority"]) == ("draft", "asap")
    assert order["code"]["coding"][0]["code"] == "24968-0"
    assert order["note"][0]["text"].startswith("R01")
    assert order["note"][1]["authorReference"]["reference"] == "Practitioner/pr-alice"
    assert ward.task_of(draft).content["priority"] == "asap"
    (stated,) = ward.find("Provenance", target=f"ServiceRequest/{draft}")
    assert stated.content["target"][0]["reference"] == f"ServiceRequest/{draft}/_history/2"
    assert stated.content["agent"][0]["who"]["display"] == "Alice"
    assert stated.content["entity"][0] == {
        "role": "revision",
        "what": {"reference": f"ServiceRequest/{draft}/_history/1"},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"status": "active"},
        {"intent": "plan"},
        {"subject": {"reference": "Patient/other"}},
        {"requester": {"reference": "Practitioner/pr-alice"}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "99999-9"}]}},
        {"supportingInfo": [{"reference": "Observation/o1"}]},
    ],
)
def test_nothing_else_can_be_revised(ward, change):
    draft = ward.draft()
    parameter = {"name": "draft", "resource": {"resourceType": "ServiceRequest"} | change}
    assert ward.session().act(f"ServiceRequest/{draft}/$revise", parameter, etag=1).status_code == 422
    assert ward.read("ServiceRequest", draft).version == 1


@pytest.mark.parametrize(("drafted", "due"), [("routine", 40_000), ("asap", 200), ("routine", -5)])
def test_a_draft_raised_to_stat_is_due_and_called_out_as_one(ward, drafted, due):
    draft, began = ward.draft(priority=drafted, due=due), now()
    assert ward.session().revise(draft, priority="stat").status_code == 200
    task = ward.task_of(draft)
    end = datetime.fromisoformat(task.content["restriction"]["period"]["end"])
    assert began + STAT - timedelta(seconds=1) <= end <= now() + STAT
    assert calls(ward, task.id) == [end]


@pytest.mark.parametrize(
    ("drafted", "due", "change"),
    [
        ("stat", 10, {"priority": "routine"}),
        ("stat", -5, {"priority": "routine"}),
        ("routine", 5, {"priority": "urgent"}),
        ("routine", 400_000, {"note": [{"text": "Seen"}]}),
        ("stat", 10, {"note": [{"text": "Seen"}]}),
    ],
)
def test_a_revision_that_does_not_hasten_leaves_the_time_as_it_was(ward, drafted, due, change):
    draft = ward.draft(priority=drafted, due=due)
    before = ward.task_of(draft).content["restriction"]
    assert ward.session().revise(draft, **change).status_code == 200
    assert ward.task_of(draft).content["restriction"] == before
    assert calls(ward, ward.task_of(draft).id) == []


def revise_to(ward, draft, *priorities):
    """Change the priority of a draft again and again; its Task after each."""
    found = []
    for version, priority in enumerate(priorities, start=1):
        assert ward.session().revise(draft, etag=version, priority=priority).status_code == 200
        found.append(ward.task_of(draft).content)
    return found


def end_of(task):
    return datetime.fromisoformat(task["restriction"]["period"]["end"])


@pytest.mark.parametrize(
    ("drafted", "due", "priorities"),
    [
        ("routine", 40_000, ("stat", "routine")),
        ("routine", 40_000, ("asap", "stat", "urgent", "routine")),
        ("routine", -5, ("stat", "routine")),
        ("routine", 60, ("stat", "urgent")),  # the software's own time comes first
        ("urgent", 7_000, ("stat", "urgent")),
        ("urgent", 7_000, ("stat", "routine")),  # what the software made urgent waits no longer for a person's word
        ("urgent", 7_000, ("routine", "stat", "urgent")),
        ("asap", 200, ("stat", "routine", "stat", "asap")),
        ("stat", 10, ("routine", "stat", "routine")),
        ("stat", -5, ("asap", "stat", "asap")),
    ],
)
def test_a_draft_that_is_lowered_again_has_the_time_that_the_software_gave_it(ward, drafted, due, priorities):
    draft = ward.draft(priority=drafted, due=due)
    before = ward.task_of(draft).content["restriction"]
    *_, lowered = revise_to(ward, draft, *priorities)
    assert (lowered["restriction"], lowered["priority"]) == (before, priorities[-1])


@pytest.mark.parametrize("priorities", [("stat", "urgent"), ("asap", "stat", "asap", "urgent")])
def test_a_draft_that_is_lowered_in_part_has_the_time_of_what_it_is_lowered_to(ward, priorities):
    draft, began = ward.draft(priority="routine", due=40_000), now()
    raised, *_, lowered = revise_to(ward, draft, *priorities)
    after_raise = datetime.fromisoformat(raised["lastModified"])
    assert end_of(raised) < end_of(lowered)
    assert began - timedelta(seconds=1) <= end_of(lowered) - timedelta(days=7) == after_raise


def test_a_time_is_not_gained_by_raising_and_lowering(ward):
    draft = ward.draft(priority="routine", due=40_000)
    first, _, again = revise_to(ward, draft, "urgent", "stat", "urgent")
    assert end_of(again) == end_of(first)


def test_a_note_on_a_draft_that_was_raised_leaves_the_time_of_the_raise(ward):
    draft = ward.draft(priority="routine", due=40_000)
    (raised,) = revise_to(ward, draft, "stat")
    assert ward.session().revise(draft, etag=2, note=[{"text": "Seen"}]).status_code == 200
    assert ward.task_of(draft).content["restriction"] == raised["restriction"]


def calls(ward, task):
    """When the work of calling out for this Task is due."""
    query = select(work.c.not_before).where(work.c.kind == "escalate", work.c.subject == task)
    with ward.house.database.reading() as tx:
        return list(tx.execute(query).scalars())


# -- screening


def test_a_recorded_screening_becomes_evidence_and_clears_the_way(ward):
    draft, session = ward.draft(priority="urgent", blockers=("mr-screening", "pregnancy-check")), ward.session()
    assert session.prepare(draft)["blocker"] == ["mr-screening", "pregnancy-check"]
    answers = [{"name": "mr", "valueCode": "no"}, {"name": "pregnancy", "valueCode": "LA26683-5"}]
    answer = session.act(f"ServiceRequest/{draft}/$record-screening", *answers, etag=1)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    prepared = session.prepare(draft, etag=2)
    assert "blocker" not in prepared
    observed = [held["reference"] for held in prepared["evidence"] if held["reference"].startswith("Observation/")]
    assert len(observed) == 2
    assert all(
        ward.read("Observation", each.split("/")[1]).content["performer"][0]["reference"] == "Practitioner/pr-alice"
        for each in observed
    )
    assert ("clock", "p1") in work_of(ward)  # the patient is evaluated again
    assert session.sign(draft, prepared["digest"][0], etag=2).status_code == 200


def test_an_answer_that_shows_a_danger_clears_nothing(ward):
    draft, session = ward.draft(priority="urgent", blockers=("mr-screening",)), ward.session()
    answer = session.act(
        f"ServiceRequest/{draft}/$record-screening", {"name": "mr", "valueCode": "yes-unknown"}, etag=1
    )
    assert answer.status_code == 200
    assert session.prepare(draft, etag=2)["blocker"] == ["mr-screening"]


@pytest.mark.parametrize("parameters", [[], [{"name": "mr", "valueCode": "perhaps"}]])
def test_a_screening_needs_an_answer_of_the_list(ward, parameters):
    answer = ward.session().act(f"ServiceRequest/{ward.draft()}/$record-screening", *parameters, etag=1)
    assert answer.status_code == 422


# -- reviews


def test_a_review_is_completed_with_outcome_note_and_closed_facts(ward):
    task = ward.review()
    parameters = [
        {"name": "outcome", "valueString": "seen"},
        {"name": "note", "valueString": "Seen today"},
        {"name": "closed-fact", "valueCode": "rf-numbness-spread"},
    ]
    answer = ward.session().act(f"Task/{task}/$complete", *parameters, etag=1)
    assert (answer.status_code, answer.json["status"]) == (200, "completed")
    said = [(each["type"]["coding"][0]["code"], each["valueCode"]) for each in answer.json["output"]]
    assert said == [("outcome", "seen"), ("closed-fact", "rf-numbness-spread")]
    assert answer.json["note"][0]["text"] == "Seen today"
    assert ("clock", "p1") in work_of(ward)
    assert len(events(ward, "complete")) == 1
    assert ward.session("bob").act(f"Task/{task}/$complete", *parameters, etag=2).status_code == 409


def test_only_an_answer_of_a_form_can_be_closed(ward):
    task = ward.review()
    for name in ("age", "esi-cap", "no-such-question"):
        given = [{"name": "outcome", "valueString": "seen"}, {"name": "closed-fact", "valueCode": name}]
        answer = ward.session().act(f"Task/{task}/$complete", *given, etag=1)
        assert (answer.status_code, codes(answer)) == (422, ["code-unknown"])
    assert ward.read("Task", task).version == 1


def test_an_approval_is_not_completed_but_signed_or_declined(ward):
    task = ward.task_of(ward.draft())
    answer = ward.session().act(f"Task/{task.id}/$complete", {"name": "outcome", "valueString": "x"}, etag=1)
    assert (answer.status_code, codes(answer)) == (422, ["not-a-review"])


@pytest.mark.parametrize(
    ("who", "etag", "status"), [("ada", 1, 403), ("charlie", 1, 404), ("alice", None, 428), ("alice", 7, 412)]
)
def test_a_review_is_held_to_role_tenant_and_version(ward, who, etag, status):
    task = ward.review()
    answer = ward.session(who).act(f"Task/{task}/$complete", {"name": "outcome", "valueString": "x"}, etag=etag)
    assert answer.status_code == status


def test_a_disabled_account_acts_no_more(ward):
    draft, session = ward.draft(), ward.session("bob")
    with ward.house.database.transaction() as tx:
        accounts.disable(tx, "bob")
    assert session.act(f"ServiceRequest/{draft}/$decline", *DRAFT_ACTS["$decline"], etag=1).status_code == 401


def deliveries(ward):
    return {subject for kind, subject in work_of(ward) if kind == "write_back"}


def work_of(ward):
    with ward.house.database.reading() as tx:
        return set(map(tuple, tx.exec_driver_sql("SELECT kind, subject FROM work").all()))


# -- entered in error: an admin's act


ERROR = {"name": "reason", "valueCode": "entered-in-error"}


def test_an_admin_marks_a_draft_as_entered_in_error_and_sees_nothing_of_it(ward):
    draft = ward.draft()
    wrong = {"name": "text", "valueString": "Wrong record"}
    answer = ward.session("ada").act(f"ServiceRequest/{draft}/$enter-in-error", ERROR, wrong, etag=1)
    assert answer.status_code == 200, answer.data
    assert values(answer) == {"version": ["2"], "status": ["entered-in-error"]}
    assert answer.headers["ETag"] == 'W/"2"'
    order, task = ward.read("ServiceRequest", draft).content, ward.task_of(draft).content
    (why,) = [held for held in order["extension"] if "valueCodeableConcept" in held]
    assert order["status"] == "entered-in-error"
    assert why["valueCodeableConcept"]["coding"][0]["code"] == "entered-in-error"
    assert why["valueCodeableConcept"]["text"] == "Wrong record"
    assert (task["status"], task["statusReason"]["text"]) == ("cancelled", "Wrong record")
    (told,) = events(ward, "enter-in-error")
    assert f"ServiceRequest/{draft}/_history/2" in str(told.content["entity"])
    assert deliveries(ward) == {f"ServiceRequest/{draft}", ward.task_of(draft).local}
    assert ward.session().act(f"ServiceRequest/{draft}/$decline", ERROR, etag=2).status_code == 422
    again = ward.session("ada").act(f"ServiceRequest/{draft}/$enter-in-error", ERROR, etag=2)
    assert (again.status_code, codes(again)) == (409, ["order-state"])


def test_a_signed_order_is_marked_and_its_closed_task_stays(ward):
    draft, session = ward.draft(), ward.session()
    assert session.sign(draft, digest_of(session, draft)).status_code == 200
    answer = ward.session("ada").act(f"ServiceRequest/{draft}/$enter-in-error", ERROR, etag=2)
    assert answer.status_code == 200
    assert ward.read("ServiceRequest", draft).content["status"] == "entered-in-error"
    assert ward.task_of(draft).content["status"] == "completed"


@pytest.mark.parametrize(
    ("who", "parameters", "etag", "status"),
    [
        ("alice", [ERROR], 1, 403),
        ("ada", [ERROR], None, 428),
        ("ada", [ERROR], 7, 412),
        ("ada", [], 1, 422),
        ("ada", [{"name": "reason", "valueCode": "because"}], 1, 422),
    ],
)
def test_marking_an_error_needs_an_admin_a_reason_and_the_version(ward, who, parameters, etag, status):
    draft = ward.draft()
    answer = ward.session(who).act(f"ServiceRequest/{draft}/$enter-in-error", *parameters, etag=etag)
    assert answer.status_code == status
    assert ward.read("ServiceRequest", draft).version == 1


def test_an_admin_marks_no_order_of_the_record_system_nor_of_another_tenant(ward):
    placed = {"resourceType": "ServiceRequest", "id": "placed", "status": "active", "intent": "order"}
    ward.store(placed | {"subject": {"reference": "Patient/p1"}}, ours=False)
    assert ward.session("ada").act("ServiceRequest/placed/$enter-in-error", ERROR, etag=1).status_code == 409
    assert ward.session("ada").act("ServiceRequest/elsewhere/$enter-in-error", ERROR, etag=1).status_code == 404
