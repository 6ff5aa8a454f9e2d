"""What a clinician is asked where the EHR does not hold an order of ours as it stands here."""

from __future__ import annotations

from typing import Any

from fhir_svc.ehr.replies import Changed
from fhir_svc.orders.external_change import ENDED, SEVERAL, UNDELIVERED, review_task
from fhir_svc.orders.identity import derived
from fhir_svc.orders.writes import Write
from fhir_svc.record import Stored
from fhir_svc.store import delivery, resources
from fhir_svc.store.database import Connection, now
from fhir_svc.store.delivery import Delivery
from workers.equipment import Equipment
from workers.writing import leave_delivery, leave_escalation, write

SEVERAL_COPIES, GONE = "ehr-several-copies", "ehr-copy-gone"
_ORDER, _SIGNED = "ServiceRequest", "active"


def ask_for_review(
    equipment: Equipment, tx: Connection, tenant: str, local: str, patient: str | None, *, code: str
) -> None:
    """Write the review Task about a resource that can't be delivered, where the patient depends on it."""
    type_, _, id_ = local.partition("/")
    left = resources.read(tx, tenant, type_, id_)
    if left is None or patient is None:
        return
    asking = _asking(left, delivery.known(tx, tenant, local), code)
    if asking is None:
        return
    approval = resources.read(tx, tenant, "Task", derived("Task", "approve", id_))
    task = review_task(
        equipment.knowledge,
        left,
        subject=f"Patient/{patient}",
        guidance=approval.content.get("reasonReference") if approval else None,
        at=now(tx),
        **asking,
    )
    if write(tx, tenant, patient, Write(task)):
        leave_escalation(tx, equipment.knowledge, tenant, task)
        leave_delivery(tx, tenant, patient, task)


def _asking(left: Stored, known: Delivery | None, code: str) -> dict[str, Any] | None:
    """What the Task is about and once for what; None: nobody need be asked."""
    status = left.content.get("status")
    if code == Changed.error:
        return {}
    if left.type != _ORDER:
        return None
    if status == _SIGNED:
        return {"reason": SEVERAL if code == SEVERAL_COPIES else UNDELIVERED, "once": (left.local,)}
    if _may_stand(left, known, code):
        return {"reason": UNDELIVERED, "once": (left.local, status)}
    return None


def _may_stand(left: Stored, known: Delivery | None, code: str) -> bool:
    """Whether the EHR may still hold, as something to be carried out, an order that was ended here."""
    there = (known is not None and known.ehr_id is not None) or "requester" in left.content or code == SEVERAL_COPIES
    return left.content.get("status") in ENDED and there and code != GONE
