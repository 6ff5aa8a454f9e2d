"""R30 to R35 as tables: walking, weight, sessions, pain, how far symptoms reach, silence."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.criteria.cases.building import (
    calm,
    day,
    distance,
    levels,
    observation,
    pain,
    series,
    session,
    walk,
    weight,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import ROUTINE_LABS


def steps(baseline, current):
    back = [(value, 15 + i) for i, value in enumerate(baseline)] + [(value, 1 + i) for i, value in enumerate(current)]
    return [observation("41950-7", value, "{steps}", day(days)) for value, days in back]


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
    Case(
        "six days of baseline",
        [calm(), series([1000] * 6, [500] * 4)],
        "ROUTINE",
        "",
        cannot_tell="R30",
        flags="INSUFFICIENT_DATA",
    ),
    Case(
        "three current days",
        [calm(), series([1000] * 7, [500] * 3)],
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
    Case(
        "an even number: the mean of the middle two",
        [calm(), series([1000] * 7, [800, 800, 900, 900])],
        "SOON",
        "",
        met="R30",
    ),
    Case(
        "a baseline of nothing",
        [calm(), series([0] * 7, [0] * 4)],
        "ROUTINE",
        "",
        cannot_tell="R30",
        flags="INSUFFICIENT_DATA",
    ),
    Case(
        "day 0 is not used",
        [calm(), series([1000] * 7, [800] * 3), distance(800, 0)],
        "ROUTINE",
        "",
        cannot_tell="R30",
        flags="INSUFFICIENT_DATA",
    ),
    Case(
        "days 8 to 14 are not used",
        [calm(), series([1000] * 7, [800] * 3), distance(800, 8), distance(800, 14)],
        "ROUTINE",
        "",
        cannot_tell="R30",
    ),
    Case(
        "day 28 is used",
        [calm(), [distance(1000, back) for back in range(22, 29)], [distance(800, back) for back in range(1, 5)]],
        "SOON",
        "",
        met="R30",
    ),
    Case(
        "day 29 is not",
        [calm(), [distance(1000, back) for back in range(23, 30)], [distance(800, back) for back in range(1, 5)]],
        "ROUTINE",
        "",
        cannot_tell="R30",
    ),
    Case(
        "day 7 is used",
        [calm(), series([1000] * 7, []), [distance(800, back) for back in range(4, 8)]],
        "SOON",
        "",
        met="R30",
    ),
    Case(
        "two devices are not mixed",
        [calm(), series([1000] * 7, []), series([], [800] * 4, device="Device/b")],
        "ROUTINE",
        "",
        cannot_tell="R30",
        flags="INSUFFICIENT_DATA",
    ),
    Case(
        "kilometres and metres", [calm(), series([1] * 7, [], unit="km"), series([], [800] * 4)], "SOON", "", met="R30"
    ),
    Case(
        "feet and metres",
        [calm(), series([1000] * 7, []), series([], ["2624"] * 4, unit="[ft_i]")],
        "SOON",
        "",
        met="R30",
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
        [calm(), steps([8000] * 7, [6000] * 4)],
        "SOON",
        "",
        met="R30",
        flags="WALKING_DECLINE",
    ),
    Case(
        "six days of steps",
        [calm(), steps([8000] * 6, [6000] * 4)],
        "ROUTINE",
        "",
        cannot_tell="R30",
        flags="INSUFFICIENT_DATA",
    ),
    Case(
        "three current days of steps",
        [calm(), steps([8000] * 7, [6000] * 3)],
        "ROUTINE",
        "",
        cannot_tell="R30",
        flags="INSUFFICIENT_DATA",
    ),
    Case("steps fall by less", [calm(), steps([8000] * 7, [6801] * 4)], "ROUTINE", "", not_met="R30"),
    Case(
        "steps and distance are not mixed",
        [calm(), series([1000] * 7, []), steps([], [500] * 4)],
        "ROUTINE",
        "",
        cannot_tell="R30",
    ),
    Case(
        "entered in error is ignored",
        [calm(), series([1000] * 7, [800] * 3), distance(800, 4, status="entered-in-error")],
        "ROUTINE",
        "",
        cannot_tell="R30",
    ),
    Case(
        "a comparator is ignored",
        [calm(), series([1000] * 7, [800] * 3), distance(800, 4, comparator="<")],
        "ROUTINE",
        "",
        cannot_tell="R30",
    ),
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

SILENT = {"rf-weight-loss": None}
LOST = {"rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"}
MEANT = {"rf-weight-loss": "yes", "rf-weight-loss-intentional": "yes"}
AGO, NOW = day(240), day(10)

R31 = [
    Case(
        "80 to 74",
        [calm(), weight(80, AGO), weight(74, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31 R04",
        flags="WEIGHT_LOSS CONFLICT",
    ),
    Case(
        "80 to 74, the form silent",
        [calm(SILENT), weight(80, AGO), weight(74, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31 R04",
        flags="WEIGHT_LOSS",
        no_flags="CONFLICT",
    ),
    Case("80 to 78", [calm(), weight(80, AGO), weight(78, NOW)], "ROUTINE", "", not_met="R31", no_flags="WEIGHT_LOSS"),
    Case(
        "80 to 76",
        [calm(SILENT), weight(80, AGO), weight(76, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31",
        flags="WEIGHT_LOSS",
    ),
    Case(
        "80 to 76.01",
        [calm(SILENT), weight(80, AGO), weight("76.01", NOW)],
        "ROUTINE",
        "",
        not_met="R31 R04",
        no_flags="WEIGHT_LOSS NEEDS_INFO_TIER2",
    ),
    Case(
        "180 to 171 lb",
        [calm(SILENT), weight(180, AGO, "[lb_av]"), weight(171, NOW, "[lb_av]")],
        "SOON",
        ROUTINE_LABS,
        met="R31",
        flags="WEIGHT_LOSS",
    ),
    Case(
        "180 to 171.1 lb",
        [calm(SILENT), weight(180, AGO, "[lb_av]"), weight("171.1", NOW, "[lb_av]")],
        "ROUTINE",
        "",
        not_met="R31",
    ),
    Case(
        "lb and kg: 5 percent exactly",
        [calm(SILENT), weight(200, AGO, "[lb_av]"), weight("86.1825503", NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31",
    ),
    Case(
        "lb and kg: a hair less",
        [calm(SILENT), weight(200, AGO, "[lb_av]"), weight("86.1825504", NOW)],
        "ROUTINE",
        "",
        not_met="R31",
    ),
    Case("gained", [calm(SILENT), weight(80, AGO), weight(84, NOW)], "ROUTINE", "", not_met="R31"),
    Case(
        "the highest of the reference window",
        [calm(SILENT), weight(77, day(300)), weight(80, day(250)), weight(75, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31",
    ),
    Case(
        "the older window comes first",
        [calm(SILENT), weight(76, day(250)), weight(80, day(60)), weight(75, NOW)],
        "ROUTINE",
        "",
        not_met="R31",
    ),
    Case(
        "else the younger window", [calm(SILENT), weight(80, day(60)), weight(75, NOW)], "SOON", ROUTINE_LABS, met="R31"
    ),
    Case(
        "182 days ago is in the older window",
        [calm(SILENT), weight(80, day(182)), weight(70, day(60)), weight(75, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31",
    ),
    Case(
        "28 days ago is in the younger window",
        [calm(SILENT), weight(80, day(28)), weight(75, day(2))],
        "SOON",
        ROUTINE_LABS,
        met="R31",
    ),
    Case("27 days ago is in none", [calm(), weight(80, day(27)), weight(75, day(2))], "ROUTINE", "", not_met="R31"),
    Case(
        "twelve months ago exactly is in none",
        [calm(), weight(80, "2024-06-18"), weight(70, NOW)],
        "ROUTINE",
        "",
        not_met="R31",
    ),
    Case(
        "a day less is in the older window",
        [calm(SILENT), weight(80, "2024-06-19"), weight(70, NOW)],
        "URGENT",
        met="R31",
    ),
    Case("29 days ago is now", [calm(SILENT), weight(80, AGO), weight(75, day(29))], "SOON", ROUTINE_LABS, met="R31"),
    Case("30 days ago is not now", [calm(), weight(80, AGO), weight(75, day(30))], "ROUTINE", "", not_met="R31"),
    Case(
        "the latest is now",
        [calm(SILENT), weight(80, AGO), weight(75, day(20)), weight(79, day(2))],
        "ROUTINE",
        "",
        not_met="R31",
    ),
    Case(
        "one weight, the form silent",
        [calm(SILENT), weight(74, NOW)],
        "ROUTINE",
        "",
        cannot_tell="R31",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "told, and the weights agree",
        [calm(LOST), weight(80, AGO), weight("75.5", NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31 R04",
        flags="WEIGHT_LOSS",
        no_flags="CONFLICT",
    ),
    Case(
        "told, the weights agree at 5 percent",
        [calm(LOST), weight(80, AGO), weight(76, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31 R04",
        no_flags="CONFLICT",
    ),
    Case(
        "told, the weights say 4.99 percent",
        [calm(LOST), weight(80, AGO), weight("76.01", NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R04",
        flags="CONFLICT",
    ),
    Case("told, no weights", [calm(LOST)], "SOON", ROUTINE_LABS, met="R31 R04", flags="WEIGHT_LOSS"),
    Case(
        "told, the weights say little",
        [calm(LOST), weight(80, AGO), weight(79, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R04",
        flags="CONFLICT",
    ),
    Case(
        "meant, no weights",
        [calm(MEANT)],
        "ROUTINE",
        "",
        not_met="R31 R04",
        flags="INTENTIONAL_WEIGHT_LOSS",
        no_flags="WEIGHT_LOSS",
    ),
    Case(
        "meant, under ten percent",
        [calm(MEANT), weight(80, AGO), weight(74, NOW)],
        "ROUTINE",
        "",
        not_met="R31 R04",
        flags="INTENTIONAL_WEIGHT_LOSS",
        no_flags="WEIGHT_LOSS CONFLICT",
    ),
    Case(
        "meant, ten percent",
        [calm(MEANT), weight(80, AGO), weight(72, NOW)],
        "SOON",
        "",
        not_met="R04",
        flags="INTENTIONAL_WEIGHT_LOSS WEIGHT_LOSS",
        reviews=True,
    ),
    Case(
        "meant, a hair under ten percent",
        [calm(MEANT), weight(80, AGO), weight("72.001", NOW)],
        "ROUTINE",
        "",
        flags="INTENTIONAL_WEIGHT_LOSS",
        no_flags="WEIGHT_LOSS",
    ),
    Case(
        "unknown unit",
        [calm(), weight(80, AGO), weight(70, NOW, "pounds")],
        orders="",
        flags="UNIT_UNKNOWN",
        no_flags="WEIGHT_LOSS",
    ),
    Case("comparator", [calm(), weight(80, AGO), weight(70, NOW, comparator="<")], orders="", no_flags="WEIGHT_LOSS"),
    Case(
        "entered in error",
        [calm(), weight(80, AGO), weight(70, NOW, status="entered-in-error")],
        "ROUTINE",
        "",
        not_met="R31",
    ),
    Case("only a month as date", [calm(), weight(80, AGO), weight(70, "2025-06")], orders="", no_flags="WEIGHT_LOSS"),
]

R32 = [
    Case(
        "two missed",
        [calm(), session(1, "not-done"), session(3, "not-done")],
        "ROUTINE",
        "",
        met="R32",
        messages="EXERCISE_REMINDER_VIDEO",
        reviews=False,
        only_flags="",
    ),
    Case(
        "missed, then done",
        [calm(), session(1), session(3, "not-done")],
        "ROUTINE",
        "",
        not_met="R32",
        no_messages="EXERCISE_REMINDER_VIDEO",
    ),
    Case(
        "done, then missed",
        [calm(), session(1, "not-done"), session(3)],
        not_met="R32",
        no_messages="EXERCISE_REMINDER_VIDEO",
    ),
    Case("one missed", [calm(), session(1, "not-done")], not_met="R32", no_messages="EXERCISE_REMINDER_VIDEO"),
    Case("nothing scheduled", [calm()], level="ROUTINE", no_messages="EXERCISE_REMINDER_VIDEO"),
    Case(
        "three back, the last two missed",
        [calm(), session(1, "not-done"), session(3, "not-done"), session(5)],
        met="R32",
        messages="EXERCISE_REMINDER_VIDEO",
    ),
    Case(
        "entered in error is ignored",
        [calm(), session(1, "not-done"), session(3, "entered-in-error"), session(5)],
        not_met="R32",
    ),
]


def pains(baseline, current, code="72514-3"):
    old = [pain(value, 8 + index, code) for index, value in enumerate(baseline)]
    return old + [pain(value, 1 + index, code) for index, value in enumerate(current)]


STOP = "STOP_AND_REST_ADVICE"
R33 = [
    Case(
        "4 to 6.5",
        [calm(), pains([4] * 5, [6, 6, 7, 7])],
        "SOON",
        "",
        met="R33",
        flags="PAIN_WORSE",
        messages="RED_FLAG_RESCREEN",
        reviews=True,
    ),
    Case("4 to 5", [calm(), pains([4] * 5, [5] * 3)], "ROUTINE", "", not_met="R33", no_flags="PAIN_WORSE"),
    Case("4 to 6", [calm(), pains([4] * 5, [6] * 3)], "SOON", "", met="R33", flags="PAIN_WORSE"),
    Case("4 to 5.67", [calm(), pains([4] * 5, [6, 6, 5])], "ROUTINE", "", not_met="R33", no_flags="PAIN_WORSE"),
    Case(
        "two current values", [calm(), pains([4] * 5, [9, 9])], "ROUTINE", "", cannot_tell="R33", no_flags="PAIN_WORSE"
    ),
    Case(
        "four earlier values",
        [calm(), pains([4] * 4, [9] * 3)],
        "ROUTINE",
        "",
        cannot_tell="R33",
        no_flags="PAIN_WORSE",
    ),
    Case(
        "the past week's code alone",
        [calm(), pains([3] * 5, [6] * 3, "75893-8")],
        "SOON",
        "",
        met="R33",
        flags="PAIN_WORSE",
    ),
    Case(
        "the two codes are not mixed",
        [calm(), pains([4] * 5, []), pains([], [9] * 3, "75893-8")],
        "ROUTINE",
        "",
        no_flags="PAIN_WORSE",
    ),
    Case("day 0 is not used", [calm(), pains([4] * 5, [9, 9]), pain(9, 0)], "ROUTINE", "", no_flags="PAIN_WORSE"),
    Case("day 7 is current", [calm(), pains([4] * 5, [9, 9]), pain(9, 7)], "SOON", "", flags="PAIN_WORSE"),
    Case("day 28 is baseline", [calm(), pains([4] * 4, [9] * 3), pain(4, 28)], "SOON", "", flags="PAIN_WORSE"),
    Case("day 29 is not", [calm(), pains([4] * 4, [9] * 3), pain(4, 29)], "ROUTINE", "", no_flags="PAIN_WORSE"),
    Case(
        "during a walk, three more",
        [walk({"wk-pain-start": 3, "wk-pain-peak": 6})],
        "SELF_CARE",
        "",
        messages=STOP,
        only_flags="",
    ),
    Case("during a walk, two more", [walk({"wk-pain-start": 3, "wk-pain-peak": 5})], "SELF_CARE", "", no_messages=STOP),
    Case("during a walk, eight", [walk({"wk-pain-start": 7, "wk-pain-peak": 8})], "SELF_CARE", "", messages=STOP),
    Case("during a walk, seven", [walk({"wk-pain-start": 6, "wk-pain-peak": 7})], "SELF_CARE", "", no_messages=STOP),
]

R34 = [
    Case(
        "2 to 4 twice",
        [calm(), levels(2, 4, 3), levels(2, 4, 1)],
        "SOON",
        "",
        met="R34",
        flags="PERIPHERALISATION",
        messages=f"{STOP} RED_FLAG_RESCREEN",
        reviews=True,
    ),
    Case(
        "4 to 2",
        [calm(), levels(4, 2, 3), levels(4, 2, 1)],
        "ROUTINE",
        "",
        not_met="R34",
        no_flags="PERIPHERALISATION",
        no_messages=STOP,
    ),
    Case("unchanged", [calm(), levels(2, 2, 3), levels(2, 2, 1)], "ROUTINE", "", not_met="R34", no_messages=STOP),
    Case(
        "once only: advice",
        [calm(), levels(2, 2, 3), levels(2, 3, 1)],
        "ROUTINE",
        "",
        messages=STOP,
        no_flags="PERIPHERALISATION",
    ),
    Case(
        "a single session: advice",
        [calm(), levels(0, 1, 1)],
        "ROUTINE",
        "",
        messages=STOP,
        no_flags="PERIPHERALISATION",
    ),
    Case(
        "twice, not in a row",
        [calm(), levels(2, 4, 5), levels(2, 2, 3), levels(2, 4, 1)],
        "ROUTINE",
        "",
        no_flags="PERIPHERALISATION",
    ),
    Case(
        "a session without a level is skipped",
        [calm(), levels(2, 4, 5), levels(2, None, 3), levels(2, 4, 1)],
        "SOON",
        "",
        met="R34",
        flags="PERIPHERALISATION",
    ),
    Case(
        "twice long before, not lately",
        [calm(), levels(2, 4, 9), levels(2, 4, 7), levels(2, 2, 3), levels(2, 2, 1)],
        "ROUTINE",
        "",
        no_flags="PERIPHERALISATION",
        no_messages=STOP,
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

TABLES = {"R30": R30, "R31": R31, "R32": R32, "R33": R33, "R34": R34, "R35": R35}
