"""PURE: what is written when an evaluation fails for good: an engine error is never silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import duration, ladder, task_definition
from fhir_svc.orders.identity import derived
from fhir_svc.orders.sheet import Resource, display, identifier, made
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import BASE, concept, extensions, parts
from fhir_svc.orders.writes import Write, Writes


def failure(
    knowledge: Knowledge,
    at: datetime,
    *,
    scope: str,
    seed: str,
    subject: str,
    submissions: Sequence[tuple[str, str]],
    criteria: str = f"{BASE}/PlanDefinition/lbp-lss|1.0.0",
) -> Writes:
    """GuidanceResponses with status failure and one review Task, priority asap; the same arguments, the same bytes."""
    guidance = tuple(_failed(identity, request, criteria, subject, at) for identity, request in submissions)
    definition = task_definition(knowledge, "task-review")
    wording = next(held for held in extensions(definition, "wording") if parts(held, "reason") == ["failure"])
    within = parts(wording, "within")
    due = at + duration(within[0]) if within else ladder(knowledge).deadline("asap", None, at)
    reason = {"reference": f"GuidanceResponse/{submissions[0][0]}"}
    task = made(
        "Task",
        derived("Task", "failure", scope, seed, criteria),
        status="requested",
        intent="order",
        priority="asap",
        code=definition["code"],
        description=parts(wording, "text")[0],
        focus=reason,
        authoredOn=moment(at),
        lastModified=moment(at),
        reasonCode=concept("review-reason", "failure", display(knowledge, "review-reason", "failure")),
        reasonReference=reason,
        **{"for": {"reference": subject}},
        restriction={"period": {"end": moment(due)}} if due else {},
    )
    return Writes(guidance, (Write(task),))


def _failed(identity: str, request: str, criteria: str, subject: str, at: datetime) -> Resource:
    return made(
        "GuidanceResponse",
        identity,
        requestIdentifier=identifier("submission", request),
        moduleCanonical=criteria,
        status="failure",
        subject={"reference": subject},
        occurrenceDateTime=moment(at),
    )
