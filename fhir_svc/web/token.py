"""`POST /auth/token`: the SMART Backend Services token endpoint. Its errors are RFC 6749's, not OperationOutcomes."""

from __future__ import annotations

from typing import Any, Final

import structlog
from flask import Blueprint, Response, g, request
from werkzeug.exceptions import MethodNotAllowed

from fhir_svc.auth import oauth
from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import Unauthenticated, UnsupportedMediaType
from fhir_svc.web import outcomes, trail
from fhir_svc.web.services import services
from fhir_svc.web.wire import encode

blueprint = Blueprint("token", __name__)
log = structlog.get_logger("fhir_svc.auth")
ADDRESS: Final = "/auth/token"
FORM: Final = "application/x-www-form-urlencoded"
LARGEST: Final = 64 * 1024
NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@blueprint.post(ADDRESS)
def token() -> Response:
    """Exchange a client's signed assertion for an access token of five minutes."""
    request.max_content_length = LARGEST
    if request.mimetype != FORM:
        raise UnsupportedMediaType(f"Send {FORM}.")
    given = services()
    claims, client, scope = given.authority.authenticate(given.database, request.form.to_dict(flat=False))
    actor = Actor(Role.SYSTEM, client.tenant, client.id, client.id)
    with given.database.transaction() as tx:
        granted = oauth.issue(tx, claims, client, scope)
        trail.leave(tx, Told("token"), actor=actor)
    body = {
        "access_token": granted.token,
        "token_type": "bearer",
        "expires_in": int(oauth.LIFETIME.total_seconds()),
        "scope": granted.scope,
    }
    return _json(body, 200)


@blueprint.errorhandler(oauth.Refused)
def refused(failure: oauth.Refused) -> Response:
    """Answer a refusal as RFC 6749 5.2 says, and keep it in the audit of the client's tenant."""
    g.refused = failure.error
    log.warning("token.refused", error=failure.error, reason=failure.reason)
    named = failure.client
    by = Actor(Role.SYSTEM, named.tenant, named.id, named.id) if named else None
    trail.refused("token", failure.error, by=by)
    return _json({"error": failure.error, "error_description": failure.text}, 400)


@blueprint.errorhandler(Exception)
def failed(failure: Exception) -> Response:
    """Answer everything else with the same status as elsewhere, in RFC 6749's form."""
    status, issues, headers = outcomes.refusal(failure)
    g.refused = issues[0].error
    error = "invalid_client" if status == Unauthenticated.status else "invalid_request"
    if status >= outcomes.SERVER_ERRORS:
        error = "temporarily_unavailable"
        outcomes.answer(failure)  # for the log: its form is not this endpoint's
    answer = _json({"error": error, "error_description": issues[0].text}, status)
    answer.headers.extend(headers)
    return answer


@blueprint.app_errorhandler(MethodNotAllowed)
def other_method(failure: MethodNotAllowed) -> Response:
    """Answer another method here as this endpoint answers, elsewhere as everything is answered."""
    # no blueprint is known yet where no route takes the method
    return failed(failure) if request.path == ADDRESS else outcomes.answer(failure)


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(encode(body), status=status, content_type="application/json", headers=NO_STORE)
