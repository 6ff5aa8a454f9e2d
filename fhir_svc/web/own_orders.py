"""Orders of ours that an EHR sends back: recognised by id or by the `B/order` identifier, never another order.

An unsigned draft changes here by its physician alone: an EHR that reports another status for one is refused, and a
physician gets a Task to look at it. A signed order takes over what the EHR reports. No order of ours takes over
another patient: that is refused, too, and a physician gets a Task.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import REFUSED, Told
from fhir_svc.errors import Conflict, Unprocessable
from fhir_svc.intake.submission import Entry, Kind, Submission
from fhir_svc.orders import states
from fhir_svc.orders.external_change import ENDED, review_task, signed
from fhir_svc.orders.identity import derived
from fhir_svc.orders.terms import namespace
from fhir_svc.record import Stored
from fhir_svc.store import patients, resources, work
from fhir_svc.store.database import Connection, now
from fhir_svc.web import trail
from fhir_svc.web.services import services

ORDER: Final = namespace("order")
OURS: Final = ("status", "priority", "code", "requester")
CLOSED: Final = frozenset({"draft", *ENDED})


class ChangedElsewhere(Conflict):
    """The EHR changed an order of ours that takes nothing over: a physician is asked, once for each such change."""

    error: ClassVar[str] = "draft-changed-elsewhere"
    text = "This is a draft of this service: it changes by signing or declining it here."

    def __init__(self, order: Stored, *change: str, expression: str) -> None:
        super().__init__(self.text, expression=expression)
        self.order = order
        self.change = change


class OrderMoved(ChangedElsewhere):
    """The EHR reports an order of ours as another patient's."""

    error: ClassVar[str] = "order-moved"

    def __init__(self, order: Stored, target: str, expression: str) -> None:
        was = "signed" if signed(order) else "drafted"
        self.text = f"This order of this service was {was} for another patient."
        stage = "ended" if order.content["status"] in ENDED else was
        super().__init__(order, stage, target, expression=expression)


@dataclass(frozen=True, slots=True)
class Reported:
    """What a submission says of orders of ours: which its entries are, by index, and whose it says that they are.

    `subject` is the patient that is meant; `target` what a physician is asked about once, if an order is not of theirs.
    """

    orders: Mapping[int, Stored]
    subject: str | None
    target: str


def reported(
    tx: Connection, tenant: str, submission: Submission, existing: Collection[int], named: str | None
) -> Reported:
    """Find the orders of ours among what is to be written; `existing` entries are met, and `named` is the subject.

    An id of which nothing is known, with nothing but orders of ours, is another one of their patient: the EHR may have
    ids that we never saw.
    """
    writes = submission.writes
    asked = [one for one in writes if one.type == "ServiceRequest" and one.index not in existing]
    met = {one.index: recognise(tx, tenant, one.resource or {}, one.location) for one in asked}
    orders = {index: ours for index, ours in met.items() if ours is not None}
    if named is None or not orders or patients.is_known(tx, tenant, named):
        return Reported(orders, named, named or "")
    if len(orders) + len(existing) == len(writes):
        named = _patient_of(tx, tenant, next(iter(orders.values()))) or named
    # the id of a new Patient who is refused together with the order is another one each time
    passing = submission.kind is not Kind.SUBMIT and any(one.type == "Patient" and one.minted for one in writes)
    return Reported(orders, named, "" if passing else named)


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


def _patient_of(tx: Connection, tenant: str, ours: Stored) -> str | None:
    """The id that stands today for the patient of our order."""
    patient = patients.patient_of(ours.content)
    return patients.resolve(tx, tenant, patient) if patient else None


def take_over(tx: Connection, tenant: str, ours: Stored, entry: Entry, said: Reported) -> Stored:
    """Take over what an entry says of our order; gives its current version, changed or not."""
    copy, location = entry.resource or {}, entry.location
    before, status = ours.content["status"], str(copy.get("status"))
    if said.subject and _patient_of(tx, tenant, ours) not in {said.subject, None}:
        raise OrderMoved(ours, said.target, f"{location}.subject")
    if before in CLOSED:
        for name in OURS:
            if _says(ours.content, name) != _says(copy, name):
                changed = status if name == "status" else name
                raise ChangedElsewhere(ours, changed, expression=f"{location}.{name}")
    if status == before:
        return ours
    following = states.reported(ours.content, status)
    resources.change(tx, tenant, following, version=ours.version, statuses={before})
    return resources.read(tx, tenant, ours.type, ours.id) or ours


def _says(order: Mapping[str, Any], name: str) -> Any:
    """What an element says, however it is worded: a concept by its codes, a reference by what it points to."""
    value = order.get(name)
    if not isinstance(value, Mapping):
        return value
    if codings := value.get("coding"):
        return {(one.get("system"), one.get("code")) for one in codings}
    return value.get("text") or value.get("reference") or value.get("identifier")


def ask_for_review(tx: Connection, actor: Actor, change: ChangedElsewhere) -> None:
    """Write the Task that tells a physician of it, once for each order and refused change."""
    order = change.order
    patient = patients.patient_of(order.content)
    approval = resources.read(tx, actor.tenant, "Task", derived("Task", "approve", order.id))
    task = review_task(
        services().knowledge,
        order,
        subject=f"Patient/{patient}",
        guidance=approval.content.get("reasonReference") if approval else None,
        at=now(tx),
        reason=change.error,
        once=[actor.tenant, order.local, *change.change],
    )
    if resources.read(tx, actor.tenant, "Task", task["id"]) is None:
        resources.create(tx, actor.tenant, task, patient=patient, ours=True)
        work.add(tx, tenant=actor.tenant, kind="write_back", subject=f"Task/{task['id']}", patient=patient, urgent=True)
    told = Told("update", targets=(order.reference,), outcome=REFUSED, reason=change.error)
    trail.leave(tx, told, actor)
