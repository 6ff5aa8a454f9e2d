"""Operations that are not acts of a person: `$submit`, `$validate` and the dry run `$evaluate`."""

from __future__ import annotations

from flask import Blueprint, Response, request

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import Forbidden, Issue, NotFound
from fhir_svc.intake import parse
from fhir_svc.intake.submission import (
    BYTE_LIMIT,
    SUBMIT_BYTE_LIMIT,
    Submission,
    read_submit,
)
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.store.submissions import Answer
from fhir_svc.web import arguments, dry_run, negotiation, replies, trail, turns, validating
from fhir_svc.web.accept import Carried, accept, news, patiently, receipt, told, whose
from fhir_svc.web.bundles import again, check_entries, crossing, in_turn, turn
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.outcomes import outcome
from fhir_svc.web.receive import Receipt, receive
from fhir_svc.web.rights import caller, check, served
from fhir_svc.web.services import services
from fhir_svc.web.wire import encode, fhir

blueprint = Blueprint("operations", __name__, url_prefix="/fhir")
PARAMETERS = "Parameters"
WHOLE_RECORD = Issue("informational", "valid", "All of it is valid.", severity="information")


@blueprint.before_request
def understand() -> None:
    """Refuse whoever can't read what is answered here."""
    negotiation.check_accept()


@blueprint.post("/$submit")
def submit() -> Response:
    """Take what the service uses of a whole record, under the EHR's own ids, and list what became of each entry."""
    actor = caller()
    raw, prefer = negotiation.body(SUBMIT_BYTE_LIMIT), negotiation.prefer()
    return patiently(lambda: _take(actor, raw, prefer))


def _take(actor: Actor, raw: bytes, prefer: Prefer) -> Response:
    with turns.TURNS.seat() as seat:
        got = receipt(actor, services())
        body = parse.read_json(raw, limit=SUBMIT_BYTE_LIMIT, root="Bundle")
        if body.get("resourceType") == PARAMETERS:
            arguments.require_valid(body, services().intake, apart=lambda one: one.get("name") == "bundle")
        submission = read_submit(body, got.reading)
        check_entries(actor, submission)
        if not submission.entries and actor.role is not Role.SYSTEM:
            raise Forbidden("Your role may not do this.")
        with turn(seat, raw, got.tenant.name, submission):
            return accept(raw, prefer, lambda tx: _submit(tx, submission, got), again(submission))


def _submit(tx: Connection, submission: Submission, got: Receipt) -> Carried:
    in_turn(tx, got.tenant.name, crossing(submission))
    received = receive(tx, submission, got)
    headers = replies.monitor(services().settings.fhir_base, [received.guidance])
    answer = Answer(200, headers, encode(replies.listing(received)))
    return Carried(answer, told("submit", [received]), got.submission, news([received]), received.moved)


@blueprint.post("/<type:kind>/$validate")
@blueprint.post("/<type:kind>/<resource_id>/$validate")
def validate(kind: str, resource_id: str | None = None) -> Response:
    """Say what intake would say of a resource, and store nothing."""
    actor = caller()
    if kind != validating.BUNDLE:
        served(kind)
    if actor.role is Role.ADMIN:
        raise Forbidden("Your role may not do this.")
    given = services()
    content = None
    if resource_id is None or request.content_length not in {None, 0} or "Transfer-Encoding" in request.headers:
        content = parse.read_json(negotiation.body(BYTE_LIMIT), limit=BYTE_LIMIT, root=kind)
    asked = validating.read(kind, resource_id, content, request.args.to_dict(flat=False), given.intake)
    resource = {} if asked.mode == validating.DELETE else asked.resource
    if resource is None:
        resource = _stored(actor, kind, resource_id)
    found = validating.verdict(asked, resource, receipt(actor, given).reading, given)
    return fhir(outcome(found or (WHOLE_RECORD,)))


def _stored(actor: Actor, kind: str, resource_id: str | None) -> dict[str, object]:
    check(actor, kind, "r")
    with services().database.transaction() as tx:
        found = resources.read(tx, actor.tenant, kind, resource_id or "")
        if found is not None:
            trail.leave(tx, Told("read", targets=(found.reference,)), actor)
    if found is None:
        raise NotFound("There is no such resource.")
    return dict(found.content)


@blueprint.post("/PlanDefinition/<plan_id>/$evaluate")
def evaluate(plan_id: str) -> Response:
    """Say what an evaluation of the given data would decide and write; nothing is read from the store or written."""
    actor, given = caller(), services()
    check(actor, "PlanDefinition", "r")
    if actor.role is Role.ADMIN:
        raise Forbidden("Your role may not do this.")
    if given.knowledge.find("PlanDefinition", plan_id) is None:
        raise NotFound("There is no such resource.")
    raw = negotiation.body(SUBMIT_BYTE_LIMIT)
    asked = dry_run.read(plan_id, parse.read_json(raw, limit=SUBMIT_BYTE_LIMIT, root="Parameters"), given.intake)
    tenant, at = whose(actor, given)
    body = dry_run.carry_out(asked, tenant, given, at)
    trail.leave_alone(Told("evaluate", targets=(f"PlanDefinition/{plan_id}",)), actor)
    return fhir(body)
