"""One delivery: what reaches the EHR, what is recorded, and what happens when the EHR does not want or can't."""

import threading

import pytest

from fhir_svc.store import audit, delivery, resources, submissions, tenants
from workers import write_back


@pytest.fixture
def send(store, equipment):
    def deliver(resource, patient="p1", *, stored=True):
        if stored:
            store.put(resource, patient)
        row = store.add("write_back", f"{resource['resourceType']}/{resource['id']}", patient)
        write_back.run(equipment, row)
        return row

    return deliver


def known(store, local):
    with store.database.reading() as tx:
        return delivery.known(tx, "north", local)


def done(store):
    return store.counts() == {("write_back", "done"): sum(store.counts().values())}


@pytest.mark.parametrize("updates", [True, False], ids=["our-ids", "its-ids"])
def test_a_draft_reaches_the_ehr_and_its_signature_follows(store, ehr, send, draft, updates):
    ehr.fault(update_create=updates)
    send(draft())
    (copy,) = ehr.all("ServiceRequest")
    assert (copy["status"], copy["subject"]) == ("draft", {"reference": "Patient/p1"})
    assert (copy["id"] == "o1") is updates
    send(draft(status="active", requester={"reference": "Practitioner/alice"}))
    (copy,) = ehr.all("ServiceRequest")
    assert (copy["status"], copy["requester"]) == ("active", {"reference": "Practitioner/alice"})
    found = known(store, "ServiceRequest/o1")
    assert (found.ehr_id, found.ehr_version, found.delivered_version) == (copy["id"], "2", 2)
    assert done(store)
    with store.database.reading() as tx:
        assert audit.verify(tx) == []
        assert audit.search(tx, "north", [], count=10).total == 2


def test_rows_that_are_unknown_or_not_due_are_ignored(store, ehr, equipment, send, draft):
    write_back.run(equipment, "no-such-row")
    row = send(draft())
    write_back.run(equipment, row)
    assert ehr.log()["requests"]["PUT ServiceRequest 201"] == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_permanent_refusal_is_quarantined_at_once_with_its_code(store, ehr, send, draft, status):
    ehr.fault(status=status, method="PUT")
    row = send(draft())
    assert store.quarantined(row) == f"ehr-{status}"
    assert store.all("Task") == []


def test_not_now_is_retried_when_the_ehr_says_and_uses_up_no_attempt(store, ehr, equipment, send, draft):
    ehr.fault(status=429, retry_after=30, method="PUT")
    row = send(draft())
    for _ in range(8):
        store.ripen()
        write_back.run(equipment, row)
    assert store.counts() == {("write_back", "due"): 1}
    ehr.fault()
    equipment.ehrs.breaker(_tenant(store)).worked()
    store.ripen()
    write_back.run(equipment, row)
    assert done(store)


def _tenant(store):
    with store.database.reading() as tx:
        return tenants.find(tx, "north")


def test_an_ehr_that_fails_is_left_alone_after_few_requests(store, ehr, equipment, send, draft):
    ehr.fault(status=503, method="PUT")
    for number in range(12):
        send(draft(f"o{number}"))
    assert ehr.log()["requests"]["PUT ServiceRequest 503"] <= 10
    assert store.counts() == {("write_back", "due"): 12}


def test_a_server_error_for_ever_is_quarantined_after_five_attempts(store, ehr, equipment, send, draft):
    ehr.fault(status=500, method="PUT")
    row = send(draft())
    for _ in range(6):
        store.ripen()
        equipment.ehrs.breaker(_tenant(store)).worked()
        write_back.run(equipment, row)
    assert store.quarantined(row) == "ehr-500"
    assert ehr.log()["requests"]["PUT ServiceRequest 500"] == 5


@pytest.mark.parametrize("updates", [True, False], ids=["our-ids", "its-ids"])
@pytest.mark.parametrize(
    "fault", [{"lose_answer": True}, {"html_body": True}, {"no_location": True}, {"wrong_length": True}]
)
def test_whatever_happens_to_the_answer_there_is_one_copy(store, ehr, equipment, send, draft, fault, updates):
    ehr.fault(update_create=updates)
    ehr.fault(**fault, method="PUT" if updates else "POST", type="ServiceRequest", count=1)
    row = send(draft())
    store.ripen()
    write_back.run(equipment, row)
    assert len(ehr.all("ServiceRequest")) == 1
    assert done(store)


def test_two_workers_never_write_one_draft_at_the_same_time(store, ehr, equipment, draft):
    ehr.fault(update_create=False)
    ehr.fault(race=0.3, method="POST", type="ServiceRequest")
    store.put(draft())
    rows = [store.add("write_back", "ServiceRequest/o1")]
    threads = [threading.Thread(target=write_back.run, args=(equipment, rows[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ehr.log()["most_in_flight"]["ServiceRequest https://example.org/fhir-svc/order|v-o1"] == 1
    assert len(ehr.all("ServiceRequest")) == 1


def test_a_change_in_the_ehr_is_kept_and_a_physician_is_asked(store, ehr, send, draft):
    send(draft(priority="stat"))
    ehr.records.write({**ehr.all("ServiceRequest")[0], "priority": "routine"}, "o1")
    row = send(draft(priority="stat", status="active"))
    assert store.quarantined(row) == "ehr-copy-changed"
    assert ehr.all("ServiceRequest")[0]["priority"] == "routine"
    (task,) = store.all("Task")
    assert task.content["code"]["coding"][0]["code"] == "review"
    assert task.content["basedOn"] == [{"reference": "ServiceRequest/o1"}]
    assert task.content["reasonCode"]["coding"][0]["code"] == "external-change"
    assert task.content["priority"] == "stat"
    assert "signed here" in task.content["description"]
    assert task.content["restriction"]["period"]["end"] > task.content["authoredOn"]
    assert store.counts()[("write_back", "due")] == 1


def _gone(store, ehr, send, draft):
    send(draft(priority="stat"))
    ehr.records._versions.clear()  # it was started again, empty


UNDELIVERABLE = {  # what is in the way of a signed order, and the patient it is for
    "ehr-422": (lambda _store, ehr, _send, _draft: ehr.fault(status=422, method="PUT"), "p1"),
    "ehr-copy-gone": (_gone, "p1"),
    "ehr-patient-not-found": (lambda store, _ehr, _send, _draft: post(store, PATIENT, "local1"), "local1"),
}


@pytest.mark.parametrize("error", UNDELIVERABLE)
def test_a_signed_order_that_can_not_be_delivered_is_shown_to_a_clinician_once(store, ehr, send, draft, error):
    obstacle, patient = UNDELIVERABLE[error]
    obstacle(store, ehr, send, draft)
    signed = draft(patient=patient, priority="stat", status="active")
    for _ in range(2):
        assert store.quarantined(send(signed, patient)) == error
    (task,) = store.all("Task")
    assert task.content["code"]["coding"][0]["code"] == "review"
    assert task.content["reasonCode"]["coding"][0]["code"] == "delivery"
    assert task.content["basedOn"] == [{"reference": "ServiceRequest/o1"}]
    assert task.content["for"] == {"reference": f"Patient/{patient}"}
    assert task.content["priority"] == "stat"
    assert "could not be written to the record system" in task.content["description"]
    assert task.content["restriction"]["period"]["end"] > task.content["authoredOn"]


def test_a_signed_order_whose_attempts_are_used_up_is_shown_to_a_clinician(store, equipment, draft):
    store.put(draft(status="active"))
    row = store.add("write_back", "ServiceRequest/o1")
    store.die(row, write_back.LEASE)
    write_back.run(equipment, row)
    assert store.quarantined(row) == "attempts-used-up"
    assert [one.content["reasonCode"]["coding"][0]["code"] for one in store.all("Task")] == ["delivery"]
    assert store.counts() == {("write_back", "quarantined"): 1, ("write_back", "due"): 1}


SIGNED = {"status": "active", "requester": {"reference": "Practitioner/alice"}}


@pytest.mark.parametrize(
    ("before", "status", "priority"),
    [
        (SIGNED, "entered-in-error", "stat"),
        (SIGNED, "revoked", "stat"),
        ({"status": "draft"}, "revoked", "asap"),
        ({"status": "draft"}, "entered-in-error", "asap"),
    ],
)
def test_an_order_that_was_ended_here_and_can_not_be_ended_in_the_ehr_is_shown_to_a_clinician(
    store, ehr, send, draft, before, status, priority
):
    send(draft(priority="stat", **before))
    ehr.fault(status=422, method="PUT")
    for _ in range(2):
        assert store.quarantined(send(draft(priority="stat", **{**before, "status": status}))) == "ehr-422"
    assert ehr.all("ServiceRequest")[0]["status"] == before["status"]
    (task,) = store.all("Task")
    assert task.content["reasonCode"]["coding"][0]["code"] == "delivery"
    assert task.content["priority"] == priority
    assert "could not be told" in task.content["description"]
    assert task.content["basedOn"] == [{"reference": "ServiceRequest/o1"}]
    assert store.counts().get(("escalate", "due"), 0) == (priority == "stat")


def test_an_order_that_was_shown_as_undeliverable_is_shown_again_when_its_end_is(store, ehr, send, draft):
    ehr.fault(status=422, method="PUT")
    send(draft(**SIGNED))
    send(draft(**{**SIGNED, "status": "entered-in-error"}))
    assert len(store.all("Task")) == 2


@pytest.mark.parametrize("delivered", [False, True], ids=["never-there", "gone-there"])
def test_a_withdrawn_draft_that_the_ehr_does_not_have_asks_nobody(store, ehr, send, draft, delivered):
    if delivered:
        send(draft())
        ehr.records._versions.clear()
    else:
        ehr.fault(status=422, method="PUT")
    assert store.quarantined(send(draft(status="revoked"))) in {"ehr-422", "ehr-copy-gone"}
    assert store.all("Task") == []


def test_a_most_urgent_signed_order_that_can_not_be_delivered_is_called_out_when_nobody_acts(store, ehr, send, draft):
    ehr.fault(status=422, method="PUT")
    send(draft(priority="stat", **SIGNED))
    assert store.counts()[("escalate", "due")] == 1


def test_a_stat_draft_that_can_not_be_delivered_stays_in_the_inbox_without_a_review(store, ehr, send, draft):
    ehr.fault(status=422, method="PUT")
    assert store.quarantined(send(draft(priority="stat"))) == "ehr-422"
    assert store.all("Task") == []


PATIENT = {"resourceType": "Patient", "id": "local1", "identifier": [{"system": "urn:mrn", "value": "77"}]}


def post(store, resource, patient):
    """Receive a resource by POST: the bytes do not name the id that it got here."""
    raw = b'{"resourceType":"' + resource["resourceType"].encode() + b'"}'
    with store.database.transaction() as tx:
        submissions.keep(tx, "north", "c", submission=f"s-{resource['id']}", raw=raw)
        resources.put(tx, "north", resource, patient=patient, ours=False, submission=f"s-{resource['id']}")


def test_a_patient_that_was_posted_is_found_in_the_ehr_by_identifier(store, ehr, send, draft):
    post(store, PATIENT, "local1")
    ehr.records.write({**PATIENT, "id": "ehr9"}, "ehr9")
    send(draft(patient="local1"), "local1")
    assert ehr.all("ServiceRequest")[0]["subject"] == {"reference": "Patient/ehr9"}
    assert known(store, "Patient/local1").ehr_id == "ehr9"


@pytest.mark.parametrize(("there", "error"), [([], "ehr-patient-not-found"), (["a", "b"], "ehr-patient-ambiguous")])
def test_a_patient_who_is_not_found_or_ambiguous_quarantines_the_delivery(store, ehr, send, draft, there, error):
    post(store, PATIENT, "local1")
    for id_ in there:
        ehr.records.write({**PATIENT, "id": id_}, id_)
    row = send(draft(patient="local1"), "local1")
    assert store.quarantined(row) == error
    assert ehr.all("ServiceRequest") == []
    assert store.read("ServiceRequest", "o1").content["status"] == "draft"


def test_a_patient_whose_id_the_ehr_chose_is_named_by_it(store, ehr, send, draft):
    with store.database.transaction() as tx:
        raw = b'{"resourceType":"Patient","id":"p7"}'
        submissions.keep(tx, "north", "c", submission="s1", raw=raw)
        patient = {"resourceType": "Patient", "id": "p7"}
        resources.put(tx, "north", patient, patient="p7", ours=False, submission="s1")
    send(draft(patient="p7"), "p7")
    assert ehr.all("ServiceRequest")[0]["subject"] == {"reference": "Patient/p7"}


def test_evidence_that_the_ehr_can_not_have_is_named_by_identifier(store, ehr, send, draft):
    post(store, {"resourceType": "Observation", "id": "x1", "identifier": [{"system": "urn:o", "value": "5"}]}, "p1")
    store.put({"resourceType": "GuidanceResponse", "id": "g1", "status": "success"})
    evidence = ["Observation/x1/_history/1", "Observation/theirs/_history/3", "GuidanceResponse/g1/_history/1"]
    send(draft(supportingInfo=[{"reference": one} for one in evidence]))
    posted, theirs, ours = ehr.all("ServiceRequest")[0]["supportingInfo"]
    assert posted["identifier"] == {"system": "urn:o", "value": "5"}
    assert "reference" not in posted
    assert theirs == {"reference": "Observation/theirs"}
    assert ours["identifier"]["value"] == "g1"
    assert ours["display"]


TASK = {
    "resourceType": "Task",
    "id": "t1",
    "status": "requested",
    "intent": "order",
    "focus": {"reference": "ServiceRequest/o1"},
    "for": {"reference": "Patient/p1"},
}


def test_a_task_waits_for_its_draft_and_names_the_ehrs_copy(store, ehr, equipment, send, draft):
    ehr.fault(update_create=False)
    store.put(draft())
    row = send(TASK)
    assert ehr.all("Task") == []
    send(draft(), stored=False)
    store.ripen()
    write_back.run(equipment, row)
    assert ehr.all("Task")[0]["focus"] == {"reference": f"ServiceRequest/{ehr.all('ServiceRequest')[0]['id']}"}


def test_a_type_that_the_ehr_does_not_take_is_not_sent_and_not_an_error(store, ehr, send, draft):
    ehr.fault(task=False)
    send(draft())
    send(TASK)
    assert ehr.all("Task") == []
    assert done(store)
    assert known(store, "Task/t1") is None


def test_a_provenance_without_identifier_is_still_there_once(store, ehr, equipment, send, draft):
    ehr.fault(update_create=False)
    send(draft())
    provenance = {
        "resourceType": "Provenance",
        "id": "v1",
        "target": [{"reference": "ServiceRequest/o1/_history/1"}],
        "recorded": "2026-01-01T00:00:00.000Z",
    }
    ehr.fault(lose_answer=True, method="POST", type="Provenance", count=1)
    row = send(provenance)
    store.ripen()
    write_back.run(equipment, row)
    assert len(ehr.all("Provenance")) == 1
    assert done(store)


@pytest.mark.parametrize(("about", "delivered"), [(["Flag/f1", "DetectedIssue/d1"], 1), (["DetectedIssue/d1"], 0)])
def test_a_provenance_goes_where_something_that_it_is_about_has_gone(store, ehr, equipment, send, about, delivered):
    flag = {"resourceType": "Flag", "id": "f1", "status": "active", "subject": {"reference": "Patient/p1"}}
    send(flag | {"code": {"text": "a flag"}})
    issue = {"resourceType": "DetectedIssue", "id": "d1", "status": "final", "patient": {"reference": "Patient/p1"}}
    store.put(issue)
    targets = [{"reference": f"{one}/_history/1"} for one in about]
    send({"resourceType": "Provenance", "id": "v1", "target": targets, "recorded": "2026-01-01T00:00:00.000Z"})
    assert len(ehr.all("Provenance")) == delivered
    for copy in ehr.all("Provenance"):
        first, second = copy["target"]
        assert first["reference"].startswith("Flag/")
        assert "/_history/" not in first["reference"]
        assert second["identifier"]["value"] == "d1"
    assert done(store)


def test_a_worker_that_died_over_and_over_leaves_its_row_in_quarantine(store, ehr, equipment, draft):
    store.put(draft())
    row = store.add("write_back", "ServiceRequest/o1")
    store.die(row, write_back.LEASE)
    write_back.run(equipment, row)
    assert store.quarantined(row) == "attempts-used-up"
    assert ehr.all("ServiceRequest") == []


def test_one_message_brings_everything_that_waits_and_each_row_has_its_own_end(store, ehr, equipment, draft):
    ehr.fault(status=422, method="PUT", type="Flag")
    flag = {"resourceType": "Flag", "id": "f1", "status": "active", "code": {"text": "x"}}
    task = {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order"}
    subject, focus = {"reference": "Patient/p1"}, {"reference": "ServiceRequest/o1"}
    store.put({**task, "for": subject, "focus": focus})
    store.put({**flag, "subject": subject})
    rows = {local: store.add("write_back", local) for local in ("Task/t1", "Flag/f1", "ServiceRequest/gone")}
    for number in (1, 2):
        store.put(draft(f"o{number}"))
        rows[f"o{number}"] = store.add("write_back", f"ServiceRequest/o{number}")
    write_back.run(equipment, rows["Task/t1"])
    assert store.counts() == {("write_back", "done"): 3, ("write_back", "quarantined"): 2}
    assert store.quarantined(rows["Flag/f1"]) == "ehr-422"
    assert store.quarantined(rows["ServiceRequest/gone"]) == "nothing-to-deliver"
    assert [one["focus"] for one in ehr.all("Task")] == [focus]
    with store.database.reading() as tx:
        assert audit.verify(tx) == []
        assert audit.search(tx, "north", [], count=20).total == 5


def test_what_could_not_be_begun_in_time_is_put_back_untried(store, ehr, equipment, draft, monkeypatch):
    monkeypatch.setattr(write_back, "_BEGIN_WITHIN", 0.0)
    rows = []
    for number in range(3):
        store.put(draft(f"o{number}"))
        rows.append(store.add("write_back", f"ServiceRequest/o{number}"))
    write_back.run(equipment, rows[0])
    assert len(ehr.all("ServiceRequest")) == 1
    assert store.counts() == {("write_back", "done"): 1, ("write_back", "due"): 2}
    for row in rows:
        write_back.run(equipment, row)
    assert done(store)
