"""What a site chose decides as it chose, and the trace shows the choice where it mattered."""

import pytest

from fhir_svc.errors import Broken
from tests.criteria.cases.building import calm, day, injection, report
from tests.criteria.cases.checking import record_of, run
from tests.criteria.cases.presentations import AFTER_RELIEF, CLAUDICATION, SEEN_STENOSIS

INJECTION = [calm(AFTER_RELIEF), SEEN_STENOSIS]
THREE = [injection(day(300)), injection(day(200)), injection(day(100))]
MRI = calm({"hx-radicular-leg-pain": "yes", "hx-wants-intervention": "yes"})

CHOICES = {
    "a cap of three or four epidurals": ([*INJECTION, THREE], {"epidural-cap": 4}, "R21", "not-met", "met", 4),
    "epidurals for claudication": (
        [calm(AFTER_RELIEF | CLAUDICATION), SEEN_STENOSIS, injection(day(100))],
        {"epidurals-for-claudication": False},
        "R21",
        "met",
        "not-met",
        False,
    ),
    "routine imaging outside specialist care": (
        [MRI],
        {"imaging-outside-specialist-care": False},
        "R11",
        "met",
        "not-met",
        False,
    ),
    "the window of earlier imaging": (
        [MRI, report(day(100))],
        {"imaging-window-days": 90},
        "R11",
        "not-met",
        "met",
        90,
    ),
    "the same, at the rule that looks for it": (
        [MRI, report(day(100))],
        {"imaging-window-days": 90},
        "R16",
        "met",
        "not-met",
        90,
    ),
}


def facts(seen, rule):
    guidance = seen.evaluation.guidance[0]
    trace = next(one for one in guidance["contained"] if one["resourceType"] == "Parameters")["parameter"]
    for one in trace:
        parts = {part["name"]: part for part in one.get("part", ())}
        if one["name"] == "rule" and parts["id"]["valueString"] == rule:
            named = [{part["name"]: part for part in one["part"]} for one in one["part"] if one["name"] == "fact"]
            return {
                part["name"]["valueCode"]: next(v for k, v in part["value"].items() if k.startswith("value"))
                for part in named
                if "value" in part
            }
    raise KeyError(rule)


@pytest.mark.parametrize(("given", "values", "rule", "without", "chosen", "shown"), CHOICES.values(), ids=CHOICES)
def test_a_choice_decides_and_is_shown(given, values, rule, without, chosen, shown):
    record = record_of(given)
    usual, other = run(record), run(record, values=values)
    assert (usual.rules[rule], other.rules[rule]) == (without, chosen)
    if rule != "R11" or "imaging-window-days" not in values:
        (name,) = values
        assert facts(other, rule)[name] == shown
        assert facts(usual, rule)[name] != shown


def test_a_choice_that_mattered_nowhere_is_shown_nowhere():
    seen = run(record_of([calm()]), values={"young-age": 50})
    shown = {name for rule in seen.rules for name in facts(seen, rule)}
    assert "unknown-implant-swaps" in shown
    assert "clock-tolerance" not in shown


RANGES = {
    "clock-tolerance": (0, 15),
    "late-stat-minutes": (5, 60),
    "epidural-cap": (1, 6),
    "imaging-window-days": (30, 365),
    "draft-validity-days": (30, 365),
    "walking-decline-percent": (5, 30),
    "young-age": (18, 60),
}


@pytest.mark.parametrize(("name", "lowest", "highest"), [(name, *ends) for name, ends in RANGES.items()])
def test_a_site_chooses_within_the_range_of_a_value_and_not_beyond(name, lowest, highest):
    record = record_of([calm()])
    for value in (lowest, highest):
        assert run(record, values={name: value}).level == "ROUTINE"
    for value in (lowest - 1, highest + 1):
        with pytest.raises(Broken):
            run(record, values={name: value})


@pytest.mark.parametrize("value", ["many", "1/0", True, None, [30], {}])
def test_a_site_can_not_set_a_number_to_what_is_none(value):
    with pytest.raises(Broken):
        run(record_of([calm()]), values={"imaging-window-days": value})
