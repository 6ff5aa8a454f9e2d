"""What lies in each window: the last day or hour that counts and the first that does not, at both ends.

D.1: windows are (T - W, T]; hours compare instants, days, weeks and months compare calendar dates. T is at noon of
18 June 2025, so that twelve months reach back to 19 June 2024.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from tests.criteria.cases.building import (
    XR_FLEXEXT,
    T,
    alert,
    calm,
    crp,
    day,
    distance,
    egfr,
    form,
    hours,
    injection,
    message,
    observation,
    pain,
    pregnancy_status,
    report,
    session,
    steps,
    temperature,
    walk,
    weight,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import SADDLE

LAST, FIRST_OUTSIDE = "2024-06-19", "2024-06-18"
"""Twelve months before T: the oldest day inside, and the day before it."""


def ends(fact: str, given: Callable[[Any], list[Any]], *whens: tuple[Any, Any], **more: Any) -> Iterator[Case]:
    """One case for each time, as days or hours back or as a date, and what the fact is then."""
    for when, expected in whens:
        yield Case(f"{fact}: {when}", given(when), facts={fact: expected}, **more)


def month(make: Callable[[int, int], Any], base: tuple[Any, ...], current: tuple[Any, ...]) -> list[Any]:
    """A value of 1000 on each day of the baseline, of 600 on each of the current days."""
    return [make(1000, back) for back in base] + [make(600, back) for back in current]


def trend(fact: str, make: Callable[[int, int], Any]) -> Iterator[Case]:
    """D.6 and R30: 7 days of -28 to -15 against 4 of -7 to -1."""
    six, three = (20, 21, 22, 23, 24, 25), (3, 4, 5)
    for back, expected in ((29, None), (28, 40), (15, 40), (14, None)):
        name = f"{fact}: the seventh day of the baseline is day -{back}"
        yield Case(name, month(make, (*six, back), (2, *three)), facts={fact: expected})
    for back, expected in ((8, None), (7, 40), (1, 40), (0, None)):
        name = f"{fact}: the fourth current day is day -{back}"
        yield Case(name, month(make, (*six, 26), (*three, back)), facts={fact: expected})


def pains() -> Iterator[Case]:
    """D.6 and R33 (b): 5 values of -28 to -8 against 3 of -7 to -1."""
    four, two = [pain(3, back) for back in (10, 12, 14, 16)], [pain(5, back) for back in (3, 4)]
    for back, expected in ((29, None), (28, 2), (8, 2), (7, None)):
        given = [*four, pain(3, back), pain(5, 2), *two]
        yield Case(f"pain-rise: the fifth earlier value is of day -{back}", given, facts={"pain-rise": expected})
    for back, expected in ((8, None), (7, 2), (1, 2), (0, None)):
        given = [*four, pain(3, 20), pain(5, back), *two]
        yield Case(f"pain-rise: the third current value is of day -{back}", given, facts={"pain-rise": expected})


def indexed(when: str) -> Any:
    return observation("77194-9", "0.8", "{ratio}", when)


MEASURED = [
    *ends("temperature-highest", lambda back: [temperature(39, back)], (71.99, 39), (72, None)),
    *ends("weight-now", lambda back: [weight(80, day(back))], (29, 80), (30, None)),
    *ends("weight-reference", lambda when: [weight(80, when), weight(70, day(0))], (LAST, 80), (FIRST_OUTSIDE, None)),
    *ends(
        "weight-reference", lambda back: [weight(80, day(back)), weight(70, day(0))], (181, 80), (28, 80), (27, None)
    ),
    *ends("abi-lowest", lambda when: [indexed(when)], (LAST, "0.8"), (FIRST_OUTSIDE, None)),
    *ends("abi-highest", lambda when: [indexed(when)], (LAST, "0.8"), (FIRST_OUTSIDE, None)),
    *ends("egfr", lambda back: [egfr(50, back)], (89, 50), (90, None)),
    *ends("inflammation-marked-high", lambda back: [crp(back)], (13, True), (14, False)),
    *ends("pregnancy-observed", lambda back: [pregnancy_status("pregnant", back)], (29, "yes"), (30, None)),
    Case(
        "six months back the older weight is the reference, even if a newer one is higher",
        [weight(90, day(182)), weight(95, day(181)), weight(70, day(0))],
        facts={"weight-reference": 90},
    ),
    Case(
        "what a physician recorded 29 days ago",
        [],
        ours=[pregnancy_status("pregnant", 29)],
        facts={"pregnancy-screened": "yes"},
    ),
    Case(
        "what a physician recorded 30 days ago",
        [],
        ours=[pregnancy_status("pregnant", 30)],
        facts={"pregnancy-screened": None},
    ),
]
"""D.6: temperature 72 h, weight 30 d and 6 to 12 months (else 28 to 182 d), ABI 12 months, eGFR 90 d, CRP 14 d."""

DAYS = [
    *trend("walking-distance-decline", distance),
    *trend("steps-decline", steps),
    *ends("walking-distance-data", lambda back: [distance(900, back)], (29, False), (28, True), (1, True), (0, False)),
    *ends("steps-data", lambda back: [steps(900, back)], (29, False), (28, True), (1, True), (0, False)),
    *pains(),
    *ends("home-silence", lambda back: [distance(900, back)], (6, False), (7, True)),
    *ends("home-silence", lambda back: [session(back)], (6, False), (7, True)),
    Case("a review of walking decline 13 days ago", [], ours=[alert(13)], facts={"walking-decline-alerted": True}),
    Case("a review of walking decline 14 days ago", [], ours=[alert(14)], facts={"walking-decline-alerted": False}),
]
"""D.6; R30 precisely: INSUFFICIENT_DATA looks at days -28 to -1, one alert in 14 days; R35: 7 days."""

ON_FILE = [
    *ends("flexext-12-months", lambda when: [report(when, XR_FLEXEXT)], (LAST, True), (FIRST_OUTSIDE, False)),
    *ends("epidural-sessions", lambda when: [injection(when)], (LAST, 1), (FIRST_OUTSIDE, 0)),
    *ends("epidural-sessions-14-days", lambda back: [injection(day(back))], (13, 1), (14, 0)),
    *ends("epidural-sessions-ever", lambda when: [injection(when)], ("1999-01-01", 1), (day(0), 1)),
    *ends("recent-lumbar-mri", lambda back: [report(day(back))], (180, True), (181, False)),
]
"""R09, R21: a film or session exactly 12 months ago does not count, one 14 days ago is long enough; R16: 180 in."""

INTAKE = [
    *ends("intake-stale", lambda back: [calm(authored=hours(24 * back))], (30, False), (31, True)),
    *ends(
        "intake-idle",
        lambda back: [form({}, status="in-progress", authored=hours(back))],
        (23.99, False), (24, True),
    ),
    *ends("ctx-pregnant", lambda back: [calm(authored=hours(24 * back))], (29, "no"), (30, None)),
    *ends(
        "rf-saddle-numbness",
        lambda back: [calm(), calm(SADDLE, id="older", authored=hours(24 * back))],
        (13, "yes"), (14, "no"),
    ),
    *ends(
        "rf-saddle-numbness",
        lambda back: [calm(authored=hours(24 * 20)), message("I am numb where I sit", 24 * back)],
        (13, "yes"), (14, "no"),
    ),
]  # fmt: skip
"""D.1: stale after 30 days, idle after 24 h; R40: another response of 14 days; R36: messages of 14 days."""

CLOCK = [
    *ends(
        "walk-form-present", lambda ahead: [walk(authored=(T + timedelta(minutes=ahead)).isoformat())],
        (15, True), (15.1, False),
    ),
    *ends(
        "temperature-highest", lambda ahead: [temperature(39, -ahead / 60)],
        (15, 39), (15.1, None),
    ),
]  # fmt: skip
"""D.1: stamped up to 15 minutes after T counts as at T."""

TABLES = {"measured": MEASURED, "days": DAYS, "on file": ON_FILE, "intake": INTAKE, "clock-tolerance": CLOCK}
