"""R30 and R35 as tables: walking becomes shorter, or nobody hears of it."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.criteria.cases.building import calm, distance, month_of_steps, series, session
from tests.criteria.cases.checking import Case, alike

R30 = [
    Case(
        "1000 to 800",
        [calm(), series([1000] * 7, [800] * 4)],
        "SOON",
        "",
        met="R30",
        flags="WALKING_DECLINE",
        messages="RED_FLAG_RESCREEN",
        reviews=True,
    ),
    Case(
        "1000 to 900",
        [calm(), series([1000] * 7, [900] * 4)],
        "ROUTINE",
        "",
        not_met="R30",
        no_flags="WALKING_DECLINE INSUFFICIENT_DATA",
        no_messages="RED_FLAG_RESCREEN",
    ),
    Case("1000 to 851", [calm(), series([1000] * 7, [851] * 4)], "ROUTINE", "", not_met="R30"),
    Case("1000 to 850.001", [calm(), series([1000] * 7, ["850.001"] * 4)], "ROUTINE", "", not_met="R30"),
    Case("1000 to 850", [calm(), series([1000] * 7, [850] * 4)], "SOON", "", met="R30", flags="WALKING_DECLINE"),
    Case("longer than before", [calm(), series([1000] * 7, [1300] * 4)], "ROUTINE", "", not_met="R30"),
    *alike(
        {
            "six days of baseline": [calm(), series([1000] * 6, [500] * 4)],
            "three current days": [calm(), series([1000] * 7, [500] * 3)],
            "a baseline of nothing": [calm(), series([0] * 7, [0] * 4)],
            "day 0 is not used": [calm(), series([1000] * 7, [800] * 3), distance(800, 0)],
            "two devices are not mixed": [calm(), series([1000] * 7, []), series([], [800] * 4, device="Device/b")],
            "six days of steps": [calm(), month_of_steps([8000] * 6, [6000] * 4)],
            "three current days of steps": [calm(), month_of_steps([8000] * 7, [6000] * 3)],
        },
        "ROUTINE",
        "",
        cannot_tell="R30",
        flags="INSUFFICIENT_DATA",
    ),
    Case("no data at all", [calm()], "ROUTINE", "", no_flags="INSUFFICIENT_DATA WALKING_DECLINE", cannot_tell="R30"),
    Case(
        "only old data",
        [calm(), [distance(1000, 29 + back) for back in range(9)]],
        "ROUTINE",
        "",
        no_flags="INSUFFICIENT_DATA",
    ),
    Case(
        "a median, not a mean",
        [calm(), series([1000] * 6 + [9000], [900, 900, 100, 900, 900])],
        "ROUTINE",
        "",
        not_met="R30",
    ),
    *alike(
        {
            "an even number: the mean of the middle two": [calm(), series([1000] * 7, [800, 800, 900, 900])],
            "day 28 is used": [
                calm(),
                [distance(1000, back) for back in range(22, 29)],
                [distance(800, back) for back in range(1, 5)],
            ],
            "day 7 is used": [calm(), series([1000] * 7, []), [distance(800, back) for back in range(4, 8)]],
            "kilometres and metres": [calm(), series([1] * 7, [], unit="km"), series([], [800] * 4)],
            "feet and metres": [calm(), series([1000] * 7, []), series([], ["2624"] * 4, unit="[ft_i]")],
        },
        "SOON",
        "",
        met="R30",
    ),
    *alike(
        {
            "days 8 to 14 are not used": [calm(), series([1000] * 7, [800] * 3), distance(800, 8), distance(800, 14)],
            "day 29 is not": [
                calm(),
                [distance(1000, back) for back in range(23, 30)],
                [distance(800, back) for back in range(1, 5)],
            ],
            "steps and distance are not mixed": [calm(), series([1000] * 7, []), month_of_steps([], [500] * 4)],
            "entered in error is ignored": [
                calm(),
                series([1000] * 7, [800] * 3),
                distance(800, 4, status="entered-in-error"),
            ],
            "a comparator is ignored": [calm(), series([1000] * 7, [800] * 3), distance(800, 4, comparator="<")],
        },
        "ROUTINE",
        "",
        cannot_tell="R30",
    ),
    Case(
        "an unknown unit",
        [calm(), series([1000] * 7, [800] * 4, unit="paces")],
        orders="",
        flags="UNIT_UNKNOWN",
        no_flags="WALKING_DECLINE",
    ),
    Case(
        "steps may replace distance",
        [calm(), month_of_steps([8000] * 7, [6000] * 4)],
        "SOON",
        "",
        met="R30",
        flags="WALKING_DECLINE",
    ),
    Case("steps fall by less", [calm(), month_of_steps([8000] * 7, [6801] * 4)], "ROUTINE", "", not_met="R30"),
    Case("without a form", [series([1000] * 7, [800] * 4)], "SOON", "", met="R30", flags="WALKING_DECLINE"),
    Case(
        "days are those of the tenant",
        [
            calm(authored="2025-06-18T13:00:00+00:00"),
            [distance(1000, back) for back in range(14, 21)],
            [distance(800, back) for back in range(4)],
        ],
        "SOON",
        "",
        met="R30",
        zone="Pacific/Auckland",
        at=datetime(2025, 6, 18, 13, 0, tzinfo=UTC),
    ),
]

NUDGE = "NO_DATA_NUDGE"
R35 = [
    Case("nothing for eight days", [calm(), distance(500, 8)], "ROUTINE", "", messages=NUDGE, met="R35"),
    Case(
        "seven days ago is seven days of silence", [calm(), distance(500, 7)], "ROUTINE", "", messages=NUDGE, met="R35"
    ),
    Case("three days ago", [calm(), distance(500, 3)], "ROUTINE", "", no_messages=NUDGE, not_met="R35"),
    Case("six days ago", [calm(), distance(500, 6)], no_messages=NUDGE, not_met="R35"),
    Case("a session counts as data", [calm(), distance(500, 20), session(2)], no_messages=NUDGE, not_met="R35"),
]

TABLES = {"R30": R30, "R35": R35}
