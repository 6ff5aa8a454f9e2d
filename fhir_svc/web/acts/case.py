"""What a physician's act works on: one draft and its Task, read and checked inside the act's transaction.

Every act passes through here, so every act refuses the same things in the same order: no physician (403), not theirs
(404), not ours or moved on (409), another version than the one seen (412). What an act may do to a state is
`orders.states`'s; that it happens once, to the version that was seen, is the database's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import Conflict, Forbidden, NotFound, PreconditionFailed, Unprocessable
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders import escalation, states, transitions
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Stored
from fhir_svc.store import resources, work
from fhir_svc.store.database import Connection, now
from fhir_svc.web import spoilt, trail
from fhir_svc.web.accept import collided
from fhir_svc.web.arguments import about

OPEN_TASKS: Final = transitions.OPEN
APPROVE: Final = "approve"
REVIEW: Final = "review"


@dataclass(frozen=True, slots=True)
class Case:
    """An open Task (`waiting` is its content, a deferral that has passed already taken off), its draft, the clock."""

    task: Stored
    waiting: Mapping[str, Any]
    at: datetime
    by: states.By
    draft: Stored | None = None

    @property
    def order(self) -> Stored:
        """The draft; Conflict where this Task has none."""
        if self.draft is None:
            raise Conflict("This Task is about no draft.")
        return self.draft

    @property
    def patient(self) -> str:
        """The id of the patient it is about; '' if that was never said."""
        return patient_of((self.draft or self.task).content)


def physician(actor: Actor | None) -> Actor:
    """The actor, if it is a physician's session; Forbidden otherwise."""
    if actor is None or actor.role is not Role.PHYSICIAN:
        raise Forbidden("Only a physician's own session acts on drafts.")
    return actor


def signer(actor: Actor) -> states.By:
    """How a physician is named in what they do; Forbidden where no Practitioner is registered."""
    if not actor.practitioner:
        raise Forbidden("No Practitioner is registered for this account.", error="no-practitioner")
    return states.By(f"Practitioner/{actor.practitioner}", actor.name)


def read_order(tx: Connection, tenant: str, draft_id: str) -> Stored:
    """The current version of an order that this service drafted; NotFound, or Conflict if another system placed it."""
    order = spoilt.current(tx, tenant, "ServiceRequest", draft_id)
    if order is None:
        raise NotFound("There is no such order.")
    if not order.ours:
        raise Conflict("This order was not drafted here.", error="not-ours")
    return order


def task_of(tx: Connection, tenant: str, draft_id: str) -> Stored | None:
    """The approve Task whose focus is the draft; the newest if there were ever several."""
    focus = [("focus", f"ServiceRequest/{draft_id}")]
    found = resources.search(tx, tenant, "Task", focus, sort=None, count=20, cursor=None).entries
    approve = [task for task in found if task.ours and kind_of(task.content) == APPROVE]
    return max(approve, key=lambda task: task.received, default=None)


def kind_of(task: Mapping[str, Any]) -> str:
    """`approve`, `review` or another code of the Task."""
    codings = task.get("code", {}).get("coding", [])
    return next((coding["code"] for coding in codings if "code" in coding), "")


def patient_of(resource: Mapping[str, Any]) -> str:
    """The id of the patient that a resource is about (`subject`, or `for` of a Task); empty if none."""
    reference = (resource.get("subject") or resource.get("for") or {}).get("reference", "")
    return str(reference).partition("/_history/")[0].rpartition("/")[2]


def open_case(tx: Connection, actor: Actor, draft_id: str, expected: int | None) -> Case:
    """A draft that still waits for a decision, with its open Task; `expected` is the version that the caller saw."""
    in_turn(tx, physician(actor).tenant)
    order = read_order(tx, actor.tenant, draft_id)
    if order.content.get("status") != "draft":
        raise Conflict("This order is no longer a draft.", error="not-a-draft")
    check_version(order, expected)
    task = task_of(tx, actor.tenant, draft_id)
    if task is None:
        raise Conflict("The Task of this draft is not open.", error="task-not-open")
    at = now(tx)
    return Case(task, waiting(task.content, at), at, signer(actor), order)


def open_task(tx: Connection, actor: Actor, task_id: str, expected: int | None) -> Case:
    """An open Task by its own id."""
    in_turn(tx, physician(actor).tenant)
    task = spoilt.current(tx, actor.tenant, "Task", task_id)
    if task is None:
        raise NotFound("There is no such Task.")
    at = now(tx)
    if not task.ours:
        raise Conflict("This Task is not of this service.", error="not-ours")
    content = waiting(task.content, at)
    check_version(task, expected)
    return Case(task, content, at, signer(actor))


def in_turn(tx: Connection, tenant: str) -> None:
    """Wait, where this act gave way to another request, for all else that did: these meet no more."""
    if collided():
        resources.exclusive(tx, tenant, "collided")


def waiting(task: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    """The Task as it waits for somebody now; Conflict if it is closed, or on hold until an instant to come."""
    if task.get("status") == "on-hold" and (until := deferred_until(task)) is not None and until <= at:
        return states.released(task, at=at)
    if task.get("status") not in transitions.WORKABLE:
        raise Conflict("This Task is not open.", error="task-not-open")
    return task


def deferred_until(task: Mapping[str, Any]) -> datetime | None:
    """Until when a Task on hold was deferred."""
    held = next(extensions(task, "deferred-until"), None)
    return None if held is None else datetime.fromisoformat(held)


def check_version(stored: Stored, expected: int | None) -> None:
    """PreconditionFailed unless the caller saw the current version (None: the caller asked for whatever is current)."""
    if expected is not None and stored.version != expected:
        raise PreconditionFailed(
            "It has changed since you saw it; read it again.", error="version-changed", expression="http.If-Match"
        )


def change_task(tx: Connection, tenant: str, case: Case, content: Mapping[str, Any]) -> Stored:
    """Write a new version of the case's Task; Conflict if somebody else moved it meanwhile."""
    try:
        resources.change(tx, tenant, dict(content), version=case.task.version, statuses=OPEN_TASKS)
    except PreconditionFailed:
        raise Conflict("Somebody else moved this Task at the same moment.", error="task-not-open") from None
    return _told(tx, tenant, case, "Task", case.task.id)


def change_order(
    tx: Connection, tenant: str, case: Case, content: Mapping[str, Any], *, urgent: bool = False
) -> Stored:
    """Write a new version of the case's draft; Conflict or PreconditionFailed if it is not that draft any more."""
    try:
        resources.change(tx, tenant, dict(content), version=case.order.version, statuses={"draft"})
    except PreconditionFailed:
        # the version was right a moment ago; what somebody else made of it meanwhile decides what this is
        current = resources.read(tx, tenant, "ServiceRequest", case.order.id)
        if current is not None and current.content.get("status") == "draft":
            raise
        raise Conflict("This order is no longer a draft.", error="not-a-draft") from None
    return _told(tx, tenant, case, "ServiceRequest", case.order.id, urgent=urgent)


def create(tx: Connection, tenant: str, case: Case, resource: Mapping[str, Any]) -> Stored:
    """Store a new resource of ours about the case's patient."""
    resources.create(tx, tenant, dict(resource), patient=case.patient or None, ours=True)
    return _told(tx, tenant, case, resource["resourceType"], resource["id"])


def call_out_again(tx: Connection, tenant: str, knowledge: Knowledge, case: Case, task: Stored) -> None:
    """Leave the work of calling out for the case's Task at the end of its time, where `task` gives it another one."""
    end = escalation.due(knowledge, task.content)
    if end is not None and end != escalation.due(knowledge, case.task.content):
        about = case.patient or None
        work.add(tx, tenant=tenant, kind="escalate", subject=task.id, patient=about, urgent=True, not_before=end)


def evaluate_again(tx: Connection, tenant: str, case: Case) -> None:
    """Leave the work of evaluating the patient once more, now."""
    if case.patient:
        about = case.patient
        work.add(tx, tenant=tenant, kind="clock", subject=about, patient=about, urgent=True, not_before=case.at)


def audited(tx: Connection, actor: Actor, act: str, patient: str, targets: Iterable[Stored]) -> None:
    """Write the AuditEvent of an act that succeeded: the last write of its transaction."""
    trail.leave(tx, Told(act, [target.reference for target in targets], patient or None), actor)


def known_code(code: str, known: Collection[str], name: str, place: str | None = None) -> str:
    """The code, if the code system has it; Unprocessable otherwise, located at `place` or the parameter `name`."""
    if code not in known:
        told, expression = f"{name} is one of: {', '.join(sorted(known))}.", place or about(name)
        raise Unprocessable(told, error="code-unknown", code="code-invalid", expression=expression)
    return code


def _told(tx: Connection, tenant: str, case: Case, kind: str, resource_id: str, *, urgent: bool = False) -> Stored:
    """Leave the work of telling the EHR, and give what was written."""
    subject = f"{kind}/{resource_id}"
    work.add(tx, tenant=tenant, kind="write_back", subject=subject, patient=case.patient or None, urgent=urgent)
    stored = resources.read(tx, tenant, kind, resource_id)
    if stored is None:
        raise NotFound("There is no such resource.")
    return stored


def codes_of(concepts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every code of a list of CodeableConcepts."""
    return [coding["code"] for concept in concepts for coding in concept.get("coding", ()) if "code" in coding]
