"""PURE: who made what of an order: the software's assertion, a physician's change, a physician's signature."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fhir_svc.orders.identity import derived
from fhir_svc.orders.states import By, moment
from fhir_svc.orders.terms import AIAST, extension, namespace

SIGNATURE_TYPE = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}
_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_UPDATE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "UPDATE"}]}
SERVICE = {"type": "Device", "identifier": {"system": namespace("device"), "value": "fhir-svc"}, "display": "fhir-svc"}


def asserted(targets: Sequence[str], evidence: Sequence[str], *, identity: str, at: datetime) -> dict[str, Any]:
    """What the software asserted from which evidence: `targets` and `evidence` are versioned references."""
    return {
        **_provenance(derived("Provenance", identity), targets, at),
        "meta": {"security": [AIAST]},
        "agent": [agent("assembler", SERVICE)],
        **_entities(evidence, "source"),
    }


def revised(target: str, previous: str, *, by: By, at: datetime) -> dict[str, Any]:
    """A physician's own change: the new version, made from the previous one."""
    return {
        **_provenance(derived("Provenance", "revised", target), [target], at),
        "activity": _UPDATE,
        "agent": [agent("author", by.json)],
        **_entities([previous], "revision"),
    }


def signed(
    target: str,
    evidence: Sequence[str],
    jws: str,
    *,
    by: By,
    at: datetime,
    overrides: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The signature over a draft's version, by whom, on which evidence; `overrides` are blockers with their reason."""
    made = {
        **_provenance(derived("Provenance", "signed", target), [target], at),
        "activity": _UPDATE,
        "agent": [agent("author", by.json), agent("assembler", SERVICE)],
        **_entities(evidence, "source"),
        "signature": [_signature(jws, by, at)],
    }
    given = [_override(blocker, reason) for blocker, reason in sorted((overrides or {}).items())]
    return made | {"extension": given} if given else made


def agent(code: str, who: Mapping[str, Any]) -> dict[str, Any]:
    """One agent of a Provenance."""
    return {"type": {"coding": [{"system": _AGENT, "code": code}]}, "who": dict(who)}


def _provenance(identity: str, targets: Sequence[str], at: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "id": identity,
        "target": [{"reference": target} for target in targets],
        "recorded": moment(at),
    }


def _entities(references: Sequence[str], role: str) -> dict[str, Any]:
    named = [{"role": role, "what": {"reference": reference}} for reference in references]
    return {"entity": named} if named else {}


def _signature(jws: str, by: By, at: datetime) -> dict[str, Any]:
    return {
        "type": [SIGNATURE_TYPE],
        "when": moment(at),
        "who": by.json,
        "sigFormat": "application/jose",
        "data": base64.b64encode(jws.encode()).decode(),
    }


def _override(blocker: str, reason: str) -> dict[str, Any]:
    return {
        "url": extension("override"),
        "extension": [{"url": "blocker", "valueCode": blocker}, {"url": "reason", "valueString": reason}],
    }
