"""Delivering one resource of ours to the tenant's EHR: one claim, one conversation, one recorded outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fhir_svc.auth.audit_event import FAILED, Told
from fhir_svc.ehr.client import DEADLINE, EhrClient
from fhir_svc.ehr.delivery import deliver
from fhir_svc.ehr.outbound import shape
from fhir_svc.ehr.replies import Changed, Copy, Never, NotNow, Unclear
from fhir_svc.errors import Broken
from fhir_svc.orders.external_change import review_task
from fhir_svc.orders.identity import derived
from fhir_svc.orders.writes import Write
from fhir_svc.record import Stored
from fhir_svc.store import delivery, resources, tenants, work
from fhir_svc.store.database import Connection, now
from fhir_svc.store.delivery import Delivery
from fhir_svc.store.tenants import Tenant
from fhir_svc.store.work import Claim
from workers.attempt import Step, attempt
from workers.equipment import Equipment
from workers.names import find_patient, names, patients_to_find
from workers.writing import leave_delivery, write

LEASE = timedelta(seconds=30)  # longer than the limit, which is longer than the client's deadline of 20
LIMIT = 25  # seconds until Celery kills the process
_OPTIONAL = frozenset({"Task", "Provenance"})  # delivered only where the EHR says that it takes them
_SHORTEST_WAIT = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What is delivered, as the database had it at one moment. `versions`: newest first."""

    tenant: Tenant
    versions: tuple[Stored, ...]
    known: Delivery | None
    names: dict[str, Mapping[str, Any]]
    patients: dict[str, Stored]
    untried: bool

    @property
    def newest(self) -> Stored:
        """The version that the EHR shall hold."""
        return self.versions[0]


def run(equipment: Equipment, work_id: str) -> None:
    """Deliver the resource of this row, if it is due."""
    attempt(equipment, work_id, Step(LEASE, _act, _give_up))


def _act(equipment: Equipment, claim: Claim) -> None:
    with equipment.database.reading() as tx:
        parcel = _pack(tx, claim)
    breaker = equipment.ehrs.breaker(parcel.tenant)
    if breaker.pause():
        raise NotNow("the EHR is left alone for a while", retry_after=breaker.pause(), error="ehr-breaker-open")
    try:
        copy = _send(equipment, parcel)
    except (NotNow, Unclear) as trouble:
        trouble.retry_after = max(trouble.retry_after, breaker.failed(trouble.retry_after), _SHORTEST_WAIT)
        equipment.ehrs.capabilities.forget(parcel.tenant.ehr_base)
        raise
    except Broken:
        breaker.worked()
        raise
    breaker.worked()
    _settle(equipment, claim, parcel, copy)


def _pack(tx: Connection, claim: Claim) -> _Parcel:
    tenant = tenants.find(tx, claim.tenant)
    type_, _, id_ = claim.subjects[0].partition("/")
    versions = tuple(resources.history(tx, claim.tenant, type_, id_))
    if tenant is None or not versions:
        raise Broken("there is nothing to deliver", error="nothing-to-deliver")
    named = names(tx, tenant, versions)
    unknown = {
        local: resources.read(tx, claim.tenant, *local.split("/", 1)) for local in patients_to_find(versions[0], named)
    }
    known = delivery.known(tx, claim.tenant, claim.subjects[0])
    patients = {local: one for local, one in unknown.items() if one is not None}
    first = claim.attempts == 1 and len(versions) == 1 and not work.history(tx, claim.tenant, claim.ids[0])
    return _Parcel(tenant, versions, known, named, patients, untried=first)


def _send(equipment: Equipment, parcel: _Parcel) -> Copy | None:
    """None: the EHR takes no resources of this type."""
    with EhrClient(parcel.tenant.ehr_base, equipment.ehrs.authorization(parcel.tenant), deadline=DEADLINE) as client:
        can = equipment.ehrs.capabilities.get(client)
        if parcel.newest.type not in can.writable:
            if parcel.newest.type in _OPTIONAL:
                return None
            raise Never("the EHR takes no resources of this type", error="ehr-type-not-taken")
        for local, patient in parcel.patients.items():
            parcel.names[local] = {"reference": f"Patient/{find_patient(client, parcel.tenant, patient)}"}
        wanted, *told = (shape(version.content, parcel.names) for version in parcel.versions)
        return deliver(client, can, wanted, known=_known(parcel.known), told=told, untried=parcel.untried)


def _known(known: Delivery | None) -> Copy | None:
    return Copy(known.ehr_id, known.ehr_version) if known is not None and known.ehr_id else None


def _settle(equipment: Equipment, claim: Claim, parcel: _Parcel, copy: Copy | None) -> None:
    with equipment.database.transaction() as tx:
        for local in parcel.patients:
            found = str(parcel.names[local]["reference"]).removeprefix("Patient/")
            delivery.record(tx, claim.tenant, local, ehr_id=found)
        if copy is not None:
            delivery.record(
                tx,
                claim.tenant,
                parcel.newest.local,
                ehr_id=copy.id,
                ehr_version=copy.version,
                delivered_version=parcel.newest.version,
            )
        work.finish(tx, claim.ids)
        if copy is not None:
            equipment.audit(tx, claim.tenant, Told("write-back", [parcel.newest.reference], claim.patient))


def _give_up(equipment: Equipment, tx: Connection, claim: Claim, code: str) -> None:
    """The draft stays in the inbox; what somebody changed in the EHR needs a physician's look."""
    if code == Changed.error:
        _ask_for_review(equipment, tx, claim)
    equipment.audit(tx, claim.tenant, Told("write-back", [claim.subjects[0]], claim.patient, FAILED, code))


def _ask_for_review(equipment: Equipment, tx: Connection, claim: Claim) -> None:
    type_, _, id_ = claim.subjects[0].partition("/")
    changed = resources.read(tx, claim.tenant, type_, id_)
    if changed is None or claim.patient is None:
        return
    approval = resources.read(tx, claim.tenant, "Task", derived("Task", "approve", id_))
    task = review_task(
        equipment.knowledge,
        changed,
        subject=f"Patient/{claim.patient}",
        guidance=approval.content.get("reasonReference") if approval else None,
        at=now(tx),
    )
    if write(tx, claim.tenant, claim.patient, Write(task)):
        leave_delivery(tx, claim.tenant, claim.patient, task)
