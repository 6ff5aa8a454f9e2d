"""What happens to drafts and signed orders when the source they rest on changes (R43), and when nothing changes."""

from __future__ import annotations

import pytest

from fhir_svc.record import Record
from tests.criteria.cases.building import calm, hours, temperature
from tests.criteria.cases.checking import Seen, record_of, run
from tests.criteria.cases.presentations import CLAUDICATION, SADDLE

LATER = {"status": "amended"}


def first_and_later(before, after, orders="draft") -> tuple[Seen, Seen]:
    """Evaluates `before`, then `after` (the newer version of the form, and the rest) with what was written on record.

    `orders` is the status that our ServiceRequests have by then.
    """
    first = run(record_of(before))
    ours = [each | {"status": orders} if each["resourceType"] == "ServiceRequest" else each for each in first.written]
    guidance = [{key: value for key, value in each.items() if key != "contained"} for each in first.evaluation.guidance]
    held = {each.get("id") for each in after}
    earlier = [each for each in before if each.get("id") == "form" and "form" in held]
    later = record_of(after, ours=[*ours, *guidance], earlier=earlier)
    return first, run(later)


def orders_of(seen: Seen, status: str) -> list[str]:
    return [
        each["id"] for each in seen.written if each["resourceType"] == "ServiceRequest" and each["status"] == status
    ]


def test_an_amendment_that_withdraws_the_answer_revokes_the_drafts_with_the_reason():
    first, later = first_and_later([calm(SADDLE, authored=hours(2))], [calm(authored=hours(2), **LATER)])
    assert first.orders
    assert sorted(orders_of(later, "revoked")) == sorted(orders_of(first, "draft"))
    assert later.rules["R43"] == "met"
    assert "DRAFTS_REVOKED" in later.flags
    assert later.level == "ROUTINE"
    assert all(
        any("request-statusReason" in extension["url"] for extension in each["extension"])
        for each in later.written
        if each["resourceType"] == "ServiceRequest" and each["status"] == "revoked"
    )


@pytest.mark.parametrize("answer", [None, "unsure"])
def test_blank_or_unsure_in_a_newer_version_keeps_the_earlier_positive(answer):
    changed = calm({"rf-saddle-numbness": answer}, authored=hours(2), **LATER)
    _, later = first_and_later([calm(SADDLE, authored=hours(2))], [changed])
    assert later.rules["R01"] == "met"
    assert later.level == "EMERGENCY"
    assert "CONFLICT" in later.flags
    assert not orders_of(later, "revoked")


def test_drafts_that_rest_on_a_source_entered_in_error_are_revoked():
    wrong = calm(SADDLE, status="entered-in-error", authored=hours(2))
    first, later = first_and_later([calm(SADDLE, authored=hours(2))], [wrong])
    assert sorted(orders_of(later, "revoked")) == sorted(orders_of(first, "draft"))
    revoked = [
        each for each in later.written if each["resourceType"] == "ServiceRequest" and each["status"] == "revoked"
    ]
    assert all("source-withdrawn" in str(each) for each in revoked)
    assert later.level == ""


def test_drafts_that_rest_on_a_form_that_turned_out_to_be_another_patients_are_revoked():
    first, later = first_and_later([calm(SADDLE, authored=hours(2))], [])
    assert sorted(orders_of(later, "revoked")) == sorted(orders_of(first, "draft"))
    flags = [each["status"] for each in later.written if each["resourceType"] == "Flag"]
    assert set(flags) == {"inactive"}
    assert "DRAFTS_REVOKED" in later.flags


def test_a_signed_order_is_never_cancelled_but_its_signer_gets_a_task_and_a_flag():
    _, later = first_and_later([calm(SADDLE, authored=hours(2))], [calm(authored=hours(2), **LATER)], orders="active")
    assert not orders_of(later, "revoked")
    assert later.reviews
    assert any(each["resourceType"] == "Flag" and each["status"] == "active" for each in later.written)
    assert later.rules["R43"] == "met"


def test_a_draft_is_not_revoked_because_a_fact_became_unknown():
    wish = CLAUDICATION | {"hx-wants-intervention": "yes"}
    first, later = first_and_later(
        [calm(wish, authored=hours(2))], [calm(wish | {"rf-night-sweats": None}, authored=hours(2), **LATER)]
    )
    assert first.orders == {"MRI_L_WO": "routine"}
    assert later.rules["R11"] == "cannot-tell"
    assert not orders_of(later, "revoked")


def test_the_same_evidence_again_makes_nothing_new():
    form = calm(SADDLE, authored=hours(2))
    first, later = first_and_later([form], [form])
    assert first.orders
    assert later.orders == {} or set(orders_of(later, "draft")) <= set(orders_of(first, "draft"))
    assert not orders_of(later, "revoked")
    known = {(each["resourceType"], each["id"]) for each in first.written}
    kinds = {"ServiceRequest", "Task", "Flag", "DetectedIssue", "CommunicationRequest"}
    again = {(each["resourceType"], each["id"]) for each in later.written if each["resourceType"] in kinds}
    assert again <= known


def test_more_evidence_for_the_same_order_makes_no_second_draft():
    form = calm({"rf-fever-chills": "yes"}, authored=hours(2))
    first, later = first_and_later([form], [form, temperature("38.9")])
    made = set(orders_of(later, "draft")) - set(orders_of(first, "draft"))
    assert not made


def test_the_order_of_the_record_never_matters():
    given = [calm(SADDLE), temperature("38.6"), temperature("36.2", 4), calm({"rf-cold-pale-leg": "yes"}, id="other")]
    record = record_of(given)
    turned = Record(record.patient_id, tuple(reversed(record.current)), record.earlier)
    assert run(record).written == run(turned).written
