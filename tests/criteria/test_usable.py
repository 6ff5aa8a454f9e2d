"""Which measured values nobody can use: what intake tells is what the criteria then do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_svc.criteria.measurements import quantity
from fhir_svc.criteria.usable import Measures
from tests.criteria.cases.building import coding, observation
from tests.criteria.cases.checking import exact, knowledge

DECLARED = [each.declarations for each in knowledge().pathways.values()]
MEASURES = Measures(DECLARED)
READ = [
    pytest.param(fact, code, id=f"{fact.name} {code.code}")
    for each in DECLARED
    for fact in each.facts.values()
    if fact.kind in {"latest", "highest", "by-leg", "decline", "mean-rise"}
    for code in fact.codes
]
VALUES = ["0", "-1", "0.5", "19.99", "20", "29.9", "30", "37.2", "45", "45.1", "400", "400.01", "999999"]
UNITS = [
    "kg",
    "g",
    "[lb_av]",
    "Cel",
    "[degF]",
    "K",
    "m",
    "km",
    "{steps}",
    "{score}",
    "{ratio}",
    "%",
    "1",
    "stone",
    None,
]


@pytest.mark.parametrize(("fact", "code"), READ)
def test_a_value_is_named_exactly_where_the_criteria_can_not_use_it(fact, code):
    made = [
        exact(observation(code.code, value, unit, "2025-06-18", system=code.system, comparator=comparator))
        for value in VALUES
        for unit in (*UNITS, fact.unit, "mL/min/{1.73_m2}")
        for comparator in (None, "<")
    ]
    used = [quantity(each, fact)[0] is not None for each in made]
    assert [not list(MEASURES.unused(each)) for each in made] == used
    assert True in used
    assert False in used


def test_a_part_of_an_observation_is_named_by_its_place():
    def part(value, unit):
        return {"code": coding("http://loinc.org", "29463-7"), "valueQuantity": {"value": Decimal(value), "unit": unit}}

    panel = {"status": "final", "code": coding("http://loinc.org", "34566-0")}
    parts = [part("80", "kg"), part("12", "stone"), {"code": coding("http://loinc.org", "8302-2")}]
    assert list(MEASURES.unused(panel | {"component": parts})) == [("component[1].value", "kg")]
    withdrawn = {"status": "entered-in-error", "component": parts}
    assert list(MEASURES.unused(panel | withdrawn)) == []


def test_a_unit_without_a_value_is_named():
    bare = {"status": "final", "code": coding("http://loinc.org", "29463-7")}
    unit = {"unit": "kg", "code": "kg", "system": "http://unitsofmeasure.org"}
    assert list(MEASURES.unused(bare | {"valueQuantity": unit})) == [("value", "kg")]


def test_a_panel_has_no_value_of_its_own():
    bare = {"status": "final", "code": coding("http://loinc.org", "29463-7")}
    assert list(MEASURES.unused(bare)) == [("value", "kg")]
    assert list(MEASURES.unused(bare | {"hasMember": [{"reference": "Observation/a"}]})) == []
    assert list(MEASURES.unused(bare | {"hasMember": [{"reference": "Observation/a"}], "valueString": "x"})) != []
