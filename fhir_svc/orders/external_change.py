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
_PRIORITY = "asap"


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

    `guidance` is the Reference to the evaluation that made the resource; without one the resource itself is the focus.
    """
    due = ladder(knowledge).deadline(_PRIORITY, None, at)
    definition = task_definition(knowledge, "task-review")
    texts = [
        parts(entry, "text")[0] for entry in extensions(definition, "wording") if parts(entry, "reason") == [reason]
    ]
    return {
        "resourceType": "Task",
        "id": derived("Task", "review", reason, *(once or [changed.reference])),
        "meta": {"security": [dict(AIAST)]},
        "status": "requested",
        "intent": "order",
        "priority": _PRIORITY,
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
