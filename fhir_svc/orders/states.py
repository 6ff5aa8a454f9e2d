"""PURE: what people may do to a draft and its Task. Each gives the next version, or refuses; nothing is stored.

The states themselves are data in `transitions`. Resources come in as served and go out without `meta.versionId` and
`meta.lastUpdated`, which the store sets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_svc.errors import Conflict, Unprocessable
from fhir_svc.orders.terms import STATUS_REASON_EXTENSION, concept, extension, system
from fhir_svc.orders.transitions import REPORTED, require_order, require_task
from fhir_svc.record import Json

Resource = dict[str, Any]
_CODE = re.compile(r"\S+( \S+)*")


@dataclass(frozen=True, slots=True)
class By:
    """The person who acts: `reference` such as `Practitioner/123`, and the name to show."""

    reference: str
    name: str

    @property
    def json(self) -> Resource:
        """As a FHIR Reference."""
        return {"reference": self.reference, "display": self.name}


def signed(draft: Json, task: Json, *, by: By, at: datetime) -> tuple[Resource, Resource]:
    """The order becomes active with its requester; its Task is completed."""
    order = _order(draft, "sign") | {"requester": by.json, "authoredOn": moment(at)}
    return without(order, "blocker"), _task(task, "sign", at) | {"owner": by.json}


def declined(
    draft: Json, task: Json, *, reason: str, text: str | None, by: By, at: datetime
) -> tuple[Resource, Resource]:
    """The draft is revoked with the physician's reason; its Task is rejected."""
    why = concept("status-reason", "declined", text)
    why["coding"].append({"system": system("decline-reason"), "code": reason})
    return _revoked(draft, "decline", why), _task(task, "decline", at) | {"statusReason": why, "owner": by.json}


def withdrawn(draft: Json, task: Json | None, *, reason: str, at: datetime) -> tuple[Resource, Resource | None]:
    """The service takes its own unsigned draft back (`superseded`, `source-withdrawn`, `expired`); Task cancelled."""
    why = concept("status-reason", reason)
    order = _revoked(draft, "withdraw", why)
    return order, None if task is None else _task(task, "withdraw", at) | {"statusReason": why}


def annulled(
    order: Json, task: Json | None, *, reason: str, text: str, at: datetime
) -> tuple[Resource, Resource | None]:
    """An admin marks a draft or signed order as entered in error; an open Task is cancelled, a closed one stays."""
    why = concept("status-reason", reason, text)
    marked = _revoked(order, "annul", why)
    if task is None or task["status"] in {"completed", "rejected", "cancelled"}:
        return marked, None
    return marked, _task(task, "annul", at) | {"statusReason": why}


def reported(order: Json, status: str) -> Resource:
    """A signed order takes over the status that the EHR reports."""
    if status not in REPORTED.get(order["status"], frozenset()):
        raise Conflict(
            "The order is not in a state that allows this.", expression="ServiceRequest.status", error="order-state"
        )
    return fresh(order) | {"status": status}


def accepted(task: Json, *, by: By, at: datetime) -> Resource:
    """Somebody takes the Task."""
    return _task(task, "accept", at) | {"owner": by.json}


def started(task: Json, *, at: datetime) -> Resource:
    """The owner begins."""
    return _task(task, "start", at)


def reassigned(task: Json, *, owner: By, at: datetime) -> Resource:
    """Somebody else shall do it; the state stays."""
    return _task(task, "reassign", at) | {"owner": owner.json}


def deferred(task: Json, *, until: datetime, at: datetime) -> Resource:
    """The Task rests until a later moment; Unprocessable for a moment that has passed."""
    if until <= at:
        place = "Parameters.parameter.where(name='until')[0].value"
        raise Unprocessable("Say a moment in the future.", error="defer-until", expression=place)
    resting = without(_task(task, "defer", at), "deferred-until")
    wait = {"url": extension("deferred-until"), "valueDateTime": moment(until)}
    return resting | {"extension": [*resting.get("extension", ()), wait]}


def released(task: Json, *, at: datetime) -> Resource:
    """A resting Task is asked for again."""
    return without(_task(task, "release", at), "deferred-until")


def cancelled(task: Json, *, reason: str, at: datetime) -> Resource:
    """Nobody need see to a review any more; `reason` is of CodeSystem `status-reason`."""
    return _task(task, "cancel", at) | {"statusReason": concept("status-reason", reason)}


def completed(
    task: Json, *, outcome: str, note: str | None, closed_facts: Sequence[str], by: By, at: datetime
) -> Resource:
    """A review is done: its outcome, a note and the facts that the physician closed are its output."""
    if set(_codes(task)) != {"review"}:
        raise Unprocessable("Only a review is completed; a draft is signed or declined.", error="not-a-review")
    done = _task(task, "complete", at) | {"owner": by.json}
    done["output"] = [_output("outcome", "valueCode" if _CODE.fullmatch(outcome) else "valueString", outcome)]
    done["output"] += [_output("closed-fact", "valueCode", fact) for fact in closed_facts]
    if note:
        done["note"] = [*done.get("note", ()), {"authorReference": by.json, "time": moment(at), "text": note}]
    return done


def moment(at: datetime) -> str:
    """A FHIR instant, milliseconds, with its offset."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fresh(resource: Json) -> Resource:
    """A copy without what the store sets anew for each version."""
    meta = {key: value for key, value in resource.get("meta", {}).items() if key not in {"versionId", "lastUpdated"}}
    rest = {key: value for key, value in resource.items() if key != "meta"}
    return {"resourceType": rest.pop("resourceType"), "id": rest.pop("id"), **({"meta": meta} if meta else {}), **rest}


def without(resource: Json, name: str) -> Resource:
    """A copy without one of our extensions."""
    kept = [held for held in resource.get("extension", ()) if held["url"] != extension(name)]
    rest = {key: value for key, value in resource.items() if key != "extension"}
    return rest | {"extension": kept} if kept else rest


def _order(draft: Json, act: str) -> Resource:
    return fresh(draft) | {"status": require_order(act, draft["status"])}


def _task(task: Json, act: str, at: datetime) -> Resource:
    return fresh(task) | {"status": require_task(act, task["status"]), "lastModified": moment(at)}


def _revoked(order: Json, act: str, why: Resource) -> Resource:
    other = [held for held in order.get("extension", ()) if held["url"] != STATUS_REASON_EXTENSION]
    return _order(order, act) | {"extension": [*other, {"url": STATUS_REASON_EXTENSION, "valueCodeableConcept": why}]}


def _codes(task: Json) -> list[str]:
    return [coding["code"] for coding in task.get("code", {}).get("coding", ())]


def _output(name: str, kind: str, value: str) -> Resource:
    return {"type": concept("task-output", name), kind: value}
