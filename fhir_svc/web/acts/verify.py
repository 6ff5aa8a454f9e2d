"""Verifying a signature from nothing but stored bytes and public keys, as anybody outside could."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from msgspec import MsgspecError

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import Broken
from fhir_svc.orders import signature, states
from fhir_svc.orders.terms import STATUS_REASON_EXTENSION, extension
from fhir_svc.record import Json, Stored
from fhir_svc.store import resources, signatures
from fhir_svc.store.database import Connection
from fhir_svc.store.signatures import Signature
from fhir_svc.web.acts.case import audited, patient_of, read_order
from fhir_svc.web.acts.sign import changed_evidence, provenance_of
from fhir_svc.web.services import Services

ADDED_BY_SIGNING = frozenset({"status", "requester", "authoredOn"})
_UNREADABLE = (Broken, MsgspecError, LookupError, TypeError, ValueError, AttributeError)  # stored parts that are spoilt


@dataclass(frozen=True, slots=True)
class Verification:
    """What recomputing everything found. `valid`: key, bytes, Provenance and the order as it stands agree.

    `signer` is a Reference, `when` a FHIR instant, `digest` the recomputed one.
    """

    valid: bool
    signer: dict[str, Any] | None = None
    when: str | None = None
    digest: str | None = None
    evidence_unchanged: bool | None = None


def verify(services: Services, actor: Actor, draft_id: str) -> Verification:
    """Recompute everything about an order's signature."""
    with services.database.transaction() as tx:
        order = read_order(tx, actor.tenant, draft_id)
        found = verification(tx, services, actor.tenant, order)
        audited(tx, actor, "verify-signature", patient_of(order.content), [order])
    return found


def verification(tx: Connection, services: Services, tenant: str, order: Stored) -> Verification:
    """Recompute everything about the signature of an order as stored now; what can't be read proves nothing."""
    found = signatures.find(tx, tenant, order.id)
    try:
        return _recomputed(tx, services, tenant, order, found) if found else Verification(valid=False)
    except _UNREADABLE:
        return Verification(valid=False)


def _recomputed(tx: Connection, services: Services, tenant: str, order: Stored, found: Signature) -> Verification:
    drafted = resources.vread(tx, tenant, "ServiceRequest", order.id, found.version)
    activated = resources.vread(tx, tenant, "ServiceRequest", order.id, found.version + 1)
    stated = provenance_of(tx, tenant, order.id, found.version)
    if drafted is None or activated is None or stated is None:
        return Verification(valid=False)
    prepared = signature.prepare(drafted)
    carried = stated.content["signature"][0]
    valid = (
        prepared.digest == found.digest
        and base64.b64decode(carried["data"]).decode() == found.jws
        and signature.verify(found.jws, prepared.payload, public_keys(tx, services))
        and carried["who"] == activated.content.get("requester")
        and carried["when"] == activated.content.get("authoredOn") == states.moment(found.at)
        and _alike(drafted.content, activated.content, but=ADDED_BY_SIGNING, without=extension("blocker"))
        and _alike(activated.content, order.content, but={"status"}, without=STATUS_REASON_EXTENSION)
    )
    unchanged = not changed_evidence(tx, tenant, prepared.evidence)
    return Verification(valid, dict(carried["who"]), carried["when"], prepared.digest, unchanged)


def public_keys(tx: Connection, services: Services) -> dict[str, Any]:
    """The public keys that sign or ever signed, as a JWK Set."""
    mine = signature.public_jwk(services.settings.signing_key.get_secret_value())
    kept = [key for key in signatures.keys(tx) if key.get("kid") != mine["kid"]]
    return {"keys": [mine, *kept]}


def _alike(before: Json, after: Json, *, but: Collection[str], without: str) -> bool:
    """Whether two versions say the same but for these elements, and for the extensions with this address."""
    one, other = (states.fresh(each) | {"extension": _others(each, without)} for each in (before, after))
    return all(one.get(name) == other.get(name) for name in {*one, *other}.difference(but))


def _others(order: Json, address: str) -> list[Json]:
    return [each for each in order.get("extension", ()) if each["url"] != address]
