"""Looking for our orders in the EHR: each that was delivered stands there exactly once, or it is seen to.

One that is gone is delivered again in the ordinary way, once; one that is there several times, or gone again, is an
admin's to decide and, once signed, a clinician's to know. A lot at a time, one lot of a tenant at a time, one question
for a whole lot where all is well; an EHR that does not answer is asked later.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fhir_svc.auth.audit_event import FAILED, Told
from fhir_svc.ehr.client import DEADLINE, EhrClient
from fhir_svc.ehr.outbound import condition
from fhir_svc.errors import Broken
from fhir_svc.record import Stored
from fhir_svc.store import patients, reconciling, resources, tenants, work
from fhir_svc.store.database import Connection, now
from fhir_svc.store.reconciling import RECONCILE, Held
from fhir_svc.store.tenants import Tenant
from fhir_svc.store.work import Claim
from workers.attempt import Step, attempt
from workers.desk import Desk
from workers.equipment import Equipment
from workers.undelivered import GONE, SEVERAL_COPIES, ask_for_review
from workers.writing import leave_delivery

LEASE = timedelta(seconds=30)  # longer than the limit
LIMIT = 25  # seconds until Celery kills the process; longer than the client's deadline
_LOT = 20  # orders of one question: its address stays below 2 kB
_LOOK_WITHIN = 5.0  # seconds in which single questions begin: deliveries wait for this process
_PAUSE = timedelta(seconds=2)  # between two lots, for the EHR's sake
_LIVE = frozenset({"draft", "active", "on-hold"})  # what has ended need not be there
_MOST = "200"


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked for: an order, and where the EHR is believed to hold it."""

    held: Held
    order: Stored

    @property
    def token(self) -> str:
        return dict(condition(self.order.content))["identifier"]


def run(equipment: Equipment, work_id: str) -> None:
    """Look for a lot of a tenant's orders."""
    attempt(equipment, work_id, Step(LEASE, _act, _give_up))


def sweep(desk: Desk) -> None:
    """Leave the work for every tenant that has orders to be looked for."""
    with desk.database.reading() as tx:
        served = tenants.all_of(tx, demo=None if desk.settings.demo else False)
        names = [one.name for one in served if reconciling.due(tx, one.name, 1)]
        waiting = [name for name in names if not reconciling.begun(tx, name)]
    for name in waiting:
        with desk.database.transaction() as tx:
            if not reconciling.begun(tx, name):
                work.add(tx, tenant=name, kind=RECONCILE, subject=name, patient=None)


def _act(equipment: Equipment, claim: Claim) -> None:
    with equipment.database.reading() as tx:
        tenant = tenants.find(tx, claim.tenant)
        due = reconciling.due(tx, claim.tenant, _LOT)
        orders = resources.read_many(tx, claim.tenant, {one.local for one in due})
        spoken_for = reconciling.spoken_for(tx, claim.tenant, {one.local for one in due})
    if tenant is None:
        raise Broken("there is no such tenant", error="nothing-to-deliver")
    live = [one for one in due if one.local in orders and orders[one.local].content.get("status") in _LIVE]
    looks = [_Look(one, orders[one.local]) for one in live if one.local not in spoken_for]
    found = _found(equipment, tenant, looks)
    with equipment.database.transaction() as tx:
        reconciling.settled(tx, tenant.name, {one.local for one in due} - {one.local for one in live})
        reconciling.seen(tx, tenant.name, spoken_for & {one.local for one in live})
        _settle(equipment, tx, tenant.name, [one for one in looks if one.held.local in found], found)
        work.finish(tx, claim.ids)
        if len(due) == _LOT or len(found) < len(looks):
            later = now(tx) + _PAUSE
            work.add(tx, tenant=tenant.name, kind=RECONCILE, subject=tenant.name, patient=None, not_before=later)


def _give_up(equipment: Equipment, tx: Connection, claim: Claim, code: str) -> None:
    equipment.audit(tx, claim.tenant, Told("reconcile", [], None, FAILED, code))


def _found(equipment: Equipment, tenant: Tenant, looks: Sequence[_Look]) -> dict[str, set[str]]:
    """The ids under which the EHR holds each order; one that could not be asked about in time is left out."""
    if not looks:
        return {}
    until = time.monotonic() + _LOOK_WITHIN
    authorization = equipment.ehrs.authorization(tenant)
    with equipment.ehrs.asked(tenant), EhrClient(tenant.ehr_base, authorization, deadline=DEADLINE) as client:
        there = _search(client, [one.token for one in looks])
        found = {one.held.local: there[one.token] for one in looks if _as_known(one, there)}
        for one in looks:
            if one.held.local not in found and (not found or time.monotonic() < until):
                found[one.held.local] = _look_again(client, one)
    return found


def _as_known(one: _Look, there: Mapping[str, set[str]]) -> bool:
    return there[one.token] == {one.held.ehr_id}


def _look_again(client: EhrClient, one: _Look) -> set[str]:
    """By itself, and where it is believed to be: nothing is concluded from what one search leaves out."""
    ids = _search(client, [one.token])[one.token]
    known = one.held.ehr_id
    if known is not None and known not in ids and client.read(one.order.type, known) is not None:
        ids = ids | {known}
    return ids


def _search(client: EhrClient, tokens: Sequence[str]) -> dict[str, set[str]]:
    """The ids by identifier; an answer that shows something else counts for nothing."""
    ids: dict[str, set[str]] = defaultdict(set)
    for copy in client.search("ServiceRequest", [("identifier", ",".join(tokens)), ("_count", _MOST)]):
        for given in (copy.content or {}).get("identifier", []):
            ids[f"{given.get('system')}|{given.get('value')}"].add(copy.id)
    return ids


def _settle(
    equipment: Equipment, tx: Connection, tenant: str, looks: Sequence[_Look], found: Mapping[str, set[str]]
) -> None:
    reconciling.seen(tx, tenant, [one.held.local for one in looks if found[one.held.local] == {one.held.ehr_id}])
    for one in looks:
        local, ids = one.held.local, found[one.held.local]
        if ids == {one.held.ehr_id}:
            continue
        if len(ids) == 1:
            reconciling.moved(tx, tenant, local, next(iter(ids)))
            continue
        _mend(equipment, tx, tenant, one, GONE if not ids else SEVERAL_COPIES)


def _mend(equipment: Equipment, tx: Connection, tenant: str, one: _Look, code: str) -> None:
    local, patient = one.held.local, patients.patient_of(one.order.content)
    if code == GONE:
        reconciling.gone(tx, tenant, local)
    if code == GONE and one.held.lost == 0:
        leave_delivery(tx, tenant, patient, dict(one.order.content))
    else:
        reconciling.set_aside(tx, tenant, local, patient, error=code)
        ask_for_review(equipment, tx, tenant, local, patient, code=code)
    equipment.audit(tx, tenant, Told("reconcile", [one.order.reference], patient, FAILED, code))
