"""PURE: one answer of one version of a response, as a value: plain option, number or quantity, or why it is none."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.declarations import Declaration
from fhir_svc.criteria.forms import Response
from fhir_svc.criteria.moments import Moment
from fhir_svc.criteria.readings import Reading
from fhir_svc.criteria.units import canonical, unit_of
from fhir_svc.record import Json, Stored

UNSURE = "unsure"
UNIT_UNKNOWN = "UNIT_UNKNOWN"


class Source(NamedTuple):
    """Where an answer stands, and when it was given."""

    date: str
    stored: tuple[Stored, ...]


def given(case: Case, declared: Declaration, response: Response, depth: int) -> Reading:
    """The answer in one version of a response."""
    version = response.versions[depth]
    answers = version.answers.get(declared.name, ())
    source = Source(response.authored.text, (version.stored,) if answers else ())
    if len(answers) != 1:
        return Reading(date=source.date, sources=source.stored)
    return _value(case, declared, answers[0], source)


def _value(case: Case, declared: Declaration, stated: Json, source: Source) -> Reading:
    if "valueCoding" in stated:
        code = str(stated["valueCoding"].get("code", ""))
        plain = case.declarations.forms[declared.form].answers.get(code, code)
        value = None if plain == UNSURE else plain
        return Reading(value, None, source.date, source.stored, unsure=plain == UNSURE)
    if "valueQuantity" in stated:
        return _quantity(declared, stated["valueQuantity"], source)
    number = stated.get("valueDecimal", stated.get("valueInteger"))
    if isinstance(number, int | Decimal) and not isinstance(number, bool):
        return _plausible(declared, Fraction(number), source, whole="valueInteger" in stated)
    return Reading(date=source.date, sources=source.stored)


def _quantity(declared: Declaration, quantity: Json, source: Source) -> Reading:
    value = quantity.get("value")
    if not isinstance(value, int | Decimal) or quantity.get("comparator") is not None or declared.unit is None:
        return Reading(date=source.date, sources=source.stored, unusable=value is not None)
    exact = canonical(value, unit_of(quantity), declared.unit)
    if exact is None:
        flags = frozenset({UNIT_UNKNOWN})
        return Reading(date=source.date, sources=source.stored, unusable=True, flags=flags)
    return _plausible(declared, exact, source, whole=False)


def _plausible(declared: Declaration, value: Fraction, source: Source, *, whole: bool) -> Reading:
    usable = declared.plausible is None or value in declared.plausible
    known = value if usable else None
    return Reading(known, declared.unit, source.date, source.stored, unusable=not usable, whole=whole)


def standing(case: Case, declared: Declaration) -> Iterator[tuple[Reading, Moment]]:
    """An item's usable and unusable values in every response to its form that counts, newest first."""
    responses = case.forms[declared.form]
    for response in (*responses.newer, *([responses.current] if responses.current else ()), *responses.others):
        reading = given(case, declared, response, 0)
        if reading.value is not None or reading.unusable:
            yield reading, response.authored
