"""The acts of people as FHIR operations (`/fhir/ServiceRequest/{id}/$sign` and so on), and the public keys.

An act that gave way to another request is carried out again in whole, from reading the state that it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, Response, g, request

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import Malformed, PreconditionRequired, Unprocessable
from fhir_svc.intake.parse import read_json
from fhir_svc.record import Stored
from fhir_svc.web import spoilt
from fhir_svc.web.accept import patiently
from fhir_svc.web.acts import annul as annulling
from fhir_svc.web.acts import complete as completing
from fhir_svc.web.acts import decline as declining
from fhir_svc.web.acts import revise as revising
from fhir_svc.web.acts import screening
from fhir_svc.web.acts import sign as signing
from fhir_svc.web.acts import verify as verifying
from fhir_svc.web.acts.case import known_code, physician
from fhir_svc.web.arguments import CODE, NAME, TEXT, WORD, Arguments, read, require_valid
from fhir_svc.web.negotiation import body, check_accept, version_of
from fhir_svc.web.rights import caller, check
from fhir_svc.web.services import services
from fhir_svc.web.wire import encode, fhir, version_headers

blueprint = Blueprint("acts_api", __name__)
spoilt.register(blueprint)
LARGEST: Final = 256 * 1024
ORDER: Final = "/fhir/ServiceRequest/<draft_id>"


@blueprint.post(f"{ORDER}/$prepare-signature")
def prepare_signature(draft_id: str) -> Response:
    """Version, digest, evidence and blockers of exactly the version that `If-Match` names."""
    actor, expected = _actor(), _if_match()
    _arguments()
    return patiently(lambda: _prepared(signing.prepare(services(), actor, draft_id, expected=expected)))


def _prepared(prepared: signing.Preparation) -> Response:
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
    with given.placing():
        digest, meaning = _needed(given, "digest", (*TEXT, *CODE)), _needed(given, "meaning")
        overrides = _overrides(given)
        return patiently(
            lambda: _signed(
                signing.sign(
                    services(),
                    actor,
                    draft_id,
                    expected=expected,
                    digest=digest,
                    meaning=meaning,
                    overrides=overrides,
                )
            )
        )


def _signed(signed: signing.Signed) -> Response:
    answer = _stored(signed.order)
    answer.headers["Link"] = f'<{services().settings.fhir_base}/{signed.provenance.local}>; rel="describedby"'
    return answer


@blueprint.get(f"{ORDER}/$verify-signature")
def verify_signature(draft_id: str) -> Response:
    """Recompute everything about the signature, for whoever may read the order."""
    check_accept()
    reader = caller()
    check(reader, "ServiceRequest", "r")
    return patiently(lambda: _verified(verifying.verify(services(), reader, draft_id)))


def _verified(found: verifying.Verification) -> Response:
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
    reason, text = _needed(given, "reason", CODE), given.word("text", TEXT)
    with given.placing():
        return _carried_out(
            lambda: declining.decline(services(), actor, draft_id, expected=expected, reason=reason, text=text)
        )


@blueprint.post(f"{ORDER}/$defer")
def defer(draft_id: str) -> Response:
    """Put the draft's Task on hold."""
    actor, expected = _actor(), _if_match()
    given = _arguments(once=("until",))
    until = given.moment("until")
    with given.placing():
        return _carried_out(lambda: declining.defer(services(), actor, draft_id, expected=expected, until=until))


@blueprint.post(f"{ORDER}/$reassign")
def reassign(draft_id: str) -> Response:
    """Hand the draft's Task to a colleague."""
    actor, expected = _actor(), _if_match()
    given = _arguments(once=("owner",))
    owner = _needed(given, "owner", NAME)
    with given.placing():
        return _carried_out(lambda: declining.reassign(services(), actor, draft_id, expected=expected, owner=owner))


@blueprint.post(f"{ORDER}/$revise")
def revise(draft_id: str) -> Response:
    """Change the draft before deciding on it."""
    actor, expected = _actor(), _if_match()
    given = _arguments(once=("draft",))
    change = given.resource("draft", "ServiceRequest")
    with given.placing(draft="ServiceRequest"):
        return _carried_out(lambda: revising.revise(services(), actor, draft_id, expected=expected, change=change))


@blueprint.post(f"{ORDER}/$record-screening")
def record_screening(draft_id: str) -> Response:
    """Record the physician's own answer to an open safety check."""
    actor, expected = _actor(), _if_match()
    names = screening.parameters(services())
    given = _arguments(once=names)
    answers = {name: code for name in names if (code := given.word(name)) is not None}
    with given.placing():
        return _carried_out(
            lambda: screening.record_screening(services(), actor, draft_id, expected=expected, answers=answers)
        )


@blueprint.post(f"{ORDER}/$enter-in-error")
def enter_in_error(draft_id: str) -> Response:
    """Mark an order as entered in error; an admin's act, so nothing clinical comes back."""
    check_accept()
    actor, expected = annulling.administrator(g.get("actor")), _if_match()
    given = _arguments(once=("reason", "text"))
    reason, text = _needed(given, "reason", CODE), given.word("text", TEXT)
    with given.placing():
        return patiently(
            lambda: _annulled(annulling.annul(services(), actor, draft_id, expected=expected, reason=reason, text=text))
        )


def _annulled(order: Stored) -> Response:
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
    outcome, note, facts = _needed(given, "outcome"), given.word("note", TEXT), given.words("closed-fact")
    with given.placing():
        return _carried_out(
            lambda: completing.complete(
                services(), actor, task_id, expected=expected, outcome=outcome, note=note, closed_facts=facts
            )
        )


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
    header = request.headers.get("If-Match")
    expected = version_of(header)
    if expected is None and header is not None:
        told = 'Name the one version that you saw, as If-Match: W/"1"; any version is none.'
        raise Malformed(told, error="bad-if-match", code="value", expression="http.If-Match")
    if expected is None:
        raise PreconditionRequired("Say which version you saw: If-Match.", expression="http.If-Match")
    return expected


def _arguments(*, once: Collection[str] = (), many: Collection[str] = ()) -> Arguments:
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return read(None, once=once, many=many)
    given = read_json(body(LARGEST), limit=LARGEST, root="Parameters")
    require_valid(given, services().intake)
    return read(given, once=once, many=many)


def _overrides(given: Arguments) -> dict[str, str]:
    """The reason for each open check that the signer accepts."""
    found: dict[str, str] = {}
    for part in given.parts("override", ("blocker", "reason")):
        blocker, reason = _needed(part, "blocker"), _needed(part, "reason", TEXT)
        known_code(blocker, services().knowledge.codes("blocker"), "blocker", f"{part.place('blocker')}.value")
        if blocker in found:
            told, place = "Give each open check one reason.", part.place("blocker")
            raise Unprocessable(told, error="parameter-repeated", expression=place)
        found[blocker] = reason
    return found


def _needed(given: Arguments, name: str, kinds: Sequence[str] = WORD) -> str:
    return str(given.word(name, kinds, required=True))


def _value(name: str, kind: str, value: Any) -> dict[str, Any]:
    return {"name": name, kind: value}


def _parameters(parameters: list[dict[str, Any]], stored: Stored) -> Response:
    content: Mapping[str, Any] = {"resourceType": "Parameters", "parameter": parameters}
    return fhir(content, headers=version_headers(stored.version, stored.received))


def _carried_out(act: Callable[[], Stored]) -> Response:
    return patiently(lambda: _stored(act()))


def _stored(stored: Stored) -> Response:
    return fhir(stored.content, headers=version_headers(stored.version, stored.received))
