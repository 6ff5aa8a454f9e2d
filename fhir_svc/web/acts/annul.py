"""An admin marks an order of ours as entered in error: a draft, or one that was signed. Nothing clinical is shown.

An admin reads no order, so what comes back is the id, the version and the status alone.
"""

from __future__ import annotations

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.errors import Conflict, Forbidden, PreconditionFailed
from fhir_svc.orders import states, transitions
from fhir_svc.record import Stored
from fhir_svc.store import resources, work
from fhir_svc.store.database import Connection, now
from fhir_svc.web.acts.case import audited, check_version, in_turn, known_code, patient_of, read_order, task_of
from fhir_svc.web.services import Services

ACT = "enter-in-error"
REASONS = "status-reason"


def administrator(actor: Actor | None) -> Actor:
    """The actor, if it is an admin's session; Forbidden otherwise."""
    if actor is None or actor.role is not Role.ADMIN:
        raise Forbidden("Only an admin's own session marks an order as entered in error.")
    return actor


def annul(
    services: Services, actor: Actor, order_id: str, *, expected: int | None, reason: str, text: str | None = None
) -> Stored:
    """Mark the order with the reason and cancel its open Task; gives the order as it is then."""
    known_code(reason, services.knowledge.codes(REASONS), "reason")
    tenant = administrator(actor).tenant
    with services.database.transaction() as tx:
        in_turn(tx, tenant)
        order = read_order(tx, tenant, order_id)
        check_version(order, expected)
        task = task_of(tx, tenant, order_id)
        at = now(tx)
        marked, cancelled = states.annulled(
            order.content, task.content if task else None, reason=reason, text=text or "", at=at
        )
        changed = [_change(tx, tenant, order, marked)]
        if task is not None and cancelled is not None:
            changed.append(_change(tx, tenant, task, cancelled))
        audited(tx, actor, ACT, patient_of(order.content), changed)
    return changed[0]


def _change(tx: Connection, tenant: str, before: Stored, content: states.Resource) -> Stored:
    """Write the next version and leave the work of telling the EHR."""
    statuses = transitions.OPEN if before.type == "Task" else transitions.ACTS["annul"].drafts
    try:
        resources.change(tx, tenant, content, version=before.version, statuses=statuses)
    except PreconditionFailed:
        raise Conflict("Somebody else changed it at the same moment.", error="order-state") from None
    patient = patient_of(before.content) or None
    work.add(tx, tenant=tenant, kind="write_back", subject=before.local, patient=patient, urgent=True)
    return resources.read(tx, tenant, before.type, before.id) or before
