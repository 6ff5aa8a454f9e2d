"""What each reference inside a resource of ours is called in the tenant's EHR.

An id is the EHR's where the EHR chose it (PUT, `$submit`, or a literal reference to something never received); the id
of what the EHR POSTed is ours, so that it is named by identifier. A patient whose id is ours is looked for in the EHR.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhir_svc.ehr.client import EhrClient
from fhir_svc.ehr.outbound import logical, references
from fhir_svc.ehr.replies import Never
from fhir_svc.errors import Unavailable
from fhir_svc.record import Stored
from fhir_svc.store import delivery, origins, resources
from fhir_svc.store.database import Connection
from fhir_svc.store.tenants import Tenant

_FIRST = frozenset({"ServiceRequest", "CommunicationRequest", "Flag"})  # what Task and Provenance point at goes before
_AFTER = frozenset({"Task", "Provenance"})
_SOON = 0.5  # seconds until what must go first has probably gone


def names(tx: Connection, tenant: Tenant, versions: Iterable[Stored]) -> dict[str, Mapping[str, Any]]:
    """The Reference that stands in the EHR for each local reference; patients to be searched for are left out."""
    found: dict[str, Mapping[str, Any]] = {}
    for stored in versions:
        for local in references(stored.content):
            if local not in found and (name := _name(tx, tenant, stored, local)) is not None:
                found[local] = name
    return found


def _name(tx: Connection, tenant: Tenant, stored: Stored, local: str) -> Mapping[str, Any] | None:
    if "://" in local:
        return {"reference": local.removeprefix(tenant.ehr_base).lstrip("/")}
    type_, _, id_ = local.partition("/")
    known = delivery.known(tx, tenant.name, local)
    if known is not None and known.ehr_id is not None:
        return {"reference": f"{type_}/{known.ehr_id}"}
    there = resources.read(tx, tenant.name, type_, id_)
    if there is None or (not there.ours and origins.chosen_by_sender(tx, tenant.name, type_, id_)):
        return {"reference": local}
    if type_ == "Patient":
        return None
    if there.ours and type_ in _FIRST and stored.type in _AFTER:
        raise Unavailable("what this is about goes first", retry_after=_SOON, error="ehr-waits-for-target")
    return logical(type_, id_, there.content)


def patients_to_find(resource: Stored, named: Mapping[str, Any]) -> list[str]:
    """The patients whose name in the EHR is not known yet."""
    return sorted({one for one in references(resource.content) if one.startswith("Patient/") and one not in named})


def find_patient(client: EhrClient, tenant: Tenant, patient: Stored) -> str:
    """Search the EHR for a patient by identifier, registered systems first; Never for none or several."""
    given = [one for one in patient.content.get("identifier", []) if one.get("system") and one.get("value")]
    registered = [one for one in given if one["system"] in tenant.identifier_systems]
    for one in registered or given:
        copies = {copy.id for copy in client.search("Patient", [("identifier", f"{one['system']}|{one['value']}")])}
        if len(copies) > 1:
            raise Never("several patients of the EHR have this identifier", error="ehr-patient-ambiguous")
        if copies:
            return copies.pop()
    raise Never("the EHR has no patient with these identifiers", error="ehr-patient-not-found")
