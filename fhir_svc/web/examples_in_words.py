"""Cases that show what a rule's condition means, in words. The cases are worked out by `criteria.examples`."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from fhir_svc.criteria.declarations import Declarations
from fhir_svc.criteria.examples import Examples
from fhir_svc.criteria.expressions import Known
from fhir_svc.web.wording import Wording

IN_ITS_UNIT = frozenset({"answer", "latest", "highest", "expression"})
"""Kinds whose value is in the unit declared; that of others is a count or a share of what is measured in it."""


def in_words(shown: Examples, declared: Declarations, words: Wording) -> Iterator[str]:
    """Cases in words: what is enough, and what an empty record gives."""
    for outcome, given in (("met", shown.met), ("not met", shown.not_met)):
        if given:
            yield f"{outcome} where {', '.join(_given(name, given[name], declared, words) for name in given)}"
    yield f"{shown.nothing.value.replace('-', ' ')} where nothing is on record"


def _given(name: str, value: Known | None, declared: Declarations, words: Wording) -> str:
    fact = declared.facts.get(name) or declared.parameters.get(name)
    own = fact is not None and getattr(fact, "kind", "answer") in IN_ITS_UNIT
    unit = words.unit(fact.unit) if fact and fact.unit and own else ""
    shown = f" {unit}" if fact and unit and unit != (fact.unit or "").strip("{}[]") else ""
    if value is None:
        told = "unknown"
    elif isinstance(value, bool):
        told = "yes" if value else "no"
    else:
        told = words.answer(name, value) if isinstance(value, str) else f"{_decimal(value)}{shown}"
    return f"“{words.fact(name)}” is {told}"


def _decimal(value: Known) -> str:
    return f"{float(value):g}" if isinstance(value, Fraction) else str(value)
