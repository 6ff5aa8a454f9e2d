"""Reads the trace of a GuidanceResponse: which rules were met, on which facts, and what could not be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Json = Mapping[str, Any]
MET: Final = "met"
CANNOT_TELL: Final = "cannot-tell"


@dataclass(frozen=True, slots=True)
class TracedFact:
    """A fact as the rule saw it. `value` None is unknown; `sources` are versioned references."""

    name: str
    value: Any = None
    unit: str | None = None
    date: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TracedRule:
    """One rule of the PlanDefinition, fired or not."""

    id: str
    outcome: str
    title: str
    facts: tuple[TracedFact, ...]
    missing: tuple[str, ...]
    citation: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What an evaluation found. `level` None: the criteria give none."""

    level: str | None = None
    flags: tuple[str, ...] = ()
    rules: tuple[TracedRule, ...] = field(default=())

    def with_outcome(self, outcome: str) -> list[TracedRule]:
        """The rules that came out so."""
        return [rule for rule in self.rules if rule.outcome == outcome]


def read(guidance: Json) -> Trace:
    """The trace that a GuidanceResponse carries; an empty one if it carries none (still running, or failed)."""
    named = guidance.get("outputParameters", {}).get("reference", "").removeprefix("#")
    held: Json = next((each for each in guidance.get("contained", ()) if each.get("id") == named), {})
    given = held.get("parameter", ())
    level = next((_value(each) for each in _named(given, "triage-level")), None)
    flags = tuple(value["code"] for each in _named(given, "flag") if isinstance(value := _value(each), Mapping))
    return Trace(level, flags, tuple(_rule(each.get("part", ())) for each in _named(given, "rule")))


def _rule(parts: Any) -> TracedRule:
    return TracedRule(
        id=_one(parts, "id") or "",
        outcome=_one(parts, "outcome") or "",
        title=_one(parts, "title") or "",
        facts=tuple(_fact(each.get("part", ())) for each in _named(parts, "fact")),
        missing=tuple(str(_value(each)) for each in _named(parts, "missing")),
        citation=_one(parts, "citation") or "",
    )


def _fact(parts: Any) -> TracedFact:
    sources = tuple(
        value["reference"] for each in _named(parts, "source") if isinstance(value := _value(each), Mapping)
    )
    return TracedFact(
        _one(parts, "name") or "", _one(parts, "value"), _one(parts, "unit"), _one(parts, "date"), sources
    )


def _named(given: Any, name: str) -> Iterator[Json]:
    return (each for each in given if each.get("name") == name)


def _one(given: Any, name: str) -> Any:
    return next((_value(each) for each in _named(given, name)), None)


def _value(parameter: Json) -> Any:
    return next((value for key, value in parameter.items() if key.startswith("value")), None)
