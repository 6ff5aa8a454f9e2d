"""PURE: which facts an expression rests on: what the trace shows, and what was missing.

Facts made of other facts are followed down to those made of the record; a `summary` (any red flag) is shown as itself,
because the rules it sums up stand in the same trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.declarations import Declaration, Declarations
from fhir_svc.criteria.expressions import Expression
from fhir_svc.criteria.facts import leaves_unknown
from fhir_svc.criteria.plan import Rule
from fhir_svc.decision import Fact

DERIVED = frozenset({"expression", "stated", "known", "unknown", "doubt", "score", "score-bound", "worst", "unusable"})
"""Kinds of facts made of other facts."""
SUMMARY = "summary"


def below(declared: Declaration) -> Iterator[str]:
    """The facts that a fact names."""
    yield from declared.of
    if declared.expression is not None:
        yield from declared.expression.names
    for item in declared.items:
        if item.expression is not None:
            yield from item.expression.names


class Trail:
    """The facts below each expression of a pathway, worked out once."""

    def __init__(self, declarations: Declarations) -> None:
        self._facts = declarations.facts
        self._rules: dict[str, tuple[str, ...]] = {}
        self._asking: dict[str, tuple[str, ...]] = {}
        self._known: dict[tuple[str, bool], tuple[str, ...]] = {}

    def names(self, expressions: Iterable[Expression], *, through: bool = False) -> tuple[str, ...]:
        """The facts to show for expressions, in reading order; `through` looks below summaries too."""
        found: dict[str, None] = {}
        for expression in expressions:
            key = expression.text, through
            if key not in self._known:
                self._known[key] = tuple(dict.fromkeys(self._leaves(expression.names, through, set())))
            found.update(dict.fromkeys(self._known[key]))
        return tuple(found)

    def _leaves(self, names: Iterable[str], through: bool, seen: set[str]) -> Iterator[str]:  # noqa: FBT001 - private
        for name in names:
            if name in seen:
                continue
            seen.add(name)
            declared = self._facts.get(name)
            whole = declared is None or declared.kind not in DERIVED
            if whole or (declared is not None and declared.role == SUMMARY and not through):
                yield name
                yield from (each for each in declared.of if each not in self._facts) if declared else ()
            elif declared is not None:
                if declared.kind in {"score", "score-bound"} or declared.unit is not None:
                    yield name
                yield from self._leaves(below(declared), through, seen)

    def of_rule(self, rule: Rule) -> tuple[str, ...]:
        """The facts to show for a rule: those of every condition in it."""
        if rule.id not in self._rules:
            conditions = [action.condition for action in rule.action.everything() if action.condition is not None]
            self._rules[rule.id] = self.names(conditions)
        return self._rules[rule.id]

    def asking(self, expression: Expression) -> tuple[str, ...]:
        """The facts of the kind `unknown` that an expression names, itself or through others."""
        if expression.text not in self._asking:
            self._asking[expression.text] = tuple(self._look_for_unknown(expression))
        return self._asking[expression.text]

    def _look_for_unknown(self, expression: Expression) -> Iterator[str]:
        pending, seen = list(expression.names), set[str]()
        while pending:
            name = pending.pop(0)
            declared = self._facts.get(name)
            if name in seen or declared is None:
                continue
            seen.add(name)
            if declared.kind == "unknown":
                yield name
            elif declared.expression is not None:
                pending.extend(declared.expression.names)


def facts_of(case: Case, names: Iterable[str]) -> Iterator[Fact]:
    """Those facts that are known, or whose source is there though it can't be used."""
    for name in names:
        fact = case.fact(name)
        if fact.value is not None or fact.sources:
            yield fact


def asked(case: Case, trail: Trail, expression: Expression) -> list[str]:
    """What the facts of the kind `unknown` below an expression found missing."""
    return [leaf for name in trail.asking(expression) for leaf in case.read(name).missing]


def unsettled(case: Case, expression: Expression) -> list[str]:
    """The unknown facts, down to those made of the record, that keep an expression from being worth more."""
    return [leaf for name in expression.unsettled(case.value) for leaf in leaves_unknown(case, name)]
