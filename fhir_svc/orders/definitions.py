"""PURE: what the ActivityDefinitions say of orders, levels and target times, read for the code that needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from fhir_svc.errors import Broken
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.terms import codes, extensions, parts, system
from fhir_svc.record import Json, Site

ORDER_KEY = system("order-key")
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "wk": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class OrderKind:
    """One order that can be drafted: its ActivityDefinition and what the controls must know of it.

    `codings` name it in other people's orders; `covers` are orders it makes needless; `imaging` the codes of studies
    that, done lately, make it a duplicate.
    """

    key: str
    definition: Json
    codings: frozenset[tuple[str, str]]
    covers: frozenset[str]
    imaging: frozenset[tuple[str, str]]

    @property
    def notes(self) -> list[str]:
        """What every draft of this order says."""
        return [str(note) for note in extensions(self.definition, "order-note")]


@dataclass(frozen=True, slots=True)
class Level:
    """A triage level: the priority of its orders, and the time by which somebody must have acted."""

    code: str
    priority: str
    within: timedelta | None


@dataclass(frozen=True)
class Ladder:
    """The levels, most urgent first; `repeat_after` is the age from which a most urgent order is asked for again."""

    levels: tuple[Level, ...]
    repeat_after: timedelta

    @property
    def priorities(self) -> list[str]:
        """stat, asap, urgent, routine."""
        return list(dict.fromkeys(level.priority for level in self.levels))

    def rank(self, priority: str | None) -> int:
        """0 is the most urgent; no priority is routine."""
        return self.priorities.index(priority) if priority in self.priorities else len(self.priorities) - 1

    def highest(self, priorities: Iterable[str]) -> str:
        """The most urgent of these."""
        return min(priorities, key=self.rank)

    def presses(self, priority: str) -> bool:
        """Whether it is one of the two most urgent (EMERGENCY, SAME_DAY)."""
        return self.rank(priority) < 2  # noqa: PLR2004 - the first two rungs

    def at_least(self, level: str | None, floor: str) -> bool:
        """Whether a level is as urgent as `floor`, or more."""
        names = [held.code for held in self.levels]
        return level in names and names.index(level) <= names.index(floor)

    def named(self, code: str | None) -> Level | None:
        """A level by its code."""
        return next((level for level in self.levels if level.code == code), None)

    def priority_of(self, level: str | None) -> str:
        """The priority of a level; routine without one."""
        found = self.named(level)
        return found.priority if found else self.priorities[-1]

    def deadline(self, priority: str, level: str | None, at: datetime) -> datetime | None:
        """By when: the level where its priority is this one, else the most relaxed level of the priority."""
        chosen = next((held for held in self._timed(priority) if held.code == level), None) or self.usual(priority)
        return at + chosen.within if chosen and chosen.within else None

    def usual(self, priority: str) -> Level | None:
        """The most relaxed level of a priority that has a time."""
        return max(self._timed(priority), key=lambda held: held.within or timedelta(), default=None)

    def _timed(self, priority: str) -> list[Level]:
        return [held for held in self.levels if held.priority == priority and held.within is not None]


@lru_cache(maxsize=256)
def order_kind(knowledge: Knowledge, key: str) -> OrderKind:
    """What the artefacts say of an order key; Broken for a key that nothing defines."""
    definition = knowledge.find("ActivityDefinition", key.lower().replace("_", "-"))
    if definition is None:
        raise Broken("an order key has no ActivityDefinition", error="unknown-order-key")
    return OrderKind(
        key=key,
        definition=definition,
        codings=frozenset(_pair(coding) for coding in definition["code"]["coding"]),
        covers=frozenset(extensions(definition, "covers")),
        imaging=frozenset(_pair(coding) for coding in extensions(definition, "imaging-on-file")),
    )


def task_definition(knowledge: Knowledge, name: str) -> Json:
    """The ActivityDefinition of a kind of Task, `task-approve` or `task-review`."""
    definition = knowledge.find("ActivityDefinition", name)
    if definition is None:
        raise Broken("a kind of Task has no ActivityDefinition", error="unknown-task")
    return definition


@lru_cache(maxsize=16)
def ladder(knowledge: Knowledge) -> Ladder:
    """The levels with their priorities and target times."""
    definition = task_definition(knowledge, "task-approve")
    return Ladder(
        levels=tuple(_level(held) for held in extensions(definition, "target-time")),
        repeat_after=duration(next(extensions(definition, "repeat-after"))),
    )


def parameter(knowledge: Knowledge, site: Site, purpose: str) -> int | None:
    """A number that the site may set, by what it is for (an extension of `task-approve`); None where none is named."""
    found = _default(knowledge, purpose)
    return None if found is None else int(site.values.get(*found))


@lru_cache(maxsize=16)
def _default(knowledge: Knowledge, purpose: str) -> tuple[str, int] | None:
    name = next(iter(extensions(task_definition(knowledge, "task-approve"), purpose)), None)
    if name is None:
        return None
    declared = [held for library in knowledge.all("Library") for held in extensions(library, "parameter")]
    default = [value for held in declared if parts(held, "name") == [name] for value in parts(held, "default")]
    if not default:
        raise Broken("no Library declares a parameter that a Task names", error="unknown-parameter")
    return name, int(default[0])


@lru_cache(maxsize=16)
def declared_facts(knowledge: Knowledge) -> Mapping[str, Json]:
    """The declaration of every fact of every Library, by name."""
    declared = [held for library in knowledge.all("Library") for held in extensions(library, "fact")]
    return {parts(held, "name")[0]: held for held in declared}


@lru_cache(maxsize=16)
def fact_titles(knowledge: Knowledge) -> Mapping[str, str]:
    """What every fact of every Library is called, by name."""
    return {name: title for name, held in declared_facts(knowledge).items() for title in parts(held, "title")}


@lru_cache(maxsize=16)
def answer_words(knowledge: Knowledge) -> Mapping[str, str]:
    """How the options of the forms are worded, by code."""
    found = knowledge.find("CodeSystem", "answer") or {}
    return {held["code"]: held["display"] for held in found.get("concept", ()) if "display" in held}


@lru_cache(maxsize=16)
def questions(knowledge: Knowledge) -> Mapping[str, tuple[str, str]]:
    """Every question of every form, by linkId: the form's address and the text."""
    found: dict[str, tuple[str, str]] = {}
    for form in knowledge.all("Questionnaire"):
        pending = list(form.get("item", ()))
        while pending:
            item = pending.pop()
            found.setdefault(item["linkId"], (form["url"], item.get("text", "")))
            pending.extend(item.get("item", ()))
    return found


def revisable(knowledge: Knowledge, key: str) -> list[Mapping[str, Any]]:
    """The codings that a physician may choose from when revising an order: its value set."""
    kind = order_kind(knowledge, key)
    own = [coding for coding in kind.definition["code"]["coding"] if coding["system"] != ORDER_KEY]
    return [*own, *extensions(kind.definition, "alternative")]


def key_of(order: Json, kinds: Iterable[OrderKind] = ()) -> str | None:
    """The order key of a ServiceRequest, by its own code or by a standard code of one of `kinds`."""
    own = next(codes(order.get("code"), ORDER_KEY), None)
    if own is not None:
        return own
    named = {_pair(coding) for coding in order.get("code", {}).get("coding", ())}
    return next((kind.key for kind in kinds if named & kind.codings), None)


def study_words(knowledge: Knowledge, held: Json) -> str:
    """What an order or a study on file is: in its own words, else in ours for its code; '' where neither is there."""
    coded = held.get("code") or held.get("procedureCode") or ()
    concepts: list[Json] = list(coded) if isinstance(coded, list | tuple) else [coded]
    ours = _study_words(knowledge)
    return next(filter(None, (text for each in concepts for text in _texts(each, ours))), "")


def _texts(concept: Json, ours: Mapping[tuple[str, str], str]) -> Iterable[str]:
    codings = concept.get("coding", ())
    yield concept.get("text", "")
    yield from (coding.get("display", "") for coding in codings)
    yield from (ours.get(_pair(coding), "") for coding in codings)


@lru_cache(maxsize=16)
def _study_words(knowledge: Knowledge) -> Mapping[tuple[str, str], str]:
    """How the orders that can be drafted, and the studies that make them duplicates, are called, by their codes."""
    defined = knowledge.all("ActivityDefinition")
    found = {_pair(each): each["display"] for held in defined for each in extensions(held, "imaging-on-file")}
    coded = [held["code"] for held in defined if any(codes(held.get("code"), ORDER_KEY))]
    return found | {_pair(each): code["text"] for code in coded for each in code["coding"] if "text" in code}


def duration(value: Json) -> timedelta:
    """A UCUM duration."""
    return int(value["value"]) * _UNITS[value["code"]]


def _level(held: Json) -> Level:
    within = parts(held, "within")
    return Level(parts(held, "level")[0], parts(held, "priority")[0], duration(within[0]) if within else None)


def _pair(coding: Json) -> tuple[str, str]:
    return coding.get("system", ""), coding.get("code", "")
