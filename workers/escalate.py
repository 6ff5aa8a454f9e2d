"""What time alone brings about without an evaluation: deferred Tasks return, late approvals are called out again.

By when somebody must have acted stands in each Task (`restriction.period.end`), put there from the profiles. The calls
go out again under an id derived from the Task, so that two sweeps at once make one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import Conflict, PreconditionFailed
from fhir_svc.orders.identity import derived
from fhir_svc.orders.states import fresh, moment, released
from fhir_svc.orders.terms import codes, extension, extensions, system
from fhir_svc.orders.writes import Write
from fhir_svc.record import Stored
from fhir_svc.store import patients, resources, tenants
from fhir_svc.store.database import Connection, now
from workers.desk import Desk
from workers.writing import leave_delivery, write

_PAGE = 100
_ESCALATED = "escalated"
_CALL = "ON_CALL_NOTIFICATION"


def sweep(desk: Desk) -> None:
    """Do for every tenant what has become due."""
    with desk.database.reading() as tx:
        at = now(tx)
        found = [
            (tenant.name, task, late)
            for tenant in tenants.all_of(tx, demo=None if desk.settings.demo else False)
            for late, tasks in ((False, _returning(tx, tenant.name, at)), (True, _late(tx, tenant.name, at)))
            for task in tasks
        ]
    for tenant_name, task, late in found:
        try:
            with desk.database.transaction() as tx:
                (_call_again if late else _return)(desk, tx, tenant_name, task)
        except (Conflict, PreconditionFailed):  # acted on meanwhile, by a person or by another sweep
            continue


def _open(tx: Connection, tenant: str, *params: tuple[str, str]) -> Iterator[Stored]:
    cursor: str | None = None
    while True:
        page = resources.search(tx, tenant, "Task", params, sort=None, count=_PAGE, cursor=cursor)
        yield from page.entries
        cursor = page.next
        if cursor is None:
            return


def _returning(tx: Connection, tenant: str, at: datetime) -> list[Stored]:
    resting = _open(tx, tenant, ("status", "on-hold"))
    return [task for task in resting if any(datetime.fromisoformat(one) <= at for one in _until(task))]


def _until(task: Stored) -> list[str]:
    return [str(one) for one in extensions(task.content, "deferred-until")]


def _late(tx: Connection, tenant: str, at: datetime) -> list[Stored]:
    """Most urgent approvals whose time is up and that were not called out again."""
    waiting = _open(tx, tenant, ("status", "requested,accepted,in-progress"), ("priority", "stat"))
    return [
        task
        for task in waiting
        if "approve" in _task_codes(task)
        and not list(extensions(task.content, _ESCALATED))
        and (end := task.content.get("restriction", {}).get("period", {}).get("end"))
        and datetime.fromisoformat(str(end)) <= at
    ]


def _task_codes(task: Stored) -> list[str]:
    return [coding.get("code", "") for coding in task.content.get("code", {}).get("coding", ())]


def _return(desk: Desk, tx: Connection, tenant: str, task: Stored) -> None:
    _store(desk, tx, tenant, "release", [Write(released(task.content, at=now(tx)), task.version)])


def _call_again(desk: Desk, tx: Connection, tenant: str, task: Stored) -> None:
    at = now(tx)
    marked = fresh(task.content)
    flag = {"url": extension(_ESCALATED), "valueDateTime": moment(at)}
    marked["extension"] = [*marked.get("extension", ()), flag]
    marked["lastModified"] = moment(at)
    calls = [_again(call, task, at) for call in _calls(tx, tenant, task)[:1]]
    _store(desk, tx, tenant, "escalate", [Write(marked, task.version), *(Write(call) for call in calls)])


def _calls(tx: Connection, tenant: str, task: Stored) -> list[Stored]:
    """The calls to the clinician that this patient's evaluations made, newest first."""
    patient = patients.patient_of(task.content)
    params = [("patient", f"Patient/{patient}")]
    page = resources.search(tx, tenant, "CommunicationRequest", params, sort="-_lastUpdated", count=_PAGE, cursor=None)
    reasons = system("message-reason")
    return [
        call
        for call in page.entries
        if any(_CALL in codes(reason, reasons) for reason in call.content.get("reasonCode", ()))
    ]


def _again(call: Stored, task: Stored, at: datetime) -> dict[str, Any]:
    made = fresh(call.content)
    made.pop("identifier", None)
    return made | {
        "id": derived("escalation", task.local),
        "authoredOn": moment(at),
        "replaces": [{"reference": call.local}],
    }


def _store(desk: Desk, tx: Connection, tenant: str, act: str, writes: list[Write]) -> None:
    patient = patients.patient_of(writes[0].resource) or ""
    for one in writes:
        if write(tx, tenant, patient, one):
            leave_delivery(tx, tenant, patient, one.resource)
    local = f"{writes[0].resource['resourceType']}/{writes[0].resource['id']}"
    desk.audit(tx, tenant, Told(act, [local], patient or None))
