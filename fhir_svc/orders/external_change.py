"""PURE: what a physician is asked when a copy of ours was changed by somebody else, who is never overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import ladder, task_definition
from fhir_svc.orders.identity import derived
from fhir_svc.orders.sheet import display
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import AIAST, concept, extensions, parts
from fhir_svc.record import Json, Stored

REASON = "external-change"
UNDELIVERED = "delivery"
SEVERAL = "several-copies"
MERGED = "patient-merged"
_PRIORITY = "asap"
ENDED = frozenset({"revoked", "entered-in-error"})
_SIGNED = frozenset({"active", "on-hold", "completed", "unknown"})


def review_task(
    knowledge: Knowledge,
    changed: Stored,
    *,
    subject: str,
    guidance: Json | None,
    at: datetime,
    reason: str = REASON,
    once: Sequence[str] = (),
) -> dict[str, Any]:
    """The review Task about a resource of ours: one for each `once`, or for each version of it without.

    About a signed order it is as urgent as that order, because what was signed does not stand in the EHR; and so it is
    where one that was signed and ended here could not be ended there, or where its patient's record was merged.
    `guidance` is the Reference to the evaluation that made the resource; without one the resource itself is the focus.
    """
    steps = ladder(knowledge)
    presses = reason == MERGED or (signed(changed) and changed.content.get("status") != "completed")
    priority = steps.highest([_PRIORITY, changed.content.get("priority", _PRIORITY)] if presses else [_PRIORITY])
    due = steps.deadline(priority, None, at)
    definition = task_definition(knowledge, "task-review")
    texts = [
        parts(entry, "text")[0]
        for entry in extensions(definition, "wording")
        if parts(entry, "reason") == [reason] and _fits(entry, changed)
    ]
    return {
        "resourceType": "Task",
        "id": derived("Task", "review", reason, *(once or [changed.reference])),
        "meta": {"security": [dict(AIAST)]},
        "status": "requested",
        "intent": "order",
        "priority": priority,
        "code": definition["code"],
        "reasonCode": concept("review-reason", reason, display(knowledge, "review-reason", reason)),
        "focus": dict(guidance) if guidance else {"reference": changed.local},
        "basedOn": [{"reference": changed.local}],
        "for": {"reference": subject},
        "authoredOn": moment(at),
        "lastModified": moment(at),
        **({"description": texts[0]} if texts else {}),
        **({"reasonReference": dict(guidance)} if guidance else {}),
        **({"restriction": {"period": {"end": moment(due)}}} if due else {}),
    }


def signed(changed: Stored) -> bool:
    """Whether this is an order that a physician has signed; one that was ended since then still names who did."""
    status = changed.content.get("status")
    ended = status in ENDED and "requester" in changed.content
    return changed.type == "ServiceRequest" and (ended or status in _SIGNED)


def _fits(entry: Json, changed: Stored) -> bool:
    """Whether a wording is for a resource of this type in this status; one that names none is for every other."""
    types, statuses = parts(entry, "type"), parts(entry, "status")
    return changed.type in (types or [changed.type]) and changed.content.get("status") in (
        statuses or [changed.content.get("status")]
    )
