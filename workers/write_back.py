"""Delivering resources of ours to the tenant's EHR: a lot in one conversation, and each one with its own outcome.

What is delivered is recorded once for the lot; a process that dies before that leaves rows whose next attempt looks
before it writes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fhir_svc.auth.audit_event import FAILED, Told
from fhir_svc.ehr.client import DEADLINE, EhrClient
from fhir_svc.ehr.delivery import deliver
from fhir_svc.ehr.outbound import concerns_them, shape
from fhir_svc.ehr.replies import Copy, Never
from fhir_svc.errors import Broken
from fhir_svc.record import Stored
from fhir_svc.store import delivery, resources, tenants, work, work_lot
from fhir_svc.store.database import Connection
from fhir_svc.store.delivery import Copied, Delivery
from fhir_svc.store.tenants import Tenant
from fhir_svc.store.work import AFTERWARDS, Claim
from workers.attempt import Lots, Step, attempt_lots, carry
from workers.equipment import Equipment
from workers.names import Directory, find_patient, patients_to_find
from workers.undelivered import ask_for_review

LEASE = timedelta(seconds=30)  # longer than the limit, which is longer than the client's deadline of 20
LIMIT = 25  # seconds until Celery kills the process
_LOT = 20  # rows claimed and recorded together
_BEGIN_WITHIN = 3.0  # seconds in which deliveries begin; with a deadline of 20 for the last it stays below the limit
_OPTIONAL = frozenset({"Task", "Provenance"})  # delivered only where the EHR says that it takes them


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What is delivered, as the database had it at one moment. `versions`: newest first."""

    tenant: Tenant
    versions: Sequence[Stored]
    known: Delivery | None
    names: dict[str, Mapping[str, Any]]
    patients: dict[str, Stored]
    untried: bool

    @property
    def newest(self) -> Stored:
        """The version that the EHR shall hold."""
        return self.versions[0]


@dataclass(frozen=True, slots=True)
class _Delivered:
    """A parcel that arrived; `copy` None: the EHR takes no resources of this type."""

    claim: Claim
    parcel: _Parcel
    copy: Copy | None


def run(equipment: Equipment, work_id: str) -> None:
    """Deliver the resource of this row, if it is due, and others of its tenant that wait."""
    attempt_lots(equipment, work_id, Lots(Step(LEASE, _alone, _give_up), _act, _LOT, _BEGIN_WITHIN))


def _alone(equipment: Equipment, claim: Claim) -> None:
    _act(equipment, [claim], time.monotonic() + _BEGIN_WITHIN)


def _act(equipment: Equipment, claims: Sequence[Claim], until: float) -> None:
    """First what others name, then those: they are packed once it is recorded where the first ones are."""
    later = [claim for claim in claims if claim.subjects[0].partition("/")[0] in AFTERWARDS]
    begun = False
    for lot in ([claim for claim in claims if claim not in later], later):
        if lot:
            _deliver(equipment, lot, until, begun=begun)
            begun = True


def _deliver(equipment: Equipment, claims: Sequence[Claim], until: float, *, begun: bool) -> None:
    """Deliver what can be begun in time, at least one row of a lot."""
    with equipment.database.reading() as tx:
        parcels = _pack(tx, claims)
    done: list[_Delivered] = []
    left: list[str] = []
    with ExitStack() as line:
        clients: list[EhrClient] = []

        def act(equipment: Equipment, claim: Claim) -> None:
            parcel = parcels[claim.ids]
            if isinstance(parcel, Exception):
                raise parcel
            if not clients:
                authorization = equipment.ehrs.authorization(parcel.tenant)
                clients.append(line.enter_context(EhrClient(parcel.tenant.ehr_base, authorization, deadline=DEADLINE)))
            done.append(_Delivered(claim, parcel, _carry_over(equipment, clients[0], parcel)))

        for claim in claims:
            if begun and time.monotonic() >= until:
                left += claim.ids
            else:
                carry(equipment, claim, Step(LEASE, act, _give_up))
                begun = True
    _settle(equipment, done, left)


def _carry_over(equipment: Equipment, client: EhrClient, parcel: _Parcel) -> Copy | None:
    with equipment.ehrs.asked(parcel.tenant):
        return _send(equipment, client, parcel)


def _pack(tx: Connection, claims: Sequence[Claim]) -> dict[tuple[str, ...], _Parcel | Exception]:
    """Make a parcel for each claim, or what makes it impossible; these rows are all of one tenant."""
    name = claims[0].tenant
    tenant = tenants.find(tx, name)
    subjects = [claim.subjects[0] for claim in claims]
    versions = resources.histories(tx, name, subjects)
    if tenant is None:
        return {claim.ids: Broken("there is no such tenant", error="nothing-to-deliver") for claim in claims}
    directory = Directory(tx, tenant, [one for each in versions.values() for one in each])
    known = delivery.known_of(tx, name, subjects)
    failed = work_lot.failed_before(tx, [claim.ids[0] for claim in claims])
    packed: dict[tuple[str, ...], _Parcel | Exception] = {}
    for claim, subject in zip(claims, subjects, strict=True):
        own = versions.get(subject, ())
        untried = claim.attempts == 1 and len(own) == 1 and claim.ids[0] not in failed
        try:
            packed[claim.ids] = _parcel(tenant, own, known.get(subject), directory, untried=untried)
        except Exception as trouble:  # noqa: BLE001  one row must not hold up the others: `carry` deals with it
            packed[claim.ids] = trouble
    return packed


def _parcel(
    tenant: Tenant, versions: Sequence[Stored], known: Delivery | None, directory: Directory, *, untried: bool
) -> _Parcel:
    if not versions:
        raise Broken("there is nothing to deliver", error="nothing-to-deliver")
    named = directory.names(versions)
    patients = {one: directory.there[one] for one in patients_to_find(versions[0], named) if one in directory.there}
    return _Parcel(tenant, versions, known, named, patients, untried=untried)


def _send(equipment: Equipment, client: EhrClient, parcel: _Parcel) -> Copy | None:
    """None: the EHR takes no resources of this type, or has nothing that this one is about."""
    can = equipment.ehrs.capabilities.get(client)
    if parcel.newest.type not in can.writable:
        if parcel.newest.type in _OPTIONAL:
            return None
        raise Never("the EHR takes no resources of this type", error="ehr-type-not-taken")
    for local, patient in parcel.patients.items():
        parcel.names[local] = {"reference": f"Patient/{find_patient(client, parcel.tenant, patient)}"}
    wanted, *told = (shape(version.content, parcel.names) for version in parcel.versions)
    if not concerns_them(wanted):
        return None
    return deliver(client, can, wanted, known=_known(parcel.known), told=told, untried=parcel.untried)


def _known(known: Delivery | None) -> Copy | None:
    return Copy(known.ehr_id, known.ehr_version) if known is not None and known.ehr_id else None


def _settle(equipment: Equipment, done: Sequence[_Delivered], left: Sequence[str]) -> None:
    """Record what arrived and where; `left` was not begun."""
    if not done and not left:
        return
    with equipment.database.transaction() as tx:
        work_lot.put_back(tx, left, worker=equipment.holder)
        if done:
            tenant = done[0].claim.tenant
            delivery.record_many(tx, tenant, [one for each in done for one in _found(each)])
            work.finish(tx, [row for each in done for row in each.claim.ids])
            told = [
                Told("write-back", [each.parcel.newest.reference], each.claim.patient) for each in done if each.copy
            ]
            equipment.audit(tx, tenant, *told)


def _found(one: _Delivered) -> Iterator[Copied]:
    for local in one.parcel.patients:
        yield Copied(local, str(one.parcel.names[local]["reference"]).removeprefix("Patient/"))
    if one.copy is not None:
        newest = one.parcel.newest
        yield Copied(newest.local, one.copy.id, one.copy.version, newest.version)


def _give_up(equipment: Equipment, tx: Connection, claim: Claim, code: str) -> None:
    """A draft stays in the inbox; a physician sees what was changed there, or signed or ended here and not there."""
    ask_for_review(equipment, tx, claim.tenant, claim.subjects[0], claim.patient, code=code)
    equipment.audit(tx, claim.tenant, Told("write-back", [claim.subjects[0]], claim.patient, FAILED, code))
