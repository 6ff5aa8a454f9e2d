"""PURE: the conditions of the artefacts as they are worked out: FHIRPath's three values, exact numbers, and why.

`criteria.syntax` makes these parts from text. Unknown (FHIRPath's empty collection) is None here; numbers stay exact
fractions; every answer can be traced to the facts that made it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from fhir_svc.errors import Broken


@dataclass(frozen=True, slots=True)
class Between:
    """A number that is known to lie between two others, inclusive: the age of a partial birth date."""

    low: Fraction
    high: Fraction


Known = bool | str | Fraction | Between
"""What a fact can be worth inside an expression; None is unknown, FHIRPath's empty collection."""

Lookup = Callable[[str], Known | None]


class Node(Protocol):
    """A compiled part of an expression."""

    def value(self, facts: Lookup) -> Known | None:
        """What this part is worth, None for unknown."""

    def names(self) -> Iterator[str]:
        """The facts named, in reading order."""

    def unsettled(self, facts: Lookup) -> Iterator[str]:
        """The unknown facts that keep this part from being worth more, in reading order."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number or Boolean."""

    known: Known

    def value(self, facts: Lookup) -> Known | None:  # noqa: ARG002 - the shape of a Node
        """The literal."""
        return self.known

    def names(self) -> Iterator[str]:
        """Nothing."""
        return iter(())

    def unsettled(self, facts: Lookup) -> Iterator[str]:  # noqa: ARG002 - the shape of a Node
        """Nothing."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Name:
    """A fact."""

    name: str

    def value(self, facts: Lookup) -> Known | None:
        """The fact's value."""
        return facts(self.name)

    def names(self) -> Iterator[str]:
        """The fact itself."""
        yield self.name

    def unsettled(self, facts: Lookup) -> Iterator[str]:
        """The fact itself, where it is unknown."""
        if facts(self.name) is None:
            yield self.name


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or`, `implies` in FHIRPath's three values: `implies` is held as `left.not() or right`."""

    decisive: bool
    parts: tuple[Node, ...]

    def value(self, facts: Lookup) -> Known | None:
        """The decisive value if any part has it, else unknown if any part is, else the other value."""
        unknown = False
        for part in self.parts:
            found = _truth(part.value(facts))
            if found is self.decisive:
                return self.decisive
            unknown = unknown or found is None
        return None if unknown else not self.decisive

    def names(self) -> Iterator[str]:
        """All parts' names."""
        for part in self.parts:
            yield from part.names()

    def unsettled(self, facts: Lookup) -> Iterator[str]:
        """A part that decides `false` for an `and` makes the unknown of the others irrelevant."""
        decided_false = self.decisive is False and self.value(facts) is False
        for part in self.parts:
            if not decided_false or part.value(facts) is False:
                yield from part.unsettled(facts)


@dataclass(frozen=True, slots=True)
class Not:
    """`not()`."""

    part: Node

    def value(self, facts: Lookup) -> Known | None:
        """The opposite; unknown stays unknown."""
        found = _truth(self.part.value(facts))
        return None if found is None else not found

    def names(self) -> Iterator[str]:
        """The part's names."""
        return self.part.names()

    def unsettled(self, facts: Lookup) -> Iterator[str]:
        """The part's."""
        return self.part.unsettled(facts)


@dataclass(frozen=True, slots=True)
class Binary:
    """A comparison or an arithmetic operation; unknown on either side makes it unknown."""

    apply: Callable[[Any, Any], Known | None]
    left: Node
    right: Node

    def value(self, facts: Lookup) -> Known | None:
        """The operation's result."""
        left = self.left.value(facts)
        right = self.right.value(facts)
        return None if left is None or right is None else self.apply(left, right)

    def names(self) -> Iterator[str]:
        """Both sides' names."""
        yield from self.left.names()
        yield from self.right.names()

    def unsettled(self, facts: Lookup) -> Iterator[str]:
        """Both sides'."""
        yield from self.left.unsettled(facts)
        yield from self.right.unsettled(facts)


@dataclass(frozen=True, slots=True)
class Member:
    """`fact in ('a' | 'b')`."""

    part: Node
    options: frozenset[Known]

    def value(self, facts: Lookup) -> Known | None:
        """Whether the value is one of the options."""
        found = self.part.value(facts)
        if found is not None and {type(found)} != {type(option) for option in self.options}:
            raise Broken("an expression compares values of different types")
        return None if found is None else found in self.options

    def names(self) -> Iterator[str]:
        """The part's names."""
        return self.part.names()

    def unsettled(self, facts: Lookup) -> Iterator[str]:
        """The part's."""
        return self.part.unsettled(facts)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled condition with its text."""

    text: str
    node: Node
    names: tuple[str, ...]

    def value(self, facts: Lookup) -> Known | None:
        """What the expression is worth, None for unknown."""
        return self.node.value(facts)

    def truth(self, facts: Lookup) -> bool | None:
        """The value of a condition; Broken where it is no Boolean."""
        return _truth(self.node.value(facts))

    def unsettled(self, facts: Lookup) -> tuple[str, ...]:
        """The unknown facts that matter to the value."""
        return tuple(dict.fromkeys(self.node.unsettled(facts)))


def _truth(found: Known | None) -> bool | None:
    if found is None or isinstance(found, bool):
        return found
    raise Broken("a condition is worth something else than true or false")


def _alike(left: Known, right: Known) -> None:
    if type(left) is not type(right):
        raise Broken("an expression compares values of different types")


def _compare(apply: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Known, right: Known) -> bool:
        _alike(left, right)
        return apply(left, right)

    return compare


def _order(apply: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    def compare(left: Known, right: Known) -> bool | None:
        if isinstance(left, Between):
            low, high = compare(left.low, right), compare(left.high, right)
            return low if low is high else None
        if not (isinstance(left, Fraction) and isinstance(right, Fraction)):
            raise Broken("an expression orders values that are no numbers")
        return apply(left, right)

    return compare


def _arithmetic(apply: Callable[[Fraction, Fraction], Fraction]) -> Callable[[Any, Any], Fraction | None]:
    def compute(left: Known, right: Known) -> Fraction | None:
        if not (isinstance(left, Fraction) and isinstance(right, Fraction)):
            raise Broken("an expression reckons with values that are no numbers")
        try:
            return apply(left, right)
        except ZeroDivisionError:
            return None

    return compute


OPERATIONS: Mapping[str, Callable[[Any, Any], Known | None]] = {
    "=": _compare(operator.eq),
    "!=": _compare(operator.ne),
    "<": _order(operator.lt),
    "<=": _order(operator.le),
    ">": _order(operator.gt),
    ">=": _order(operator.ge),
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(operator.truediv),
}
