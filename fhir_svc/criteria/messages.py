"""PURE: reads what a patient wrote, and only ever raises.

It finds positive, current, first-person statements about red-flag items. Negation, the past, other people and
hypotheticals set nothing. Where a red-flag word stands in grammar it can't decide, or a text can't be read at all, it
says `unclear`, and a clinician and the red-flag form follow. It never says that a symptom is absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from fhir_svc.criteria.vocabulary import Phrase, Vocabulary
from fhir_svc.criteria.wording import COMMA, readable, sentences

CONJUNCTION = re.compile(r"(?<![^ ])(?:(?:and|or|,) |(?=nor ))")
LIST = re.compile(r"(?<![^ ])(?:or|nor) ")
CLOSE = 8  # characters: room for one short word before a cue


class Verdict(Enum):
    """What one place in a text says."""

    POSITIVE = "positive"
    UNCLEAR = "unclear"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Statement:
    """The patient says it of themselves, now. `value` is the option's code as in the form; no foot named: LA33-6."""

    link_id: str
    value: str
    certainty: str = "positive"


@dataclass(frozen=True, slots=True)
class Reading:
    """What all texts of one message say together. `unclear`: a clinician must read it."""

    statements: tuple[Statement, ...] = ()
    unclear: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """Part of a sentence in normal form: every word followed by one space."""

    words: str
    question: bool


def read(texts: Sequence[str], vocabulary: Vocabulary) -> Reading:
    """What these texts state; no text, or one without words, is unclear."""
    found: dict[Statement, None] = {}
    unclear = not texts
    for text in texts:
        said = list(sentences(text, vocabulary))
        unclear = unclear or not said or not all(readable(words, vocabulary) for words, _ in said)
        for words, question in said:
            for clause in _clauses(words, question=question, vocabulary=vocabulary):
                statements, doubtful = _read_clause(clause, vocabulary)
                found.update(dict.fromkeys(statements))
                unclear = unclear or doubtful
        words = " ".join(words for words, _ in said)
        unclear = unclear or (not found and _came_back(words, vocabulary))
    return Reading(tuple(found), unclear)


def _read_clause(clause: Clause, vocabulary: Vocabulary) -> tuple[list[Statement], bool]:
    statements: list[Statement] = []
    taken: set[int] = set()
    doubtful = False
    for phrase in vocabulary.statements:
        for match in phrase.pattern.finditer(clause.words):
            verdict = _verdict(clause, match, phrase, vocabulary)
            taken.update(range(*match.span()))
            doubtful = doubtful or verdict is Verdict.UNCLEAR
            if verdict is Verdict.POSITIVE and phrase.link_id:
                statements.append(Statement(phrase.link_id, phrase.answer))
    return statements, not statements and (doubtful or _suspicious(clause, taken, vocabulary))


def _came_back(words: str, vocabulary: Vocabulary) -> bool:
    """Whether a red flag is named and something is said to be back, which no single clause shows."""
    named = (phrase.pattern.search(words) for phrase in (*vocabulary.statements, *vocabulary.suspects))
    return bool(vocabulary.cues["relapse"].search(words)) and any(named)


def _suspicious(clause: Clause, taken: set[int], vocabulary: Vocabulary) -> bool:
    """Whether a red-flag word stands here that nothing has decided."""
    return any(
        _verdict(clause, match, phrase, vocabulary) is not Verdict.NOTHING
        for phrase in vocabulary.suspects
        for match in phrase.pattern.finditer(clause.words)
        if taken.isdisjoint(range(*match.span()))
    )


def _verdict(clause: Clause, match: re.Match[str], phrase: Phrase, vocabulary: Vocabulary) -> Verdict:
    """The first thing that decides; a phrase that nothing speaks against is positive."""
    before, inner, after = clause.words[: match.start()], match.group(), clause.words[match.end() :]
    place = Place(vocabulary, clause, before, inner, after, phrase)
    deciders = (_cancelled, _someone_else, _hypothetical, _negated, _resolved, _past, _doubted)
    return next((verdict for decide in deciders if (verdict := decide(place)) is not None), Verdict.POSITIVE)


@dataclass(frozen=True, slots=True)
class Place:
    """A match with the words around it."""

    vocabulary: Vocabulary
    clause: Clause
    before: str
    inner: str
    after: str
    phrase: Phrase

    def cue(self, name: str, words: str) -> re.Match[str] | None:
        """The first cue of this name in `words`."""
        return self.vocabulary.cues[name].search(words)

    def last(self, name: str, words: str) -> int:
        """Where the last cue of this name starts in `words`, -1 for none."""
        return max((found.start() for found in self.vocabulary.cues[name].finditer(words)), default=-1)


def _cancelled(place: Place) -> Verdict | None:
    phrase, words = place.phrase, place.clause.words
    cancel = phrase.cancelled_by and place.cue(phrase.cancelled_by, words)
    if cancel and not place.cue("negation", words[: cancel.start()].rpartition(COMMA)[2][-CLOSE:]):
        return Verdict.NOTHING
    return _as_it_should_be(place) if phrase.link_id is None else None


def _as_it_should_be(place: Place) -> Verdict | None:
    """A suspect word with `fine` or `normal` is nothing, unless that is negated or past."""
    part = _segment(place.before)[1] + place.inner + _first(place.after)
    normal = place.cue("normal", part)
    if not normal:
        return None
    others = part[: normal.start()] + part[normal.end() :]
    return Verdict.UNCLEAR if place.cue("negation", others) or place.cue("long-ago", others) else Verdict.NOTHING


def _someone_else(place: Place) -> Verdict | None:
    """A relative's symptom is nothing; what a relative says of an unnamed person, or of `he` or `she`, is unclear."""
    words = place.before + place.inner
    masked = place.vocabulary.cues["other-person"].sub(lambda found: "_ " * len(found.group().split()), words)
    speaker = place.last("first-person", masked)
    other, pronoun = place.last("other-person", words), place.last("pronoun", words)
    if other > speaker:
        return Verdict.UNCLEAR if place.cue("report", words[other:]) else Verdict.NOTHING
    if pronoun > speaker:
        return Verdict.UNCLEAR
    unnamed = not place.cue("first-person", masked)
    return Verdict.UNCLEAR if unnamed and place.cue("other-person", place.after) else None


def _hypothetical(place: Place) -> Verdict | None:
    """Supposing is nothing; asking is unclear, unless it asks why, or the question only follows a comma."""
    if place.cue("hypothetical", place.before):
        return Verdict.UNCLEAR if place.cue("still", place.clause.words) else Verdict.NOTHING
    if place.cue("condition", place.before):
        return Verdict.UNCLEAR
    own = place.before.rpartition(COMMA)[2]
    asked = place.clause.question and COMMA not in place.after and not place.cue("why", own)
    return Verdict.UNCLEAR if asked else None


def _negated(place: Place) -> Verdict | None:
    """Nothing only for one negation that governs the match itself, alone or through a list joined by `or`."""
    cues = place.vocabulary.cues
    scope = list(cues["new-subject"].split(cues["not-a-negation"].sub("_ ", place.before)))[-1]
    earlier, near = _segment(scope)
    own, listed = _last_of(cues["negation"], near), _last_of(cues["negation"], earlier)
    governing = own or listed
    negative = cues["negation"].match(place.inner) or cues["inability"].match(place.inner)
    if not governing:
        return (
            Verdict.NOTHING if cues["negation-after"].match(place.after.removeprefix(COMMA)) else _unable(place, near)
        )
    if negative:
        return None if not own and not LIST.search(scope) else Verdict.UNCLEAR
    if _twisted(place, near) or not (own or LIST.search(scope + place.after)):
        return Verdict.UNCLEAR
    return _governed((near if own else scope)[governing.end() :], place.vocabulary)


def _twisted(place: Place, near: str) -> bool:
    """A second negation, an exception or a doubt: what the sentence denies can't be told."""
    twice = len(place.vocabulary.cues["negation"].findall(near)) > 1
    hedged = place.cue("exception", place.clause.words) or place.cue("doubt", place.clause.words)
    return bool(twice or hedged or place.cue("inability", near))


def _unable(place: Place, near: str) -> Verdict | None:
    return Verdict.UNCLEAR if place.cue("inability", near) else None


def _governed(between: str, vocabulary: Vocabulary) -> Verdict:
    """Whether a negation reaches over these words to the match."""
    bridge = vocabulary.cues["bridge"]
    rest = [word for word in between.split() if not bridge.fullmatch(f"{word} ") and word not in vocabulary.keywords]
    return Verdict.UNCLEAR if rest else Verdict.NOTHING


def _last_of(cue: re.Pattern[str], words: str) -> re.Match[str] | None:
    return max(cue.finditer(words), key=lambda found: found.start(), default=None)


def _resolved(place: Place) -> Verdict | None:
    near = _first(place.after)
    if place.cue("again", near):
        return Verdict.UNCLEAR if place.cue("resolved", near) else None
    if place.cue("not-resolved", near):
        return None
    if place.cue("resolved", near):
        return Verdict.NOTHING
    return Verdict.UNCLEAR if place.cue("improving", near) else None


def _past(place: Place) -> Verdict | None:
    words = place.clause.words
    if place.phrase.ever or place.cue("accustomed", words) or place.cue("start", words):
        return None
    if place.cue("long-ago", words):
        past = (place.phrase.event or place.cue("past-verb", words)) and not place.cue("still", words)
        return Verdict.NOTHING if past else Verdict.UNCLEAR
    if place.cue("recent", words):
        return None
    if place.cue("some-time-ago", words):
        return Verdict.UNCLEAR
    if place.phrase.event:
        return None
    spoken = place.vocabulary.cues["present-perfect"].sub("_ ", _segment(place.before)[1] + place.inner)
    return Verdict.UNCLEAR if place.cue("past-verb", spoken) else None


def _doubted(place: Place) -> Verdict | None:
    words, phrase = place.clause.words, place.phrase
    doubted = place.cue("doubt", words) or (phrase.doubted_by and place.cue(phrase.doubted_by, words))
    lacking = phrase.needs and not place.cue(phrase.needs, words)
    hearsay = place.cue("hearsay", words) and not place.cue("first-person", place.inner)
    return Verdict.UNCLEAR if doubted or lacking or hearsay else None


def _segment(words: str) -> tuple[str, str]:
    """Splits at the last conjunction or comma: what stands before it, and after."""
    last = max((found.end() for found in CONJUNCTION.finditer(words)), default=0)
    return words[:last], words[last:]


def _first(words: str) -> str:
    """What stands before the first conjunction or comma; with the next part where a list goes on at once."""
    first, *rest = CONJUNCTION.split(words)
    return first or next(iter(rest), "")


def _clauses(words: str, *, question: bool, vocabulary: Vocabulary) -> Iterator[Clause]:
    starts = [0, *(found.start() for found in vocabulary.cues["turn"].finditer(words)), len(words)]
    return (Clause(words[a:b], question) for a, b in pairwise(starts) if words[a:b].strip())
