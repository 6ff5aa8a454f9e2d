"""`/login`, `/login/confirm`, `/logout`: people in, password again before signing, people out.

A form and JSON are taken alike. A browser is sent on (303), a program gets a small JSON answer or OperationOutcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, g, request

from fhir_svc.auth import accounts, sessions
from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import FhirSvcError, Malformed, Unauthenticated
from fhir_svc.intake.parse import read_json
from fhir_svc.store import accounts as rows
from fhir_svc.web import pages, trail
from fhir_svc.web.services import Services, services
from fhir_svc.web.wire import encode

blueprint = Blueprint("login", __name__)
pages.register(blueprint)
LARGEST: Final = 16 * 1024


@blueprint.get("/login")
def form() -> Response:
    """The sign-in page; who is signed in already goes home."""
    actor: Actor | None = g.get("actor")
    back = pages.local_path(request.args.get("next"))
    if actor is not None and actor.role in pages.HOMES:
        return pages.go(back or pages.home(actor))
    return pages.show("login.html", next=back or "", username="", problem=None)


@blueprint.post("/login")
def log_in() -> Response:
    """Check user name and password, open a session with a new id."""
    given = services()
    fields = _fields()
    username, password = fields.get("username", ""), fields.get("password", "")
    back = pages.local_path(fields.get("next"))
    try:
        account = accounts.authenticate(given.database, username, password, demo=given.settings.demo)
    except FhirSvcError as failure:
        _audit_refusal(given, username, failure)
        if not pages.wants_page():
            raise
        text = failure.issues[0].text
        g.actor = None
        return pages.show("login.html", failure.status, next=back or "", username=username, problem=text)
    actor = sessions.actor_from(account)
    with given.database.transaction() as tx:
        secret = sessions.open_session(tx, account, former=sessions.secret_of(request, given.settings))
        trail.leave(tx, Told("login"), actor)
    g.actor = actor
    answer = pages.go(back or pages.home(actor)) if _from_form() else _told(actor)
    sessions.give_cookie(answer, request, given.settings, secret)
    return answer


@blueprint.post("/login/confirm")
def confirm() -> Response:
    """Check the password again and stamp the session: for the next five minutes its owner may sign."""
    actor = pages.need(Role.PHYSICIAN, Role.ADMIN)
    fields = _fields()
    confirmed(services(), actor, fields.get("password", ""))
    back = pages.local_path(fields.get("next"))
    return pages.go(back or pages.home(actor)) if _from_form() and pages.wants_page() else _told(actor)


@blueprint.post("/logout")
def log_out() -> Response:
    """End the session."""
    given = services()
    actor: Actor | None = g.get("actor")
    if actor is not None and actor.session:
        with given.database.transaction() as tx:
            sessions.close(tx, actor)
            trail.leave(tx, Told("logout"), actor)
    g.actor = None
    answer = (
        pages.show("login.html", next="", username="", problem=None) if pages.wants_page() else Response(status=204)
    )
    sessions.take_cookie(answer, request, given.settings)
    return answer


def confirmed(given: Services, actor: Actor, password: str) -> None:
    """Stamp the actor's session if this is their password; Unauthenticated or TooManyRequests if not."""
    if actor.session is None:
        raise Unauthenticated("Sign in first.")
    with given.database.reading() as tx:
        account = rows.find(tx, actor.id)
    if account is None:
        raise Unauthenticated("Sign in first.")
    accounts.authenticate(given.database, account.username, password, demo=given.settings.demo)
    with given.database.transaction() as tx:
        sessions.confirm(tx, actor)
        trail.leave(tx, Told("confirm"), actor)


def _from_form() -> bool:
    return not request.is_json


def _told(actor: Actor) -> Response:
    body = {"name": actor.name, "role": actor.role.value}
    return Response(encode(body), content_type="application/json")


def _fields() -> Mapping[str, str]:
    """The fields of the form or of the JSON object, text only."""
    request.max_content_length = LARGEST
    if not request.is_json:
        return request.form.to_dict()
    body: Any = read_json(request.get_data(), limit=LARGEST)
    if not isinstance(body, Mapping) or not all(isinstance(value, str) for value in body.values()):
        raise Malformed("Send an object of texts: username, password.")
    return body


def _audit_refusal(given: Services, username: str, failure: FhirSvcError) -> None:
    with given.database.reading() as tx:
        account = rows.by_username(tx, username)
    trail.refused("login", failure.issues[0].error, by=sessions.actor_from(account) if account else None)
