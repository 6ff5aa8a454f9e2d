"""What each rule asks of people: reviews, messages, Flags, and by when; `R06:asap@4h` is a review wanted in 4 hours.

Target times are those of D.1: EMERGENCY 15 min, SAME_DAY 4 h, URGENT 7 days, SOON 14 days, a message 22 min from its
sending on.
"""

from __future__ import annotations

from tests.criteria.cases.building import (
    SCT,
    abi,
    alert,
    calm,
    coding,
    condition,
    crp,
    day,
    form,
    hours,
    levels,
    message,
    on_order,
    pains,
    patient,
    series,
    session,
    temperature,
    walk,
    weight,
    woman,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import (
    CANCER,
    CLAUDICATION,
    COLD,
    FEVER,
    FRAGILE_FALL,
    HELP,
    OLD_DROP,
    PACED,
    SADDLE,
    TODAY,
    URGENT_LABS,
    VASCULAR,
    WISH,
)

BOTH_LEGS = {"rf-bilateral-leg-pain-new": "yes"}
DROP = {"rf-foot-drop": "left"}
BAD_DROP = DROP | {"rf-weakness-onset": "sudden", "rf-weakness-progress": "worse"}
UNSURE_STEROIDS = {"rf-trauma": "minor", "rf-steroid-3mo": "unsure"}
PAD = CLAUDICATION | {"hx-pad-risk": "yes"}
REST_PAIN = condition("233962007")
RESCREEN = "RED_FLAG_RESCREEN:asap"
ASK = "ASK_MISSING:asap"
REST = "STOP_AND_REST_ADVICE:urgent"
LABS_SOON = "LAB_CRP:14d LAB_ESR:14d"
LABS_WEEK = "LAB_CRP:7d LAB_ESR:7d"
YOUNG = patient("1990-01-01")

NO_CONTRAST = {"contrast-for-infection-and-cancer": False}
STALE = hours(31 * 24)
NOT_ASKED = {"hx-wants-intervention": None}
BORDERLINE = "ABI_BORDERLINE"
TOE = "toe-brachial index"
VIDEO = "EXERCISE_REMINDER_VIDEO:routine"
NO_PREGNANCY = {"ctx-pregnant": "not-pregnant"}


def legs(left, right):
    """The index of each leg."""
    sides = {"7771000": left, "24028007": right}
    return [abi(value) | {"bodySite": coding(SCT, side)} for side, value in sides.items()]


def waiting(minutes, status="draft", priority="stat"):
    """A draft of ours that was written so many minutes ago, for a reason that nothing withdraws."""
    return (
        on_order("ED_REFERRAL", priority)
        | {"status": status}
        | {"id": "waiting", "meta": {"lastUpdated": hours(minutes / 60)}}
    )


RED_FLAGS = {
    "R01": [
        Case("saddle numb", [calm(SADDLE)], raised="R01", asked="", sent=HELP, due="ED_REFERRAL:15min MRI_L_WO:15min"),
        Case("what the patient hears", [calm(SADDLE)], tells="Go to the nearest emergency department now"),
        Case("what the clinician on call hears", [calm(SADDLE)], tells="Acknowledge within 5 minutes"),
        Case("nothing", [calm()], raised="", asked="", sent="", due="", issues="", blocked=""),
        Case("a call today besides", [calm(SADDLE | BOTH_LEGS)], raised="R01 R01b", asked="R01b:asap@4h", sent=HELP),
    ],
    "R01b": [
        Case("new pain down both legs", [calm(BOTH_LEGS)], raised="R01b", asked="R01b:asap@4h", sent=TODAY, due=""),
    ],
    "R02": [
        Case(
            "a foot drops", [calm(DROP)], raised="R02", asked="", sent=TODAY, due="MRI_L_WO:4h SPINE_SURG_REFERRAL:4h"
        ),
        Case(
            "old and stable",
            [calm(OLD_DROP)],
            raised="R02",
            asked="",
            sent="",
            due="MRI_L_WO:7d SPINE_SURG_REFERRAL:7d",
        ),
        Case(
            "sudden and worse",
            [calm(BAD_DROP)],
            raised="R02",
            asked="",
            sent=HELP,
            due="ED_REFERRAL:15min MRI_L_WO:15min SPINE_SURG_REFERRAL:15min",
        ),
        Case("an emergency besides", [calm(DROP | SADDLE)], raised="R01 R02", sent=HELP),
    ],
    "R03": [
        Case(
            "fever",
            [calm(FEVER)],
            raised="R03",
            asked="",
            sent=TODAY,
            due="ED_REFERRAL:4h MRI_L_WWO:4h LAB_CRP:4h LAB_ESR:4h",
        ),
        Case(
            "fever with saddle numbness",
            [calm(FEVER | SADDLE)],
            raised="R01 R03",
            asked="",
            sent=HELP,
            due="ED_REFERRAL:15min MRI_L_WWO:15min LAB_CRP:15min LAB_ESR:15min",
        ),
        Case(
            "fever with a cold leg: one advice",
            [calm(FEVER | COLD)],
            raised="R03 R07",
            sent=HELP,
        ),
        Case(
            "fever with saddle numbness, all of it on order since an hour: a clinician sees to it now",
            [
                calm(FEVER | SADDLE),
                [on_order(key, "stat") for key in ("ED_REFERRAL", "MRI_L_WWO", "LAB_CRP", "LAB_ESR")],
            ],
            "EMERGENCY",
            "",
            asked="R01:stat@15min R03:stat@15min",
        ),
        Case(
            "fever, contrast switched off by the site",
            [calm(FEVER)],
            "SAME_DAY",
            "ED_REFERRAL:asap MRI_L_WO:asap LAB_CRP:asap LAB_ESR:asap",
            values=NO_CONTRAST,
        ),
        Case(
            "fever with saddle numbness: the scan says why",
            [calm(FEVER | SADDLE)],
            why="ED_REFERRAL:R01+R03 MRI_L_WWO:R01+R03 LAB_CRP:R03 LAB_ESR:R03",
        ),
        Case(
            "fever with saddle numbness, no contrast",
            [calm(FEVER | SADDLE)],
            "EMERGENCY",
            "ED_REFERRAL:stat MRI_L_WO:stat LAB_CRP:stat LAB_ESR:stat",
            why="ED_REFERRAL:R01+R03 MRI_L_WO:R01+R03 LAB_CRP:R03 LAB_ESR:R03",
            values=NO_CONTRAST,
        ),
    ],
    "R03c": [
        Case(
            "a high CRP, no contrast", [calm(), crp()], "URGENT", f"MRI_L_WO:urgent {URGENT_LABS}", values=NO_CONTRAST
        ),
        Case(
            "a high CRP",
            [calm(), crp()],
            raised="R03c",
            asked="",
            sent="",
            due=f"MRI_L_WWO:7d {LABS_WEEK}",
        ),
        Case(
            "all of it on order: a clinician sees to it within the week",
            [
                calm(),
                crp(),
                [on_order(key, "urgent") for key in ("MRI_L_WWO", "LAB_CRP", "LAB_ESR")],
            ],
            "URGENT",
            "",
            asked="R03c:urgent@7d",
        ),
    ],
    "R04": [
        Case("cancer, no contrast", [calm(CANCER)], "URGENT", f"MRI_L_WO:urgent {URGENT_LABS}", values=NO_CONTRAST),
        Case(
            "cancer",
            [calm({"rf-cancer-history": "active"})],
            raised="R04",
            asked="",
            sent="",
            due=f"MRI_L_WWO:7d {LABS_WEEK}",
        ),
        Case(
            "night sweats",
            [calm({"rf-night-sweats": "yes"})],
            raised="R04",
            asked="R04:routine@14d",
            sent="",
            due=LABS_SOON,
            says="One warning sign of a tumour, which alone does not justify an MRI",
        ),
    ],
    "R05": [
        Case(
            "a major injury", [calm({"rf-trauma": "major"})], raised="R05", asked="", sent=HELP, due="ED_REFERRAL:15min"
        ),
        Case("a minor fall, osteoporosis", [calm(FRAGILE_FALL)], raised="R05", asked="", sent="", due="XR_L:7d"),
        Case(
            "a minor fall, steroids unsure",
            [patient("1975-03-01"), calm(UNSURE_STEROIDS)],
            raised="R05",
            asked="R05:routine@14d",
            due="",
            says="not sure about taking steroids for 3 months",
        ),
    ],
    "R06": [
        Case(
            "numbness spreads over days",
            [calm({"rf-numbness-spread": "days"})],
            raised="R06",
            asked="R06:asap@4h",
            sent=TODAY,
            due="",
            says="Numbness has been spreading over days",
        ),
        Case("and an emergency", [calm({"rf-numbness-spread": "days"} | SADDLE)], raised="R01 R06", sent=HELP),
    ],
    "R07": [
        Case(
            "a cold leg",
            [calm(COLD)],
            raised="R07",
            asked="",
            sent=HELP,
            due="ED_REFERRAL:15min",
        ),
        Case("rest pain", [calm(), REST_PAIN], raised="R07", asked="", sent="", due="VASC_REFERRAL:7d ABI:7d"),
        Case(
            "not sure of a cold leg",
            [calm({"rf-cold-pale-leg": "unsure"})],
            raised="R07",
            asked="R07:asap@4h",
            due="",
            says="not sure whether a leg is suddenly cold and pale: call today",
        ),
        Case(
            "not sure of a cold leg: told of the same day",
            [calm({"rf-cold-pale-leg": "unsure"})],
            messages="SAME_DAY_ADVICE",
        ),
        Case(
            "not sure of a cold leg, and an emergency: the emergency advice says more",
            [calm({"rf-cold-pale-leg": "unsure"} | SADDLE)],
            raised="R01 R07",
            no_messages="SAME_DAY_ADVICE",
        ),
    ],
}


CLASSES = {
    "R11": [
        Case("a routine MRI", [calm(WISH)], raised="", asked="", sent="", due="MRI_L_WO:28d"),
        Case("wish not asked, six weeks", [calm(WISH | NOT_ASKED | {"hx-pt-weeks": 6})], orders="", flags="NEEDS_INFO"),
        Case("wish not asked, less", [calm(WISH | NOT_ASKED | {"hx-pt-weeks": 5.9})], no_flags="NEEDS_INFO"),
        Case("nothing asked", [calm(WISH | NOT_ASKED | {"hx-pt-weeks": None})], orders="", flags="NEEDS_INFO"),
        Case("weeks not asked, no wish", [calm(CLAUDICATION | {"hx-pt-weeks": None})], no_flags="NEEDS_INFO"),
        Case("weeks not asked, a wish", [calm(WISH | {"hx-pt-weeks": None})], orders="", flags="NEEDS_INFO"),
    ],
    "R12": [
        Case("two weeks", [calm({"hx-pt-weeks": 2})], orders="PT_REFERRAL:routine", met="R12", settled="R12"),
        Case("six weeks", [calm({"hx-pt-weeks": 6})], orders="", not_met="R12"),
        Case("two weeks, long ago", [calm({"hx-pt-weeks": 2}, authored=STALE)], orders="", cannot_tell="R12 R20"),
        Case("six weeks, long ago", [calm({"hx-pt-weeks": 6}, authored=STALE)], orders="", cannot_tell="R12 R20"),
    ],
    "R16": [
        Case("on order since 23 h 59 min", [calm(COLD), on_order("ED_REFERRAL", "stat", 23.99)], orders=""),
        Case("on order since 24 h", [calm(COLD), on_order("ED_REFERRAL", "stat", 24)], orders="ED_REFERRAL:stat"),
        Case("no scan: what else is missing is not its matter", [calm(WISH | {"hx-pt-weeks": None})], settled="R16"),
    ],
    "R20": [
        Case("early physiotherapy", [calm({"hx-pt-weeks": 2})], raised="", asked="", sent="", due="PT_REFERRAL:28d"),
    ],
    "R19": [
        Case(
            "claudication under 40",
            [YOUNG, calm(CLAUDICATION)],
            asked="R19:routine@14d",
            due="ABI:14d",
            sent="",
            says="the label is withheld and no MRI is drafted",
        ),
    ],
    "R18": [
        Case("no index yet", [calm(VASCULAR)], "ROUTINE", "ABI:routine", met="R18", asked="", due="ABI:28d"),
        Case(
            "an index of 0.90", [calm(VASCULAR), abi("0.90")], "ROUTINE", "VASC_REFERRAL:routine", no_flags=BORDERLINE
        ),
        Case("an index of 0.91", [calm(VASCULAR), abi("0.91")], "ROUTINE", "ABI:routine", flags=BORDERLINE),
        Case("an index of 0.99", [calm(VASCULAR), abi("0.99")], "ROUTINE", "ABI:routine", flags=BORDERLINE),
        Case("an index of 1.00", [calm(VASCULAR), abi("1.00")], "ROUTINE", "", no_flags=BORDERLINE, asked=""),
        Case("an index of 1.40", [calm(VASCULAR), abi("1.40")], "ROUTINE", "", asked="", never_says=TOE),
        Case("an index of 1.41", [calm(VASCULAR), abi("1.41")], "ROUTINE", "", asked="R18:routine@28d", says=TOE),
        Case(
            "one leg stiff, one normal",
            [calm(VASCULAR), legs("1.05", "1.41")],
            orders="",
            asked="R18:routine@28d",
            says=TOE,
        ),
        Case(
            "one leg stiff, one borderline",
            [calm(VASCULAR), legs("0.95", "1.45")],
            orders="ABI:routine",
            asked="",
            says=TOE,
        ),
        Case(
            "one leg stiff, one narrowed",
            [calm(VASCULAR), legs("0.90", "1.45")],
            orders="VASC_REFERRAL:routine",
            asked="",
            says=TOE,
        ),
        Case(
            "one leg just not stiff, one narrowed",
            [calm(VASCULAR), legs("0.90", "1.40")],
            orders="VASC_REFERRAL:routine",
            never_says=TOE,
        ),
        Case("a risk of vessel disease alone", [calm({"hx-pad-risk": "yes"})], orders="", not_met="R18 R23"),
    ],
    "R23": [
        Case(
            "narrowed",
            [calm(VASCULAR), abi("0.85")],
            "ROUTINE",
            met="R18 R23",
            asked="",
            sent="",
            due="VASC_REFERRAL:28d",
        ),
        Case(
            "narrowed, with rest pain",
            [calm(VASCULAR), abi("0.85"), REST_PAIN],
            "URGENT",
            "VASC_REFERRAL:urgent ABI:urgent",
            met="R07 R23",
            due="VASC_REFERRAL:7d ABI:7d",
        ),
        Case(
            "narrowed, with rest pain, already referred: a clinician sees to it within the week",
            [calm(VASCULAR), abi("0.85"), REST_PAIN, on_order("VASC_REFERRAL", "urgent")],
            orders="ABI:urgent",
            asked="R23:urgent@7d",
        ),
        Case("no index", [calm(VASCULAR)], not_met="R23"),
        Case("narrowed, no pain on walking", [calm(), abi("0.85")], "ROUTINE", "VASC_REFERRAL:routine", met="R18 R23"),
        Case(
            "stiff, no pain on walking",
            [calm(), abi("1.45")],
            "ROUTINE",
            "",
            not_met="R18 R23",
            asked="",
            never_says=TOE,
        ),
    ],
}

CONSULT = "RADIOLOGY_CONSULT"
EXPECTING = {"ctx-pregnant": "pregnant"}
CONTROLS = {
    "R13": [
        Case(
            "MRI unsafe, CT myelography ruled out: radiology is asked",
            [calm(PACED | {"hx-anticoagulant": "yes"})],
            asked=f"{CONSULT}:stat@15min",
            issues="contraindication:",
            blocked="",
        ),
        Case("swapped", [calm(PACED)], asked="", issues="contraindication:CTM_L", blocked=""),
        Case(
            "swapped, allergy unknown",
            [calm(PACED | {"hx-contrast-allergy": "unsure"})],
            asked=f"{CONSULT}:stat@15min",
            issues="contraindication:CTM_L contraindication:CTM_L",
            blocked="",
        ),
        Case(
            "conditional",
            [calm(SADDLE | {"mr-pacemaker": "yes-conditional"})],
            asked="",
            issues="contraindication:MRI_L_WO",
            blocked="",
        ),
        Case(
            "unanswered",
            [calm(SADDLE | {"mr-pacemaker": None})],
            asked="",
            issues="",
            blocked="MRI_L_WO:mr-screening",
        ),
        Case(
            "conditional, and another item unanswered",
            [calm(SADDLE | {"mr-pacemaker": "yes-conditional", "mr-cochlear": "unsure"})],
            orders="ED_REFERRAL:stat MRI_L_WO:stat",
            flags="MR_SAFETY_REVIEW MR_SCREEN_INCOMPLETE",
            blocked="MRI_L_WO:mr-screening",
        ),
    ],
    "R14": [
        Case(
            "pregnant, a fall: the film becomes a question to radiology",
            [woman(), calm(FRAGILE_FALL | EXPECTING)],
            "URGENT",
            "",
            met="R05 R14",
            flags=f"PREGNANCY {CONSULT}",
            asked=f"{CONSULT}:urgent@7d",
            issues="contraindication:",
        ),
        Case(
            "pregnant, a known slip: no film, nobody is asked",
            [woman(), calm({"hx-spondylolisthesis": "yes"} | EXPECTING)],
            "ROUTINE",
            "",
            flags="PREGNANCY",
            no_flags=CONSULT,
            asked="",
        ),
        Case(
            "pregnancy unknown, a fall",
            [woman(), calm(FRAGILE_FALL | {"ctx-pregnant": "unknown"})],
            "URGENT",
            "XR_L:urgent",
            met="R14",
            asked="",
            blocked="XR_L:pregnancy-check",
        ),
    ],
}

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

TABLES = RED_FLAGS | CLASSES | CONTROLS | OVER_TIME | TIMES
