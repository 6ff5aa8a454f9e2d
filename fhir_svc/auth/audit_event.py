"""PURE: one AuditEvent, in the shapes of IHE BALP, for everything that anybody did or was refused.

It names who (a client's id, a person's user name), when, what and with which outcome, and holds nothing clinical: no
query, no name, no detail; a patient is a keyed hash, by which whoever knows a patient's id and has the key finds all
events of that patient, and nobody else finds anything.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from fhir_svc.auth.actor import Actor, Role

BASE: Final = "https://example.org/fhir-svc"
PATIENT_HASH: Final = f"{BASE}/audit-patient"
TYPES: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
REST: Final = "http://hl7.org/fhir/restful-interaction"
AGENT_TYPES: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
OBJECT_TYPES: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLES: Final = "http://terminology.hl7.org/CodeSystem/object-role"
ACTIONS: Final = {
    "create": "C",
    "read": "R",
    "vread": "R",
    "history-instance": "R",
    "update": "U",
    "delete": "D",
    "search-type": "E",
    "transaction": "E",
    "batch": "E",
    "operation": "E",
}
SUCCESS: Final = "0"
PATIENT: Final = "Patient/"
REFUSED: Final = "4"
FAILED: Final = "8"


@dataclass(frozen=True, slots=True)
class Told:
    """What happened: a restful interaction, or `login`, `token`, `sign` and so on as `act`; to what, with what end.

    `targets` are literal references (`Type/id` or with version); `patient` is the patient's id, hashed before it is
    written; `outcome` AuditEvent's code; `reason` a stable error code of ours, never text; `work` the opaque id of the
    row of work that it was done to.
    """

    act: str
    targets: Sequence[str] = ()
    patient: str | None = None
    outcome: str = SUCCESS
    reason: str | None = None
    work: str | None = None


def build(told: Told, *, tenant: str, actor: Actor | None, key: str, request_id: str | None = None) -> dict[str, Any]:
    """Write the AuditEvent, all but when it was recorded; `actor` None is somebody unknown; `key` keys the hashes."""
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(uuid4()),
        "type": _type(told.act),
        "subtype": [_subtype(told.act)],
        "action": ACTIONS.get(told.act, "E"),
        "outcome": told.outcome,
        "agent": _agents(actor),
        "source": {"observer": {"display": "fhir-svc"}},
    }
    if told.reason:
        event["outcomeDesc"] = told.reason
    patients = [told.patient] if told.patient else []
    hashed = {patient: patient_hash(tenant, patient, key) for patient in patients + _patients(told.targets)}
    entities = _job("request", request_id) + _job("work", told.work)
    entities += [_patient(value) for value in dict.fromkeys(hashed.values())]
    entities += [_object(target) for target in told.targets if not target.startswith(PATIENT)]
    if entities:
        event["entity"] = entities
    return event


def patient_hash(tenant: str, patient: str, key: str) -> str:
    """Give the keyed hash that stands for a patient of a tenant in the audit."""
    return hmac.new(key.encode(), f"{tenant}\x00{patient}".encode(), hashlib.sha256).hexdigest()


def _type(act: str) -> dict[str, str]:
    if act in {"login", "logout", "token", "confirm"}:
        return {"system": DICOM, "code": "110114", "display": "User Authentication"}
    return {"system": TYPES, "code": "rest", "display": "RESTful Operation"}


def _subtype(act: str) -> dict[str, str]:
    if act in ACTIONS:
        return {"system": REST, "code": act}
    if act == "login":
        return {"system": DICOM, "code": "110122", "display": "Login"}
    if act == "logout":
        return {"system": DICOM, "code": "110123", "display": "Logout"}
    return {"system": f"{BASE}/CodeSystem/act", "code": act}


def _agents(actor: Actor | None) -> list[dict[str, Any]]:
    server = {
        "type": {"coding": [{"system": DICOM, "code": "110152", "display": "Destination Role ID"}]},
        "who": {"display": "fhir-svc"},
        "requestor": False,
    }
    if actor is None:
        unknown = {"type": _agent_type("AGNT"), "who": {"display": "unknown"}, "requestor": True}
        return [unknown, server]
    who: dict[str, Any] = {"identifier": {"system": f"{BASE}/actor", "value": actor.username or actor.id}}
    caller: dict[str, Any] = {
        "type": _agent_type("AGNT" if actor.role is Role.SYSTEM else "PROV"),
        "role": [{"coding": [{"system": f"{BASE}/CodeSystem/role", "code": actor.role.value}]}],
        "who": who,
        "requestor": True,
    }
    return [caller, server]


def _agent_type(code: str) -> dict[str, Any]:
    return {"coding": [{"system": AGENT_TYPES, "code": code}]}


def _patients(targets: Sequence[str]) -> list[str]:
    return [target.split("/")[1] for target in targets if target.startswith(PATIENT)]


def _job(name: str, identity: str | None) -> list[dict[str, Any]]:
    if identity is None:
        return []
    return [
        {
            "what": {"identifier": {"system": f"{BASE}/{name}", "value": identity}},
            "type": {"system": OBJECT_TYPES, "code": "4", "display": "Other"},
            "role": {"system": OBJECT_ROLES, "code": "21", "display": "Job Stream"},
        }
    ]


def _patient(hashed: str) -> dict[str, Any]:
    return {
        "what": {"type": "Patient", "identifier": {"system": PATIENT_HASH, "value": hashed}},
        "type": {"system": OBJECT_TYPES, "code": "1", "display": "Person"},
        "role": {"system": OBJECT_ROLES, "code": "1", "display": "Patient"},
    }


def _object(target: str) -> dict[str, Any]:
    return {
        "what": {"reference": target},
        "type": {"system": OBJECT_TYPES, "code": "2", "display": "System Object"},
        "role": {"system": OBJECT_ROLES, "code": "4", "display": "Domain Resource"},
    }
