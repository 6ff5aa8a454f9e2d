"""PURE: what can be wrong with the artefacts that loading them does not show.

Check digits of LOINC and SNOMED CT, codes and links that lead nowhere, answers that no form offers, conditions that can
never be true or never be false, and missing citations. Each fault is one line for whoever edits the artefacts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

from fhir_svc.criteria.declarations import Declaration, Declarations
from fhir_svc.criteria.expressions import Binary, Expression, Known, Literal, Logic, Member, Name, Node, Not
from fhir_svc.criteria.plan import Action, Plan
from fhir_svc.record import Json

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
LOINC_TERM = re.compile(r"\d+-\d\Z")
NEVER_TRUE = frozenset({"doubt", "unusable"})
BOOLEAN = frozenset({
    "stated", "known", "unknown", "conflict", "form-completed", "form-stale", "form-idle", "form-present", "flagged",
    "message-stated", "message-unclear", "recorded", "recent-study", "waiting-orders", "withdrawn", "any-value",
    "silence", "alerted",
})  # fmt: skip
SAID_IN_MESSAGES, UNSAID, UNSURE = "yes", "?", "unsure"

_COMPOSED = re.compile("[:=+,]")
VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def is_loinc(term: str) -> bool:
    """Whether the check digit of a LOINC term is right (mod 10)."""
    if not LOINC_TERM.match(term):
        return False
    digits, check = term.split("-")
    doubled = str(int(digits[::-1][::2]) * 2)
    rest = digits[::-1][1::2]
    return (10 - sum(map(int, doubled + rest)) % 10) % 10 == int(check)


def is_snomed(concept: str) -> bool:
    """Whether the check digit of a SNOMED CT identifier is right; of an expression (`a:b=c`) that of each."""
    return all(map(_verhoeff, _COMPOSED.split(concept)))


def _verhoeff(concept: str) -> bool:
    check = 0 if concept else 1
    for place, digit in enumerate(reversed(concept)):
        if not digit.isdigit():
            return False
        check = int(VERHOEFF_D[check][int(VERHOEFF_P[place % 8][int(digit)])])
    return check == 0


def codings(value: Any) -> Iterator[Json]:
    """Every object below a value that has both a system and a code."""
    if isinstance(value, Mapping):
        if isinstance(value.get("system"), str) and isinstance(value.get("code"), str):
            yield value
        for inner in value.values():
            yield from codings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from codings(inner)


def code_faults(artefact: Json) -> Iterator[str]:
    """Codes of an artefact whose check digit is wrong."""
    for coding in codings(artefact):
        system, code = coding["system"], coding["code"]
        answer = code.startswith("LA")
        wrong = (system == LOINC and not answer and not is_loinc(code)) or (system == SNOMED and not is_snomed(code))
        if wrong:
            yield f"{artefact['resourceType']}/{artefact['id']}: check digit of {code} ({system})"


def plan_faults(plan: Plan, known: Mapping[str, Iterable[str]], canonicals: Iterable[str]) -> Iterator[str]:
    """Rules without citation or grade, and codes or links of actions that lead nowhere.

    `known` gives the codes of the CodeSystems triage-level, review-flag, order-key, message-reason and blocker.
    """
    links = set(canonicals)
    for rule in plan.rules:
        if not rule.citation or not rule.grade:
            yield f"{rule.id}: citation or grade of evidence is missing"
        for action in rule.action.everything():
            for system, code in _codes(action):
                if code not in known.get(system, ()):
                    yield f"{action.id or rule.id}: {code} is no code of {system}"
            if action.link is not None and action.link not in links:
                yield f"{action.id or rule.id}: {action.link} does not exist"


def _codes(action: Action) -> Iterator[tuple[str, str]]:
    single = (("triage-level", action.level), ("order-key", action.order), ("message-reason", action.message))
    yield from ((system, code) for system, code in single if code is not None)
    yield from (("review-flag", flag) for flag in action.flags)
    if action.control is not None:
        yield from (("order-key", order) for order in sorted(action.control.orders))
        yield from (("order-key", order) for order in (action.control.replacement,) if order is not None)
        yield from (("blocker", blocker) for blocker in (action.control.blocker,) if blocker is not None)


class Domains:
    """What each fact can be worth, from the forms' options and the kinds; `options` gives the forms' plain values."""

    def __init__(self, declarations: Declarations, options: Mapping[str, frozenset[str]]) -> None:
        self.declarations, self.options = declarations, options

    def defaults(self, names: Iterable[str]) -> Iterator[Fraction]:
        """The numbers among the site's parameters that are named."""
        for name in names:
            parameter = self.declarations.parameters.get(name)
            if parameter is not None and isinstance(parameter.default, Fraction):
                yield parameter.default

    def words(self, name: str) -> frozenset[str] | None:
        """The words that a fact can be worth, None for one that is no word."""
        declared = self.declarations.facts.get(name)
        if declared is None:
            return None
        if declared.kind == "sex":
            return frozenset({"male", "female"})
        if declared.kind == "answer" and (name in self.options or declared.values):
            said = {value for value in declared.values if value != UNSAID} | {declared.default} - {""}
            return self.options.get(name, frozenset()) | said
        own = {*declared.values, *(item.value for item in declared.items)} - {"", UNSAID}
        return frozenset(own) if declared.kind in {"worst", "coded", "screened"} else None

    def of(self, name: str, numbers: frozenset[Fraction]) -> tuple[Known, ...]:
        """Values to try for a fact; for a number each one it is compared with, one below and one above."""
        declared = self.declarations.facts.get(name)
        if declared is None:
            default = self.declarations.parameters[name].default
            return (True, False) if isinstance(default, bool) else (default,)
        words = self.words(name)
        if words:
            return tuple(sorted(words))
        if declared.kind in NEVER_TRUE:
            return (False,)
        if declared.kind in BOOLEAN or (declared.kind == "expression" and declared.unit is None):
            return (True, False)
        near = sorted({number + step for number in numbers | {Fraction(0)} for step in (-1, 0, 1)})
        between = {(low + high) / 2 for low, high in pairwise(near)}
        return tuple(sorted(between.union(near, (number * 2 + 1 for number in numbers))))


def fact_faults(domains: Domains) -> Iterator[str]:
    """Facts and conditions that name an answer which no form offers."""
    for declared in domains.declarations.facts.values():
        yield from _value_faults(declared, domains)
        for expression in _expressions(declared):
            yield from (f"fact {declared.name}: {fault}" for fault in expression_faults(expression, domains))


def _expressions(declared: Declaration) -> Iterator[Expression]:
    if declared.expression is not None:
        yield declared.expression
    yield from (item.expression for item in declared.items if item.expression is not None)


def _value_faults(declared: Declaration, domains: Domains) -> Iterator[str]:
    if declared.kind == "answer" and declared.name not in domains.options:
        yield f"fact {declared.name}: form {declared.form} has no such item"
    offered = domains.options.get(declared.name, frozenset())
    if offered:
        yield from _unoffered(declared, declared.values, offered | {SAID_IN_MESSAGES, UNSAID})
    if declared.kind == "stated":
        words = domains.words(declared.of[0])
        yield from _unoffered(declared, declared.values, (words or {"true", "false"}) | {UNSURE})


def _unoffered(declared: Declaration, values: Iterable[str], offered: Iterable[str]) -> Iterator[str]:
    unknown = sorted(set(values) - set(offered))
    if unknown:
        yield f"fact {declared.name}: no such answer: {', '.join(unknown)}"


def expression_faults(expression: Expression, domains: Domains) -> Iterator[str]:
    """Words that a fact can't be worth, and a condition that can never be true or never be false."""
    for name, word in _compared(expression.node):
        words = domains.words(name)
        if words is None or word not in words:
            yield f"{name} is never {word}"
    numbers = frozenset((*_numbers(expression.node), *domains.defaults(expression.names)))
    choices = {name: domains.of(name, numbers) for name in expression.names}
    if isinstance(expression.node, Binary) and not _is_condition(expression.node):
        return
    for wanted in (True, False):
        if not satisfiable(expression.node, choices, wanted=wanted):
            yield f"never {str(wanted).lower()}: {expression.text}"


def _is_condition(node: Binary) -> bool:
    sample = node.apply(Fraction(), Fraction())
    return isinstance(sample, bool)


def satisfiable(node: Node, choices: Mapping[str, tuple[Known, ...]], *, wanted: bool) -> bool:
    """Whether some values of the facts make a condition `wanted`: backtracking, with what is not yet set unknown."""
    names = list(choices)
    values: dict[str, Known] = {}

    def search(depth: int) -> bool:
        found = node.value(values.get)
        if found is not None or depth == len(names):
            return found is wanted
        for value in choices[names[depth]]:
            values[names[depth]] = value
            if search(depth + 1):
                return True
        values.pop(names[depth], None)
        return False

    return search(0)


def _parts(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Logic):
        inner: tuple[Node, ...] = node.parts
    elif isinstance(node, Not | Member):
        inner = (node.part,)
    else:
        inner = (node.left, node.right) if isinstance(node, Binary) else ()
    for part in inner:
        yield from _parts(part)


def _compared(node: Node) -> Iterator[tuple[str, str]]:
    for part in _parts(node):
        if isinstance(part, Member) and isinstance(part.part, Name):
            yield from ((part.part.name, str(option)) for option in part.options if isinstance(option, str))
        if isinstance(part, Binary) and isinstance(part.left, Name) and isinstance(part.right, Literal):
            yield from ((part.left.name, known) for known in (part.right.known,) if isinstance(known, str))


def _numbers(node: Node) -> Iterator[Fraction]:
    for part in _parts(node):
        if isinstance(part, Literal) and isinstance(part.known, Fraction):
            yield part.known
