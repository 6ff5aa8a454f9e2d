"""What a value may be: the last usable one and the first that is not, at both ends of every plausible range.

A value outside its range is unknown, never normal (D.1 "Unusable value"); the ranges are product choices, as are the
ranges of what a site may set (D.4). Units are UCUM's own (C.1, D.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.criteria.cases.building import (
    abi,
    calm,
    day,
    distance,
    egfr,
    levels,
    month_of_steps,
    pains,
    series,
    steps,
    temperature,
    walk,
    weight,
)
from tests.criteria.cases.checking import Case

Given = Callable[[Any], list[Any]]


def edges(fact: str, given: Given, *values: tuple[Any, Any]) -> Iterator[Case]:
    """One case for each value that is measured or answered, and what the fact is then."""
    for value, expected in values:
        yield Case(f"{fact} of {value}", given(value), facts={fact: expected})


def answered(item: str, unit: str | None = None) -> Given:
    return lambda value: [calm({item: value if unit is None else (value, unit)})]


def walked(item: str) -> Given:
    return lambda value: [walk({item: value})]


FORMS = [
    *edges("ctx-duration-weeks", answered("ctx-duration-weeks", "wk"), (-1, None), (0, 0), (5200, 5200), (5201, None)),
    *edges("hx-pt-weeks", answered("hx-pt-weeks"), (-1, None), (0, 0), (5200, 5200), (5201, None)),
    *edges(
        "hx-conservative-months", answered("hx-conservative-months"), (-1, None), (0, 0), (1200, 1200), (1201, None)
    ),
    *edges("rf-temperature", answered("rf-temperature", "Cel"), ("29.9", None), (30, 30), (45, 45), ("45.1", None)),
    *edges("wk-distal-start", walked("wk-distal-start"), (-1, None), (0, 0), (4, 4), (5, None)),
    *edges("wk-distal-end", walked("wk-distal-end"), (-1, None), (0, 0), (4, 4), (5, None)),
    *edges("wk-pain-start", walked("wk-pain-start"), (-1, None), (0, 0), (10, 10), (11, None)),
    *edges("wk-pain-peak", walked("wk-pain-peak"), (-1, None), (0, 0), (10, 10), (11, None)),
]
"""D.5: weeks and months of a hundred years, pain 0 to 10, places 0 to 4; D.1: temperatures of 30 to 45 Cel."""

MEASURED = [
    *edges(
        "temperature-highest",
        lambda value: [temperature(value)],
        ("29.9", None), (30, 30), (45, 45), ("45.1", None),
    ),
    *edges("weight-now", lambda value: [weight(value, day(3))], ("19.9", None), (20, 20), (400, 400), ("400.1", None)),
    *edges(
        "weight-reference",
        lambda value: [weight(value, day(200)), weight(70, day(3))],
        ("19.9", None), (20, 20), (400, 400), ("400.1", None),
    ),
    *edges("egfr", lambda value: [egfr(value)], (-1, None), (0, 0), (250, 250), (251, None)),
]  # fmt: skip
"""D.6."""

INDEX = [
    case
    for fact in ("abi-lowest", "abi-highest")
    for case in (
        *edges(fact, lambda value: [abi(value)], ("-0.1", None), (0, 0), (4, 4), ("4.1", None)),
        *edges(
            fact,
            lambda value: [abi(value, unit=None)],
            ("0.19", None), ("0.2", "0.2"), (2, 2), ("2.01", None),
        ),
    )
]  # fmt: skip
"""R18 M: a value without unit is used if 0.2 to 2.0."""

DAYS = [
    *edges(
        "walking-distance-decline",
        lambda value: series([1000] * 7, [value] * 4),
        (-1, None), (0, 100),
    ),
    *edges(
        "walking-distance-decline",
        lambda value: series([value] * 7, [50000] * 4),
        (200000, 75), (200001, None),
    ),
    *edges("steps-decline", lambda value: month_of_steps([1000] * 7, [value] * 4), (-1, None), (0, 100)),
    *edges("steps-decline", lambda value: month_of_steps([value] * 7, [50000] * 4), (200000, 75), (200001, None)),
    *edges(
        "walking-distance-data", lambda value: [distance(value, 3)],
        (-1, False), (0, True), (200000, True), (200001, False),
    ),
    *edges("steps-data", lambda value: [steps(value, 3)], (-1, False), (0, True), (200000, True), (200001, False)),
    *edges("pain-rise", lambda value: pains([value] * 5, [5] * 3), (-1, None), (0, 5), (10, -5), (11, None)),
    *edges("rising-sessions", lambda value: [levels(value, 2, 1)], (-1, None), (0, 1), (4, 0), (5, None)),
]  # fmt: skip
"""D.6: no more than 200 km or 200,000 steps a day, pain 0 to 10, places 0 to 4."""

TABLES = {"forms": FORMS, "measured": MEASURED, "index": INDEX, "days": DAYS}
