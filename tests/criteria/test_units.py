"""Units: exact, and unknown where they are unknown."""

from decimal import Decimal
from fractions import Fraction

import pytest

from fhir_svc.criteria.units import canonical, unit_of


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        ("100.4", "[degF]", "Cel", "38"),
        ("311.15", "K", "Cel", "38"),
        ("180", "[lb_av]", "kg", "81.6466266"),
        ("16", "[oz_av]", "kg", "0.45359237"),
        ("82500", "g", "kg", "82.5"),
        ("1", "[mi_i]", "m", "1609.344"),
        ("1000", "[ft_i]", "m", "304.8"),
        ("1.25", "km", "m", "1250"),
        ("12", "[in_i]", "m", "0.3048"),
        ("250", "cm", "m", "2.5"),
        ("2", "min", "s", "120"),
        ("85", "%", "{ratio}", "0.85"),
        ("84", "d", "wk", "12"),
        ("336", "h", "wk", "2"),
        ("4", "mo", "wk", "487/28"),
        ("4", "mo_j", "wk", "487/28"),
        ("4", "a", "wk", "1461/7"),
        ("4", "a_j", "wk", "1461/7"),
        ("2", "h", "s", "7200"),
        ("10", "[stone_av]", "kg", "63.5029318"),
        ("2500", "mm", "m", "2.5"),
        ("100", "[yd_i]", "m", "91.44"),
        ("1.5", "mg/dL", "mg/L", "15"),
        ("4", "{score}", "{score}", "4"),
    ],
)
def test_a_value_is_converted_exactly(value, unit, wanted, expected):
    assert canonical(Decimal(value), unit, wanted) == Fraction(expected)


@pytest.mark.parametrize(
    ("unit", "wanted"), [("lbs", "kg"), ("kg", "m"), ("C", "Cel"), (None, "kg"), ("mmol/L", "mg/L"), ("cel", "Cel")]
)
def test_an_unknown_unit_is_never_guessed(unit, wanted):
    assert canonical(Decimal(80), unit, wanted) is None


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ({"value": 1, "unit": "kilo", "code": "kg", "system": "http://unitsofmeasure.org"}, "kg"),
        ({"value": 1, "unit": "kg"}, "kg"),
        ({"value": 1, "code": "kg", "system": "http://example.org/units"}, None),
        ({"value": 1}, None),
    ],
)
def test_the_unit_is_the_ucum_code(quantity, unit):
    assert unit_of(quantity) == unit
