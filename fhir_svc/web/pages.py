"""What every page shares: who may see it, how it is rendered, how a failure looks to a person.

Pages are rendered by the server from templates that escape everything; the narrative (`text.div`) of a resource is
never shown. Programs that ask a page's address without `Accept: text/html` hear OperationOutcomes as everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.errors import FhirSvcError, Forbidden, Unauthenticated
from fhir_svc.web import outcomes, spoilt, trail

# With "no-referrer" browsers send `Origin: null` along with our own forms, and those would be refused as foreign.
REFERRER: Final = "same-origin"
HOMES: Final = {Role.PHYSICIAN: "inbox.worklist", Role.ADMIN: "queue_console.overview"}
HEADINGS: Final = {
    401: "You are signed out",
    403: "This is not open to you",
    404: "There is nothing here",
    409: "It has moved on meanwhile",
    412: "It has changed since you saw it",
    429: "Wait a little",
    503: "Not available just now",
}


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the main navigation."""

    name: str
    url: str
    here: bool


def show(template: str, status: int = 200, **context: Any) -> Response:
    """Render a page."""
    actor: Actor | None = g.get("actor")
    page = make_response(render_template(template, actor=actor, places=_places(actor), **context), status)
    page.headers["Referrer-Policy"] = REFERRER
    return page


def go(url: str) -> Response:
    """Send the browser on after a form (303: it comes back with GET)."""
    answer = make_response(redirect(url, 303))
    answer.headers["Referrer-Policy"] = REFERRER
    return answer


def need(*roles: Role) -> Actor:
    """The caller, if it has one of these roles; Unauthenticated for nobody, Forbidden for anybody else."""
    actor: Actor | None = g.get("actor")
    if actor is None:
        raise Unauthenticated("Sign in first.")
    if actor.role not in roles:
        raise Forbidden("This page is not open to your role.", error="role")
    return actor


def wants_page() -> bool:
    """Whether a person's browser is asking."""
    return "text/html" in request.headers.get("Accept", "")


def local_path(path: str | None) -> str | None:
    """The path, if it leads to a page of this service and nowhere else."""
    if not path or not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return None
    parts = urlsplit(path)
    return None if parts.scheme or parts.netloc or parts.path.startswith("/log") else path


def home(actor: Actor) -> str:
    """The first page of a role."""
    return url_for(HOMES[actor.role])


def failed(failure: FhirSvcError) -> Response:
    """Answer a failure of a page as a page, or send a signed-out person to the sign-in page."""
    if not wants_page():
        return outcomes.answer(failure)
    status, issues, headers = outcomes.refusal(failure)
    g.refused = issues[0].error
    if status == Unauthenticated.status:
        back = local_path(request.path) if request.method == "GET" else None
        return go(url_for("login.form", next=back))
    heading = HEADINGS.get(status, "That did not work")
    page = show("failure.html", status, heading=heading, texts=[issue.text for issue in issues])
    if retry := headers.get("Retry-After"):
        page.headers["Retry-After"] = retry
    return page


def unreadable(failure: Exception) -> Response:
    """Answer that a stored record is damaged; where that is what the page is about, this is its page."""
    answer = spoilt.answer(failure)
    if not wants_page():
        return answer
    about = (request.view_args or {}).values()
    status = 200 if about and request.method == "GET" else answer.status_code
    named = f"It is {' '.join(map(str, about)) or 'on this page'}; the log has it under {g.request_id}."
    texts = [spoilt.Spoilt.text, named, "Until it is mended, decide by the patient's own record."]
    return show("failure.html", status, heading="This record can't be read", texts=texts)


def register(blueprint: Blueprint) -> None:
    """Make a blueprint's failures pages."""
    blueprint.register_error_handler(FhirSvcError, failed)
    spoilt.register(blueprint, unreadable)


def refused(act: str, failure: FhirSvcError) -> None:
    """Keep in the audit that a person's act was refused."""
    trail.refused(act, failure.issues[0].error)


def _places(actor: Actor | None) -> list[Place]:
    if actor is None:
        return []
    named = {
        Role.PHYSICIAN: [("Inbox", "inbox.worklist"), ("Criteria", "criteria_page.criteria")],
        Role.ADMIN: [("Queue", "queue_console.overview"), ("Criteria", "criteria_page.criteria")],
    }.get(actor.role, [])
    places = [(name, url_for(endpoint)) for name, endpoint in named]
    return [Place(name, url, request.path == url or request.path.startswith(f"{url}/")) for name, url in places]
