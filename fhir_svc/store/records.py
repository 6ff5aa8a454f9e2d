"""A patient's record, as the criteria read it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, func, literal, or_, select

from fhir_svc.record import Record, Stored
from fhir_svc.store import body, reading
from fhir_svc.store.merges import merged_into, patient_of, resolve
from fhir_svc.store.tables import resources, search, versions

__all__ = ["patient_record"]


def patient_record(
    tx: Connection,
    tenant: str,
    patient: str,
    *,
    types: Collection[str] | None = None,
    observation_codes: Collection[str] | None = None,
) -> Record:
    """The current resources of a patient, ours included, and the earlier versions of QuestionnaireResponses.

    Patients that were replaced by this one are included, and one that was replaced gives the record of its follower.
    `types` leaves out other types; `observation_codes` leaves out the EHR's Observations without any of these codes.
    An earlier version that was about somebody else is left out.
    `meta.lastUpdated` is the source's own where it gave one, else our receipt.
    """
    patient = resolve(tx, tenant, patient)
    same = merged_into(tx, tenant, patient)
    mine = and_(resources.c.tenant == tenant, resources.c.patient.in_(same))
    if types is not None:
        mine = and_(mine, resources.c.type.in_(types))
    wanted = mine if observation_codes is None else and_(mine, _worth_reading(observation_codes))
    current = tx.execute(reading.current().where(wanted).order_by(resources.c.key)).all()
    age = func.coalesce(versions.c.source_updated, versions.c.received)
    earlier = tx.execute(
        reading.every()
        .where(mine, resources.c.type == "QuestionnaireResponse", versions.c.version != resources.c.version)
        .order_by(age.desc(), versions.c.version.desc())
    ).all()
    past = (one for one in _as_dated_by_source(earlier) if patient_of(one.content) in {None, *same})
    return Record(patient, tuple(_as_dated_by_source(current)), tuple(past))


def _worth_reading(codes: Collection[str]) -> Any:
    """A lookup for each Observation: as EXISTS, PostgreSQL may look for all Observations with these codes instead."""
    named = (search.c.resource == resources.c.key, search.c.field == "Observation.code", search.c.value.in_(codes))
    coded = func.coalesce(select(literal(1)).where(*named).limit(1).correlate(resources).scalar_subquery(), 0) == 1
    return or_(resources.c.type != "Observation", resources.c.ours, coded)


def _as_dated_by_source(rows: Any) -> list[Stored]:
    found = reading.stored(rows)
    for row, one in zip(rows, found, strict=True):
        if row.source_updated is not None:
            one.content["meta"]["lastUpdated"] = body.instant(row.source_updated)
    return found
