"""PURE: reads the declarations of a Library: extensions `fact`, `form` and `parameter`, whose sub-extensions are words.

A word that no fact has is refused: a misspelt window would otherwise be no window at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from fhir_svc.criteria.declarations import (
    BASE,
    FHIRPATH,
    Code,
    Declaration,
    Declarations,
    Form,
    Item,
    Parameter,
    Range,
    Window,
)
from fhir_svc.criteria.expressions import Expression
from fhir_svc.criteria.moments import Span, span
from fhir_svc.criteria.syntax import compiled
from fhir_svc.errors import Broken
from fhir_svc.record import Json

FACT = f"{BASE}/StructureDefinition/fact"
FORM = f"{BASE}/StructureDefinition/form"
PARAMETER = f"{BASE}/StructureDefinition/parameter"


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


FACT_WORDS = frozenset({
    "name", "kind", "title", "expression", "of", "value", "form", "role", "onset", "carried", "contradicts",
    "type", "status", "code", "prefix", "conclusion", "other", "word", "unless", "unit", "unitless", "plausible",
    "window", "item", "bound", "before", "default",
})  # fmt: skip


def _fact(words: Words) -> Declaration:
    unknown, lacking = words.keys() - FACT_WORDS, {"name", "kind"} - words.keys()
    if unknown or lacking:
        raise Broken(f"a fact has no words {sorted(unknown)}, and lacks {sorted(lacking)}")
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
        unless=tuple(words.get("unless", ())),
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
        points=Fraction(_one(words, "points", "0")),
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
