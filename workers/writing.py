"""How resources of ours are stored, and the work of bringing them into the EHR left behind in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from fhir_svc.knowledge import Knowledge
from fhir_svc.orders import escalation
from fhir_svc.orders.transitions import OPEN
from fhir_svc.orders.writes import Write
from fhir_svc.record import Stored
from fhir_svc.store import patients, resources, work
from fhir_svc.store.database import Connection
from fhir_svc.store.resources import Put
from fhir_svc.store.work_batch import New, add_new

DELIVERED = ("ServiceRequest", "CommunicationRequest", "Flag", "Task", "Provenance")
_URGENT = frozenset({"stat", "asap"})
_BEFORE: dict[str, frozenset[str]] = {  # which states of a resource an evaluation may move on
    "ServiceRequest": frozenset({"draft", "active"}),
    "Task": OPEN,
}
_ANY = frozenset(  # types without a state machine of ours: the version alone decides
    {"active", "inactive", "draft", "on-hold", "preliminary", "registered", "final", "amended", "completed", "unknown"}
)


def answer(
    tx: Connection, tenant: str, patient: str, answers: Sequence[dict[str, Any]], begun: Mapping[str, Stored]
) -> list[dict[str, Any]]:
    """Store the GuidanceResponses of an evaluation, those that are begun by id as their next version; gives the new.

    PreconditionFailed where another evaluation has answered one meanwhile.
    """
    versions = {id_: one.version for id_, one in begun.items()}
    puts = [Put(one, patient, ours=True, expected=versions.get(one["id"])) for one in answers]
    stored = resources.put_many(tx, tenant, puts)
    return [one for one, now in zip(answers, stored, strict=True) if now.changed]


def write_all(
    tx: Connection,
    knowledge: Knowledge,
    tenant: str,
    patient: str,
    writes: Iterable[Write],
    *,
    known: Collection[str],
) -> list[dict[str, Any]]:
    """Store what an evaluation wrote and leave its deliveries; gives what is new.

    `known` are the local references that exist already. The knowledge says which Tasks are called out again when late.
    """
    new: dict[str, dict[str, Any]] = {}
    for one in writes:
        if one.version is None:
            if one.local not in known:
                new[one.local] = one.resource
        elif write(tx, tenant, patient, one):
            leave_delivery(tx, tenant, patient, one.resource)
    resources.create_many(tx, tenant, list(new.values()), patient=patient, ours=True)
    for made in new.values():
        leave_escalation(tx, knowledge, tenant, made)
    going = [(local, made) for local, made in new.items() if made["resourceType"] in DELIVERED]
    going.sort(key=lambda item: DELIVERED.index(item[1]["resourceType"]))  # what others point to goes first
    rows = [New(local, patient, made.get("priority") in _URGENT) for local, made in going]
    add_new(tx, tenant=tenant, kind="write_back", rows=rows)
    return list(new.values())


def leave_escalation(tx: Connection, knowledge: Knowledge, tenant: str, made: dict[str, Any]) -> None:
    """Leave the work of calling out again for a Task that presses, at the end of the time that it gives."""
    at = escalation.due(knowledge, made)
    if at is not None:
        patient = patients.patient_of(made)
        work.add(tx, tenant=tenant, kind="escalate", subject=made["id"], patient=patient, urgent=True, not_before=at)


def write(tx: Connection, tenant: str, patient: str, one: Write) -> bool:
    """Store one resource of ours; False where it is there already and nothing was written."""
    kind, id_ = one.resource["resourceType"], one.resource["id"]
    if one.version is not None:
        statuses = _BEFORE.get(kind, _ANY)
        return resources.change(tx, tenant, one.resource, version=one.version, statuses=statuses).changed
    if resources.read(tx, tenant, kind, id_) is not None:
        return False
    return resources.create(tx, tenant, one.resource, patient=patient, ours=True).changed


def leave_delivery(tx: Connection, tenant: str, patient: str | None, resource: dict[str, Any]) -> None:
    """Leave the work of bringing a resource into the EHR, where it is of a type that goes there."""
    if resource["resourceType"] in DELIVERED:
        local = f"{resource['resourceType']}/{resource['id']}"
        urgent = resource.get("priority") in _URGENT
        work.add(tx, tenant=tenant, kind="write_back", subject=local, patient=patient, urgent=urgent)
