"""PURE: the state machines of orders and Tasks, as data. Everything that is not here is refused with 409."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_svc.errors import Conflict

SERVICE_REQUEST: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"active", "revoked", "entered-in-error"}),
    "active": frozenset({"entered-in-error"}),
}

# After signing the order belongs to the EHR: what it reports is taken over, and nothing else happens to the order.
REPORTED: Mapping[str, frozenset[str]] = {
    "active": frozenset({"on-hold", "completed", "revoked", "entered-in-error", "unknown"}),
    "on-hold": frozenset({"active", "completed", "revoked", "entered-in-error", "unknown"}),
    "unknown": frozenset({"active", "on-hold", "completed", "revoked", "entered-in-error"}),
    "completed": frozenset({"entered-in-error"}),
    "revoked": frozenset({"entered-in-error"}),
}

TASK: Mapping[str, frozenset[str]] = {
    "requested": frozenset({"accepted", "in-progress", "completed", "rejected", "on-hold", "cancelled"}),
    "accepted": frozenset({"in-progress", "completed", "rejected", "on-hold", "cancelled"}),
    "in-progress": frozenset({"completed", "rejected", "cancelled"}),
    "on-hold": frozenset({"requested", "cancelled"}),
}

WORKABLE = frozenset({"requested", "accepted", "in-progress"})
OPEN = WORKABLE | {"on-hold"}


@dataclass(frozen=True, slots=True)
class Act:
    """What an act needs and leaves: the states of the Task and of the draft before it, and after it (None: the same).

    `drafts` empty: the act touches no order.
    """

    tasks: frozenset[str]
    task: str | None = None
    drafts: frozenset[str] = frozenset()
    draft: str | None = None


_DRAFT = frozenset({"draft"})

ACTS: Mapping[str, Act] = {
    "sign": Act(WORKABLE, "completed", _DRAFT, "active"),
    "decline": Act(WORKABLE, "rejected", _DRAFT, "revoked"),
    "revise": Act(WORKABLE, None, _DRAFT, None),
    "screen": Act(WORKABLE, None, _DRAFT, None),
    "withdraw": Act(OPEN, "cancelled", _DRAFT, "revoked"),
    "annul": Act(OPEN, "cancelled", frozenset({"draft", "active"}), "entered-in-error"),
    "accept": Act(frozenset({"requested"}), "accepted"),
    "start": Act(frozenset({"accepted"}), "in-progress"),
    "reassign": Act(WORKABLE),
    "defer": Act(frozenset({"requested", "accepted"}), "on-hold"),
    "release": Act(frozenset({"on-hold"}), "requested"),
    "complete": Act(WORKABLE, "completed"),
    "cancel": Act(OPEN, "cancelled"),
}


def require_task(act: str, status: str) -> str:
    """The Task's status after an act; Conflict where the machine does not allow it."""
    if status not in ACTS[act].tasks:
        raise Conflict("The task is not in a state that allows this.", expression="Task.status", error="task-state")
    return ACTS[act].task or status


def require_order(act: str, status: str) -> str:
    """The order's status after an act; Conflict where the machine does not allow it."""
    if status not in ACTS[act].drafts:
        raise Conflict(
            "The order is not in a state that allows this.", expression="ServiceRequest.status", error="order-state"
        )
    return ACTS[act].draft or status
