"""Criteria that are only tried out: evaluated beside those in force, for the record and for nothing else.

It runs when the evaluation is committed, writes no order, and whatever goes wrong here is a code in a row and a log.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import structlog

from fhir_svc.decision import Decision
from fhir_svc.errors import FhirSvcError
from fhir_svc.evaluation import decide
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.comparison import changes, wanted
from fhir_svc.record import Record, Site
from fhir_svc.store import shadow
from fhir_svc.store.shadow import Shadow
from workers.equipment import Equipment

log = structlog.get_logger("fhir_svc.workers")


def run(
    equipment: Equipment, tenant: str, record: Record, site: Site, active: Decision, *, guidance: Iterable[str]
) -> None:
    """Evaluate the same record at the same T by the shadow's criteria, where there are any, and keep what differs."""
    if equipment.shadow is None:
        return
    try:
        kept = _tried(equipment.shadow, tenant, record, site, active)
        with equipment.database.transaction() as tx:
            for name in guidance:
                shadow.record(tx, Shadow(tenant, name, *kept))
    except Exception as trouble:  # noqa: BLE001 - what is only tried out must not fail what is in force
        log.warning("shadow.lost", kind=type(trouble).__name__)


Kept = tuple[str, str, datetime, str | None, dict[str, str], dict[str, object], str | None]
"""What a row holds after tenant and guidance: criteria, patient, T, level, orders, changes, error."""


def _tried(knowledge: Knowledge, tenant: str, record: Record, site: Site, active: Decision) -> Kept:
    plan = active.criteria.partition("|")[0].rpartition("/")[2]
    criteria = knowledge.pathways[plan].plan.canonical if plan in knowledge.pathways else plan
    try:
        decision = decide(record, knowledge, site, active.at, plan)
        differs = dict(changes(active, decision))
    except Exception as trouble:  # noqa: BLE001 - same
        error = trouble.issues[0].error if isinstance(trouble, FhirSvcError) else f"exception-{type(trouble).__name__}"
        log.warning("shadow.failed", tenant=tenant, error=error)
        return criteria, record.patient_id, active.at, None, {}, {}, error
    return criteria, record.patient_id, active.at, decision.level, wanted(decision), differs, None
