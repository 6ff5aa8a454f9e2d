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
from fhir_svc.store.work import AFTERWARDS

_FIRST = frozenset({"ServiceRequest", "CommunicationRequest", "Flag"})  # what Task and Provenance point at goes before
_SOON = 0.5  # seconds until what must go first has probably gone


class Directory:
    """What is known of everything that some resources refer to, read at once for all of them."""

    def __init__(self, tx: Connection, tenant: Tenant, versions: Iterable[Stored]) -> None:
        self._tx, self._tenant = tx, tenant
        asked = {local for stored in versions for local in references(stored.content) if "/" in local}
        self._delivered = delivery.known_of(tx, tenant.name, {one for one in asked if "://" not in one})
        self.there = resources.read_many(tx, tenant.name, {one for one in asked if not self._is_known(one)})
        self._chosen: dict[str, bool] = {}

    def names(self, versions: Iterable[Stored]) -> dict[str, Mapping[str, Any]]:
        """The Reference that stands in the EHR for each local reference; patients to be searched for are left out."""
        found: dict[str, Mapping[str, Any]] = {}
        for stored in versions:
            for local in references(stored.content):
                if local not in found and (name := self._name(stored, local)) is not None:
                    found[local] = name
        return found

    def _is_known(self, local: str) -> bool:
        delivered = self._delivered.get(local)
        return "://" in local or (delivered is not None and delivered.ehr_id is not None)

    def _name(self, stored: Stored, local: str) -> Mapping[str, Any] | None:
        if "://" in local:
            return {"reference": local.removeprefix(self._tenant.ehr_base).lstrip("/")}
        type_, _, id_ = local.partition("/")
        if self._is_known(local):
            return {"reference": f"{type_}/{self._delivered[local].ehr_id}"}
        there = self.there.get(local)
        if there is None or (not there.ours and self._chosen_by_sender(local)):
            return {"reference": local}
        if type_ == "Patient":
            return None
        if there.ours and type_ in _FIRST and stored.type in AFTERWARDS:
            raise Unavailable("what this is about goes first", retry_after=_SOON, error="ehr-waits-for-target")
        return logical(type_, id_, there.content)

    def _chosen_by_sender(self, local: str) -> bool:
        if local not in self._chosen:
            self._chosen[local] = origins.chosen_by_sender(self._tx, self._tenant.name, *local.split("/", 1))
        return self._chosen[local]


def patients_to_find(resource: Stored, named: Mapping[str, Any]) -> list[str]:
    """The patients whose name in the EHR is not known yet."""
    return sorted({one for one in references(resource.content) if one.startswith("Patient/") and one not in named})


def find_patient(client: EhrClient, tenant: Tenant, patient: Stored) -> str:
    """Search the EHR for a patient by identifier, registered systems first; Never for none or several."""
    given = [one for one in patient.content.get("identifier", []) if one.get("system") and one.get("value")]
    registered = [one for one in given if one["system"] in tenant.identifier_systems]
    for one in registered or given:
        copies = {copy.id for copy in client.search_unseen("Patient", [_asked(one)])}
        if len(copies) > 1:
            raise Never("several patients of the EHR have this identifier", error="ehr-patient-ambiguous")
        if copies:
            return copies.pop()
    raise Never("the EHR has no patient with these identifiers", error="ehr-patient-not-found")


def _asked(identifier: Mapping[str, Any]) -> tuple[str, str]:
    return "identifier", f"{identifier['system']}|{identifier['value']}"
