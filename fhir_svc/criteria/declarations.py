"""PURE: what a Library declares: the facts of a pathway, the forms they come from, and the values a site may set.

Each is one extension of the Library (`fact`, `form`, `parameter`) whose sub-extensions are the words below. Every code,
window, unit, minimum and plausible range stands there. Python knows only the kinds of facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fhir_svc.criteria.expressions import Expression, compiled
from fhir_svc.criteria.moments import Span, span
from fhir_svc.errors import Broken
from fhir_svc.record import Json

BASE = "https://example.org/fhir-svc"
FACT = f"{BASE}/StructureDefinition/fact"
FORM = f"{BASE}/StructureDefinition/form"
PARAMETER = f"{BASE}/StructureDefinition/parameter"
FHIRPATH = "text/fhirpath"


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a system; `prefix` stands for all codes that begin with it (ICD categories)."""

    system: str
    code: str
    display: str = ""
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Inclusive bounds, in the fact's unit."""

    low: Fraction
    high: Fraction

    def __contains__(self, value: Fraction) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Window:
    """(T - since, T - until]; hours compare instants, all else calendar dates. No `since`: ever."""

    since: Span | None = None
    until: Span = field(default_factory=Span)
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a score, of a map of coded answers, or of onsets."""

    expression: Expression | None = None
    points: Fraction = Fraction(0)
    code: Code | None = None
    value: str = ""
    latest: Span = field(default_factory=Span)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One fact: `name`, `kind`, and what that kind needs. See profiles/README.md for each kind's words."""

    name: str
    kind: str
    title: str = ""
    expression: Expression | None = None
    of: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    form: str = ""
    role: str = ""
    onset: str = ""
    carried: bool = False
    contradicts: bool = False
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    codes: tuple[Code, ...] = ()
    conclusions: tuple[Code, ...] = ()
    others: tuple[Code, ...] = ()
    words: tuple[str, ...] = ()
    unit: str | None = None
    unitless: Range | None = None
    plausible: Range | None = None
    windows: tuple[Window, ...] = ()
    items: tuple[Item, ...] = ()
    bound: str = ""
    before: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A questionnaire that facts come from.

    `level` is what a completed one means when nothing fired; older than `fresh` it clears nobody; a positive answer of
    another response of the last `carry` stays; an unfinished one untouched for `idle` is asked about; the patient's
    messages of the last `messages` state its items too. `answers` gives option codes their plain values.
    """

    name: str
    questionnaire: str
    level: str
    rank: int
    fresh: Span | None
    carry: Span
    idle: Span
    messages: Span | None
    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value a site may set. `number` ranges from `low` to `high` in `unit`; a Boolean has neither."""

    name: str
    title: str
    default: bool | Fraction
    low: Fraction | None = None
    high: Fraction | None = None
    unit: str | None = None

    def take(self, value: object) -> bool | Fraction:
        """A site's value, checked; Broken where it is of the wrong type or out of range."""
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise Broken(f"site value {self.name} is true or false")
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str | float):
            raise Broken(f"site value {self.name} is a number")
        try:
            number = Fraction(str(value))
        except ValueError as fault:
            raise Broken(f"site value {self.name} is a number") from fault
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise Broken(f"site value {self.name} is outside its range")
        return number


@dataclass(frozen=True, slots=True)
class Declarations:
    """All that one Library declares, in its order. `tolerance` is how far a clock may run ahead of T."""

    facts: Mapping[str, Declaration]
    forms: Mapping[str, Form]
    parameters: Mapping[str, Parameter]


def read_library(library: Json) -> Declarations:
    """The declarations of a Library; Broken where one is incomplete or stands twice."""
    return Declarations(
        facts=_by_name(_fact(words) for words in _extensions(library, FACT)),
        forms=_by_name(_form(words) for words in _extensions(library, FORM)),
        parameters=_by_name(_parameter(words) for words in _extensions(library, PARAMETER)),
    )


def _by_name(found: Iterator[Any]) -> Mapping[str, Any]:
    named: dict[str, Any] = {}
    for entry in found:
        if entry.name in named:
            raise Broken(f"declared twice: {entry.name}")
        named[entry.name] = entry
    return named


Words = Mapping[str, list[Any]]


def _extensions(element: Json, url: str) -> Iterator[Words]:
    return (_words(extension) for extension in element.get("extension", ()) if extension["url"] == url)


def _words(extension: Json) -> Words:
    words: dict[str, list[Any]] = {}
    for inner in extension.get("extension", ()):
        value = _words(inner) if "extension" in inner else next(v for k, v in inner.items() if k.startswith("value"))
        words.setdefault(inner["url"], []).append(value)
    return words


def _one(words: Words, key: str, default: Any = None) -> Any:
    return words.get(key, [default])[0]


FACT_WORDS = frozenset(
    "name kind title expression of value form role onset carried contradicts type status code prefix conclusion "
    "other word unit unitless plausible window item bound before default".split(),
)


def _fact(words: Words) -> Declaration:
    unknown = words.keys() - FACT_WORDS
    if unknown or "name" not in words or "kind" not in words:
        raise Broken(f"a fact needs name and kind, and has no {', '.join(sorted(unknown)) or 'other words'}")
    return Declaration(
        name=_one(words, "name"),
        kind=_one(words, "kind"),
        title=_one(words, "title", ""),
        expression=_expression(_one(words, "expression")),
        of=tuple(words.get("of", ())),
        values=tuple(words.get("value", ())),
        form=_one(words, "form", ""),
        role=_one(words, "role", ""),
        onset=_one(words, "onset", ""),
        carried=_one(words, "carried", default=False),
        contradicts=_one(words, "contradicts", default=False),
        types=tuple(words.get("type", ())),
        statuses=tuple(words.get("status", ())),
        codes=(*map(_code, words.get("code", ())), *(_code(code, prefix=True) for code in words.get("prefix", ()))),
        conclusions=tuple(map(_code, words.get("conclusion", ()))),
        others=tuple(map(_code, words.get("other", ()))),
        words=tuple(words.get("word", ())),
        unit=_one(words, "unit"),
        unitless=_range(_one(words, "unitless")),
        plausible=_range(_one(words, "plausible")),
        windows=tuple(map(_window, words.get("window", ()))),
        items=tuple(map(_item, words.get("item", ()))),
        bound=_one(words, "bound", ""),
        before=_one(words, "before", ""),
        default=_one(words, "default", ""),
    )


def _expression(found: Json | None) -> Expression | None:
    if found is None:
        return None
    if found.get("language") != FHIRPATH:
        raise Broken(f"expressions are in {FHIRPATH}")
    return compiled(found["expression"])


def _code(coding: Json, *, prefix: bool = False) -> Code:
    return Code(coding["system"], coding["code"], coding.get("display", ""), prefix)


def _range(found: Json | None) -> Range | None:
    return None if found is None else Range(Fraction(found["low"]["value"]), Fraction(found["high"]["value"]))


def _span(duration: Json | None) -> Span | None:
    return None if duration is None else span(int(duration["value"]), duration["code"])


def _window(words: Words) -> Window:
    return Window(_span(_one(words, "since")), _span(_one(words, "until")) or Span(), _one(words, "minimum", 1))


def _item(words: Words) -> Item:
    coding = _one(words, "code")
    return Item(
        expression=_expression(_one(words, "expression")),
        points=Fraction(_one(words, "points", 0)),
        code=None if coding is None else _code(coding),
        value=_one(words, "value", ""),
        latest=_span(_one(words, "latest")) or Span(),
    )


def _form(words: Words) -> Form:
    return Form(
        name=_one(words, "name"),
        questionnaire=_one(words, "questionnaire"),
        level=_one(words, "level"),
        rank=_one(words, "rank", 0),
        fresh=_span(_one(words, "fresh")),
        carry=_span(_one(words, "carry")) or Span(),
        idle=_span(_one(words, "idle")) or Span(),
        messages=_span(_one(words, "messages")),
        answers={item.code.code: item.value for item in map(_item, words.get("item", ())) if item.code},
    )


def _parameter(words: Words) -> Parameter:
    default, limits = _one(words, "default"), _one(words, "range")
    bounds = _range(limits)
    return Parameter(
        name=_one(words, "name"),
        title=_one(words, "title", ""),
        default=default if isinstance(default, bool) else Fraction(default),
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        unit=_one(words, "unit"),
    )
