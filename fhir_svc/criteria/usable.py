"""PURE: which measured values of an Observation no fact can use, although its code is one that facts read.

Whoever sent such a value is told: it is kept, and unknown to the criteria. Derived from the declarations of the
Libraries alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from fhir_svc.criteria.declarations import Declaration, Declarations
from fhir_svc.criteria.measurements import ABSENT, quantity
from fhir_svc.criteria.units import unit_of
from fhir_svc.record import Json

_MEASURED = frozenset({"latest", "highest", "by-leg", "decline", "mean-rise"})
"""Kinds of facts that read quantities in a unit."""
_ALWAYS = Decimal("-Infinity"), Decimal("Infinity")


class Reader(NamedTuple):
    """A fact that reads a code, with its plausible range in numbers that compare fast."""

    fact: Declaration
    low: Decimal
    high: Decimal

    def takes(self, element: Json) -> bool:
        """Whether the fact can use what an element says; what comes in its very unit takes no conversion."""
        given = element.get("valueQuantity") or {}
        if unit_of(given) == self.fact.unit and "comparator" not in given and "value" in given:
            return bool(self.low <= given["value"] <= self.high)
        return quantity(element, self.fact)[0] is not None


class Measures:
    """The codes of Observations whose values the facts of some pathways read."""

    def __init__(self, declared: Iterable[Declarations] = ()) -> None:
        self._readers: dict[tuple[str, str], list[Reader]] = {}
        for each in declared:
            for fact in each.facts.values():
                if fact.kind in _MEASURED:
                    for code in fact.codes:
                        self._add((code.system, code.code), Reader(fact, *_bounds(fact)))

    def _add(self, code: tuple[str, str], reader: Reader) -> None:
        """Facts that differ in their windows alone use the same values."""
        readers = self._readers.setdefault(code, [])
        alike = (reader.fact.unit, reader.fact.plausible, reader.fact.unitless)
        if alike not in [(each.fact.unit, each.fact.plausible, each.fact.unitless) for each in readers]:
            readers.append(reader)

    def unused(self, observation: Json) -> Iterator[tuple[str, str]]:
        """Where a value stands, or should, that can't be used, and the unit it would be read in."""
        if observation.get("status") in ABSENT:
            return
        parts = observation.get("component", ())
        yield from self._unused(observation, "value", empty=not parts and "hasMember" not in observation)
        for index, part in enumerate(parts):
            yield from self._unused(part, f"component[{index}].value", empty=True)

    def _unused(self, element: Json, place: str, *, empty: bool) -> Iterator[tuple[str, str]]:
        readers = self._of(element)
        if not readers or not (empty or any(name.startswith("value") for name in element)):
            return
        if not any(reader.takes(element) for reader in readers):
            yield place, readers[0].fact.unit or ""

    def _of(self, element: Json) -> list[Reader]:
        codings = element.get("code", {}).get("coding", ())
        return [
            reader
            for coding in codings
            for reader in self._readers.get((coding.get("system", ""), coding.get("code", "")), ())
        ]


def _bounds(fact: Declaration) -> tuple[Decimal, Decimal]:
    if fact.plausible is None:
        return _ALWAYS
    low, high = (Decimal(end.numerator) / Decimal(end.denominator) for end in (fact.plausible.low, fact.plausible.high))
    return low, high
