"""PURE: what one fact came out as for one patient, with everything needed to explain it. Shapes only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from fhir_svc.criteria.expressions import Between, Known
from fhir_svc.decision import Fact, Value
from fhir_svc.record import Stored

SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Reading:
    """`value` None is unknown. `unsure` is an explicit "don't know".

    `against` are the readings of sources that contradict this one. `onset` is the latest moment at which what it states
    can have begun. `missing` names the unknown facts that made this one, where it is about them. `among` are all the
    readings that this one was picked from: each of them is a report of its own.
    """

    value: Known | None = None
    unit: str | None = None
    date: str | None = None
    sources: tuple[Stored, ...] = ()
    flags: frozenset[str] = frozenset()
    unsure: bool = False
    against: tuple[Reading, ...] = ()
    onset: datetime | None = None
    missing: tuple[str, ...] = ()
    unusable: bool = False
    whole: bool = False
    among: tuple[Reading, ...] = ()

    def fact(self, name: str) -> Fact:
        """The same as a fact of the trace."""
        unknown = "unsure" if self.unsure else "unusable" if self.unusable else "unknown"
        value = shown(self.value, whole=self.whole)
        return Fact(name, value, self.unit, self.date, self.sources, self.flags, unknown)


UNKNOWN = Reading()
YES = Reading(value=True)
NO = Reading(value=False)


def shown(value: Known | None, *, whole: bool = False) -> Value | None:
    """A value as it is shown: an integer where it counts, else a decimal, rounded to twelve digits where it must be."""
    if isinstance(value, Between):
        return None
    if not isinstance(value, Fraction):
        return value
    if whole and value.denominator == 1:
        return int(value)
    with localcontext() as context:
        context.prec = SHOWN_DIGITS
        context.rounding = ROUND_HALF_EVEN
        return Decimal(value.numerator) / Decimal(value.denominator)
