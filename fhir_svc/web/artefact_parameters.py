"""By which parameters the published knowledge artefacts are found: R4's definitions, and of topics what they extend.

A SubscriptionTopic is a Basic in R4: its canonical, version, title and status stand in extensions, and it is found by
them as by elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fhir_svc.errors import Malformed
from fhir_svc.store import periods
from fhir_svc.store.asking import bad_modifier, split

Artefact = Mapping[str, Any]
Coded = tuple[str | None, str]  # system and code
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
STATUSES: Final = "http://hl7.org/fhir/publication-status"
TOPIC: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."
ESCAPED: Final = re.compile(r"\\([,|$\\])")
MISSING: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """`kind` is R4's: token, string, uri or date; `values` gives what an artefact has of it; `once` sorts by it.

    A token's values are (system, code), a date's and all others' texts.
    """

    kind: str
    values: Callable[[Artefact], list[Any]]
    once: bool = True

    def meets(self, artefact: Artefact, modifier: str, text: str) -> bool:
        """Whether the artefact has one of these values; `bad_modifier` is the caller's to raise, see `takes`."""
        values = self.values(artefact)
        if modifier == "missing":
            return MISSING[text] is not bool(values)
        matches = MATCHING[self.kind]
        found = any(matches(value, one, modifier) for one in split(text, ",") for value in values)
        return found is not (modifier == "not")

    def takes(self, modifier: str, text: str) -> bool:
        """Whether the modifier means something here."""
        return modifier in {"", *MODIFIERS[self.kind]} or (modifier == "missing" and text in MISSING)


def _token(value: Coded, asked: str, _modifier: str) -> bool:
    system, code = value
    *systems, wanted = (ESCAPED.sub(r"\1", part) for part in split(asked, "|"))
    return (not systems and wanted == code) or (systems == [system or ""] and wanted in {"", code})


def _string(value: str, asked: str, modifier: str) -> bool:
    if modifier == "exact":
        return value == asked
    low, wanted = value.casefold(), asked.casefold()
    return wanted in low if modifier == "contains" else low.startswith(wanted)


def _uri(value: str, asked: str, _modifier: str) -> bool:
    return value == asked


def _date(value: str, asked: str, _modifier: str) -> bool:
    prefix, text = (asked[:2], asked[2:]) if asked[:2].isalpha() else ("eq", asked)
    wanted, own = periods.interval(text.replace(" ", "+")), periods.interval(value)
    if wanted is None or prefix not in COMPARED:
        raise Malformed("A date to search by is no FHIR date.", error="bad-search-value", code="value")
    return own is not None and COMPARED[prefix](own, wanted)


def _inside(own: tuple[int, int], asked: tuple[int, int]) -> bool:
    return asked[0] <= own[0] and own[1] <= asked[1]


def _near(own: tuple[int, int], asked: tuple[int, int]) -> bool:
    """Within a tenth of the distance between now and what was asked."""
    away = abs(datetime.now(UTC).timestamp() * 1000 - asked[0]) / 10
    return own[0] <= asked[1] + away and own[1] >= asked[0] - away


COMPARED: Final[Mapping[str, Callable[[tuple[int, int], tuple[int, int]], bool]]] = {
    "eq": _inside,
    "ne": lambda own, asked: not _inside(own, asked),
    "gt": lambda own, asked: own[1] > asked[1],
    "ge": lambda own, asked: own[1] > asked[1] or _inside(own, asked),
    "lt": lambda own, asked: own[0] < asked[0],
    "le": lambda own, asked: own[0] < asked[0] or _inside(own, asked),
    "sa": lambda own, asked: own[0] > asked[1],
    "eb": lambda own, asked: own[1] < asked[0],
    "ap": _near,
}
MATCHING: Final[Mapping[str, Callable[[Any, str, str], bool]]] = {
    "token": _token,
    "string": _string,
    "uri": _uri,
    "date": _date,
}
MODIFIERS: Final = {"token": {"not"}, "string": {"exact", "contains"}, "uri": set[str](), "date": set[str]()}


def _element(name: str) -> Callable[[Artefact], list[Any]]:
    return lambda artefact: [artefact[name]] if name in artefact else []


def _plain(name: str, system: str | None = None) -> Callable[[Artefact], list[Coded]]:
    return lambda artefact: [(system, str(artefact[name]))] if name in artefact else []


def _extension(name: str) -> Callable[[Artefact], list[Any]]:
    def values(artefact: Artefact) -> list[Any]:
        held = (one for one in artefact.get("extension", ()) if one.get("url") == TOPIC + name)
        return [value for one in held for key, value in one.items() if key.startswith("value")]

    return values


def _extended(name: str, system: str | None = None) -> Callable[[Artefact], list[Coded]]:
    return lambda artefact: [(system, value) for value in _extension(name)(artefact)]


def _identifiers(artefact: Artefact) -> list[Coded]:
    return [(one.get("system"), one.get("value", "")) for one in artefact.get("identifier", ())]


def _codings(concepts: Iterator[Any]) -> list[Coded]:
    return [(one.get("system"), one.get("code", "")) for one in concepts]


def _below(parts: Any, name: str) -> Iterator[Any]:
    for one in parts or ():
        yield one
        yield from _below(one.get(name), name)


def _of_concepts(artefact: Artefact) -> list[Coded]:
    return [(artefact.get("url"), one["code"]) for one in _below(artefact.get("concept"), "concept")]


def _of_sets(artefact: Artefact) -> list[Coded]:
    included = artefact.get("compose", {}).get("include", ())
    listed = [(one.get("system"), each["code"]) for one in included for each in one.get("concept", ())]
    return listed + _codings(_below(artefact.get("expansion", {}).get("contains"), "contains"))


def _of_items(artefact: Artefact) -> list[Coded]:
    return _codings(code for item in _below(artefact.get("item"), "item") for code in item.get("code", ()))


def updated(artefact: Artefact) -> datetime:
    """Since when an artefact stands as it does: its date."""
    written = next(iter([*_element("date")(artefact), *_element("created")(artefact)]), "")
    try:
        found = datetime.fromisoformat(str(written))
    except ValueError:
        return EPOCH
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_EVERYWHERE: Final = {
    "_id": Parameter("token", _plain("id")),
    "_lastUpdated": Parameter("date", lambda artefact: [updated(artefact).isoformat()]),
}
_CANONICAL: Final = {
    **_EVERYWHERE,
    "url": Parameter("uri", _element("url")),
    "version": Parameter("token", _plain("version")),
    "name": Parameter("string", _element("name")),
    "title": Parameter("string", _element("title")),
    "status": Parameter("token", _plain("status", STATUSES)),
    "date": Parameter("date", _element("date")),
}
IDENTIFIER: Final = Parameter("token", _identifiers, once=False)
_IDENTIFIER: Final = {"identifier": IDENTIFIER}
_DEFINITION: Final = {**_CANONICAL, **_IDENTIFIER}

PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "PlanDefinition": _DEFINITION,
    "ActivityDefinition": _DEFINITION,
    "Library": _DEFINITION,
    "StructureDefinition": _DEFINITION,
    "Questionnaire": {**_DEFINITION, "code": Parameter("token", _of_items, once=False)},
    "ValueSet": {**_DEFINITION, "code": Parameter("token", _of_sets, once=False)},
    "CodeSystem": {**_DEFINITION, "code": Parameter("token", _of_concepts, once=False)},
    "OperationDefinition": {**_CANONICAL, "code": Parameter("token", _plain("code"))},
    "Basic": {
        **_EVERYWHERE,
        **_IDENTIFIER,
        "code": Parameter("token", lambda one: _codings(iter(one.get("code", {}).get("coding", ()))), once=False),
        "created": Parameter("date", _element("created")),
        "url": Parameter("uri", _extension("url")),
        "version": Parameter("token", _extended("version")),
        "title": Parameter("string", _extension("title")),
        "status": Parameter("token", _extended("status", STATUSES)),
    },
}
"""Per type, by name, what an artefact is found by."""


def parameter(kind: str, name: str, text: str) -> tuple[Parameter, str]:
    """The parameter that a search names, and its modifier; Malformed for a modifier that it does not take."""
    own, _, modifier = name.partition(":")
    found = PARAMETERS[kind][own]
    if not found.takes(modifier, text):
        raise bad_modifier(kind, name)
    return found, modifier
