"""R32 to R34 as tables: exercise that is missed, pain that rises, symptoms that move down the leg."""

from __future__ import annotations

from tests.criteria.cases.building import calm, levels, pain, pains, session, walk
from tests.criteria.cases.checking import Case, alike

R32 = [
    Case(
        "two sessions missed in a row",
        [calm(), session(1, "not-done"), session(3, "not-done")],
        "ROUTINE",
        "",
        met="R32",
        messages="EXERCISE_REMINDER_VIDEO",
        reviews=False,
        only_flags="",
    ),
    Case(
        "a session missed, then one done",
        [calm(), session(1), session(3, "not-done")],
        "ROUTINE",
        "",
        not_met="R32",
        no_messages="EXERCISE_REMINDER_VIDEO",
    ),
    Case(
        "a session done, then one missed",
        [calm(), session(1, "not-done"), session(3)],
        not_met="R32",
        no_messages="EXERCISE_REMINDER_VIDEO",
    ),
    Case("one session missed", [calm(), session(1, "not-done")], not_met="R32", no_messages="EXERCISE_REMINDER_VIDEO"),
    Case("no session scheduled", [calm()], level="ROUTINE", no_messages="EXERCISE_REMINDER_VIDEO"),
    Case(
        "three back, the last two missed",
        [calm(), session(1, "not-done"), session(3, "not-done"), session(5)],
        met="R32",
        messages="EXERCISE_REMINDER_VIDEO",
    ),
    Case(
        "a session entered in error is ignored",
        [calm(), session(1, "not-done"), session(3, "entered-in-error"), session(5)],
        not_met="R32",
    ),
]

STOP = "STOP_AND_REST_ADVICE"
R33 = [
    Case(
        "pain from 4 to 6.5",
        [calm(), pains([4] * 5, [6, 6, 7, 7])],
        "SOON",
        "",
        met="R33",
        flags="PAIN_WORSE",
        messages="RED_FLAG_RESCREEN",
        reviews=True,
    ),
    Case("pain from 4 to 5", [calm(), pains([4] * 5, [5] * 3)], "ROUTINE", "", not_met="R33", no_flags="PAIN_WORSE"),
    Case("pain from 4 to 6", [calm(), pains([4] * 5, [6] * 3)], "SOON", "", met="R33", flags="PAIN_WORSE"),
    Case(
        "pain from 4 to 5.67", [calm(), pains([4] * 5, [6, 6, 5])], "ROUTINE", "", not_met="R33", no_flags="PAIN_WORSE"
    ),
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
        "from thigh to foot, twice",
        [calm(), levels(2, 4, 3), levels(2, 4, 1)],
        "SOON",
        "",
        met="R34",
        flags="PERIPHERALISATION",
        messages=f"{STOP} RED_FLAG_RESCREEN",
        reviews=True,
    ),
    Case(
        "from foot to thigh",
        [calm(), levels(4, 2, 3), levels(4, 2, 1)],
        "ROUTINE",
        "",
        not_met="R34",
        no_flags="PERIPHERALISATION",
        no_messages=STOP,
    ),
    Case(
        "symptoms reach as far as before",
        [calm(), levels(2, 2, 3), levels(2, 2, 1)],
        "ROUTINE",
        "",
        not_met="R34",
        no_messages=STOP,
    ),
    *alike(
        {
            "once only: advice": [calm(), levels(2, 2, 3), levels(2, 3, 1)],
            "a single session: advice": [calm(), levels(0, 1, 1)],
        },
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

TABLES = {"R32": R32, "R33": R33, "R34": R34}
