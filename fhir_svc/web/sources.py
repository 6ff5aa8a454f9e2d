"""A received resource as rows of label and value, for a person who wants to see where a fact comes from.

Built from the elements alone: narrative (`text.div`), contained markup and links are never rendered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_svc.web.wording import Wording

Json = Mapping[str, Any]
Row = tuple[str, str]
HIDDEN: Final = frozenset({"resourceType", "id", "meta", "text", "contained", "implicitRules"})
DEEPEST: Final = 6
LONGEST: Final = 2000


def describe(content: Json, words: Wording) -> list[Row]:
    """Label and value of everything a resource says, answers of forms by the question's own text."""
    if content.get("resourceType") == "QuestionnaireResponse":
        return [*_elements(content, skip=HIDDEN | {"item"}), *_answers(content, words)]
    return list(_elements(content, skip=HIDDEN))


def _answers(group: Json, words: Wording) -> Iterator[Row]:
    for item in group.get("item", ()):
        name = item.get("linkId", "")
        for answer in item.get("answer", ()):
            value = next((held for key, held in answer.items() if key.startswith("value")), "")
            if isinstance(value, Mapping) and "code" in value and "value" not in value:
                yield words.question(name), value.get("display") or words.answer(name, str(value["code"]))
            else:
                yield words.question(name), _value(value)
            yield from _answers(answer, words)
        yield from _answers(item, words)


def _elements(content: Json, *, skip: frozenset[str]) -> Iterator[Row]:
    for name, value in content.items():
        if name not in skip and not name.startswith("_"):
            yield _label(name), _value(value)


def _label(name: str) -> str:
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced[:1].upper() + spaced[1:]


def _value(value: Any, depth: int = 0) -> str:
    if depth > DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return _mapping(value, depth)
    if isinstance(value, list | tuple):
        return "; ".join(text for text in (_value(each, depth + 1) for each in value) if text)
    text = {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _mapping(value: Json, depth: int) -> str:
    if "value" in value and not isinstance(value["value"], Mapping | list):
        return " ".join(str(value[name]) for name in ("comparator", "value", "unit") if name in value)
    for name in ("text", "display"):
        if isinstance(value.get(name), str):
            return str(value[name])
    if "coding" in value:
        return _value(value["coding"], depth + 1)
    if "reference" in value:
        return str(value["reference"])
    if "code" in value:
        return str(value["code"])
    kept = {name: held for name, held in value.items() if name not in HIDDEN and name != "url"}
    return ", ".join(text for text in (_value(each, depth + 1) for each in kept.values()) if text)
