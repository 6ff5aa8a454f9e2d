"""What time alone brings about without an evaluation: deferred Tasks return, late Tasks are called out again.

By when somebody must have acted stands in each Task (`restriction.period.end`), put there from the profiles; a work row
waits for that moment. The call goes out again under an id derived from the evaluation that proposed the Task, so that
it is made once, however many Tasks of that evaluation are late.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from fhir_svc.auth.audit_event import FAILED, Told
from fhir_svc.errors import Conflict, PreconditionFailed
from fhir_svc.orders import escalation
from fhir_svc.orders.states import fresh, moment, released
from fhir_svc.orders.terms import codes, extension, extensions, system
from fhir_svc.orders.transitions import OPEN
from fhir_svc.orders.writes import Write
from fhir_svc.record import Stored
from fhir_svc.store import patients, resources, tenants, work
from fhir_svc.store.database import Connection, now
from fhir_svc.store.work import Claim
from workers.attempt import Step, attempt
from workers.desk import Desk
from workers.equipment import Equipment
from workers.writing import leave_delivery, write

log = structlog.get_logger("fhir_svc.workers")
LEASE = timedelta(seconds=10)  # longer than the limit
LIMIT = 8  # seconds until Celery kills the process
_PAGE = 100
_ESCALATED = "escalated"


def run(equipment: Equipment, work_id: str) -> None:
    """Call out again for the Task of this row, unless somebody acted."""
    attempt(equipment, work_id, Step(LEASE, _act, _give_up))


def _act(equipment: Equipment, claim: Claim) -> None:
    with equipment.database.transaction() as tx:
        task = resources.read(tx, claim.tenant, "Task", claim.subjects[0])
        work.finish(tx, claim.ids)
        if task is not None and _is_late(equipment, tx, claim.tenant, task):
            _call_again(equipment, tx, claim.tenant, task)


def _is_late(equipment: Equipment, tx: Connection, tenant: str, task: Stored) -> bool:
    """Whether a Task still has to be called out for: putting it off does not make it wait longer, lowering it does."""
    if task.content["status"] not in OPEN or escalation.due(equipment.knowledge, task.content) is None:
        return False
    called = resources.read(tx, tenant, "CommunicationRequest", escalation.identity(task.content))
    return called is None or not any(extensions(task.content, _ESCALATED))


def _give_up(desk: Desk, tx: Connection, claim: Claim, code: str) -> None:
    desk.audit(tx, claim.tenant, Told("escalate", [f"Task/{claim.subjects[0]}"], claim.patient, FAILED, code))


def sweep(desk: Desk) -> None:
    """Bring back, for every tenant, the deferred Tasks whose time has come."""
    with desk.database.reading() as tx:
        at = now(tx)
        served = tenants.all_of(tx, demo=None if desk.settings.demo else False)
        found = [(tenant.name, task) for tenant in served for task in _returning(tx, tenant.name, at)]
    for tenant_name, task in found:
        try:
            with desk.database.transaction() as tx:
                _store(desk, tx, tenant_name, "release", [Write(released(task.content, at=now(tx)), task.version)])
        except (Conflict, PreconditionFailed):  # acted on meanwhile, by a person or by another sweep
            continue


def _returning(tx: Connection, tenant: str, at: datetime) -> list[Stored]:
    due = []
    cursor: str | None = None
    while True:
        page = resources.search(tx, tenant, "Task", [("status", "on-hold")], count=_PAGE, cursor=cursor, lenient=True)
        for local in page.damaged:
            log.error("record.unreadable", record=local)
        due += [task for task in page.entries if any(datetime.fromisoformat(one) <= at for one in _until(task))]
        cursor = page.next
        if cursor is None:
            return due


def _until(task: Stored) -> list[str]:
    return [str(one) for one in extensions(task.content, "deferred-until")]


def _call_again(equipment: Equipment, tx: Connection, tenant: str, task: Stored) -> None:
    at = now(tx)
    marked = fresh(task.content)
    flag = {"url": extension(_ESCALATED), "valueDateTime": moment(at)}
    marked["extension"] = [*marked.get("extension", ()), flag]
    marked["lastModified"] = moment(at)
    earlier = _calls(tx, tenant, task)[:1] if escalation.is_approval(task.content) else []
    after = earlier[0].local if earlier else None
    call = escalation.call(equipment.knowledge, task.content, at=at, after=after)
    _store(equipment, tx, tenant, "escalate", [Write(marked, task.version), Write(call)])


def _calls(tx: Connection, tenant: str, task: Stored) -> list[Stored]:
    """The calls to the clinician that this patient's evaluations made, newest first."""
    patient = patients.patient_of(task.content)
    params = [("patient", f"Patient/{patient}")]
    page = resources.search(tx, tenant, "CommunicationRequest", params, sort="-_lastUpdated", count=_PAGE, cursor=None)
    reasons = system("message-reason")
    return [
        call
        for call in page.entries
        if any(escalation.CALL in codes(reason, reasons) for reason in call.content.get("reasonCode", ()))
    ]


def _store(desk: Desk, tx: Connection, tenant: str, act: str, writes: list[Write]) -> None:
    patient = patients.patient_of(writes[0].resource) or ""
    for one in writes:
        if write(tx, tenant, patient, one):
            leave_delivery(tx, tenant, patient, one.resource)
    local = f"{writes[0].resource['resourceType']}/{writes[0].resource['id']}"
    desk.audit(tx, tenant, Told(act, [local], patient or None))
