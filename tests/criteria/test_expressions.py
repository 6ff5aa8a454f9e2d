"""Conditions: what they may say, and that they come out as FHIRPath says they must."""

from fractions import Fraction

import fhirpathpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_svc.criteria.expressions import Between
from fhir_svc.criteria.syntax import Refused, compiled
from fhir_svc.errors import Broken
from tests.criteria.cases.checking import knowledge

THREE = (True, False, None)
OPERATORS = ("and", "or", "implies")
TRUTH = [(left, word, right) for left in THREE for word in OPERATORS for right in THREE]


def fhirpath(text, values):
    """What fhirpathpy says; its empty collection is None."""
    given_values = {name: [] if value is None else value for name, value in values.items()}
    found = fhirpathpy.evaluate({}, text, given_values)
    return found[0] if found else None


@pytest.mark.parametrize(("left", "word", "right"), TRUTH)
def test_three_values_combine_as_fhirpath_says(left, word, right):
    text, values = f"%`a` {word} %`b`", {"a": left, "b": right}
    assert compiled(text).value(values.get) is fhirpath(text, values)


@pytest.mark.parametrize("value", THREE)
def test_not_of_unknown_is_unknown(value):
    assert compiled("%`a`.not()").value({"a": value}.get) is fhirpath("%`a`.not()", {"a": value})


CONDITIONS = [
    ("%`a` > 38.0", {"a": Fraction("38.0")}, False),
    ("%`a` > 38.0", {"a": Fraction("38.1")}, True),
    ("%`a` > 38.0", {"a": None}, None),
    ("%`a` = 'yes'", {"a": None}, None),
    ("%`a` != 'yes'", {"a": "no"}, True),
    ("%`a` in ('x' | 'y')", {"a": "y"}, True),
    ("%`a` in ('x' | 'y')", {"a": "z"}, False),
    ("%`a` in ('x' | 'y')", {"a": None}, None),
    ("0.1 + 0.2 = 0.3", {}, True),
    ("%`a` + 1 * 2 = 3", {"a": Fraction(1)}, True),
    ("5 * (%`a` - 32) > 9 * 38", {"a": Fraction("100.4")}, False),
    ("5 * (%`a` - 32) > 9 * 38", {"a": Fraction("100.5")}, True),
    ("%`a` / %`b` > 1", {"a": Fraction(1), "b": Fraction(0)}, None),
    ("1 < 2 = true", {}, True),
    ("%`a` or %`b` and %`c`", {"a": True, "b": True, "c": False}, True),
]


@pytest.mark.parametrize(("text", "values", "expected"), CONDITIONS)
def test_a_condition_comes_out_as_fhirpath_says(text, values, expected):
    plain = {key: float(each) if isinstance(each, Fraction) else each for key, each in values.items()}
    assert compiled(text).value(values.get) is expected
    assert fhirpath(text, plain) is expected


def test_division_stays_exact():
    assert compiled("%`a` / 3 * 3 = %`a`").value({"a": Fraction(1)}.get) is True


@pytest.mark.parametrize(
    "text",
    [
        "%`a`.exists()",
        "%`a`.empty()",
        "%`a` ~ 'x'",
        "iif(true, 1, 2)",
        "%`a` in (%`b`)",
        "%`a` xor %`b`",
        "%`a` & 'x'",
        "a = 1",
        "{} or true",
        "%`a` = 'x' 5",
        "%`a` div 2 > 1",
        "%`a` mod 2 = 1",
        "%`a` contains 1",
        "$this",
        "@2020",
        "%`a` is String",
        "not()",
        "%`a`.not",
        "%`a` = 'x' or",
        "(%`a`",
        "%`a` = 'x')",
        "",
        "%`a` in ('x' | 1)",
        "-1 < 2",
        "%`a`.trace('x')",
        "%'a'",
        "%`a` = 'it\\'s'",
        "(%`a` | %`b`) = 1",
    ],
)
def test_what_could_turn_unknown_into_no_is_refused(text):
    with pytest.raises(Refused):
        compiled(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("%`a` = 'yes'", {"a": True}),
        ("%`a` = 1", {"a": "one"}),
        ("%`a` > 1", {"a": "one"}),
        ("%`a` in ('x' | 'y')", {"a": Fraction(1)}),
        ("%`a` and %`b`", {"a": "x", "b": True}),
        ("%`a` + 1 = 2", {"a": "x"}),
    ],
)
def test_a_comparison_of_different_types_is_a_failure_and_never_no(text, values):
    with pytest.raises(Broken):
        compiled(text).truth(values.get)


@pytest.mark.parametrize(("low", "high", "expected"), [(63, 64, False), (64, 65, None), (65, 66, True)])
def test_a_range_decides_where_both_ends_agree(low, high, expected):
    age = Between(Fraction(low), Fraction(high))
    assert compiled("%`age` >= 65").value({"age": age}.get) is expected


def test_what_is_missing_is_what_could_still_change_the_answer():
    expression = compiled("(%`a` = 'yes' and %`b` = 'yes') or %`c` = 'yes'")
    assert expression.unsettled({"a": "no", "b": None, "c": None}.get) == ("c",)
    assert expression.unsettled({"a": "yes", "b": None, "c": "no"}.get) == ("b",)


BOOLEAN = {"expression", "stated", "known", "unknown"}


def _booleans():
    pathway = knowledge().pathway("lbp-lss")
    facts = pathway.declarations.facts
    actions = [action for rule in pathway.plan.rules for action in rule.action.everything()]
    conditions = [action.condition for action in actions if action.condition is not None]
    conditions += [fact.expression for fact in facts.values() if fact.expression is not None]
    made = [
        each for each in conditions
        if all(name in facts and facts[name].kind in BOOLEAN for name in each.names)
        and all(facts[name].unit is None for name in each.names)
        and "'" not in each.text and "=" not in each.text and ">" not in each.text
    ]  # fmt: skip
    return sorted({each.text for each in made})


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(_booleans()), st.data())
def test_the_artefacts_conditions_come_out_as_fhirpath_says(text, data):
    expression = compiled(text)
    values = {name: data.draw(st.sampled_from(THREE), label=name) for name in expression.names}
    assert expression.value(values.get) is fhirpath(text, values)


def test_every_condition_of_the_artefacts_is_fhirpath():
    pathway = knowledge().pathway("lbp-lss")
    texts = {a.condition.text for r in pathway.plan.rules for a in r.action.everything() if a.condition is not None}
    for text in sorted(texts)[::6]:
        fhirpathpy.compile(text)
