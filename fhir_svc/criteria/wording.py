"""PURE: brings a patient's text into normal form: sentences of plain English words, misspelt ones mended.

In the normal form every word is followed by one space, commas and brackets are `,`, contractions are written out and
numbers are named by their range. No word is ever taken away.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from fhir_svc.criteria.vocabulary import Vocabulary

TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*|[,.!?;:\n/&()]|[-\u2013\u2014]{2,}| - ")
SENTENCE_ENDS = frozenset(".!?;\n")
COMMA = ", "
SHORTEST_TYPO, LONGER_TYPO = 5, 8
READABLE_SHARE = Decimal("0.5")
FEW_WORDS = 2
ENDINGS = ("s", "es", "ed", "d", "ing", "ly", "er", "est")


def sentences(text: str, vocabulary: Vocabulary) -> Iterator[tuple[str, bool]]:
    """Each sentence in normal form, and whether it ends with a question mark."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u2018", "'").lower()
    words: list[str] = []
    for token in [*TOKEN.findall(plain), "\n"]:
        if token in SENTENCE_ENDS:
            if any(word != "," for word in words):
                yield "".join(f"{word} " for word in words), token.startswith("?")
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
    return word in vocabulary.known or any(word.removesuffix(end) in vocabulary.plain for end in ENDINGS)


def _near(word: str, vocabulary: Vocabulary) -> str:
    """The only keyword that a slip or two makes of this word, else the word."""
    if len(word) < SHORTEST_TYPO:
        return word
    allowed = 1 if len(word) < LONGER_TYPO else 2
    for slips in range(1, allowed + 1):
        alike = (other for other in vocabulary.keywords if abs(len(other) - len(word)) <= slips)
        near = {other for other in alike if _slips(word, other) <= slips}
        if near:
            return min(near)
    return word


def _slips(left: str, right: str) -> int:
    """Damerau-Levenshtein distance (letters lost, added, changed, neighbours swapped)."""
    older: list[int] = []
    old: list[int] = [*range(len(right)), len(right)]
    for i, (before_a, a) in enumerate(pairwise(f" {left}"), 1):
        new: list[int] = [i]
        for j, (before_b, b) in enumerate(pairwise(f" {right}"), 1):
            best = min(old[j] + 1, new[j - 1] + 1, old[j - 1] + (a != b))
            if a == before_b and before_a == b:
                best = min(best, older[j - 2] + 1)
            new.append(best)
        older, old = old, new
    return old[-1]


def readable(words: str, vocabulary: Vocabulary) -> bool:
    """Whether at least half of the words of each part are English ones we know; very short parts stand for nothing."""
    parts = [part.split() for part in words.split(COMMA) if part.strip()]
    said = [word for part in parts for word in part]
    long_parts = [part for part in parts if len(part) > FEW_WORDS] or [said]
    return all(sum(_is_word(word, vocabulary) for word in part) >= len(part) * READABLE_SHARE for part in long_parts)


def _is_word(word: str, vocabulary: Vocabulary) -> bool:
    return word in {"number", "year", "hightemp"} or _is_known(word, vocabulary)
