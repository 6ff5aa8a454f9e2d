"""Orders of ours that an EHR sends back: recognised by id or by the `B/order` identifier, never another order.

An unsigned draft changes here by its physician alone: an EHR that reports another status for one is refused, and a
physician gets a Task to look at it. A signed order takes over what the EHR reports.
"""

from __future__ import annotations

from typing import Any, Final

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import REFUSED, Told
from fhir_svc.errors import Conflict, Unprocessable
from fhir_svc.orders import states
from fhir_svc.orders.identity import derived
from fhir_svc.orders.terms import concept, namespace
from fhir_svc.record import Stored
from fhir_svc.store import patients, resources
from fhir_svc.store.database import Connection, now
from fhir_svc.web import trail
from fhir_svc.web.wire import instant

ORDER: Final = namespace("order")
UNSIGNED: Final = frozenset({"draft", "revoked", "entered-in-error"})


class ChangedElsewhere(Conflict):
    """The EHR reports another status for a draft that nobody has signed."""

    def __init__(self, draft: Stored, status: str, expression: str) -> None:
        super().__init__(
            "This is a draft of this service: it changes by signing or declining it here.",
            expression=expression,
            error="draft-changed-elsewhere",
        )
        self.draft = draft
        self.reported = status


def recognise(tx: Connection, tenant: str, resource: dict[str, Any], location: str) -> Stored | None:
    """Give our order that an incoming ServiceRequest is; None if it is the EHR's own."""
    values = [one.get("value", "") for one in resource.get("identifier", ()) if one.get("system") == ORDER]
    by_id = resources.read(tx, tenant, "ServiceRequest", resource["id"])
    if by_id is not None and by_id.ours:
        return by_id
    found = {
        stored.id: stored
        for value in values
        for stored in resources.match_identifier(tx, tenant, "ServiceRequest", ORDER, value)
        if stored.ours
    }
    if values and len(found) != 1:
        raise Unprocessable(
            "This order carries the identifier of an order of this service that does not exist here.",
            expression=f"{location}.identifier",
            error="unknown-order",
        )
    return next(iter(found.values()), None)


def report(tx: Connection, tenant: str, ours: Stored, status: str, location: str) -> Stored:
    """Take over what the EHR says of our order; gives its current version, changed or not."""
    before = ours.content["status"]
    if status == before:
        return ours
    if before in UNSIGNED:
        raise ChangedElsewhere(ours, status, f"{location}.status")
    changed = states.reported(ours.content, status)
    resources.change(tx, tenant, changed, version=ours.version, statuses={before})
    return resources.read(tx, tenant, ours.type, ours.id) or ours


def ask_for_review(tx: Connection, actor: Actor, change: ChangedElsewhere) -> None:
    """Write the Task that tells a physician of it, once for each version of the draft and status reported."""
    task = _task(actor.tenant, change, instant(now(tx)))
    if resources.read(tx, actor.tenant, "Task", task["id"]) is None:
        resources.create(tx, actor.tenant, task, patient=patients.patient_of(change.draft.content), ours=True)
    told = Told("update", targets=(change.draft.reference,), outcome=REFUSED, reason="draft-changed-elsewhere")
    trail.leave(tx, told, actor)


def _task(tenant: str, change: ChangedElsewhere, at: str) -> dict[str, Any]:
    draft = change.draft
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": derived("draft-changed-elsewhere", tenant, draft.reference, change.reported),
        "status": "requested",
        "intent": "order",
        "priority": draft.content.get("priority", "routine"),
        "code": concept("task-code", "review"),
        "reasonCode": concept("review-reason", "draft-changed-elsewhere"),
        "focus": {"reference": draft.local},
        "authoredOn": at,
        "lastModified": at,
    }
    if "subject" in draft.content:
        task["for"] = draft.content["subject"]
    return task
