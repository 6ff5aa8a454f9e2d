"""Evaluating one patient: claim the patient's due work, read, decide (pure), write everything in one transaction.

The GuidanceResponse that intake created tells the submission; a clock row has none, so its evaluation makes one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from fhir_svc.auth.audit_event import FAILED, SUCCESS, Told
from fhir_svc.errors import Broken
from fhir_svc.evaluation import Evaluation, evaluate, failure
from fhir_svc.knowledge import MAIN, Knowledge
from fhir_svc.orders.identity import derived
from fhir_svc.orders.transitions import OPEN
from fhir_svc.orders.writes import Writes
from fhir_svc.record import Record, Site, Stored
from fhir_svc.store import patients, resources, subscriptions, tenants, work
from fhir_svc.store.database import Connection
from fhir_svc.store.work import Claim
from fhir_svc.subscriptions.facts import facts_of_evaluation
from workers import shadow
from workers.attempt import Step, attempt
from workers.equipment import Equipment
from workers.writing import answer, write_all

LEASE = timedelta(seconds=10)  # longer than the limit: a process that is killed holds nothing for long
LIMIT = 8  # seconds until Celery kills the process


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who is meant, and who waits for an answer: pairs of GuidanceResponse id and request identifier.

    `guidance` holds those answers that are begun; `names` are the arguments by which whatever is written is named.
    """

    patient: str
    guidance: dict[str, Stored]
    submissions: list[tuple[str, str]]
    scope: str
    seed: str

    @property
    def names(self) -> dict[str, Any]:
        return {"seed": self.seed, "subject": f"Patient/{self.patient}", "submissions": self.submissions}

    def told(self, outcome: str, code: str | None = None) -> Told:
        """What the audit says of the evaluation."""
        answers = [f"GuidanceResponse/{id_}" for id_, _ in self.submissions]
        return Told("evaluate", answers, self.patient, outcome, code)


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of the patient at `at`, which is T; `sequence` counts the evaluations before this one."""

    record: Record
    sequence: int
    site: Site
    at: datetime


def run(equipment: Equipment, work_id: str) -> None:
    """Evaluate the patient of this row, if it is due."""
    attempt(equipment, work_id, Step(LEASE, _act, _give_up))


def _act(equipment: Equipment, claim: Claim) -> None:
    with equipment.database.reading() as tx:
        asked = _asked(tx, claim)
        case = _case(tx, claim, asked.patient)
    found = _decide(equipment.knowledge, asked, case)
    known = {one.local for one in case.record.current}
    changes = [each.decision.next_change for each in found if each.decision.next_change is not None]
    with equipment.database.transaction() as tx:
        patients.advance(tx, claim.tenant, asked.patient, case.sequence)
        for each in found:
            _write(equipment, tx, claim.tenant, asked, each, known)
        if changes:
            who = asked.patient
            work.add(tx, tenant=claim.tenant, kind="clock", subject=who, patient=who, not_before=min(changes))
        work.finish(tx, claim.ids)
        equipment.audit(tx, claim.tenant, asked.told(SUCCESS))
    guidance = [id_ for id_, _ in asked.submissions]
    shadow.run(equipment, claim.tenant, case.record, case.site, found[0].decision, guidance=guidance)


def _decide(knowledge: Knowledge, asked: _Asked, case: _Case) -> list[Evaluation]:
    """Every pathway of the knowledge in turn, the main one first: what one drafts, the next finds on file.

    Another pathway answers in GuidanceResponses of its own, beside those that the submissions wait for.
    """
    record, named = case.record, asked.names
    found = [evaluate(record, knowledge, case.site, case.at, scope=asked.scope, **named)]
    for plan in sorted(knowledge.pathways.keys() - {MAIN}):
        drafts = [write.resource for write in found[-1].writes if write.resource["resourceType"] == "ServiceRequest"]
        fresh = tuple(Stored("ServiceRequest", one["id"], 1, one, case.at, ours=True) for one in drafts)
        known = tuple(one for one in record.current if one.local not in {each.local for each in fresh})
        record = replace(record, current=(*known, *fresh))
        own = [(derived("pathway", plan, guidance), request) for guidance, request in asked.submissions]
        named = asked.names | {"submissions": own, "plan": plan}
        found.append(evaluate(record, knowledge, case.site, case.at, scope=f"{asked.scope}/{plan}", **named))
    return found


def _give_up(equipment: Equipment, tx: Connection, claim: Claim, code: str) -> None:
    """An engine error is never silence: the same transaction says failure and asks a physician to look.

    The record is left alone, for it may be what can't be read.
    """
    asked = _asked(tx, claim)
    written, there = _failure(equipment.knowledge, tx, claim, asked)
    _write(equipment, tx, claim.tenant, asked, written, there)
    equipment.audit(tx, claim.tenant, asked.told(FAILED, code))


def _failure(knowledge: Knowledge, tx: Connection, claim: Claim, asked: _Asked) -> tuple[Writes, Collection[str]]:
    """What says so, and what of it is there: what failed before is looked at again unless somebody still has to."""
    seed, again = asked.seed, 1
    while True:
        written = failure(knowledge, claim.at, scope=asked.scope, **asked.names | {"seed": seed})
        there = resources.read_many(tx, claim.tenant, [one.local for one in written.writes])
        if all(one.content["status"] in OPEN for one in there.values()):
            return written, there.keys()
        again += 1
        seed = f"{asked.seed} {again}"


def _asked(tx: Connection, claim: Claim) -> _Asked:
    if claim.patient is None:
        raise Broken("the work is about no patient", error="no-patient")
    patient = patients.resolve(tx, claim.tenant, claim.patient)
    waiting = [f"GuidanceResponse/{id_}" for id_ in claim.subjects] if claim.kind == "evaluate" else []
    stored = resources.read_many(tx, claim.tenant, waiting)
    begun = {stored[local].id: stored[local] for local in waiting if local in stored}
    return _Asked(
        patient=patient,
        guidance=begun,
        submissions=[(one.id, _request(one)) for one in begun.values()] or [_by_the_clock(claim, patient)],
        scope=f"{claim.tenant}/{patient}",
        seed=claim.subjects[0] if claim.kind == "evaluate" else claim.at.isoformat(),
    )


def _case(tx: Connection, claim: Claim, patient: str) -> _Case:
    tenant = tenants.find(tx, claim.tenant)
    if tenant is None:
        raise Broken("the work is about no tenant", error="no-patient")
    record = resources.patient_record(tx, claim.tenant, patient)
    return _Case(
        record=record,
        sequence=patients.sequence(tx, claim.tenant, patient),
        site=Site(tenant.timezone, tenant.values),
        at=max([claim.at, *(one.received for one in record.current)]),  # or what came since would lie in the future
    )


def _request(guidance: Stored) -> str:
    return str(guidance.content.get("requestIdentifier", {}).get("value", guidance.id))


def _by_the_clock(claim: Claim, patient: str) -> tuple[str, str]:
    """No submission asked: the patient and the due time name the evaluation, so that a retry makes the same one."""
    made = derived("clock", claim.tenant, patient, claim.at.isoformat())
    return made, made


def _write(
    equipment: Equipment,
    tx: Connection,
    tenant: str,
    asked: _Asked,
    written: Writes | Evaluation,
    known: Collection[str],
) -> None:
    answered = answer(tx, tenant, asked.patient, written.guidance, asked.guidance)
    made = write_all(tx, equipment.knowledge, tenant, asked.patient, written.writes, known=known)
    subscriptions.publish(tx, tenant, facts_of_evaluation(made, answered, asked.patient))
