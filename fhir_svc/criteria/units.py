"""PURE: UCUM units to the canonical unit of a fact, in exact fractions. Factors are UCUM's own definitions.

An unknown unit gives None, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

UCUM = "http://unitsofmeasure.org"

POUND = Fraction("0.45359237")
FOOT = Fraction("0.3048")
ONE = Fraction(1)

FACTORS: Mapping[str, Mapping[str, Fraction]] = {
    "kg": {
        "kg": ONE,
        "g": Fraction(1, 1000),
        "[lb_av]": POUND,
        "[oz_av]": POUND / 16,
        "[stone_av]": POUND * 14,
    },
    "m": {
        "m": ONE,
        "km": Fraction(1000),
        "cm": Fraction(1, 100),
        "mm": Fraction(1, 1000),
        "[in_i]": FOOT / 12,
        "[ft_i]": FOOT,
        "[yd_i]": FOOT * 3,
        "[mi_i]": FOOT * 5280,
    },
    "s": {"s": ONE, "min": Fraction(60), "h": Fraction(3600)},
    "wk": {
        "wk": ONE,
        "d": Fraction(1, 7),
        "h": Fraction(1, 168),
        "mo": Fraction("365.25") / 12 / 7,
        "mo_j": Fraction("365.25") / 12 / 7,
        "a": Fraction("365.25") / 7,
        "a_j": Fraction("365.25") / 7,
    },
    "{score}": {"{score}": ONE, "1": ONE},
    "{steps}": {"{steps}": ONE, "1": ONE, "{steps}/d": ONE, "{steps}/(24.h)": ONE, "/d": ONE},
    "{ratio}": {"{ratio}": ONE, "1": ONE, "%": Fraction(1, 100)},
    "{level}": {"{level}": ONE, "1": ONE},
    "mL/min/{1.73_m2}": {"mL/min/{1.73_m2}": ONE},
    "mg/L": {"mg/L": ONE, "mg/dL": Fraction(10)},
    "mm/h": {"mm/h": ONE},
}
"""canonical unit -> unit -> how many canonical units one of it is"""

FREEZING_F, FREEZING_K = Fraction(32), Fraction("273.15")


def canonical(value: Decimal | int, unit: str | None, wanted: str) -> Fraction | None:
    """`value` in the unit wanted, exactly; None where the unit is unknown or of another kind."""
    if unit is None:
        return None
    exact = Fraction(value)
    if wanted == "Cel":
        return _celsius(exact, unit)
    factor = FACTORS.get(wanted, {}).get(unit)
    return None if factor is None else exact * factor


def _celsius(value: Fraction, unit: str) -> Fraction | None:
    if unit == "Cel":
        return value
    if unit == "[degF]":
        return (value - FREEZING_F) * 5 / 9
    return value - FREEZING_K if unit == "K" else None


def unit_of(quantity: Mapping[str, object]) -> str | None:
    """The UCUM unit of a FHIR Quantity: its code, or its `unit` where no code and no other system is given."""
    system, code = quantity.get("system"), quantity.get("code")
    if system not in {None, UCUM}:
        return None
    found = code if code is not None else quantity.get("unit")
    return found if isinstance(found, str) else None
