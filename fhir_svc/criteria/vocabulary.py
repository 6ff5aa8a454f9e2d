"""PURE: the words of patients' messages, compiled once from CodeSystem `message-language`.

Every word and phrase is data there. A concept's `role` says what it is for: `statement` (with `link-id` and `answer`),
`suspect` (a red-flag word that decides nothing alone), `cue` (negation, past, other people ...), `family` (words that
other phrases name as `<family>`), `spelling` (`typed=meant`), `number` (a range), `everyday` (makes a text readable).
In a phrase `word?` is optional, `(a|b c)` alternatives, `..` up to four words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_svc.record import Json

GAP = r"(?:[^ ,]+ ){0,4}?"
WORD = re.compile(r"[a-z']+")
PART = re.compile(r"\(|\)\??|\||[^\s()|]+")
STRUCTURE = {"(": "(?:", ")": ")", ")?": ")?", "|": "|", "..": GAP}


@dataclass(frozen=True, slots=True)
class Phrase:
    """What one concept looks for. `link_id` is None for a suspect; `event` reads well in the past tense.

    `ever` stays true for life. `cancelled_by`, `doubted_by` and `needs` name cues: with the first it says nothing, with
    the second, or without the third, it is unclear.
    """

    code: str
    pattern: re.Pattern[str]
    link_id: str | None = None
    answer: str = ""
    event: bool = False
    ever: bool = False
    cancelled_by: str | None = None
    doubted_by: str | None = None
    needs: str | None = None


@dataclass(frozen=True)
class Vocabulary:
    """All phrases and cues. A misspelt word may stand for one of `keywords`; `plain` are the words of other talk."""

    statements: tuple[Phrase, ...]
    suspects: tuple[Phrase, ...]
    cues: Mapping[str, re.Pattern[str]]
    spelling: Mapping[str, str]
    numbers: tuple[tuple[str, Decimal, Decimal], ...]
    known: frozenset[str]
    plain: frozenset[str]
    keywords: frozenset[str]

    def number(self, value: Decimal) -> str:
        """The name of the range that holds `value` (lower end excluded), else `number`."""
        return next((name for name, above, up_to in self.numbers if above < value <= up_to), "number")


def compile_vocabulary(artefact: Json) -> Vocabulary:
    """The vocabulary of the CodeSystem `message-language`; KeyError for a phrase that names an unknown family."""
    concepts = [(concept, _properties(concept), _phrases(concept)) for concept in artefact["concept"]]
    families = {concept["code"]: phrases for concept, props, phrases in concepts if props["role"] == "family"}

    def phrase(concept: Json, props: Mapping[str, Any], phrases: list[str]) -> Phrase:
        return Phrase(
            code=concept["code"],
            pattern=_pattern(phrases, families),
            link_id=props.get("link-id"),
            answer=props.get("answer", ""),
            event=props.get("event", False),
            ever=props.get("ever", False),
            cancelled_by=props.get("cancelled-by"),
            doubted_by=props.get("doubted-by"),
            needs=props.get("needs"),
        )

    def of(role: str) -> list[tuple[Json, Mapping[str, Any], list[str]]]:
        return [entry for entry in concepts if entry[1]["role"] == role]

    keywords = _words(phrases for role in ("family", "statement", "suspect") for _, _, phrases in of(role))
    return Vocabulary(
        statements=tuple(phrase(*entry) for entry in of("statement")),
        suspects=tuple(phrase(*entry) for entry in of("suspect")),
        cues={concept["code"]: _pattern(phrases, families) for concept, _, phrases in of("cue")},
        spelling=dict(pair.split("=") for _, _, phrases in of("spelling") for pair in phrases),
        numbers=tuple(
            (c["code"].partition("-")[0], Decimal(str(p["above"])), Decimal(str(p["up-to"])))
            for c, p, _ in of("number")
        ),
        plain=_words(phrases for role in ("cue", "everyday") for _, _, phrases in of(role)),
        known=keywords | _words(phrases for role in ("cue", "everyday") for _, _, phrases in of(role)),
        keywords=keywords,
    )


def _properties(concept: Json) -> dict[str, Any]:
    return {
        prop["code"]: next(value for name, value in prop.items() if name.startswith("value"))
        for prop in concept.get("property", ())
    }


def _phrases(concept: Json) -> list[str]:
    return [designation["value"] for designation in concept.get("designation", ())]


def _words(groups: Any) -> frozenset[str]:
    plain = (re.sub(r"<[^>]*>", " ", phrase) for phrases in groups for phrase in phrases)
    return frozenset(word for phrase in plain for word in WORD.findall(phrase))


def _pattern(phrases: list[str], families: Mapping[str, list[str]]) -> re.Pattern[str]:
    return re.compile("(?<![^ ])(?:" + "|".join(_regex(phrase, families) for phrase in phrases) + ")")


def _regex(phrase: str, families: Mapping[str, list[str]]) -> str:
    return "".join(_element(part, families) for part in PART.findall(phrase))


def _element(part: str, families: Mapping[str, list[str]]) -> str:
    if part in STRUCTURE:
        return STRUCTURE[part]
    if part.endswith("?"):
        return f"(?:{_element(part[:-1], families)})?"
    if part.startswith("<"):
        return "(?:" + "|".join(_regex(option, families) for option in families[part[1:-1]]) + ")"
    return re.escape(part) + " "
