"""A resource is in the EHR exactly once, and nothing that somebody changed there is overwritten."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from fhir_svc.ehr.client import EhrClient
from fhir_svc.ehr.delivery import deliver
from fhir_svc.ehr.replies import Changed, Copy, Never, Unclear

SYSTEM = "https://example.org/fhir-svc/order"
DRAFT = {
    "resourceType": "ServiceRequest",
    "id": "0b6a3f52-0000-5000-8000-000000000001",
    "identifier": [{"system": SYSTEM, "value": "v1"}],
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
}
SIGNED = {**DRAFT, "status": "active", "requester": {"reference": "Practitioner/alice"}}


@pytest.fixture(params=[True, False], ids=["our-ids", "its-ids"])
def updates(request, ehr):
    ehr.fault(update_create=request.param)
    return request.param


def send(ehr, resource, known=None, told=(), deadline=60.0):
    with EhrClient(ehr.base) as client:
        can = client.capabilities()
    with EhrClient(ehr.base, deadline=deadline) as client:
        return deliver(client, can, resource, known=known, told=told)


def only(ehr):
    (copy,) = ehr.all("ServiceRequest")
    return copy


def test_a_draft_is_made_and_then_activated(ehr, updates):
    first = send(ehr, DRAFT)
    assert (first.version, only(ehr)["status"]) == ("1", "draft")
    assert (first.id == DRAFT["id"]) is updates
    second = send(ehr, SIGNED, known=first, told=[DRAFT])
    assert (second.id, second.version, only(ehr)["status"]) == (first.id, "2", "active")


def test_delivering_the_same_again_changes_nothing(ehr, updates):
    first = send(ehr, DRAFT)
    again = send(ehr, DRAFT)
    assert (again.id, again.version) == (first.id, first.version)


@pytest.mark.parametrize(
    ("fault", "deadline"), [({"lose_answer": True}, 60), ({"half_open": True, "lose_answer": True, "hold": 4}, 2)]
)
def test_a_lost_answer_is_found_again(ehr, updates, fault, deadline):
    ehr.fault(**fault, method="PUT" if updates else "POST", count=1)
    with pytest.raises(Unclear):
        send(ehr, DRAFT, deadline=deadline)
    assert send(ehr, DRAFT).version == "1"
    assert only(ehr)["meta"]["versionId"] == "1"


def test_a_lost_answer_to_an_activation_is_found_again(ehr, updates):
    first = send(ehr, DRAFT)
    ehr.fault(lose_answer=True, method="PUT", count=1)
    with pytest.raises(Unclear):
        send(ehr, SIGNED, known=first, told=[DRAFT])
    assert send(ehr, SIGNED, known=first, told=[DRAFT]).version == "2"
    assert only(ehr)["status"] == "active"


def test_a_draft_whose_answer_was_lost_can_be_signed_meanwhile(ehr, updates):
    ehr.fault(lose_answer=True, method="PUT" if updates else "POST", count=1)
    with pytest.raises(Unclear):
        send(ehr, DRAFT)
    assert send(ehr, SIGNED, told=[DRAFT]).version == "2"
    assert only(ehr)["status"] == "active"


@pytest.mark.parametrize(
    "edit",
    [{"status": "on-hold"}, {"priority": "routine"}, {"performer": [{"reference": "Practitioner/bob"}]}],
)
@pytest.mark.parametrize("remembered", [True, False])
def test_a_change_made_in_the_ehr_is_never_overwritten(ehr, updates, edit, remembered):
    first = send(ehr, DRAFT)
    ehr.records.write({**only(ehr), **edit}, first.id)
    with pytest.raises(Changed):
        send(ehr, SIGNED, known=first if remembered else None, told=[DRAFT])
    assert {name: only(ehr)[name] for name in edit} == edit
    assert only(ehr)["meta"]["versionId"] == "2"


def test_a_late_writer_does_not_turn_an_active_order_back(ehr, updates):
    first = send(ehr, DRAFT)
    send(ehr, SIGNED, known=first, told=[DRAFT])
    with pytest.raises(Changed):
        send(ehr, DRAFT)
    assert only(ehr)["status"] == "active"


def test_a_copy_that_is_gone_is_not_made_again(ehr):
    with pytest.raises(Never) as raised:
        send(ehr, SIGNED, known=Copy("gone", None), told=[DRAFT])
    assert raised.value.issues[0].error == "ehr-copy-gone"


def test_two_copies_are_left_for_a_person(ehr):
    ehr.fault(update_create=False)
    for id_ in "ab":
        ehr.records.write({**DRAFT, "id": id_}, id_)
    with pytest.raises(Never) as raised:
        send(ehr, DRAFT)
    assert raised.value.issues[0].error == "ehr-several-copies"
    assert len(ehr.all("ServiceRequest")) == 2


def test_eight_writers_at_once_make_one(ehr, updates):
    def one(_):
        try:
            return send(ehr, DRAFT).id
        except Changed:
            return None

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(one, range(8)))
    assert len(ehr.all("ServiceRequest")) == 1
    assert ids - {None} == {only(ehr)["id"]}


def test_an_answer_without_a_version_is_followed_by_a_look(ehr):
    ehr.fault(no_location=True, method="PUT", count=1)
    assert send(ehr, DRAFT).version == "1"


def provenance(number, role):
    return {
        "resourceType": "Provenance",
        "id": f"0b6a3f52-0000-5000-8000-00000000010{number}",
        "target": [{"reference": "ServiceRequest/o1"}],
        "recorded": "2026-03-10T12:00:00.000Z",
        "agent": [{"type": {"coding": [{"code": role}]}, "who": {"display": role}}],
    }


def test_two_statements_of_one_moment_about_one_order_are_both_there_and_no_change_of_somebody_else(ehr, updates):
    sent = [provenance(2, "author"), provenance(3, "assembler")]
    first = [send(ehr, each) for each in sent]
    again = [send(ehr, each) for each in sent]
    assert [copy.id for copy in again] == [copy.id for copy in first]
    assert sorted(copy["agent"][0]["who"]["display"] for copy in ehr.all("Provenance")) == ["assembler", "author"]


def test_a_lost_answer_beside_another_statement_of_the_moment_leaves_one_of_each(ehr, updates):
    send(ehr, provenance(2, "author"))
    ehr.fault(lose_answer=True, method="PUT" if updates else "POST", count=2)
    for _ in range(3):
        with suppress(Unclear):
            send(ehr, provenance(3, "assembler"))
    assert len(ehr.all("Provenance")) == 2
