"""A patient's record, as the criteria read it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, func

from fhir_svc.record import Record, Stored
from fhir_svc.store import body, reading
from fhir_svc.store.merges import merged_into, patient_of, resolve
from fhir_svc.store.tables import resources, versions

__all__ = ["patient_record"]


def patient_record(tx: Connection, tenant: str, patient: str) -> Record:
    """The current resources of a patient, ours included, and the earlier versions of QuestionnaireResponses.

    Patients that were replaced by this one are included, and one that was replaced gives the record of its follower.
    Left out are an earlier version that was about somebody else, and what evaluations answered: a GuidanceResponse says
    nothing new, and a patient may have thousands.
    `meta.lastUpdated` is the source's own where it gave one, else our receipt.
    """
    patient = resolve(tx, tenant, patient)
    same = merged_into(tx, tenant, patient)
    mine = and_(resources.c.tenant == tenant, resources.c.patient.in_(same))
    wanted = and_(mine, resources.c.type != "GuidanceResponse")
    current = tx.execute(reading.current().where(wanted).order_by(resources.c.key)).all()
    age = func.coalesce(versions.c.source_updated, versions.c.received)
    earlier = tx.execute(
        reading.every()
        .where(mine, resources.c.type == "QuestionnaireResponse", versions.c.version != resources.c.version)
        .order_by(age.desc(), versions.c.version.desc())
    ).all()
    past = (one for one in _as_dated_by_source(earlier) if patient_of(one.content) in {None, *same})
    return Record(patient, tuple(_as_dated_by_source(current)), tuple(past))


def _as_dated_by_source(rows: Any) -> list[Stored]:
    found = reading.stored(rows)
    for row, one in zip(rows, found, strict=True):
        if row.source_updated is not None:
            one.content["meta"]["lastUpdated"] = body.instant(row.source_updated)
    return found
