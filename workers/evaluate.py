"""Evaluating one patient: claim all due work of the patient, read, decide (pure), write everything in one transaction.

The GuidanceResponse that intake created tells the submission; a clock row has none, so its evaluation makes one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from fhir_svc.auth.audit_event import FAILED, SUCCESS, Told
from fhir_svc.errors import Broken
from fhir_svc.evaluation import Evaluation, Write, evaluate, failure
from fhir_svc.knowledge import MAIN, Knowledge
from fhir_svc.orders.identity import derived
from fhir_svc.orders.writes import Writes
from fhir_svc.record import Record, Site, Stored
from fhir_svc.store import patients, resources, subscriptions, tenants, work
from fhir_svc.store.database import Connection
from fhir_svc.store.work import Claim
from fhir_svc.subscriptions.facts import facts_of_evaluation
from workers import shadow
from workers.attempt import Step, attempt
from workers.equipment import Equipment
from workers.writing import write, write_all

LEASE = timedelta(seconds=10)  # longer than the limit: a process that is killed holds nothing for long
LIMIT = 8  # seconds until Celery kills the process


@dataclass(frozen=True, slots=True)
class _Case:
    """What one evaluation starts from."""

    record: Record
    sequence: int
    site: Site
    guidance: dict[str, Stored]
    submissions: list[tuple[str, str]]

    @property
    def names(self) -> dict[str, Any]:
        """The arguments by which the writes are named."""
        return {"subject": f"Patient/{self.record.patient_id}", "submissions": self.submissions}


def run(equipment: Equipment, work_id: str) -> None:
    """Evaluate the patient of this row, if it is due."""
    attempt(equipment, work_id, Step(LEASE, _act, _give_up))


def _act(equipment: Equipment, claim: Claim) -> None:
    with equipment.database.reading() as tx:
        case = _case(tx, claim)
    found = _decide(equipment.knowledge, claim, case)
    changes = [each.decision.next_change for each in found if each.decision.next_change is not None]
    with equipment.database.transaction() as tx:
        patients.advance(tx, claim.tenant, case.record.patient_id, case.sequence)
        for each in found:
            _write(equipment, tx, claim, case, each)
        if changes:
            work.add(
                tx,
                tenant=claim.tenant,
                kind="clock",
                subject=case.record.patient_id,
                patient=case.record.patient_id,
                not_before=min(changes),
            )
        work.finish(tx, claim.ids)
        told = Told(
            "evaluate", [f"GuidanceResponse/{id_}" for id_, _ in case.submissions], case.record.patient_id, SUCCESS
        )
        equipment.audit(tx, claim.tenant, told)
    guidance = [id_ for id_, _ in case.submissions]
    shadow.run(equipment, claim.tenant, case.record, case.site, found[0].decision, guidance=guidance)


def _decide(knowledge: Knowledge, claim: Claim, case: _Case) -> list[Evaluation]:
    """Every pathway of the knowledge in turn, the main one first: what one drafts, the next finds on file.

    Another pathway answers in GuidanceResponses of its own, beside those that the submissions wait for.
    """
    scope, named = _scope(claim, case), {"seed": _seed(claim), "subject": case.names["subject"]}
    record, site = case.record, case.site
    found = [evaluate(record, knowledge, site, claim.at, scope=scope, submissions=case.submissions, **named)]
    for plan in sorted(knowledge.pathways.keys() - {MAIN}):
        drafts = [write.resource for write in found[-1].writes if write.resource["resourceType"] == "ServiceRequest"]
        fresh = tuple(Stored("ServiceRequest", one["id"], 1, one, claim.at, ours=True) for one in drafts)
        known = tuple(one for one in record.current if one.local not in {each.local for each in fresh})
        record = replace(record, current=(*known, *fresh))
        own = [(derived("pathway", plan, guidance), asked) for guidance, asked in case.submissions]
        place = f"{scope}/{plan}"
        found.append(evaluate(record, knowledge, site, claim.at, scope=place, submissions=own, plan=plan, **named))
    return found


def _give_up(equipment: Equipment, tx: Connection, claim: Claim, code: str) -> None:
    """An engine error is never silence: the same transaction says failure and asks a physician to look."""
    case = _case(tx, claim)
    written = failure(equipment.knowledge, claim.at, scope=_scope(claim, case), seed=_seed(claim), **case.names)
    _write(equipment, tx, claim, case, written)
    told = Told(
        "evaluate", [f"GuidanceResponse/{id_}" for id_, _ in case.submissions], case.record.patient_id, FAILED, code
    )
    equipment.audit(tx, claim.tenant, told)


def _case(tx: Connection, claim: Claim) -> _Case:
    tenant = tenants.find(tx, claim.tenant)
    if tenant is None or claim.patient is None:
        raise Broken("the work is about no tenant or no patient", error="no-patient")
    patient = patients.resolve(tx, claim.tenant, claim.patient)
    asked = claim.subjects if claim.kind == "evaluate" else ()
    stored = [resources.read(tx, claim.tenant, "GuidanceResponse", id_) for id_ in asked]
    guidance = {one.id: one for one in stored if one is not None}
    return _Case(
        record=resources.patient_record(tx, claim.tenant, patient),
        sequence=patients.sequence(tx, claim.tenant, patient),
        site=Site(tenant.timezone, tenant.values),
        guidance=guidance,
        submissions=[(one.id, _request(one)) for one in guidance.values()] or [_by_the_clock(claim, patient)],
    )


def _request(guidance: Stored) -> str:
    return str(guidance.content.get("requestIdentifier", {}).get("value", guidance.id))


def _by_the_clock(claim: Claim, patient: str) -> tuple[str, str]:
    """No submission asked: the patient and the due time name the evaluation, so that a retry makes the same one."""
    made = derived("clock", claim.tenant, patient, claim.at.isoformat())
    return made, made


def _scope(claim: Claim, case: _Case) -> str:
    return f"{claim.tenant}/{case.record.patient_id}"


def _seed(claim: Claim) -> str:
    return claim.subjects[0] if claim.kind == "evaluate" else claim.at.isoformat()


def _write(equipment: Equipment, tx: Connection, claim: Claim, case: _Case, written: Writes | Evaluation) -> None:
    patient, known = case.record.patient_id, {one.local for one in case.record.current}
    answered = []
    for answer in written.guidance:
        start = case.guidance.get(answer["id"])
        if write(tx, claim.tenant, patient, Write(answer, start.version if start else None)):
            answered.append(answer)
    made = write_all(tx, equipment.knowledge, claim.tenant, patient, written.writes, known=known)
    subscriptions.publish(tx, claim.tenant, facts_of_evaluation(made, answered, patient))
