"""`/inbox`: a physician's worklist, the page of one draft, the page of one review, and the sources behind them.

Forms here call the same acts as the FHIR operations. What is refused is said in place, nothing typed is lost except the
password, and the page then shows what is current.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request, url_for

from fhir_svc.auth import sessions
from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import FhirSvcError, NotFound, PreconditionFailed, Unprocessable
from fhir_svc.store import resources
from fhir_svc.store.database import now
from fhir_svc.web import pages, trail, views, worklist
from fhir_svc.web.accept import patiently
from fhir_svc.web.acts import complete as completing
from fhir_svc.web.acts import decline as declining
from fhir_svc.web.acts import revise as revising
from fhir_svc.web.acts import screening
from fhir_svc.web.acts import sign as signing
from fhir_svc.web.acts.case import patient_of, physician, read_order
from fhir_svc.web.login import confirmed
from fhir_svc.web.negotiation import version_number
from fhir_svc.web.services import Services, services
from fhir_svc.web.sources import describe
from fhir_svc.web.wording import wording

blueprint = Blueprint("inbox", __name__)
pages.register(blueprint)


@blueprint.get("/inbox", endpoint="worklist")
def worklist_page() -> Response:
    """The worklist, most urgent first."""
    actor, given = pages.need(Role.PHYSICIAN), services()
    on_hold, words = request.args.get("show") == "put-off", wording(given.knowledge)
    with given.database.reading() as tx:
        clock = views.clock_of(tx, actor)
        listed = worklist.worklist(tx, actor.tenant, words, clock.at, on_hold=on_hold)
    trail.leave_alone(Told("search-type"), actor)
    return pages.show("inbox.html", listed=listed, clock=clock, on_hold=on_hold, words=words)


@blueprint.get("/inbox/drafts/<draft_id>")
def draft_page(draft_id: str) -> Response:
    """One draft: what is proposed, why, what is unknown, and the decision."""
    return views.draft(services(), pages.need(Role.PHYSICIAN), draft_id)


@blueprint.post("/inbox/drafts/<draft_id>/sign")
def sign(draft_id: str) -> Response:
    """Type the password again, sign exactly what was shown."""
    actor, given = pages.need(Role.PHYSICIAN), services()

    def act() -> None:
        confirmed(given, actor, request.form.get("password", ""))
        prefix = "override-"
        overrides = {
            name.removeprefix(prefix): reason
            for name, reason in request.form.items()
            if name.startswith(prefix) and reason.strip()
        }
        fresh = _again(given, actor)
        expected, digest = _version(), request.form.get("digest", "")
        signing.sign(given, fresh, draft_id, expected=expected, digest=digest, overrides=overrides)

    return _act(given, actor, draft_id, "sign", act)


@blueprint.post("/inbox/drafts/<draft_id>/decline")
def decline(draft_id: str) -> Response:
    """Decline with a reason."""
    actor, given = pages.need(Role.PHYSICIAN), services()

    def act() -> None:
        reason, text = request.form.get("reason", ""), request.form.get("text", "").strip() or None
        if not reason:
            raise Unprocessable("Choose a reason.", error="parameter-missing")
        declining.decline(given, actor, draft_id, expected=_version(), reason=reason, text=text)

    return _act(given, actor, draft_id, "decline", act)


@blueprint.post("/inbox/drafts/<draft_id>/defer")
def defer(draft_id: str) -> Response:
    """Put off."""
    actor, given = pages.need(Role.PHYSICIAN), services()

    def act() -> None:
        hours = request.form.get("hours", "")
        if hours not in views.LATER:
            raise Unprocessable("Choose until when.", error="parameter-missing")
        with given.database.reading() as tx:
            until = now(tx) + timedelta(hours=int(hours))
        declining.defer(given, actor, draft_id, expected=_version(), until=until)

    return _act(given, actor, draft_id, "defer", act)


@blueprint.post("/inbox/drafts/<draft_id>/reassign")
def reassign(draft_id: str) -> Response:
    """Hand to a colleague."""
    actor, given = pages.need(Role.PHYSICIAN), services()

    def act() -> None:
        owner = request.form.get("owner", "")
        declining.reassign(given, actor, draft_id, expected=_version(), owner=owner)

    return _act(given, actor, draft_id, "reassign", act)


@blueprint.post("/inbox/drafts/<draft_id>/revise")
def revise(draft_id: str) -> Response:
    """Change the draft before deciding."""
    actor, given = pages.need(Role.PHYSICIAN), services()

    def act() -> None:
        with given.database.reading() as tx:
            order = read_order(tx, physician(actor).tenant, draft_id).content
        change: dict[str, Any] = {"resourceType": "ServiceRequest"}
        if (priority := request.form.get("priority", "")) and priority != order.get("priority"):
            change["priority"] = priority
        system, _, code = request.form.get("code", "").rpartition("|")
        if code and not any(each.get("code") == code for each in order["code"]["coding"]):
            chosen = next(
                (each for each in revising.codings(given.knowledge, order) if each["code"] == code), {"code": code}
            )
            change["code"] = {"coding": [{"system": system, "code": code}], "text": chosen.get("display", "")}
        if note := request.form.get("note", "").strip():
            change["note"] = [{"text": note}]
        if len(change) == 1:
            raise Unprocessable("Nothing was changed.", error="nothing-changed")
        revising.revise(given, actor, draft_id, expected=_version(), change=change)

    return _act(given, actor, draft_id, "revise", act)


@blueprint.post("/inbox/drafts/<draft_id>/screening")
def record_screening(draft_id: str) -> Response:
    """Answer an open safety check."""
    actor, given = pages.need(Role.PHYSICIAN), services()

    def act() -> None:
        said = {name: code for name in screening.parameters(given) if (code := request.form.get(name))}
        screening.record_screening(given, actor, draft_id, expected=_version(), answers=said)

    return _act(given, actor, draft_id, "screening", act)


@blueprint.get("/inbox/reviews/<task_id>")
def review_page(task_id: str) -> Response:
    """One review: what is asked, why, and how it ended."""
    return views.review(services(), pages.need(Role.PHYSICIAN), task_id)


@blueprint.post("/inbox/reviews/<task_id>/complete")
def complete(task_id: str) -> Response:
    """Close a review."""
    actor, given = pages.need(Role.PHYSICIAN), services()

    def act() -> Response:
        outcome = request.form.get("outcome", "")
        if not outcome:
            raise Unprocessable("Choose an outcome.", error="parameter-missing")
        note = request.form.get("note", "").strip() or None
        facts = request.form.getlist("closed-fact")
        completing.complete(given, actor, task_id, expected=_version(), outcome=outcome, note=note, closed_facts=facts)
        return pages.go(url_for("inbox.review_page", task_id=task_id))

    try:
        return patiently(act)
    except FhirSvcError as failure:
        pages.refused("complete", failure)
        return views.review(given, actor, task_id, failure=failure)


@blueprint.get("/inbox/sources/<kind>/<resource_id>/<version>")
def source_page(kind: str, resource_id: str, version: str) -> Response:
    """A version of a received resource, as plain questions and answers; its narrative is never shown."""
    actor, given, number = pages.need(Role.PHYSICIAN), services(), version_number(version)
    with given.database.reading() as tx:
        stored = resources.vread(tx, actor.tenant, kind, resource_id, number) if number else None
        current = resources.read(tx, actor.tenant, kind, resource_id)
        clock = views.clock_of(tx, actor)
    if stored is None or current is None:
        raise NotFound("There is no such source.")
    trail.leave_alone(Told("vread", [stored.reference], patient_of(stored.content) or None), actor)
    rows = describe(stored.content, wording(given.knowledge))
    newest = current.version == number
    return pages.show("source.html", stored=stored, rows=rows, newest=newest, clock=clock)


def _act(given: Services, actor: Actor, draft_id: str, form: str, act: Callable[[], None]) -> Response:
    """Run an act of a form: on to the page if it worked, the same page with the reason if it did not."""

    def carry_out() -> Response:
        act()
        return pages.go(url_for("inbox.draft_page", draft_id=draft_id))

    try:
        return patiently(carry_out)
    except NotFound:
        raise
    except FhirSvcError as failure:
        pages.refused(form, failure)
        return views.draft(given, _again(given, actor), draft_id, form=form, failure=failure)


def _again(given: Services, actor: Actor) -> Actor:
    """The actor as its session stands now, a confirmation just made included."""
    return sessions.actor_of(request, given.database, given.settings) or actor


def _version() -> int:
    number = version_number(request.form.get("version", ""))
    if number is None:
        raise PreconditionFailed("It has changed since you saw it; read it again.", error="version-changed")
    return number
