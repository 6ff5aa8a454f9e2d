"""PURE: which Tasks are called out again when nobody acted on them in time, and what is said then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fhir_svc.errors import Broken
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import task_definition
from fhir_svc.orders.identity import derived
from fhir_svc.orders.provenance import SERVICE
from fhir_svc.orders.sheet import Resource, identifier, made
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import concept, extensions, parts
from fhir_svc.record import Json

CALL = "ON_CALL_NOTIFICATION"
_CALLED_OUT = "stat"
_LATE, _UNSIGNED = "late", "unsigned"  # the wordings of the call about a review, and about a draft
_SINCE = "{since}"
_DRAFT = "ServiceRequest/"


def due(knowledge: Knowledge, task: Mapping[str, Any]) -> datetime | None:
    """When to call out again; None: never. Most urgent Tasks of every kind, and reviews with a time of their own."""
    end = task.get("restriction", {}).get("period", {}).get("end")
    if task["resourceType"] != "Task" or end is None:
        return None
    called = task.get("priority") == _CALLED_OUT or _timed(knowledge, task)
    return datetime.fromisoformat(end) if called else None


def _timed(knowledge: Knowledge, task: Mapping[str, Any]) -> bool:
    """Whether the wording of this review sets a target time, rather than its level."""
    said = task.get("description")
    held = extensions(task_definition(knowledge, "task-review"), "wording")
    return said is not None and any(parts(entry, "within") for entry in held if parts(entry, "text") == [said])


def identity(task: Json) -> str:
    """The id of the call: one for all late Tasks of an evaluation, and of its own for one that a physician raised."""
    own, raised = f"Task/{task['id']}", task.get("restriction", {}).get("period", {}).get("start")
    if raised:
        return derived("escalation", own, raised)
    return derived("escalation", (task.get("reasonReference") or {}).get("reference") or own)


def is_approval(task: Json) -> bool:
    """Whether a Task is about a draft."""
    return str((task.get("focus") or {}).get("reference", "")).startswith(_DRAFT)


def call(knowledge: Knowledge, task: Json, *, at: datetime, after: str | None = None) -> Resource:
    """The call to the clinician on call about a late Task; `after`: the call that was made when it began to wait."""
    definition = knowledge.find("ActivityDefinition", f"message-{CALL.lower().replace('_', '-')}")
    if definition is None:
        raise Broken("a message reason has no ActivityDefinition", error="unknown-message")
    texts = [
        *(text.replace(_SINCE, _since(task, at)) for text in _texts(definition, task)),
        *extensions(definition, "disclaimer"),
    ]
    return made(
        "CommunicationRequest",
        identity(task),
        identifier=[identifier("message", identity(task))],
        replaces=[{"reference": after}] if after else [],
        status="active",
        priority=definition["priority"],
        subject=task["for"],
        about=[{"reference": f"Task/{task['id']}"}],
        payload=[{"contentString": text} for text in texts],
        occurrenceDateTime=moment(at),
        authoredOn=moment(at),
        recipient=[{"display": held["role"]["text"]} for held in definition["participant"]],
        sender=dict(SERVICE),
        reasonCode=[concept("message-reason", CALL, definition["title"])],
    )


def _texts(definition: Json, task: Json) -> list[str]:
    wanted = _UNSIGNED if is_approval(task) else _LATE
    return [parts(held, "text")[0] for held in extensions(definition, "wording") if parts(held, "reason") == [wanted]]


def _since(task: Json, at: datetime) -> str:
    """From when on a Task has waited, in words for people; where it does not say, from the end of its time on."""
    said = task.get("authoredOn") or task.get("restriction", {}).get("period", {}).get("end")
    began = datetime.fromisoformat(said) if said else at
    return began.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
