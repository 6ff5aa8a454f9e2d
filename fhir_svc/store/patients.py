"""Which patient a resource belongs to, which patients are one, and the lock under which a patient is evaluated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fhir_svc.errors import Conflict
from fhir_svc.store import resources
from fhir_svc.store.bulk import listing, named
from fhir_svc.store.merges import alias, everybody, merged_into, patient_of, replaced_by, resolve
from fhir_svc.store.tables import patients
from fhir_svc.store.tables import resources as heads

__all__ = [
    "advance",
    "alias",
    "identify",
    "is_known",
    "lock",
    "merged_into",
    "of_resources",
    "patient_of",
    "replaced_by",
    "resolve",
    "sequence",
]


def lock(tx: Connection, tenant: str, patient: str) -> int:
    """Lock a patient's evaluations until the transaction ends, and give the sequence number of the last one."""
    _know(tx, tenant, patient)
    mine = (patients.c.tenant == tenant, patients.c.id == patient)
    sequence: int = tx.execute(select(patients.c.sequence).where(*mine).with_for_update()).scalar_one()
    return sequence


def sequence(tx: Connection, tenant: str, patient: str) -> int:
    """The sequence number of the last evaluation, without a lock; 0 before the first."""
    mine = (patients.c.tenant == tenant, patients.c.id == patient)
    return tx.execute(select(patients.c.sequence).where(*mine)).scalar_one_or_none() or 0


def advance(tx: Connection, tenant: str, patient: str, expected_seq: int) -> None:
    """Count one more evaluation; Conflict if another was committed since `expected_seq` was read."""
    _know(tx, tenant, patient)
    mine = (patients.c.tenant == tenant, patients.c.id == patient, patients.c.sequence == expected_seq)
    if not tx.execute(update(patients).where(*mine).values(sequence=expected_seq + 1)).rowcount:
        raise Conflict("This patient was evaluated by somebody else meanwhile.", error="evaluated-meanwhile")


def identify(tx: Connection, tenant: str, patient: Mapping[str, Any], systems: Collection[str]) -> str | None:
    """The id of the stored Patient that this one is, by an identifier of the tenant's registered systems.

    Its own id where a Patient of that id has the identifier. None: nobody matches; Conflict when several do.
    Identifiers asked for stay locked until the transaction ends, so two first arrivals of one person can't both find
    nobody.
    """
    asked = sorted(
        {
            (one["system"], one["value"])
            for one in patient.get("identifier", [])
            if one.get("system") in systems and one.get("value")
        }
    )
    found: set[str] = set()
    for system, value in asked:
        resources.exclusive(tx, tenant, "Patient.identifier", system, value)
        matches = resources.match_identifier(tx, tenant, "Patient", system, value)
        if any(match.id == patient.get("id") for match in matches):
            return str(patient["id"])
        found |= {resolve(tx, tenant, match.id) for match in matches}
    if len(found) > 1:
        raise Conflict("Several stored patients have this patient's identifiers.", error="ambiguous-patient")
    return next(iter(found), None)


def is_known(tx: Connection, tenant: str, patient: str) -> bool:
    """Whether a patient of this id was ever met here: as somebody's other id, in an evaluation or in a record."""
    if len(everybody(tx, tenant, patient)) > 1:
        return True
    rows = select(patients.c.id).where(patients.c.tenant == tenant, patients.c.id == patient)
    records = select(heads.c.key).where(heads.c.tenant == tenant, heads.c.patient == patient)
    return any(tx.execute(found.limit(1)).first() is not None for found in (rows, records))


def of_resources(tx: Connection, tenant: str, names: Collection[tuple[str, str]]) -> list[str]:
    """The ids that stand today for the patients whom these resources, by type and id, are about."""
    if not names:
        return []
    query = select(heads.c.patient).distinct().where(named(tx.dialect.name), heads.c.patient.is_not(None))
    found = tx.execute(query, {"of": tenant, "names": listing(list(names))}).scalars().all()
    return sorted({resolve(tx, tenant, one) for one in found})


def _know(tx: Connection, tenant: str, patient: str) -> None:
    statement: Any = postgresql.insert(patients) if tx.dialect.name == "postgresql" else sqlite.insert(patients)
    tx.execute(statement.values(tenant=tenant, id=patient, sequence=0).on_conflict_do_nothing())
