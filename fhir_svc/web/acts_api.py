"""The acts of people as FHIR operations (`/fhir/ServiceRequest/{id}/$sign` and so on), and the public keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from flask import Blueprint, Response, g, request

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import PreconditionRequired
from fhir_svc.intake.parse import read_json
from fhir_svc.record import Stored
from fhir_svc.web.acts import annul as annulling
from fhir_svc.web.acts import complete as completing
from fhir_svc.web.acts import decline as declining
from fhir_svc.web.acts import revise as revising
from fhir_svc.web.acts import screening
from fhir_svc.web.acts import sign as signing
from fhir_svc.web.acts import verify as verifying
from fhir_svc.web.acts.case import physician
from fhir_svc.web.arguments import Arguments, read
from fhir_svc.web.negotiation import body, check_accept, version_of
from fhir_svc.web.rights import caller, check
from fhir_svc.web.services import services
from fhir_svc.web.wire import encode, fhir, version_headers

blueprint = Blueprint("acts_api", __name__)
LARGEST: Final = 256 * 1024
ORDER: Final = "/fhir/ServiceRequest/<draft_id>"


@blueprint.post(f"{ORDER}/$prepare-signature")
def prepare_signature(draft_id: str) -> Response:
    """Version, digest, evidence and blockers of exactly the version that `If-Match` names."""
    actor, expected = _actor(), _if_match()
    _arguments()
    prepared = signing.prepare(services(), actor, draft_id, expected=expected)
    parameters = [_value("version", "valueString", str(prepared.draft.version))]
    parameters.append(_value("digest", "valueString", prepared.digest))
    parameters += [_value("evidence", "valueReference", {"reference": each}) for each in prepared.evidence]
    parameters += [_value("blocker", "valueCode", each) for each in prepared.blockers]
    return _parameters(parameters, prepared.draft)


@blueprint.post(f"{ORDER}/$sign")
def sign(draft_id: str) -> Response:
    """Sign the draft; the same request again gives the first result."""
    actor, expected = _actor(), _if_match()
    given = _arguments(once=("digest", "meaning"), many=("override",))
    signed = signing.sign(
        services(),
        actor,
        draft_id,
        expected=expected,
        digest=_needed(given, "digest"),
        meaning=_needed(given, "meaning"),
        overrides={
            _needed(part, "blocker"): _needed(part, "reason") for part in given.parts("override", ("blocker", "reason"))
        },
    )
    answer = _stored(signed.order)
    answer.headers["Link"] = f'<{services().settings.fhir_base}/{signed.provenance.local}>; rel="describedby"'
    return answer


@blueprint.get(f"{ORDER}/$verify-signature")
def verify_signature(draft_id: str) -> Response:
    """Recompute everything about the signature, for whoever may read the order."""
    check_accept()
    reader = caller()
    check(reader, "ServiceRequest", "r")
    found = verifying.verify(services(), reader, draft_id)
    parameters = [_value("valid", "valueBoolean", found.valid)]
    if found.signer is not None:
        parameters += [
            _value("signer", "valueReference", found.signer),
            _value("when", "valueInstant", found.when),
            _value("digest", "valueString", found.digest),
            _value("evidence-unchanged", "valueBoolean", found.evidence_unchanged),
        ]
    return fhir({"resourceType": "Parameters", "parameter": parameters})


@blueprint.post(f"{ORDER}/$decline")
def decline(draft_id: str) -> Response:
    """Revoke the draft with a reason."""
    actor, expected = _actor(), _if_match()
    given = _arguments(once=("reason", "text"))
    order = declining.decline(
        services(), actor, draft_id, expected=expected, reason=_needed(given, "reason"), text=given.word("text")
    )
    return _stored(order)


@blueprint.post(f"{ORDER}/$defer")
def defer(draft_id: str) -> Response:
    """Put the draft's Task on hold."""
    actor, expected = _actor(), _if_match()
    given = _arguments(once=("until",))
    return _stored(declining.defer(services(), actor, draft_id, expected=expected, until=given.moment("until")))


@blueprint.post(f"{ORDER}/$reassign")
def reassign(draft_id: str) -> Response:
    """Hand the draft's Task to a colleague."""
    actor, expected = _actor(), _if_match()
    given = _arguments(once=("owner",))
    return _stored(declining.reassign(services(), actor, draft_id, expected=expected, owner=_needed(given, "owner")))


@blueprint.post(f"{ORDER}/$revise")
def revise(draft_id: str) -> Response:
    """Change the draft before deciding on it."""
    actor, expected = _actor(), _if_match()
    change = _arguments(once=("draft",)).resource("draft", "ServiceRequest")
    return _stored(revising.revise(services(), actor, draft_id, expected=expected, change=change))


@blueprint.post(f"{ORDER}/$record-screening")
def record_screening(draft_id: str) -> Response:
    """Record the physician's own answer to an open safety check."""
    actor, expected = _actor(), _if_match()
    names = screening.parameters(services())
    given = _arguments(once=names)
    answers = {name: code for name in names if (code := given.word(name)) is not None}
    return _stored(screening.record_screening(services(), actor, draft_id, expected=expected, answers=answers))


@blueprint.post(f"{ORDER}/$enter-in-error")
def enter_in_error(draft_id: str) -> Response:
    """Mark an order as entered in error; an admin's act, so nothing clinical comes back."""
    check_accept()
    actor, expected = annulling.administrator(g.get("actor")), _if_match()
    given = _arguments(once=("reason", "text"))
    order = annulling.annul(
        services(), actor, draft_id, expected=expected, reason=_needed(given, "reason"), text=given.word("text")
    )
    told = [
        _value("version", "valueString", str(order.version)),
        _value("status", "valueCode", order.content["status"]),
    ]
    return _parameters(told, order)


@blueprint.post("/fhir/Task/<task_id>/$complete")
def complete(task_id: str) -> Response:
    """Close a review Task."""
    actor, expected = _actor(), _if_match()
    given = _arguments(once=("outcome", "note"), many=("closed-fact",))
    task = completing.complete(
        services(),
        actor,
        task_id,
        expected=expected,
        outcome=_needed(given, "outcome"),
        note=given.word("note"),
        closed_facts=given.words("closed-fact"),
    )
    return _stored(task)


@blueprint.get("/.well-known/jwks.json")
def public_keys() -> Response:
    """The public keys of signatures, former ones included."""
    with services().database.reading() as tx:
        keys = verifying.public_keys(tx, services())
    answer = Response(encode(keys), content_type="application/jwk-set+json")
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


def _actor() -> Actor:
    check_accept()
    return physician(g.get("actor"))


def _if_match() -> int:
    """The version in `If-Match`; PreconditionRequired without one."""
    expected = version_of(request.headers.get("If-Match"))
    if expected is None:
        raise PreconditionRequired("Say which version you saw: If-Match.")
    return expected


def _arguments(*, once: Collection[str] = (), many: Collection[str] = ()) -> Arguments:
    empty = not request.content_length and "Transfer-Encoding" not in request.headers
    return read(None if empty else read_json(body(LARGEST), limit=LARGEST, root="Parameters"), once=once, many=many)


def _needed(given: Arguments, name: str) -> str:
    return str(given.word(name, required=True))


def _value(name: str, kind: str, value: Any) -> dict[str, Any]:
    return {"name": name, kind: value}


def _parameters(parameters: list[dict[str, Any]], stored: Stored) -> Response:
    content: Mapping[str, Any] = {"resourceType": "Parameters", "parameter": parameters}
    return fhir(content, headers=version_headers(stored.version, stored.received))


def _stored(stored: Stored) -> Response:
    return fhir(stored.content, headers=version_headers(stored.version, stored.received))
