"""Signing: what a signature would cover, and the signature itself.

The signed bytes are the RFC 8785 form of the criteria's version, the draft exactly as read and the versions of its
evidence. Whatever of these has changed since the physician saw it stops the signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.errors import Conflict, Forbidden, Issue, PreconditionFailed, Unauthenticated, Unprocessable
from fhir_svc.orders import provenance, signature, states
from fhir_svc.orders.identity import derived
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Json, Stored
from fhir_svc.store import accounts, patients, resources, signatures, subscriptions
from fhir_svc.store.database import Connection
from fhir_svc.subscriptions.facts import fact
from fhir_svc.web.acts.case import (
    Case,
    audited,
    change_order,
    change_task,
    create,
    open_case,
    physician,
    read_order,
)
from fhir_svc.web.arguments import about
from fhir_svc.web.services import Services

APPROVAL: Final = "approval"
FRESH: Final = 300.0  # seconds for which a typed password counts


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a physician is about to sign and what stands in the way; `changed` are the versions no longer current.

    `overridable` says whether the blockers may be overridden with a reason: the criteria themselves made it stat.
    """

    draft: Stored
    digest: str
    payload: bytes
    evidence: tuple[str, ...]
    blockers: tuple[str, ...]
    changed: tuple[str, ...]
    overridable: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that stands: the order as activated and the Provenance that carries the signature."""

    order: Stored
    provenance: Stored
    digest: str


def prepare(services: Services, actor: Actor, draft_id: str, *, expected: int | None = None) -> Preparation:
    """What a signature would cover now, and the open blockers; changes nothing. `expected` None takes any version."""
    with services.database.transaction() as tx:
        case = open_case(tx, actor, draft_id, expected)
        prepared = preparation(tx, actor.tenant, case.order)
        audited(tx, actor, "prepare-signature", case.patient, [case.order])
    return prepared


def preparation(tx: Connection, tenant: str, draft: Stored) -> Preparation:
    """Digest, evidence and blockers of a draft as it stands."""
    prepared = signature.prepare(draft)
    changed = changed_evidence(tx, tenant, prepared.evidence)
    held = [str(code) for code in extensions(draft.content, "blocker")]
    blockers = tuple(dict.fromkeys([*held, *([signature.EVIDENCE_CHANGED] if changed else [])]))
    stat = signature.is_stat(draft.content) and signature.is_stat(_as_drafted(tx, tenant, draft))
    return Preparation(draft, prepared.digest, prepared.payload, prepared.evidence, blockers, changed, stat)


def _as_drafted(tx: Connection, tenant: str, draft: Stored) -> Json:
    """The draft as first drafted: what wants it more urgent replaces it, so people alone make a later version stat."""
    first = draft if draft.version == 1 else resources.vread(tx, tenant, draft.type, draft.id, 1)
    return first.content if first else {}


def changed_evidence(tx: Connection, tenant: str, evidence: Sequence[str]) -> tuple[str, ...]:
    """What the draft cites in versions of which none is current, as `Type/id/_history/n` of the newest cited."""
    cited: dict[tuple[str, str], set[int]] = {}
    for reference in evidence:
        kind, resource_id, *version = reference.split("/")
        cited.setdefault((kind, resource_id), set()).add(int(version[-1]) if version else 0)
    changed = []
    for (kind, resource_id), versions in cited.items():
        current = resources.read(tx, tenant, kind, resource_id)
        if current is None or current.version not in versions:
            changed.append(f"{kind}/{resource_id}/_history/{max(versions)}")
    return tuple(changed)


def sign(
    services: Services,
    actor: Actor,
    draft_id: str,
    *,
    expected: int,
    digest: str,
    meaning: str = APPROVAL,
    overrides: Mapping[str, str] | None = None,
) -> Signed:
    """Sign a draft: one transaction checks everything again, activates the order and records the signature.

    `overrides` gives a reason for each blocker that the signer accepts (stat drafts only). The same signer asking
    again with the same digest gets the first result.
    """
    if meaning != APPROVAL:
        told, place = "The meaning of a signature is: approval.", about("meaning")
        raise Unprocessable(told, error="meaning-unknown", code="code-invalid", expression=place)
    try:
        with services.database.transaction() as tx:
            first = _first_result(tx, physician(actor), draft_id, digest)
            return first or _sign(tx, services, actor, draft_id, expected, digest, overrides or {})
    except (Conflict, PreconditionFailed):
        # a copy of this very request may have been committed while this one waited for its turn
        with services.database.transaction() as tx:
            if (first := _first_result(tx, actor, draft_id, digest)) is not None:
                return first
        raise


def _sign(
    tx: Connection,
    services: Services,
    actor: Actor,
    draft_id: str,
    expected: int,
    digest: str,
    overrides: Mapping[str, str],
) -> Signed:
    case = open_case(tx, actor, draft_id, expected)
    _may_sign(tx, actor, case.at)
    _of_this_patient(tx, actor.tenant, case.patient)
    prepared = preparation(tx, actor.tenant, case.order)
    _unchanged(prepared, digest)
    signature.require_overrides(prepared.blockers, overrides, allowed=prepared.overridable)
    accepted = {blocker: overrides[blocker].strip() for blocker in prepared.blockers}
    return _written(tx, services, actor, case, prepared, accepted)


def _written(
    tx: Connection,
    services: Services,
    actor: Actor,
    case: Case,
    prepared: Preparation,
    overrides: Mapping[str, str],
) -> Signed:
    pem = services.settings.signing_key.get_secret_value()
    public = signature.public_jwk(pem)
    jws = signature.seal(prepared.payload, pem, public["kid"])
    active, completed = states.signed(case.order.content, case.waiting, by=case.by, at=case.at)
    order = change_order(tx, actor.tenant, case, active, urgent=True)
    task = change_task(tx, actor.tenant, case, completed)
    signatures.keep_key(tx, public["kid"], public)
    signatures.add(tx, actor.tenant, order.id, case.order.version, prepared.digest, jws, actor.id, case.at)
    stated = provenance.signed(
        case.order.reference, prepared.evidence, jws, by=case.by, at=case.at, overrides=overrides
    )
    # the signature covers the version that was read; the activated one is what came of it
    stated["target"].append({"reference": order.reference})
    written = create(tx, actor.tenant, case, stated)
    subscriptions.publish(tx, actor.tenant, [fact("order-signed", order.content, case.patient)])
    audited(tx, actor, "sign", case.patient, [case.order, order, task, written])
    return Signed(order, written, prepared.digest)


def _first_result(tx: Connection, actor: Actor, draft_id: str, digest: str) -> Signed | None:
    """The standing signature if this is the same request again; Conflict if it is another's or covers other bytes."""
    order = read_order(tx, actor.tenant, draft_id)
    found = signatures.find(tx, actor.tenant, order.id)
    if found is None:
        return None
    activated = resources.vread(tx, actor.tenant, "ServiceRequest", order.id, found.version + 1)
    stated = provenance_of(tx, actor.tenant, order.id, found.version)
    if found.signer != actor.id or found.digest != digest or activated is None or stated is None:
        raise Conflict("This order is signed already.", error="already-signed")
    return Signed(activated, stated, found.digest)


def provenance_of(tx: Connection, tenant: str, draft_id: str, version: int) -> Stored | None:
    """The Provenance that carries the signature over this version of a draft."""
    signed = f"ServiceRequest/{draft_id}/_history/{version}"
    return resources.read(tx, tenant, "Provenance", derived("Provenance", "signed", signed))


def _may_sign(tx: Connection, actor: Actor, at: datetime) -> None:
    """Role, licence and the typed password, looked up again inside the transaction that signs."""
    account = accounts.find(tx, actor.id)
    if account is None or account.disabled or account.role != Role.PHYSICIAN or account.tenant != actor.tenant:
        raise Forbidden("This account may not sign.", error="may-not-sign")
    if not account.licence or not account.practitioner:
        raise Forbidden("No licence is registered for this account.", error="no-licence")
    if actor.confirmed_at is None or (at - actor.confirmed_at).total_seconds() > FRESH:
        raise Unauthenticated("Type your password again to sign.", error="reauthentication-required")


def _of_this_patient(tx: Connection, tenant: str, patient: str) -> None:
    """Conflict if the patient of the draft was replaced by another: the order belongs to that one."""
    if patient and patients.resolve(tx, tenant, patient) != patient:
        raise Conflict(
            "The patient of this draft was replaced by another record; what is still needed is drafted for that one.",
            expression="ServiceRequest.subject",
            error="patient-replaced",
        )


def _unchanged(prepared: Preparation, digest: str) -> None:
    if prepared.changed:
        raise Conflict(
            "Evidence of this draft has changed.",
            issues=[
                Issue("conflict", signature.EVIDENCE_CHANGED, f"No longer current: {reference}")
                for reference in prepared.changed
            ],
        )
    if digest != prepared.digest:
        raise PreconditionFailed("This digest is not of the current draft; read it again.", error="digest-changed")
