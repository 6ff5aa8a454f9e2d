"""PURE: what becomes of the orders and reviews of a patient record that this one replaced (`Patient.link`).

An unsigned draft that is wanted still is drafted anew for this patient; one that nothing asks for any more is taken
back, and a physician is asked about it. A signed order stays as it is: whoever carries it out must know whose it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fhir_svc.orders.definitions import key_of
from fhir_svc.orders.external_change import MERGED, review_task
from fhir_svc.orders.sheet import Resource, Sheet
from fhir_svc.orders.states import cancelled
from fhir_svc.orders.transitions import OPEN
from fhir_svc.record import Json, Record, Stored

_SIGNED = frozenset({"active", "on-hold"})


def sort_drafts(record: Record, wanted: Collection[str], criteria: str) -> tuple[list[Stored], list[Stored]]:
    """A plan's unsigned drafts for a replaced patient: those of orders that are wanted now, and those that are not."""
    drafts = [held for held in _orders(record, criteria) if held.content.get("status") == "draft"]
    moved = [held for held in drafts if key_of(held.content) in wanted]
    return moved, [held for held in drafts if held not in moved]


def questions(sheet: Sheet) -> Iterator[Resource]:
    """The reviews of orders of a replaced patient: of those that were signed, and of drafts that were taken back."""
    orders = _orders(sheet.record, sheet.decision.criteria)
    signed = [held for held in orders if held.content.get("status") in _SIGNED]
    back = [held.draft for held in sheet.decision.withdrawals if held.reason == MERGED]
    for held in (*signed, *back):
        yield review_task(
            sheet.knowledge,
            held,
            subject=sheet.subject,
            guidance=sheet.reason,
            at=sheet.decision.at,
            reason=MERGED,
            once=[held.local],
        )


def answered(sheet: Sheet) -> Iterator[tuple[Stored, Resource]]:
    """The open reviews of a replaced patient that are asked for again for this one, each with its cancelled version."""
    written = [write.resource for write in sheet.writes if write.resource["resourceType"] == "Task"]
    asked = {code for task in written if task["for"] == sheet.patient for code in _reasons(task)}
    for held in _theirs(sheet.record, "for", "Task"):
        codes = set(_reasons(held.content))
        if held.content["status"] in OPEN and codes and codes <= asked:
            yield held, cancelled(held.content, reason=MERGED, at=sheet.decision.at)


def _orders(record: Record, criteria: str) -> Iterator[Stored]:
    """The orders of any version of a plan; those of other plans are theirs to see to."""
    plan = criteria.partition("|")[0]
    for held in _theirs(record, "subject", "ServiceRequest"):
        if plan in {name.partition("|")[0] for name in held.content.get("instantiatesCanonical", ())}:
            yield held


def _theirs(record: Record, element: str, kind: str) -> Iterator[Stored]:
    """What we wrote of this type about a patient that this one replaced."""
    own = {None, f"Patient/{record.patient_id}"}
    return (held for held in record.of(kind, ours=True) if held.content.get(element, {}).get("reference") not in own)


def _reasons(task: Json) -> Iterator[tuple[str, ...]]:
    """What is asked, each reason with the orders that it is asked about."""
    about = sorted(held["reference"] for held in task.get("basedOn", ()))
    for coding in task.get("reasonCode", {}).get("coding", ()):
        yield coding.get("system", ""), coding["code"], *about
