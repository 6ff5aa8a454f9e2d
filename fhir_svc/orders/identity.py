"""PURE: ids and fingerprints that are the same whenever the same thing is written again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from fhir_svc.decision import Fact
from fhir_svc.orders.terms import BASE
from fhir_svc.record import Stored

_NAMESPACE = uuid5(NAMESPACE_URL, BASE)


def derived(kind: str, *parts: str) -> str:
    """A UUIDv5 of these words; the same words give the same id for ever."""
    return str(uuid5(_NAMESPACE, json.dumps([kind, *parts], separators=(",", ":"))))


def order_value(scope: str, key: str, seed: str, criteria: str) -> str:
    """The value of the `B/order` identifier: one per patient, order key, oldest submission and criteria version."""
    return derived("order", scope, key, seed, criteria)


def fingerprint(*parts: object) -> str:
    """Lower-case hex SHA-256 of these values, written out as JSON (decimals and moments as text)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str, separators=(",", ":")).encode()).hexdigest()


def deciding(facts: Iterable[Fact]) -> str:
    """The fingerprint of what facts say, whoever said it and when."""
    return fingerprint(sorted({(fact.name, _said(fact), fact.unit or "") for fact in facts}))


def references(sources: Iterable[Stored]) -> list[str]:
    """Versioned references, each once, sorted."""
    return sorted({source.reference for source in sources})


def _said(fact: Fact) -> str:
    if isinstance(fact.value, datetime):
        return fact.value.isoformat()
    if isinstance(fact.value, int | Decimal) and not isinstance(fact.value, bool):
        return str(Decimal(fact.value).normalize())
    return f"{type(fact.value).__name__}:{fact.value}"
