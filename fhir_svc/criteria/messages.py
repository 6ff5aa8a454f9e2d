"""PURE: reads what a patient wrote, and only ever raises.

It finds positive, current, first-person statements about red-flag items. Negation, the past, other people and
hypotheticals set nothing. Where a red-flag word stands in grammar it can't decide, or a text can't be read at all, it
says `unclear`, and a clinician and the red-flag form follow. It never says that a symptom is absent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from fhir_svc.criteria.vocabulary import Phrase, Vocabulary

TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*|[,.!?;:\n/&()]|[-\u2013\u2014]{2,}| - ")
SENTENCE_ENDS = frozenset(".!?;\n")
CONJUNCTION = re.compile(r"(?<![^ ])(?:and|or|,) ")
LIST = re.compile(r"(?<![^ ])(?:or|nor) ")
COMMA = ", "
SHORTEST_TYPO, LONGER_TYPO = 5, 8
READABLE_SHARE = Decimal("0.5")
FEW_WORDS = 2
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
        sentences = list(_sentences(text, vocabulary))
        unclear = unclear or not sentences or not all(_readable(words, vocabulary) for words, _ in sentences)
        for words, question in sentences:
            for clause in _clauses(words, question=question, vocabulary=vocabulary):
                statements, doubtful = _read_clause(clause, vocabulary)
                found.update(dict.fromkeys(statements))
                unclear = unclear or doubtful
    return Reading(tuple(found), unclear)


def _read_clause(clause: Clause, vocabulary: Vocabulary) -> tuple[list[Statement], bool]:
    statements: list[Statement] = []
    taken: list[tuple[int, int]] = []
    doubtful = False
    for phrase in vocabulary.statements:
        for match in phrase.pattern.finditer(clause.words):
            verdict = _verdict(clause, match, phrase, vocabulary)
            taken.append(match.span())
            doubtful = doubtful or verdict is Verdict.UNCLEAR
            if verdict is Verdict.POSITIVE and phrase.link_id:
                statements.append(Statement(phrase.link_id, phrase.answer))
    return statements, not statements and (doubtful or _suspicious(clause, taken, vocabulary))


def _suspicious(clause: Clause, taken: list[tuple[int, int]], vocabulary: Vocabulary) -> bool:
    """Whether a red-flag word stands here that nothing has decided."""
    return any(
        _verdict(clause, match, phrase, vocabulary) is not Verdict.NOTHING
        for phrase in vocabulary.suspects
        for match in phrase.pattern.finditer(clause.words)
        if not any(start < match.end() and match.start() < end for start, end in taken)
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
    if phrase.link_id is None and place.cue("normal", _segment(place.before)[1] + place.inner + _first(place.after)):
        return Verdict.NOTHING
    return None


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
    return Verdict.UNCLEAR if speaker < 0 and place.cue("other-person", place.after) else None


def _hypothetical(place: Place) -> Verdict | None:
    if place.cue("hypothetical", place.before):
        return Verdict.UNCLEAR if place.cue("still", place.clause.words) else Verdict.NOTHING
    if place.cue("condition", place.before):
        return Verdict.UNCLEAR
    asked = place.clause.question and place.cue(
        "asking", place.before[len(place.before) - len(_own(place)) :] + place.inner
    )
    return Verdict.UNCLEAR if asked else None


def _own(place: Place) -> str:
    """What stands before the match in its own part of the sentence, after the last comma."""
    return place.before.rpartition(COMMA)[2]


def _negated(place: Place) -> Verdict | None:
    cues = place.vocabulary.cues
    scope = cues["new-subject"].split(cues["not-a-negation"].sub("_ ", place.before))[-1]
    earlier, near = _segment(scope)
    own, listed = len(cues["negation"].findall(near)), len(cues["negation"].findall(earlier))
    if own + listed and place.cue("exception", place.clause.words):
        return Verdict.UNCLEAR
    if cues["negation"].match(place.inner) and own + listed:
        return None if listed and not own and not LIST.search(scope) else Verdict.UNCLEAR
    if own:
        return Verdict.NOTHING if own == 1 else Verdict.UNCLEAR
    if listed:
        return Verdict.NOTHING if listed == 1 and LIST.search(scope + place.after) else Verdict.UNCLEAR
    return Verdict.NOTHING if cues["negation-after"].match(place.after) else None


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
        return Verdict.UNCLEAR if place.cue("still", words) else Verdict.NOTHING
    if place.cue("some-time-ago", words):
        return Verdict.UNCLEAR
    if place.phrase.event or place.cue("recent", words):
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
    """What stands before the first conjunction or comma."""
    return CONJUNCTION.split(words, maxsplit=1)[0]


def _clauses(words: str, *, question: bool, vocabulary: Vocabulary) -> Iterator[Clause]:
    starts = [0, *(found.start() for found in vocabulary.cues["turn"].finditer(words)), len(words)]
    return (Clause(words[a:b], question) for a, b in zip(starts, starts[1:], strict=False) if words[a:b].strip())


def _sentences(text: str, vocabulary: Vocabulary) -> Iterator[tuple[str, bool]]:
    """Each sentence in normal form, and whether it ends with a question mark."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'").lower()
    words: list[str] = []
    for token in [*TOKEN.findall(plain), "\n"]:
        if token in SENTENCE_ENDS:
            if any(word != "," for word in words):
                yield "".join(f"{word} " for word in words), token == "?"
            words = []
        else:
            words.extend(_normal(token, vocabulary).split())


def _normal(token: str, vocabulary: Vocabulary) -> str:
    if token[0].isdigit():
        return vocabulary.number(Decimal(token.replace(",", ".")))
    if not token[0].isalpha():
        return {"/": "or", "&": "and"}.get(token, ",")
    if token in vocabulary.spelling:
        return vocabulary.spelling[token]
    token = token.removesuffix("'s").replace("'", "")
    if token in vocabulary.spelling:
        return vocabulary.spelling[token]
    return token if _is_known(token, vocabulary) else _near(token, vocabulary)


def _is_known(word: str, vocabulary: Vocabulary) -> bool:
    endings = ("", "s", "es", "ed", "d", "ing", "ly", "er", "est", "ies")
    return any(word.endswith(end) and word[: len(word) - len(end)] in vocabulary.known for end in endings)


def _near(word: str, vocabulary: Vocabulary) -> str:
    """The only keyword that a slip or two makes of this word, else the word."""
    if len(word) < SHORTEST_TYPO:
        return word
    allowed = 1 if len(word) < LONGER_TYPO else 2
    for slips in range(1, allowed + 1):
        sizes = range(len(word) - slips, len(word) + slips + 1)
        near = {other for size in sizes for other in vocabulary.by_length.get(size, ()) if _slips(word, other) <= slips}
        if near:
            return min(near)
    return word


def _slips(left: str, right: str) -> int:
    """Damerau-Levenshtein distance (letters lost, added, changed, neighbours swapped)."""
    older: list[int] = []
    old = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        new = [i]
        for j, b in enumerate(right, 1):
            best = min(old[j] + 1, new[j - 1] + 1, old[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            new.append(best)
        older, old = old, new
    return old[-1]


def _readable(words: str, vocabulary: Vocabulary) -> bool:
    """Whether at least half of the words are English ones we know; very short texts need one."""
    said = [word for word in words.split() if word != ","]
    known = sum(_is_known(word, vocabulary) or word == "number" for word in said)
    return known >= len(said) * READABLE_SHARE if len(said) > FEW_WORDS else known > 0
