"""PURE: reads a Subscription that a client sends: which topic, filtered how, told where. 422 for what isn't done here.

What comes out as `resource` is what is stored and shown; the value of an Authorization header is in `authorization` and
nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from fhir_svc.errors import Issues, Unprocessable
from fhir_svc.intake.times import span
from fhir_svc.record import Json
from fhir_svc.subscriptions import terms
from fhir_svc.subscriptions.topics import Topic, find_topic

LONGEST_HEARTBEAT: Final = 86_400
LONGEST_TIMEOUT: Final = 10
MOST_AT_ONCE: Final = 100
MOST_FILTERS: Final = 20
_HEADER: Final = re.compile(r"authorization:[ \t]*([\x21-\x7e][\x20-\x7e]{0,4000})", re.IGNORECASE)
_PATIENT: Final = re.compile(r"(?:Patient/)?([A-Za-z0-9\-.]{1,64})")
_CONTENTS: Final = frozenset({terms.EMPTY, terms.ID_ONLY})
_TAKEN: Final = frozenset({terms.REQUESTED, terms.ACTIVE, terms.OFF})


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for. `timeout` in seconds; `most` events in one notification; None: nothing was said."""

    resource: dict[str, Any]
    topic: Topic
    filters: list[tuple[str, list[str]]]
    endpoint: str
    content: str
    authorization: str | None
    heartbeat: int | None
    timeout: int
    most: int
    ends: datetime | None
    off: bool

    @property
    def digest(self) -> str:
        """What tells two different wishes apart, whatever their ids and states."""
        kept = {name: value for name, value in self.resource.items() if name not in {"id", "meta", "status"}}
        return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def read_wish(resource: dict[str, Any], topics: Collection[Topic], at: datetime) -> Wish:
    """Read a Subscription that is valid R4; Unprocessable with everything that this service does not do."""
    problems = Issues()
    channel = resource["channel"]
    topic = find_topic(topics, resource["criteria"])
    if topic is None:
        problems.add(
            "not-found", "topic-unknown", "criteria names a topic; /fhir/metadata lists them.", _at("criteria")
        )
    if resource["status"] not in _TAKEN:
        problems.add("value", "subscription-status", "Send status requested, or off to end it.", _at("status"))
    filters = list(_filters(resource, topic, problems)) if topic else []
    numbers = _numbers(channel, problems)
    content = _content(channel, problems)
    header = _authorization(channel, problems)
    ends = _end(resource, at, problems)
    _channel(channel, problems)
    if problems.errors or topic is None:
        raise Unprocessable("The Subscription can't be taken.", issues=problems.errors)
    return Wish(
        resource=_shown(resource),
        topic=topic,
        filters=filters,
        endpoint=channel["endpoint"],
        content=content,
        authorization=header,
        heartbeat=numbers.get(terms.HEARTBEAT) or None,
        timeout=numbers.get(terms.TIMEOUT, LONGEST_TIMEOUT),
        most=numbers.get(terms.MOST, 1),
        ends=ends,
        off=resource["status"] == terms.OFF,
    )


def _shown(resource: Json) -> dict[str, Any]:
    """The Subscription without what is a secret and what is ours to say."""
    shown = {name: value for name, value in resource.items() if name not in {"error", "meta", "_error"}}
    hidden = {"header", "_header"}
    shown["channel"] = {name: value for name, value in resource["channel"].items() if name not in hidden}
    profiles = [one for one in resource.get("meta", {}).get("profile", ()) if one != terms.PROFILE]
    shown["meta"] = {"profile": [terms.PROFILE, *profiles]}
    return shown


def _filters(resource: Json, topic: Topic, problems: Issues) -> Iterator[tuple[str, list[str]]]:
    """All filters, taken together; several values of one, parted by commas, are alternatives."""
    found = list(_values(resource.get("_criteria"), terms.FILTER))
    if len(found) > MOST_FILTERS:
        problems.add("too-costly", "filter-not-supported", f"At most {MOST_FILTERS} filters.", _at("criteria"))
        return
    for text in found:
        kind, _, query = str(text).partition("?")
        asked = parse_qsl(query, keep_blank_values=True, max_num_fields=None)
        read = [_filter(name, value, topic) for name, value in asked]
        if kind != topic.focus or not asked or any(one is None for one in read):
            known = ", ".join(f"{topic.focus}?{name}=" for name in sorted(topic.filters))
            told = f"Filters of this topic: {known or 'none'}."
            problems.add("not-supported", "filter-not-supported", told, _at("criteria.extension"))
        yield from (one for one in read if one is not None)


def _filter(name: str, value: str, topic: Topic) -> tuple[str, list[str]] | None:
    values = value.split(",")
    if name not in topic.filters or not all(values):
        return None
    if name != "patient":
        return name, values
    ids = [_PATIENT.fullmatch(one) for one in values]
    return (name, [one[1] for one in ids if one]) if all(ids) else None


def _channel(channel: Json, problems: Issues) -> None:
    other = list(_values(channel.get("_type"), terms.CHANNEL_TYPE))
    if channel["type"] != "rest-hook" or other:
        problems.add("not-supported", "channel-not-supported", "The channel is rest-hook.", _at("channel.type"))
    if not channel.get("endpoint"):
        problems.add("required", "endpoint-not-allowed", "A rest-hook needs an endpoint.", _at("channel.endpoint"))
    if channel.get("payload") != "application/fhir+json":
        told = "The payload is application/fhir+json."
        problems.add("not-supported", "payload-not-supported", told, _at("channel.payload"))


def _content(channel: Json, problems: Issues) -> str:
    found = [str(one) for one in _values(channel.get("_payload"), terms.CONTENT)] or [terms.ID_ONLY]
    if found != [terms.FULL] and (len(found) > 1 or found[0] not in _CONTENTS):
        told = "The payload's content is id-only or empty."
        problems.add("not-supported", "payload-not-supported", told, _at("channel.payload"))
    if found == [terms.FULL]:
        told = (
            "Content is never sent to an endpoint, for the patients' privacy: ask for id-only and read what it names."
        )
        problems.add("not-supported", "payload-not-supported", told, _at("channel.payload"))
    return found[0]


def _authorization(channel: Json, problems: Issues) -> str | None:
    headers = channel.get("header", [])
    found = [_HEADER.fullmatch(one) for one in headers if isinstance(one, str)]
    if len(headers) > 1 or len(found) != len(headers) or not all(found):
        told = "The one header that is sent is Authorization."
        problems.add("not-supported", "header-not-allowed", told, _at("channel.header"))
        return None
    return found[0][1].strip() if found and found[0] else None


_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    terms.HEARTBEAT: (0, LONGEST_HEARTBEAT),
    terms.TIMEOUT: (1, LONGEST_TIMEOUT),
    terms.MOST: (1, MOST_AT_ONCE),
}


def _numbers(channel: Json, problems: Issues) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for url, (least, most) in _LIMITS.items():
        for value in _values(channel, url):
            if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
                numbers[url] = value
            else:
                told = f"{url.rpartition('/')[2]} is a whole number from {least} to {most}."
                problems.add("value", "channel-not-supported", told, _at("channel.extension"))
    return numbers


def _end(resource: Json, at: datetime, problems: Issues) -> datetime | None:
    if "end" not in resource:
        return None
    found = span(resource["end"])
    if found is None:
        problems.add("value", "subscription-status", "Its end is no instant.", _at("end"))
        return None
    _, end = found
    if end <= at and resource["status"] != terms.OFF:
        problems.add("value", "subscription-status", "Its end is in the past.", _at("end"))
    return end


def _values(element: Any, url: str) -> Iterator[Any]:
    """The values of the extensions of this address that an element carries."""
    for one in element.get("extension", ()) if isinstance(element, Mapping) else ():
        if one.get("url") == url:
            yield next((value for name, value in one.items() if name.startswith("value")), None)


def _at(path: str) -> str:
    return f"Subscription.{path}"
