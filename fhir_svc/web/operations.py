"""Operations that are not acts of a person: `$submit`, `$validate` and the dry run `$evaluate`."""

from __future__ import annotations

from flask import Blueprint, Response, request

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import Forbidden, Issue, NotFound, Rejected
from fhir_svc.intake import parse
from fhir_svc.intake.submission import (
    BYTE_LIMIT,
    SUBMIT_BYTE_LIMIT,
    TAKEN,
    Batch,
    Submission,
    read_bundle,
    read_single,
    read_submit,
)
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.store.submissions import Answer
from fhir_svc.web import dry_run, negotiation, replies, trail, turns
from fhir_svc.web.accept import Carried, accept, news, patiently, receipt, told, whose
from fhir_svc.web.bundles import again, check_entries, crossing, in_turn, turn
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.outcomes import outcome
from fhir_svc.web.receive import Receipt, receive
from fhir_svc.web.rights import caller, check, served
from fhir_svc.web.services import services
from fhir_svc.web.wire import encode, fhir

blueprint = Blueprint("operations", __name__, url_prefix="/fhir")
BUNDLE = "Bundle"
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
        submission = read_submit(parse.read_json(raw, limit=SUBMIT_BYTE_LIMIT, root="Bundle"), got.reading)
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
    if kind != BUNDLE:
        served(kind)
    if actor.role is Role.ADMIN:
        raise Forbidden("Your role may not do this.")
    if resource_id is not None and request.content_length in {None, 0} and "Transfer-Encoding" not in request.headers:
        content = _stored(actor, kind, resource_id)
    else:
        content = parse.read_json(negotiation.body(BYTE_LIMIT), limit=BYTE_LIMIT, root=kind)
    resource = _within(content)
    try:
        issues = _issues(resource, kind, resource_id, receipt(actor, services()))
    except Rejected as failure:
        issues = failure.issues
    return fhir(outcome(issues or (WHOLE_RECORD,)))


def _within(content: dict[str, object]) -> object:
    """Give the resource itself, or that of Parameters."""
    if content.get("resourceType") != "Parameters":
        return content
    parameters = content.get("parameter")
    if isinstance(parameters, list):
        for one in parameters:
            if isinstance(one, dict) and one.get("name") == "resource":
                return one.get("resource")
    return content


def _issues(resource: object, kind: str, resource_id: str | None, got: Receipt) -> tuple[Issue, ...]:
    if not isinstance(resource, dict):
        return (Issue("structure", "malformed", "Parameters need a part `resource`.", "Parameters"),)
    if kind == BUNDLE:
        return _of_bundle(resource, got)
    if kind in TAKEN:
        return read_single(resource, got.reading, type=kind, id=resource_id).warnings
    if resource.get("resourceType") != kind:
        return (Issue("invalid", "wrong-type", "The resource is of another type than the address.", "resourceType"),)
    schema = services().intake.whole()
    if kind not in schema.types:
        return (
            Issue("not-supported", "unchecked", "Resources of this type are not checked here.", severity="warning"),
        )
    return tuple(schema.check(resource))


def _of_bundle(resource: dict[str, object], got: Receipt) -> tuple[Issue, ...]:
    """Say what a transaction or batch would be told; of a batch, of every entry."""
    taken = read_bundle(resource, got.reading)
    if not isinstance(taken, Batch):
        return taken.warnings
    return tuple(
        issue for part in taken.parts for issue in (part.issues if isinstance(part, Rejected) else part.warnings)
    )


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
