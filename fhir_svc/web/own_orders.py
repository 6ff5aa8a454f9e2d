"""Orders of ours that an EHR sends back: recognised by id or by the `B/order` identifier, never another order.

An unsigned draft changes here by its physician alone: an EHR that reports another status for one is refused, and a
physician gets a Task to look at it. A signed order takes over what the EHR reports, but no other patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import REFUSED, Told
from fhir_svc.errors import Conflict, Unprocessable
from fhir_svc.orders import states
from fhir_svc.orders.external_change import review_task
from fhir_svc.orders.identity import derived
from fhir_svc.orders.terms import namespace
from fhir_svc.record import Stored
from fhir_svc.store import patients, resources, work
from fhir_svc.store.database import Connection, now
from fhir_svc.web import trail
from fhir_svc.web.services import services

ORDER: Final = namespace("order")
REASON: Final = "draft-changed-elsewhere"
OURS: Final = ("status", "priority", "code", "requester")
UNSIGNED: Final = frozenset({"draft", "revoked", "entered-in-error"})


class ChangedElsewhere(Conflict):
    """The EHR reports another patient of an order of ours, or changed a draft that nobody has signed."""

    def __init__(self, draft: Stored, status: str, expression: str) -> None:
        signed = draft.content["status"] not in UNSIGNED
        super().__init__(
            "This order of this service was signed for another patient."
            if signed
            else "This is a draft of this service: it changes by signing or declining it here.",
            expression=expression,
            error=REASON,
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


def report(tx: Connection, tenant: str, ours: Stored, copy: Mapping[str, Any], location: str) -> Stored:
    """Take over what the EHR says of our order; gives its current version, changed or not."""
    before, status = ours.content["status"], str(copy.get("status"))
    if _of_another(tx, tenant, ours, copy):
        raise ChangedElsewhere(ours, "subject", f"{location}.subject")
    if before in UNSIGNED:
        for name in OURS:
            if _says(ours.content, name) != _says(copy, name):
                raise ChangedElsewhere(ours, status if name == "status" else name, f"{location}.{name}")
    if status == before:
        return ours
    changed = states.reported(ours.content, status)
    resources.change(tx, tenant, changed, version=ours.version, statuses={before})
    return resources.read(tx, tenant, ours.type, ours.id) or ours


def _of_another(tx: Connection, tenant: str, ours: Stored, copy: Mapping[str, Any]) -> bool:
    """Whether a copy names a patient who is known here as somebody else; the EHR may have ids that we never saw."""
    mine, theirs = patients.patient_of(ours.content), patients.patient_of(copy)
    if mine is None or theirs is None or theirs == mine or not patients.has_records(tx, tenant, theirs):
        return False
    return patients.resolve(tx, tenant, theirs) != patients.resolve(tx, tenant, mine)


def _says(order: Mapping[str, Any], name: str) -> Any:
    """What an element says, however it is worded: a concept by its codes, a reference by what it points to."""
    value = order.get(name)
    if not isinstance(value, Mapping):
        return value
    if codings := value.get("coding"):
        return {(one.get("system"), one.get("code")) for one in codings}
    return value.get("text") or value.get("reference") or value.get("identifier")


def ask_for_review(tx: Connection, actor: Actor, change: ChangedElsewhere) -> None:
    """Write the Task that tells a physician of it, once for each draft and status reported."""
    draft = change.draft
    patient = patients.patient_of(draft.content)
    approval = resources.read(tx, actor.tenant, "Task", derived("Task", "approve", draft.id))
    task = review_task(
        services().knowledge,
        draft,
        subject=f"Patient/{patient}",
        guidance=approval.content.get("reasonReference") if approval else None,
        at=now(tx),
        reason=REASON,
        once=[actor.tenant, draft.local, change.reported],
    )
    if resources.read(tx, actor.tenant, "Task", task["id"]) is None:
        resources.create(tx, actor.tenant, task, patient=patient, ours=True)
        work.add(tx, tenant=actor.tenant, kind="write_back", subject=f"Task/{task['id']}", patient=patient, urgent=True)
    told = Told("update", targets=(change.draft.reference,), outcome=REFUSED, reason=REASON)
    trail.leave(tx, told, actor)
