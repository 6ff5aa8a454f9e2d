"""PURE: what subscribers are told: notification Bundles and the status in them. Ids only, never content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from fhir_svc.subscriptions.terms import EMPTY, ERRORS, NOTIFICATION_PROFILE, STATUS_PROFILE

HANDSHAKE, HEARTBEAT, EVENTS = "handshake", "heartbeat", "event-notification"
QUERY_STATUS, QUERY_EVENTS = "query-status", "query-event"
_HOW: Final = {"order-drafted": "POST", "red-flag": "POST"}  # the other topics are about changes


@dataclass(frozen=True, slots=True)
class Event:
    """A numbered event of one subscription; `focus` is `Type/id`."""

    number: int
    at: datetime
    focus: str


@dataclass(frozen=True, slots=True)
class Told:
    """A subscription as its notifications show it; `reason` is the error's code while its status is `error`."""

    base: str
    id: str
    topic: str
    status: str
    content: str
    events: int
    reason: str | None = None

    @property
    def url(self) -> str:
        """Where the Subscription is."""
        return f"{self.base}/Subscription/{self.id}"


def status(told: Told, kind: str, events: Sequence[Event] = ()) -> dict[str, Any]:
    """Write the status (Parameters) of a subscription, with these events."""
    parameters: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": told.url}},
        {"name": "topic", "valueCanonical": told.topic},
        {"name": "status", "valueCode": told.status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(told.events)},
        *(_event(one, told) for one in events),
    ]
    if told.reason:
        parameters.append({"name": "error", "valueCodeableConcept": {"coding": [_error(told.reason)]}})
    return {
        "resourceType": "Parameters",
        "id": _made(told, kind, events, "status"),
        "meta": {"profile": [STATUS_PROFILE]},
        "parameter": parameters,
    }


def notification(told: Told, kind: str, at: datetime, events: Sequence[Event] = ()) -> dict[str, Any]:
    """Write a notification: the same events make the same Bundle id, so that a repeated delivery can be told."""
    first = status(told, kind, events)
    entries = [
        {
            "fullUrl": f"urn:uuid:{first['id']}",
            "resource": first,
            "request": {"method": "GET", "url": f"{told.url}/$status"},
            "response": {"status": "200"},
        }
    ]
    if told.content != EMPTY:
        foci = dict.fromkeys(one.focus for one in events)
        entries += [_focus(focus, told) for focus in foci]
    return {
        "resourceType": "Bundle",
        "id": _made(told, kind, events, "bundle"),
        "meta": {"profile": [NOTIFICATION_PROFILE]},
        "type": "history",
        "timestamp": _instant(at),
        "entry": entries,
    }


def _event(one: Event, told: Told) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"name": "event-number", "valueString": str(one.number)},
        {"name": "timestamp", "valueInstant": _instant(one.at)},
    ]
    if told.content != EMPTY:
        parts.append({"name": "focus", "valueReference": {"reference": f"{told.base}/{one.focus}"}})
    return {"name": "notification-event", "part": parts}


def _focus(focus: str, told: Told) -> dict[str, Any]:
    """The entry of a focus: where it is, and no more."""
    created = told.topic.rpartition("/")[2] in _HOW
    request = {"method": "POST", "url": focus.partition("/")[0]} if created else {"method": "PUT", "url": focus}
    return {
        "fullUrl": f"{told.base}/{focus}",
        "request": request,
        "response": {"status": "201" if created else "200"},
    }


def _error(code: str) -> dict[str, str]:
    return {"system": ERRORS, "code": code}


def _made(told: Told, kind: str, events: Sequence[Event], what: str) -> str:
    numbers = ",".join(str(one.number) for one in events)
    return str(uuid5(NAMESPACE_URL, f"{told.url} {kind} {what} {numbers or told.events}"))


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
