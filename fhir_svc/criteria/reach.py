"""PURE: what would make a condition true or false: a search over the facts that it names, most telling values first.

Facts made of other facts are followed down. A value is one that the artefacts themselves speak of: the options of a
form, numbers at and beside a threshold inside the plausible range. No solution within `STEPS` is "can't tell".
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from fhir_svc.criteria.checks import NEVER_TRUE
from fhir_svc.criteria.declarations import Declaration, Declarations, Parameter
from fhir_svc.criteria.expressions import Binary, Expression, Known, Literal, Logic, Member, Name, Node, Not
from fhir_svc.criteria.tracing import SUMMARY

STEPS = 20_000
OTHER = "something else"
FOLLOWED = frozenset({"known", "stated", "doubt", "unknown"})
Given = Mapping[str, Known | None]
"""What is decided so far; None is decided to be unknown."""


class Exhausted(Exception):  # noqa: N818 - it names what happened
    """The search took too long to say anything."""


def inside(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    if isinstance(node, Logic):
        for part in node.parts:
            yield from inside(part)
    elif isinstance(node, Not | Member):
        yield from inside(node.part)
    elif isinstance(node, Binary):
        yield from inside(node.left)
        yield from inside(node.right)


@dataclass
class Space:
    """The values that each fact of a pathway can have. `offered` gives the words that a fact can be worth, if any."""

    declarations: Declarations
    offered: Callable[[str], frozenset[str] | None]
    summaries: bool = False  # whether a summary of other rules stands for itself
    shallow: bool = False  # whether every fact does: what is impossible then is impossible
    spoken: dict[str, dict[Known, None]] = field(default_factory=dict)

    def hear(self, expressions: Iterable[Expression]) -> None:
        """Learn which values the expressions compare each fact with."""
        for declared in self.declarations.facts.values():
            if declared.kind in {"stated", "worst"} and not set(declared.values) & {"true", "false", "unsure"}:
                for name in declared.of:
                    self.spoken.setdefault(name, {}).update(dict.fromkeys(declared.values))
        for expression in expressions:
            for node in inside(expression.node):
                if isinstance(node, Member):
                    self._compared([node.part, *map(Literal, sorted(node.options, key=str))])
                elif isinstance(node, Binary):
                    self._compared([*inside(node.left), *inside(node.right)])

    def _compared(self, nodes: list[Node]) -> None:
        values: dict[Known, None] = {node.known: None for node in nodes if isinstance(node, Literal)}
        names = [node.name for node in nodes if isinstance(node, Name)]
        for name in names:
            parameter = self.declarations.parameters.get(name)
            values |= dict.fromkeys(_of_parameter(parameter)) if parameter else {}
        for name in names:
            self.spoken.setdefault(name, {}).update(values)

    def declared(self, name: str) -> Declaration | None:
        """The declaration of a fact that is made of others and followed down; None for a leaf."""
        found = None if self.shallow else self.declarations.facts.get(name)
        if found is None or (found.kind not in FOLLOWED and found.kind != "expression"):
            return None
        whole = found.unit is not None or "unsure" in found.values or (self.summaries and found.role == SUMMARY)
        return None if whole else found

    def doubts(self, node: Node) -> bool:
        """Whether a fact that is never true, only unknown or false, speaks here."""
        waiting, seen = list(node.names()), set[str]()
        while waiting:
            found = self.declarations.facts.get(waiting.pop())
            if found is None or found.name in seen:
                continue
            seen.add(found.name)
            if found.kind in NEVER_TRUE:
                return True
            waiting += [*found.of, *(found.expression.names if found.expression else ())]
        return False

    def domain(self, name: str) -> list[Known | None]:
        """Every value worth trying, unknown last."""
        parameter = self.declarations.parameters.get(name)
        if parameter is not None:
            return list(_of_parameter(parameter))
        spoken = list(self.spoken.get(name, ()))
        numbers = [value for value in spoken if isinstance(value, Fraction)]
        words = [value for value in spoken if isinstance(value, str)]
        if numbers:
            return [*self._around(name, numbers), None]
        if words:
            offered = self.offered(name) or {*words, OTHER}
            return [*(word for word in words if word in offered), *sorted(offered - set(words)), None]
        declared = self.declarations.facts.get(name)
        return [False, None] if declared and declared.kind in NEVER_TRUE else [True, False, None]

    def _around(self, name: str, numbers: list[Fraction]) -> list[Known]:
        """The thresholds, and what lies just beside them; nothing implausible."""
        declared = self.declarations.facts.get(name)
        limits = declared.plausible if declared else None
        step = Fraction(1, 10) if any(number.denominator != 1 for number in numbers) else Fraction(1)
        near = [value for number in numbers for value in (number, number + step, number - step)]
        near += [limits.low, limits.high] if limits else []
        ordered = sorted(numbers)
        near += [(low + high) / 2 for low, high in pairwise(ordered)]
        return list(dict.fromkeys(value for value in near if limits is None or value in limits))


@dataclass
class Search:
    """A walk through a space. A dead end tells which facts made it, so that others are not tried in vain."""

    space: Space
    given: dict[str, Known | None] = field(default_factory=dict)
    steps: int = STEPS
    _values: dict[str, Known | None] = field(default_factory=dict)

    def value(self, name: str) -> Known | None:
        """What a fact is worth as far as things are decided."""
        if name not in self._values:
            self._values[name] = self._value(name)
        return self._values[name]

    def _value(self, name: str) -> Known | None:
        declared = self.space.declared(name)
        if declared is None:
            return self.given.get(name)
        if declared.expression is not None and declared.kind == "expression":
            return declared.expression.value(self.value)
        if declared.expression is not None:
            return False if declared.expression.truth(self.value) is False else None
        return _made(declared, [(self.value(each), bool(self._open([each]))) for each in declared.of])

    def solve(self, goal: Node) -> Iterator[Given]:
        """Each way to make `goal` true that decides no more than it must; Exhausted when it takes too long."""
        yield from self._solve(goal)

    def _solve(self, goal: Node) -> Generator[Given, None, tuple[bool, frozenset[str]]]:
        """Yield solutions; give back whether there were any, and the facts that made the dead ends."""
        if not self.steps:
            raise Exhausted
        self.steps -= 1
        truth = goal.value(self.value)
        if truth is True:
            yield dict(self.given)
            return True, frozenset(self.given)
        undecided = self._open(dict.fromkeys(goal.unsettled(self.value))) if truth is None else []
        if not undecided:
            return False, frozenset(self._why_not(goal, wanted=True))
        name, any_found, guilty = undecided[0], False, frozenset[str]()
        for value in self.space.domain(name):
            self._decide(name, value)
            found, why = yield from self._solve(goal)
            any_found = any_found or found
            if name not in why and not found:
                guilty = why
                break
            guilty |= why - {name}
        self._decide(name)
        return any_found, guilty

    def _decide(self, name: str, *value: Known | None) -> None:
        self._values.clear()
        self.given.pop(name, None)
        self.given |= dict.fromkeys([name], *value) if value else {}

    def _open(self, names: Iterable[str]) -> list[str]:
        """The undecided leaves below facts, in reading order."""
        found: dict[str, None] = {}
        for name in names:
            declared = self.space.declared(name)
            if declared is None:
                found |= {} if name in self.given else {name: None}
            elif declared.expression is not None:
                found |= dict.fromkeys(self._open(declared.expression.unsettled(self.value)))
            else:
                found |= dict.fromkeys(self._open([each for each in declared.of if self.value(each) is None]))
        return list(found)

    def _why_not(self, node: Node, *, wanted: bool) -> Iterator[str]:
        """Decided facts that are enough to keep a part from being `wanted`."""
        if isinstance(node, Not):
            yield from self._why_not(node.part, wanted=not wanted)
        elif isinstance(node, Logic) and node.decisive is wanted:
            for part in node.parts:
                yield from self._why_not(part, wanted=wanted)
        elif isinstance(node, Logic):
            parts = [part for part in node.parts if part.value(self.value) is not wanted]
            settled = [part for part in parts if part.value(self.value) is not None]
            yield from self._why_not((settled or parts)[0], wanted=wanted)
        elif isinstance(node, Name) and (declared := self.space.declared(node.name)) and declared.kind == "expression":
            assert declared.expression is not None  # noqa: S101 - it is what the kind says
            yield from self._why_not(declared.expression.node, wanted=wanted)
        else:
            yield from self._decided(node.names())

    def _decided(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            declared = self.space.declared(name)
            if declared is None:
                yield from [name] if name in self.given else []
            else:
                yield from self._decided((*declared.of, *(declared.expression.names if declared.expression else ())))


def _of_parameter(parameter: Parameter) -> tuple[Known, ...]:
    if isinstance(parameter.default, bool):
        return (parameter.default, not parameter.default)
    return tuple(
        dict.fromkeys(value for value in (parameter.default, parameter.low, parameter.high) if value is not None)
    )


def _made(declared: Declaration, parts: list[tuple[Known | None, bool]]) -> bool | None:
    """A fact about facts: each part is its value, and whether that is still open."""
    known, is_open = parts[0]
    if declared.kind == "unknown":
        if any(value is None and not waiting for value, waiting in parts):
            return True
        return False if all(value is not None for value, _ in parts) else None
    if known is None:
        return None if is_open else False
    said = str(known).lower() if isinstance(known, bool) else str(known)
    return True if declared.kind == "known" else said in declared.values


def solution(space: Space, goal: Node, given: Given) -> Given | None:
    """A way to make a condition true, beside what is given, that needs every fact in it; None where there is none."""
    found = next(Search(space, dict(given)).solve(goal), None)
    if found is None:
        return None
    needed = dict(found)
    for name in [each for each in found if each not in given]:
        fewer = {each: value for each, value in needed.items() if each != name}
        if goal.value(Search(space, fewer).value) is True:
            needed = fewer
    return {name: value for name, value in needed.items() if name not in given}
