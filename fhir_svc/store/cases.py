"""Which patients have been evaluated, by which plan, and at which moment last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection

from fhir_svc.store import body
from fhir_svc.store.merges import resolve
from fhir_svc.store.reading import current
from fhir_svc.store.tables import resources

_FINISHED = frozenset({"success", "data-required"})


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A patient's newest finished evaluation: the plan's id, and T."""

    patient: str
    plan: str
    at: datetime


def evaluated(tx: Connection, tenant: str) -> list[Evaluated]:
    """Every patient of a tenant with a finished evaluation, once for each plan, by id."""
    newest: dict[tuple[str, str], Evaluated] = {}
    query = current().add_columns(resources.c.patient)
    rows = tx.execute(query.where(resources.c.tenant == tenant, resources.c.type == "GuidanceResponse"))
    for row in rows:
        content = body.decode(bytes(row.body))
        if row.patient is None or content.get("status") not in _FINISHED or "occurrenceDateTime" not in content:
            continue
        plan = content.get("moduleCanonical", "").partition("|")[0].rpartition("/")[2]
        patient = resolve(tx, tenant, row.patient)
        found = Evaluated(patient, plan, datetime.fromisoformat(content["occurrenceDateTime"]))
        key = patient, plan
        newest[key] = max(newest.get(key, found), found, key=attrgetter("at"))
    return [newest[key] for key in sorted(newest)]
