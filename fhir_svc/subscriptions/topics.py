"""PURE: the topics that may be subscribed to, as read from their R4 stand-ins (Basic) in `profiles/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_svc.record import Json
from fhir_svc.subscriptions.terms import FIVE


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: its canonical and version, the type that its events are about, and by what they can be filtered."""

    url: str
    version: str
    focus: str
    filters: frozenset[str]

    def named(self, canonical: str) -> bool:
        """Whether a canonical, with or without version, means this topic."""
        return canonical in {self.url, f"{self.url}|{self.version}"}


def read_topics(artefacts: Iterable[Json]) -> list[Topic]:
    """Read the topics among the Basic resources."""
    return [_topic(one) for one in artefacts if _is_topic(one)]


def find_topic(topics: Iterable[Topic], canonical: str) -> Topic | None:
    """Give the topic of this canonical."""
    return next((one for one in topics if one.named(canonical)), None)


def _is_topic(basic: Json) -> bool:
    return any(coding.get("code") == "SubscriptionTopic" for coding in basic["code"].get("coding", ()))


def _topic(basic: Json) -> Topic:
    filters = [_one(found, "filterParameter") for found in _all(basic, "canFilterBy")]
    focus = next(_one(found, "resource") for found in _all(basic, "resourceTrigger"))
    return Topic(
        str(_value(next(_all(basic, "url")))),
        str(_value(next(_all(basic, "version")))),
        focus.rpartition("/")[2],
        frozenset(filters),
    )


def _all(basic: Json, name: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in basic.get("extension", ()) if one["url"] == f"{FIVE}{name}")


def _one(extension: Mapping[str, Any], name: str) -> str:
    return str(_value(next(one for one in extension["extension"] if one["url"] == name)))


def _value(extension: Mapping[str, Any]) -> Any:
    return next(value for name, value in extension.items() if name.startswith("value"))
