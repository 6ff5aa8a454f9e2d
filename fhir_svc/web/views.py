"""What the page of one draft and the page of one review show, gathered in one look at the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Response, request

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import FhirSvcError, NotFound
from fhir_svc.orders.screening import Answer, answers
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Stored
from fhir_svc.store import tenants
from fhir_svc.store.database import Connection, now
from fhir_svc.web import around, moments, pages, spoilt, trail, worklist
from fhir_svc.web import basis as reading
from fhir_svc.web.acts import decline as declining
from fhir_svc.web.acts import revise as revising
from fhir_svc.web.acts import sign as signing
from fhir_svc.web.acts import verify as verifying
from fhir_svc.web.acts.case import REVIEW, kind_of, patient_of, physician, read_order, task_of, waiting
from fhir_svc.web.services import Services
from fhir_svc.web.wording import wording

LATER: Final = {"4": "in 4 hours", "24": "tomorrow", "72": "in 3 days", "168": "in a week", "336": "in two weeks"}


def clock_of(tx: Connection, actor: Actor) -> moments.Clock:
    """The database's clock in the time zone of the actor's tenant."""
    tenant = tenants.find(tx, actor.tenant)
    return moments.clock(now(tx), tenant.timezone if tenant else None)


def draft(
    given: Services, actor: Actor, draft_id: str, *, form: str = "", failure: FhirSvcError | None = None
) -> Response:
    """The page of a draft; `failure` is why the form of this name was refused."""
    words = wording(given.knowledge)
    with given.database.reading() as tx:
        order = read_order(tx, physician(actor).tenant, draft_id)
        task = task_of(tx, actor.tenant, draft_id)
        clock = clock_of(tx, actor)
        decidable = order.content.get("status") == "draft" and task is not None and _waits(task.content, clock)
        life = around.versions(tx, actor.tenant, order)
        by_hand, by_rule = around.changes(tx, actor.tenant, life)
        open_blockers = list(extensions(order.content, "blocker"))
        physicians = declining.colleagues(tx, actor.tenant)
        context: dict[str, Any] = {
            "order": order,
            "task": task,
            "clock": clock,
            "person": worklist.person_of(tx, actor.tenant, patient_of(order.content), clock.at),
            "due": worklist.due_of(task.content) if task else None,
            "basis": reading.basis(tx, actor.tenant, given.knowledge, words, _guidance(tx, actor, life, task), order),
            "ended": around.ending(life, task),
            "siblings": around.siblings(tx, actor.tenant, order),
            "told": around.told(tx, actor.tenant, order),
            "by_hand": by_hand,
            "by_rule": by_rule,
            "prepared": signing.preparation(tx, actor.tenant, order),
            "verified": verifying.verification(tx, given, actor.tenant, order),
            "decidable": decidable,
            "colleagues": [each for each in physicians if each.id != actor.id],
            "because": worklist.because(order.content),
            "wanted_by": worklist.wanted_by(words, order.content),
            "username": next((each.username for each in physicians if each.id == actor.id), ""),
            "checks": _checks(given, open_blockers),
            "codings": revising.codings(given.knowledge, order.content),
        }
    trail.leave_alone(Told("read", [order.reference], patient_of(order.content) or None), actor)
    status = failure.status if failure else 200
    return pages.show(
        "draft.html",
        status,
        form=form,
        problems=[issue.text for issue in failure.issues] if failure else [],
        kept=request.form,
        words=words,
        later=LATER,
        **context,
    )


def _guidance(tx: Connection, actor: Actor, life: Sequence[Stored], task: Stored | None) -> Stored | None:
    """The evaluation to show with an order: the newest until it was decided on, for that is what stood there then.

    A draft that the software took back is shown with the evaluation that drafted it, not with the one that ended it.
    """
    order = life[-1]
    first = reading.guidance_of(tx, actor.tenant, task.content) if task else None
    if around.taken_back(order, task) and first:
        return first
    decided = around.decided(life)
    return reading.newest_guidance(tx, actor.tenant, patient_of(order.content), before=decided) or first


def _checks(given: Services, blockers: list[str]) -> dict[str, list[Answer]]:
    """The open checks that a physician can answer, each with its answers."""
    every = answers(given.knowledge)
    return {code: found for code in blockers if (found := [each for each in every if each.blocker == code])}


def _waits(task: Mapping[str, Any], clock: moments.Clock) -> bool:
    try:
        waiting(task, clock.at)
    except FhirSvcError:
        return False
    return True


def review(given: Services, actor: Actor, task_id: str, *, failure: FhirSvcError | None = None) -> Response:
    """The page of a review; `failure` is why closing it was refused."""
    words = wording(given.knowledge)
    with given.database.reading() as tx:
        task = spoilt.current(tx, actor.tenant, "Task", task_id)
        if task is None or not task.ours or kind_of(task.content) != REVIEW:
            raise NotFound("There is no such review.")
        clock = clock_of(tx, actor)
        guidance = reading.guidance_of(tx, actor.tenant, task.content)
        patient = patient_of(task.content) or patient_of(guidance.content if guidance else {})
        context: dict[str, Any] = {
            "task": task,
            "clock": clock,
            "person": worklist.person_of(tx, actor.tenant, patient, clock.at),
            "due": worklist.due_of(task.content),
            "basis": reading.basis(tx, actor.tenant, given.knowledge, words, guidance, task),
            "open": _waits(task.content, clock),
            "outcomes": words.choices("review-outcome"),
            "asked": worklist.asked(words, task.content),
            "about": around.about(tx, actor.tenant, task),
        }
    trail.leave_alone(Told("read", [task.reference], patient or None), actor)
    problems = [issue.text for issue in failure.issues] if failure else []
    return pages.show(
        "review.html",
        failure.status if failure else 200,
        problems=problems,
        kept=request.form,
        words=words,
        **context,
    )
