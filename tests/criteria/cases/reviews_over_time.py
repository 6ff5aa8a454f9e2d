"""What courses, messages, missing answers and waiting drafts ask of people, and by when.

Target times are those of D.1: a message is answered 22 min from its sending on.
"""

from __future__ import annotations

from tests.criteria.cases.building import (
    alert,
    calm,
    day,
    form,
    hours,
    levels,
    message,
    on_order,
    pains,
    series,
    session,
    temperature,
    walk,
    weight,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import HELP, SADDLE, TODAY

RESCREEN = "RED_FLAG_RESCREEN:asap"
ASK = "ASK_MISSING:asap"
REST = "STOP_AND_REST_ADVICE:urgent"
VIDEO = "EXERCISE_REMINDER_VIDEO:routine"


def waiting(minutes, status="draft", priority="stat"):
    """A draft of ours that was written so many minutes ago, for a reason that nothing withdraws."""
    return (
        on_order("ED_REFERRAL", priority)
        | {"status": status}
        | {"id": "waiting", "meta": {"lastUpdated": hours(minutes / 60)}}
    )


WEIGHT_LOST = [weight(80, day(200)), weight(72, day(2))]
MEANT = {"rf-weight-loss-intentional": "yes"}
OVER_TIME = {
    "R30": [
        Case(
            "walking declines",
            [calm(), series([1000] * 7, [800] * 4)],
            "SOON",
            asked="R30:routine@14d",
            sent=RESCREEN,
            raised="",
            due="",
            says="Pain-free walking has become clearly shorter",
        ),
        Case(
            "walking declines, an alert of 13 days ago stands",
            [calm(), series([1000] * 7, [800] * 4)],
            "SOON",
            "",
            met="R30",
            flags="WALKING_DECLINE",
            asked="",
            sent="",
            ours=[alert(13)],
        ),
        Case(
            "walking declines, an alert of 14 days ago is over",
            [calm(), series([1000] * 7, [800] * 4)],
            "SOON",
            asked="R30:routine@14d",
            sent=RESCREEN,
            ours=[alert(14)],
        ),
    ],
    "R31": [
        Case(
            "a tenth of the weight, meant",
            [calm(MEANT), WEIGHT_LOST],
            "SOON",
            "",
            only_flags="WEIGHT_LOSS INTENTIONAL_WEIGHT_LOSS",
            asked="R31:routine@14d",
            sent="",
            due="",
            says="The patient lost a tenth of their weight or more and says that it was intended",
        ),
        Case("meant, but nothing is lost", [calm(MEANT)], "ROUTINE", only_flags=""),
        Case("told, meant", [calm(MEANT | {"rf-weight-loss": "yes"})], only_flags="INTENTIONAL_WEIGHT_LOSS"),
        Case("told, not meant", [calm({"rf-weight-loss": "yes"})], only_flags="WEIGHT_LOSS"),
        Case("measured, not meant", [calm(), WEIGHT_LOST], only_flags="CONFLICT WEIGHT_LOSS"),
    ],
    "R32": [
        Case(
            "two sessions missed",
            [calm(), session(1, "not-done"), session(2, "not-done")],
            "ROUTINE",
            asked="",
            sent=VIDEO,
        ),
    ],
    "R33": [
        Case(
            "pain worse by the week",
            [calm(), pains([4] * 5, [7] * 3)],
            "SOON",
            asked="R33:routine@14d",
            sent=RESCREEN,
            says="Pain is worse than in the weeks before",
        ),
        Case("a painful walk", [walk({"wk-pain-start": 4, "wk-pain-peak": 7})], "SELF_CARE", asked="", sent=REST),
    ],
    "R34": [
        Case(
            "twice down the leg",
            [calm(), levels(2, 4, 1), levels(2, 4, 3)],
            "SOON",
            asked="R34:routine@14d",
            sent=f"{REST} {RESCREEN}",
            due="",
            says="In two sessions in a row symptoms moved down the leg",
        ),
        Case("once down the leg", [calm(), levels(2, 4, 1), levels(2, 2, 3)], "ROUTINE", asked="", sent=REST),
    ],
    "R35": [
        Case("silent for a week", [calm(), series([1000] * 7, [])], asked="", sent="NO_DATA_NUDGE:routine"),
    ],
}

STATED = "numb where I sit"
UNREADABLE = "xqzt wvkj prlm"
TIMES = {
    "R36": [
        Case(
            "numb after a walk",
            [walk({"wk-new-neuro": "yes"})],
            "SAME_DAY",
            asked="R36:asap@4h",
            sent=f"{RESCREEN} {TODAY}",
            raised="",
            says="The patient reports new numbness or weakness after a walk: see the patient today",
        ),
        Case(
            "numb after a walk, and an emergency: the emergency advice says more",
            [calm(SADDLE), walk({"wk-new-neuro": "yes"})],
            "EMERGENCY",
            asked="R36:asap@4h",
            sent=f"{RESCREEN} {HELP}",
        ),
        Case(
            "a message of an hour ago states it",
            [calm(), message(STATED)],
            asked="R36:asap@-38min",
            sent=HELP,
            says="A message of the patient states a red flag: answer it within 22 minutes of its sending",
        ),
        Case(
            "a message of a minute ago states it", [calm(), message(STATED, 1 / 60)], asked="R36:asap@21min", sent=HELP
        ),
        Case(
            "two messages state it",
            [calm(), message(STATED), message(STATED, 2)],
            asked="R36:asap@-38min R36:asap@-98min",
        ),
        Case(
            "a message that nobody can read",
            [calm(), message(UNREADABLE)],
            asked="R36:asap@-38min",
            sent=RESCREEN,
            says="A message of the patient could not be read with certainty",
        ),
    ],
    "R40": [
        Case(
            "fever against the form",
            [calm(), temperature("38.6")],
            met="R40",
            issues="conflict:ED_REFERRAL+LAB_CRP+LAB_ESR+MRI_L_WWO",
        ),
    ],
    "R41": [
        Case(
            "saddle skipped",
            [calm({"rf-saddle-numbness": None})],
            "SOON",
            asked="R41:routine@14d",
            sent=ASK,
            raised="",
            says="The patient has been asked and is not cleared until they are known",
            tells="Is any part of the area that would touch a saddle numb",
            never_tells="Do you sweat at night",
        ),
        Case(
            "saddle skipped, and numbness spreads over days",
            [calm({"rf-saddle-numbness": None, "rf-numbness-spread": "days"})],
            "SAME_DAY",
            asked="R06:asap@4h R41:asap@4h",
            sent=f"{ASK} {TODAY}",
            says="and there is another worrying sign: call the patient today and ask",
        ),
        Case(
            "saddle skipped, and an emergency of another kind",
            [calm({"rf-saddle-numbness": None, "rf-numbness-spread": "days", "rf-cold-pale-leg": "yes"})],
            "EMERGENCY",
            asked="R06:asap@4h R41:asap@4h",
            sent=f"{ASK} {HELP}",
        ),
        Case(
            "only a second-tier item skipped",
            [calm({"rf-night-sweats": None})],
            "ROUTINE",
            asked="",
            sent=ASK,
            flags="NEEDS_INFO_TIER2",
            no_flags="NEEDS_INFO",
            never_tells="Is any part of the area that would touch a saddle numb",
        ),
        Case(
            "left unfinished since yesterday",
            [form({"rf-ivdu": "no"}, status="in-progress", authored=hours(24))],
            "",
            asked="R41:routine@28d",
            sent=ASK,
            says="The patient has left the form unfinished for 24 hours",
        ),
        Case("a form of last month", [calm(authored=hours(31 * 24))], sent=RESCREEN, asked=""),
    ],
    "R42": [
        Case(
            "a stat draft waits for 15 minutes",
            [calm()],
            "ROUTINE",
            met="R42",
            asked="R42:stat@15min",
            sent="ON_CALL_NOTIFICATION:stat",
            ours=[waiting(15)],
        ),
        Case("a stat draft waits for 14 minutes", [calm()], not_met="R42", asked="", sent="", ours=[waiting(14)]),
        Case(
            "a draft that is not stat waits",
            [calm()],
            not_met="R42",
            asked="",
            sent="",
            ours=[waiting(60, priority="asap")],
        ),
        Case(
            "a stat order that was signed",
            [calm()],
            not_met="R42",
            asked="",
            sent="",
            ours=[waiting(60, status="active")],
        ),
    ],
}

TABLES = OVER_TIME | TIMES
