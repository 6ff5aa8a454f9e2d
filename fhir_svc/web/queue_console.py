"""`/queue`: an admin's view of the work and the workers, what may be done to stuck work, and orders entered in error.

No clinical content: kinds, states, counts, ages, error codes and opaque ids. Reasons that admins type are kept with the
work's history and not shown to anybody else's tenant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask import Blueprint, Response, request, url_for

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import FhirSvcError, Unprocessable
from fhir_svc.store import accounts, tenants, work, work_faults, work_waiting, work_watch
from fhir_svc.store.database import now
from fhir_svc.store.work_watch import Count, Worker
from fhir_svc.web import moments, pages, trail
from fhir_svc.web.accept import patiently
from fhir_svc.web.acts import annul as annulling
from fhir_svc.web.services import services
from fhir_svc.web.wording import Wording, wording

blueprint = Blueprint("queue_console", __name__)
pages.register(blueprint)
STATES: Final = ("due", "leased", "quarantined", "done", "discarded")
SILENT: Final = timedelta(seconds=60)  # a worker reports every few seconds; after this it is shown as silent
FORGOTTEN: Final = timedelta(hours=24)
LONGEST_REASON: Final = 500
ORDER: Final = "order"
OFFERED: Final = "enter-in-error-reason"  # a value set; the operation takes every code of status-reason
TROUBLES: Final = {
    "shadow-unusable": "The criteria that are to be tried out can't be loaded: nothing is tried out, everything else "
    "goes on. The command criteria check, on their folder, says what is wrong."
}
OTHERS: Final = {"ehr": "ehr-refused", "exception": "exception"}  # whose words a code without its own has


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of work: how many rows are in each state, and the age of the oldest that is not finished.

    Rows that are due at a time still to come are counted as `waiting`, the first of them until `next`.
    """

    kind: str
    counts: dict[str, int]
    oldest: float
    waiting: int
    next: datetime | None


@blueprint.get("/queue")
def overview() -> Response:
    """Counts, ages, workers, quarantine."""
    return _overview(pages.need(Role.ADMIN))


@blueprint.post("/queue/<work_id>/requeue")
def requeue(work_id: str) -> Response:
    """Quarantined work becomes due again."""
    return _settle(work_id, "requeue")


@blueprint.post("/queue/<work_id>/discard")
def discard(work_id: str) -> Response:
    """Quarantined work is given up."""
    return _settle(work_id, "discard")


@blueprint.post("/queue/entered-in-error")
def entered_in_error() -> Response:
    """An order of ours, named by its id, is marked as entered in error."""
    actor = pages.need(Role.ADMIN)
    order_id, reason = (
        request.form.get("order", "").strip().removeprefix("ServiceRequest/"),
        request.form.get("reason", ""),
    )
    text = request.form.get("text", "").strip() or None

    def act() -> Response:
        if not order_id or not reason or len(text or "") > LONGEST_REASON:
            raise Unprocessable("Give the order's id and a reason.", error="reason-missing")
        annulling.annul(services(), actor, order_id, expected=None, reason=reason, text=text)
        return pages.go(url_for("queue_console.overview", marked="yes"))

    try:
        return patiently(act)
    except FhirSvcError as failure:
        pages.refused(annulling.ACT, failure)
        return _overview(actor, failure=failure, about=ORDER)


def _settle(work_id: str, act: str) -> Response:
    actor, given = pages.need(Role.ADMIN), services()
    settle = work_faults.requeue if act == "requeue" else work_faults.discard
    reason = request.form.get("reason", "").strip()

    def carry_out() -> Response:
        if not reason or len(reason) > LONGEST_REASON:
            raise Unprocessable("Say why, in a few words.", error="reason-missing")
        with given.database.transaction() as tx:
            settle(tx, actor.tenant, work_id, actor=actor.id, reason=reason)
            trail.leave(tx, Told(act, work=work_id), actor)
        return pages.go(url_for("queue_console.overview", of=work_id, _anchor="history"))

    try:
        return patiently(carry_out)
    except FhirSvcError as failure:
        pages.refused(act, failure)
        return _overview(actor, failure=failure, about=work_id, reason=reason)


def _overview(actor: Actor, *, failure: FhirSvcError | None = None, about: str = "", reason: str = "") -> Response:
    with services().database.reading() as tx:
        tenant = tenants.find(tx, actor.tenant)
        at = now(tx)
        counts = work_watch.summary(tx, actor.tenant)
        workers = [worker for worker in work_watch.workers(tx) if at - worker.seen < FORGOTTEN]
        put_back = work_waiting.waiting(tx, actor.tenant)
        quarantined = work_faults.quarantined(tx, actor.tenant)
        steps = work_faults.history(tx, actor.tenant, request.args.get("of", ""))
        people = {each.id: each.username for each in accounts.all_of(tx, actor.tenant)} if steps else {}
    codes = {each.error for each in put_back} | {each.error for each in quarantined}
    clock = moments.clock(at, tenant.timezone if tenant else None)
    words = wording(services().knowledge)
    return pages.show(
        "queue.html",
        failure.status if failure else 200,
        clock=clock,
        lines=lines(counts),
        totals={state: sum(each.count - each.ahead for each in counts if each.state == state) for state in STATES},
        waiting=sum(each.ahead for each in counts),
        next=_first(counts),
        oldest=max((each.oldest for each in counts if each.state in {"due", "leased"}), default=0.0),
        states=STATES,
        workers=[(worker, silent(worker, at)) for worker in workers],
        troubles=sorted({each.trouble for each in workers if each.trouble and not silent(each, at)}),
        trouble_words=TROUBLES,
        put_back=put_back,
        quarantined=quarantined,
        mending={code: mending(words, code) for code in codes if code},
        steps=steps,
        people=people,
        attempts=work.MAX_ATTEMPTS,
        problem=failure.issues[0].text if failure else None,
        about=about,
        reason=reason,
        seconds=seconds,
        kept=request.form if about == ORDER else {},
        marked="marked" in request.args,
        reasons=words.listed(OFFERED) or words.choices(annulling.REASONS),
    )


def lines(counts: Sequence[Count]) -> list[Line]:
    """The counts, one line per kind; the oldest is that of rows still to be done."""
    found = []
    for kind in sorted({each.kind for each in counts}):
        mine = [each for each in counts if each.kind == kind]
        waiting = [each.oldest for each in mine if each.state in {"due", "leased", "quarantined"} and each.count]
        by_state = {each.state: each.count - each.ahead for each in mine}
        ahead = sum(each.ahead for each in mine)
        found.append(Line(kind, by_state, max(waiting, default=0.0), ahead, _first(mine)))
    return found


def _first(counts: Sequence[Count]) -> datetime | None:
    """The first time for which work waits."""
    return min((each.next for each in counts if each.next is not None), default=None)


def mending(words: Wording, error: str) -> str:
    """What an error code of a row means, and what an admin does about it; '' where nothing is known."""
    return words.definition("error", error) or words.definition("error", OTHERS.get(error.partition("-")[0], ""))


def silent(worker: Worker, at: datetime) -> bool:
    """Whether a worker has not reported for too long."""
    return at - worker.seen > SILENT


def seconds(age: float) -> str:
    """An age as people read it: `42 s`, `7 min`, `3 h`, `2 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if age >= 2 * size:
            return f"{int(age // size)} {unit}"
    return f"{int(age)} s"
