"""Patients that were found to be one: `Patient.link` replaced-by, followed in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fhir_svc.store.tables import patients

_HOPS = 10  # a chain of replaced patients longer than this is a circle


def note_link(tx: Connection, tenant: str, patient: Mapping[str, Any], *, new: bool) -> None:
    """Keep who replaced this Patient, as its newest version says; nobody, if it says nothing.

    `new`: nothing was known of this id until now.
    """
    follower = replaced_by(patient)
    if follower is not None:
        alias(tx, tenant, patient["id"], follower)
    elif not new:
        tx.execute(_ALONE, {"of": tenant, "who": patient["id"]})


def alias(tx: Connection, tenant: str, patient: str, follower: str) -> None:
    """Whatever names this patient means that one from now on."""
    mine = {"tenant": tenant, "id": patient}
    statement: Any = postgresql.insert(patients) if tx.dialect.name == "postgresql" else sqlite.insert(patients)
    statement = statement.values(**mine, sequence=0, replaced_by=follower)
    tx.execute(statement.on_conflict_do_update(index_elements=list(mine), set_={"replaced_by": follower}))


def replaced_by(patient: Mapping[str, Any]) -> str | None:
    """The id of whom this Patient says that it is replaced by."""
    for link in patient.get("link", []):
        kind, _, rest = link.get("other", {}).get("reference", "").partition("/")
        if link.get("type") == "replaced-by" and kind == "Patient" and rest:
            follower = str(rest.partition("/")[0])
            return follower if follower != patient["id"] else None
    return None


def resolve(tx: Connection, tenant: str, patient: str) -> str:
    """The id that stands for this patient today, following `Patient.link` replaced-by."""
    for _ in range(_HOPS):
        follower = tx.execute(_FOLLOWER, {"of": tenant, "who": patient}).scalar_one_or_none()
        if follower is None:
            return patient
        patient = follower
    return patient


_MINE = (patients.c.tenant == bindparam("of"), patients.c.id == bindparam("who"))
_FOLLOWER = select(patients.c.replaced_by).where(*_MINE)
_ALONE = update(patients).where(*_MINE).values(replaced_by=None)


def merged_into(tx: Connection, tenant: str, patient: str) -> list[str]:
    """This patient's id and those of all that it replaced."""
    found, fresh = [patient], [patient]
    for _ in range(_HOPS):
        query = select(patients.c.id).where(patients.c.tenant == tenant, patients.c.replaced_by.in_(fresh))
        fresh = [one for one in tx.execute(query).scalars() if one not in found]
        if not fresh:
            break
        found += fresh
    return found


def everybody(tx: Connection, tenant: str, patient: str) -> list[str]:
    """All the ids under which this patient is known here."""
    return merged_into(tx, tenant, resolve(tx, tenant, patient))


def patient_of(resource: Mapping[str, Any]) -> str | None:
    """The id of the Patient that a resource is about; None when it names none by literal reference."""
    if resource.get("resourceType") == "Patient":
        return resource.get("id")
    for element in ("subject", "patient", "for"):
        reference = (resource.get(element) or {}).get("reference", "")
        kind, _, rest = reference.partition("/")
        if kind == "Patient" and rest:
            return str(rest.partition("/")[0])
    return None
