"""PURE: what a physician is asked when a copy of ours was changed by somebody else, who is never overwritten."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import task_definition
from fhir_svc.orders.identity import derived
from fhir_svc.orders.sheet import display
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import AIAST, concept, extensions, parts
from fhir_svc.record import Json, Stored

REASON = "external-change"
_PRIORITY = "asap"


def review_task(
    knowledge: Knowledge, changed: Stored, *, subject: str, guidance: Json | None, at: datetime
) -> dict[str, Any]:
    """The review Task about one version of a resource of ours; the same version gives the same Task.

    `guidance` is the Reference to the evaluation that made the resource; without one the resource itself is the focus.
    """
    definition = task_definition(knowledge, "task-review")
    texts = [
        parts(entry, "text")[0] for entry in extensions(definition, "wording") if parts(entry, "reason") == [REASON]
    ]
    return {
        "resourceType": "Task",
        "id": derived("Task", "review", REASON, changed.reference),
        "meta": {"security": [dict(AIAST)]},
        "status": "requested",
        "intent": "order",
        "priority": _PRIORITY,
        "code": definition["code"],
        "reasonCode": concept("review-reason", REASON, display(knowledge, "review-reason", REASON)),
        "focus": dict(guidance) if guidance else {"reference": changed.local},
        "basedOn": [{"reference": changed.local}],
        "for": {"reference": subject},
        "authoredOn": moment(at),
        "lastModified": moment(at),
        **({"description": texts[0]} if texts else {}),
    }
