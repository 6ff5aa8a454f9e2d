"""PURE: reads the conditions of the artefacts: FHIRPath, cut down to what keeps "unknown" apart from "no".

An expression reads facts as variables (%`name`). Allowed: `and or implies not() in = != < <= > >= + - * /`, literals,
parentheses, and a union of literals to the right of `in`. All else is refused: through `exists()`, `iif()` or `~`
unknown would turn into no. The parser is our own because general FHIRPath engines mend what they can't read
(`%a = 'x' or` passes), calculate in decimals where we keep exact fractions, and are many times slower; the tests hold
it against one of them, fhirpathpy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache

from fhir_svc.criteria.expressions import OPERATIONS, Binary, Expression, Known, Literal, Logic, Member, Name, Node, Not
from fhir_svc.errors import Broken


class Refused(Broken):
    """An expression says something that conditions may not say."""

    error = "expression-refused"


TOKEN = re.compile(
    r"\s*(?:(?P<fact>%(?:`[A-Za-z0-9_.-]+`|[A-Za-z_][A-Za-z0-9_]*))|(?P<text>'[^'\\]*')|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<word>true|false|and|or|implies|not|in)\b|(?P<sign>!=|<=|>=|[=<>+\-*/().|]))",
)
LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"=", "!="}),
    frozenset({"<", "<=", ">", ">="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)
"""Binary operators from the loosest to the tightest, FHIRPath's own precedence; `implies or and in` are looser."""


@lru_cache(maxsize=4096)
def compiled(text: str) -> Expression:
    """Compile a condition; Refused where it leaves the allowed part of FHIRPath."""
    node = _Parser(text).whole()
    return Expression(text, node, tuple(dict.fromkeys(node.names())))


class _Parser:
    """Recursive descent over one expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.place = 0

    def whole(self) -> Node:
        node = self.implication()
        if self.place != len(self.tokens):
            raise self.refused()
        return node

    def implication(self) -> Node:
        node = self.either()
        while self.took("implies"):
            node = Logic(decisive=True, parts=(Not(node), self.either()))
        return node

    def either(self) -> Node:
        return self.chain("or", self.both, decisive=True)

    def both(self) -> Node:
        return self.chain("and", self.membership, decisive=False)

    def chain(self, word: str, part: Callable[[], Node], *, decisive: bool) -> Node:
        parts = [part()]
        while self.took(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Logic(decisive, tuple(parts))

    def membership(self) -> Node:
        node = self.binary(0)
        if not self.took("in"):
            return node
        options = self.options()
        if len({type(option) for option in options}) != 1:
            raise self.refused()
        return Member(node, frozenset(options))

    def options(self) -> list[Known]:
        bracket = self.took("(")
        options = [self.literal()]
        while bracket and self.took("|"):
            options.append(self.literal())
        if bracket:
            self.need(")")
        return options

    def binary(self, level: int) -> Node:
        if level == len(LEVELS):
            return self.negated()
        node = self.binary(level + 1)
        while self.peek() in LEVELS[level]:
            apply = OPERATIONS[self.take()]
            node = Binary(apply, node, self.binary(level + 1))
        return node

    def negated(self) -> Node:
        node = self.term()
        while self.took("."):
            for word in ("not", "(", ")"):
                self.need(word)
            node = Not(node)
        return node

    def term(self) -> Node:
        if self.took("("):
            node = self.implication()
            self.need(")")
            return node
        if self.peek().startswith("%"):
            return Name(self.take()[1:].strip("`"))
        return Literal(self.literal())

    def literal(self) -> Known:
        word = self.take()
        if word in {"true", "false"}:
            return word == "true"
        if word.startswith("'"):
            return word[1:-1]
        if word[:1].isdigit():
            return Fraction(word)
        raise self.refused()

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def took(self, token: str) -> bool:
        found = self.peek() == token
        self.place += found
        return found

    def need(self, token: str) -> None:
        if not self.took(token):
            raise self.refused()

    def refused(self) -> Refused:
        return Refused(f"not an expression that conditions may use: {self.text}")


def _tokens(text: str) -> Iterator[str]:
    place = 0
    text = text.rstrip()
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise Refused(f"not an expression that conditions may use: {text}")
        yield match[0].strip()
        place = match.end()
