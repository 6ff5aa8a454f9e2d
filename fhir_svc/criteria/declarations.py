"""PURE: what a Library declares: the facts of a pathway, the forms they come from, and the values a site may set.

Shapes only; `criteria.library` reads them. Every code, window, unit, minimum and plausible range stands in the Library;
Python knows only the kinds of facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from fhir_svc.criteria.expressions import Expression
from fhir_svc.criteria.moments import Span
from fhir_svc.errors import Broken

BASE = "https://example.org/fhir-svc"
FHIRPATH = "text/fhirpath"


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a system; `prefix` stands for all codes that begin with it (ICD categories)."""

    system: str
    code: str
    display: str = ""
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Inclusive bounds, in the fact's unit."""

    low: Fraction
    high: Fraction

    def __contains__(self, value: Fraction) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Window:
    """(T - since, T - until]; hours compare instants, all else calendar dates. No `since`: ever."""

    since: Span | None = None
    until: Span = field(default_factory=Span)
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a score, of a map of coded answers, or of onsets."""

    expression: Expression | None = None
    points: Fraction = Fraction(0)
    code: Code | None = None
    value: str = ""
    latest: Span = field(default_factory=Span)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One fact: `name`, `kind`, and what that kind needs. See profiles/README.md for each kind's words."""

    name: str
    kind: str
    title: str = ""
    expression: Expression | None = None
    of: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    form: str = ""
    role: str = ""
    onset: str = ""
    carried: bool = False
    contradicts: bool = False
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    codes: tuple[Code, ...] = ()
    conclusions: tuple[Code, ...] = ()
    others: tuple[Code, ...] = ()
    words: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    unit: str | None = None
    unitless: Range | None = None
    plausible: Range | None = None
    windows: tuple[Window, ...] = ()
    items: tuple[Item, ...] = ()
    bound: str = ""
    before: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A questionnaire that facts come from.

    `level` is what a completed one means when nothing fired; older than `fresh` it clears nobody; a positive answer of
    another response of the last `carry` stays; an unfinished one untouched for `idle` is asked about; the patient's
    messages of the last `messages` state its items too. `answers` gives option codes their plain values.
    """

    name: str
    questionnaire: str
    level: str
    rank: int
    fresh: Span | None
    carry: Span
    idle: Span
    messages: Span | None
    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value a site may set. `number` ranges from `low` to `high` in `unit`; a Boolean has neither."""

    name: str
    title: str
    default: bool | Fraction
    low: Fraction | None = None
    high: Fraction | None = None
    unit: str | None = None

    def take(self, value: object) -> bool | Fraction:
        """A site's value, checked; Broken where it is of the wrong type or out of range."""
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise Broken(f"site value {self.name} is true or false")
        try:
            number = Fraction(str(value))
        except (ValueError, ZeroDivisionError) as fault:
            raise Broken(f"site value {self.name} is a number") from fault
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise Broken(f"site value {self.name} is outside its range")
        return number


@dataclass(frozen=True, slots=True)
class Declarations:
    """All that one Library declares, in its order. `tolerance` is how far a clock may run ahead of T."""

    facts: Mapping[str, Declaration]
    forms: Mapping[str, Form]
    parameters: Mapping[str, Parameter]
