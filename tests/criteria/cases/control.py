"""R36, R40, R41 and the rules on forms as tables: messages, conflicts, missing answers, which form counts."""

from __future__ import annotations

from tests.criteria.cases.building import (
    NO_RED_FLAG,
    calm,
    condition,
    form,
    hours,
    message,
    patient,
    temperature,
    walk,
)
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CAUDA, DEFICIT, EARLY, INFECTION, OLD_DROP, SADDLE, STABLE_DEFICIT

RESCREEN = "RED_FLAG_RESCREEN"

R36 = [
    Case(
        "numb where I sit", [calm(), message("numb where I sit")], "EMERGENCY", CAUDA, met="R01 R36", flags="CONFLICT"
    ),
    Case(
        "no numbness",
        [calm(), message("no numbness")],
        "ROUTINE",
        "",
        not_met="R01 R36",
        no_flags="CONFLICT",
        no_messages=RESCREEN,
        reviews=False,
    ),
    *alike(
        {
            "last year I had": [calm(), message("Last year I had numbness between my legs")],
            "sent fifteen days ago": [calm(), message("numb where I sit", 15 * 24)],
            "a message entered in error": [calm(), message("numb where I sit", status="entered-in-error")],
        },
        "ROUTINE",
        "",
        not_met="R01 R36",
    ),
    Case(
        "a message about somebody else",
        [calm(), message("My husband can't pee since yesterday")],
        "ROUTINE",
        "",
        not_met="R01",
    ),
    Case("an unreadable message", [calm(), message("xqzt wvkj prlm")], "ROUTINE", "", messages=RESCREEN, reviews=True),
    Case(
        "a message in another language",
        [calm(), message("Ich kann seit gestern kein Wasser lassen")],
        orders="",
        messages=RESCREEN,
        reviews=True,
    ),
    Case("an empty message", [calm(), message("")], orders="", reviews=True),
    Case(
        "a message without any sign",
        [calm(EARLY), message("Thank you, the exercises help a lot.")],
        "ROUTINE",
        "PT_REFERRAL:routine",
        not_met="R36",
        no_messages=RESCREEN,
        reviews=False,
    ),
    Case("without any form", [message("I can't feel when I wipe")], "EMERGENCY", CAUDA, met="R01 R36"),
    Case("wet myself", [calm(), message("I wet myself this morning")], "EMERGENCY", CAUDA, met="R01 R36"),
    *alike(
        {
            "a foot that slaps, side unknown": [calm(), message("My foot keeps slapping the floor")],
            "the left foot": [calm(), message("I can't lift my left foot since yesterday")],
        },
        "SAME_DAY",
        DEFICIT,
        met="R02 R36",
    ),
    Case("fever", [calm(), message("I have a fever and chills")], "SAME_DAY", INFECTION, met="R03 R36"),
    Case(
        "new pain down both legs",
        [calm(), message("New pain shooting down both legs since yesterday")],
        "SAME_DAY",
        "",
        met="R01b R36",
    ),
    Case(
        "a cold white leg",
        [calm(), message("My leg suddenly went cold and white")],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        met="R07 R36",
    ),
    Case("sent thirteen days ago", [calm(), message("numb where I sit", 13 * 24)], "EMERGENCY", CAUDA, met="R01 R36"),
    Case(
        "a message of two payloads",
        [
            calm(),
            message(None, payload=[{"contentString": "Hello doctor"}, {"contentString": "I am numb between my legs"}]),
        ],
        "EMERGENCY",
        CAUDA,
        met="R01 R36",
    ),
    Case(
        "a message never clears",
        [calm(SADDLE), message("no numbness between my legs any more")],
        "EMERGENCY",
        CAUDA,
        met="R01",
    ),
    Case(
        "a message never answers a missing item with no",
        [calm({"rf-saddle-numbness": None}), message("I have no numbness")],
        "SOON",
        "",
        met="R41",
        flags="NEEDS_INFO",
    ),
    Case(
        "after a walk, something new",
        [walk({"wk-new-neuro": "yes"})],
        "SAME_DAY",
        "",
        messages=RESCREEN,
        reviews=True,
        met="R36",
    ),
    Case("after a walk, nothing new", [walk()], "SELF_CARE", "", no_messages=RESCREEN),
    *alike(
        {
            "a walk form without an answer blocks the reassuring rules": [
                calm(EARLY, authored=hours(5)),
                walk({"wk-new-neuro": None, "wk-pain-start": 1}, authored=hours(1)),
            ],
            "a walk form with unsure blocks them": [
                calm(EARLY, authored=hours(5)),
                walk({"wk-new-neuro": "unsure"}, authored=hours(1)),
            ],
        },
        orders="",
        cannot_tell="R12 R20",
    ),
    Case(
        "a walk form with no does not",
        [calm(EARLY, authored=hours(5)), walk(authored=hours(1))],
        orders="PT_REFERRAL:routine",
        met="R12 R20",
    ),
]

R40 = [
    Case(
        "temperature against the form",
        [calm(), temperature("38.6")],
        "SAME_DAY",
        INFECTION,
        met="R40",
        flags="CONFLICT",
    ),
    Case(
        "message against the form",
        [calm(), message("I can't pee since this morning")],
        "EMERGENCY",
        CAUDA,
        met="R40",
        flags="CONFLICT",
    ),
    Case("Condition against the form", [calm(), condition("266987004")], "URGENT", met="R40", flags="CONFLICT"),
    *alike(
        {
            "unknown conflicts with nothing": [calm({"rf-fever-chills": "unsure"}), temperature("38.6")],
            "fever in two weeks, normal temperature": [calm({"rf-fever-chills": "yes"}), temperature("36.6")],
            "agreement": [calm({"rf-fever-chills": "yes"}), temperature("38.6")],
        },
        "SAME_DAY",
        INFECTION,
        not_met="R40",
        no_flags="CONFLICT",
    ),
    Case("nothing to compare", [calm()], "ROUTINE", "", not_met="R40", no_flags="CONFLICT"),
]

TIER_1 = (
    "rf-saddle-numbness",
    "rf-bladder-change",
    "rf-bowel-change",
    "rf-leg-weakness",
    "rf-foot-drop",
    "rf-fever-chills",
)
TIER_2 = tuple(link for link in NO_RED_FLAG if link not in TIER_1)
ASK = "ASK_MISSING"

R41 = [
    *[
        Case(
            f"{link} skipped",
            [calm({link: None})],
            "SOON",
            "",
            met="R41",
            flags="NEEDS_INFO",
            messages=ASK,
            status="data-required",
            no_flags="CONFLICT",
        )
        for link in TIER_1
    ],
    *[
        Case(
            f"{link} unsure",
            [calm({link: "unsure"})],
            "SOON",
            "",
            met="R41",
            flags="NEEDS_INFO",
            messages=ASK,
            status="data-required",
        )
        for link in TIER_1
    ],
    *[
        Case(
            f"{link} skipped",
            [calm({link: None})],
            "ROUTINE",
            "",
            flags="NEEDS_INFO_TIER2",
            no_flags="NEEDS_INFO",
            messages=ASK,
        )
        for link in TIER_2
    ],
    Case("nothing missing", [calm()], "ROUTINE", "", not_met="R41", no_messages=ASK, status="success"),
    Case(
        "R01 fired",
        [calm(SADDLE | {"rf-bowel-change": None, "rf-fever-chills": None})],
        "EMERGENCY",
        CAUDA,
        not_met="R41",
        no_flags="NEEDS_INFO",
        status="success",
    ),
    Case(
        "with pain down both legs",
        [calm({"rf-saddle-numbness": None, "rf-bilateral-leg-pain-new": "yes"})],
        "SAME_DAY",
        "",
        met="R41 R01b",
        flags="NEEDS_INFO",
        status="data-required",
    ),
    Case(
        "with a stable foot drop",
        [calm(OLD_DROP | {"rf-saddle-numbness": None})],
        "SAME_DAY",
        STABLE_DEFICIT,
        met="R41 R02",
        flags="NEEDS_INFO",
    ),
    Case(
        "with a weak leg, stable",
        [
            calm(
                {
                    "rf-leg-weakness": "one",
                    "rf-weakness-onset": "weeks",
                    "rf-weakness-progress": "same",
                    "rf-bladder-change": None,
                }
            )
        ],
        "SAME_DAY",
        STABLE_DEFICIT,
        met="R41 R02",
    ),
    Case(
        "with numbness over days",
        [calm({"rf-saddle-numbness": "unsure", "rf-numbness-spread": "days"})],
        "SAME_DAY",
        "",
        met="R41 R06",
    ),
    Case(
        "with night sweats", [calm({"rf-saddle-numbness": "unsure", "rf-night-sweats": "yes"})], "SOON", met="R41 R04"
    ),
    Case(
        "follow-ups never count as missing",
        [calm({"rf-saddle-onset": None, "rf-weakness-onset": None, "rf-temperature": None})],
        "ROUTINE",
        "",
        not_met="R41",
        no_flags="NEEDS_INFO NEEDS_INFO_TIER2",
    ),
    Case(
        "an unfinished form",
        [form({"ctx-back-pain": "yes"}, status="in-progress")],
        "",
        "",
        not_met="R41",
        no_flags="NEEDS_INFO NEEDS_INFO_TIER2",
        status="success",
    ),
    Case(
        "an unfinished form, idle for a day",
        [form({"ctx-back-pain": "yes"}, status="in-progress", authored=hours(25))],
        "",
        "",
        messages=ASK,
        reviews=True,
        no_flags="NEEDS_INFO",
    ),
    Case(
        "an unfinished form of an hour ago",
        [form({"ctx-back-pain": "yes"}, status="in-progress", authored=hours(1))],
        "",
        "",
        no_messages=ASK,
        reviews=False,
    ),
    Case("no form", [temperature("36.6")], "", "", no_flags="NEEDS_INFO NEEDS_INFO_TIER2", status="success"),
    Case(
        "an amended form",
        [calm({"rf-saddle-numbness": None}, status="amended")],
        "SOON",
        "",
        met="R41",
        status="data-required",
    ),
    Case(
        "an empty form",
        [form({})],
        "SOON",
        "",
        met="R41",
        flags="NEEDS_INFO NEEDS_INFO_TIER2",
        status="data-required",
        messages=ASK,
    ),
    Case(
        "nc, hx and mr items set no flag",
        [calm({"nc-leg-pain-walking": None, "hx-diabetes": None, "exam-equivocal": None, "hx-pad-risk": "unsure"})],
        "ROUTINE",
        "",
        no_flags="NEEDS_INFO NEEDS_INFO_TIER2",
    ),
]

OLD = {"id": "old", "authored": hours(10 * 24)}
FORMS = [
    *alike(
        {
            "an earlier form's saddle stays for 14 days": [calm(SADDLE, **OLD), calm()],
            "a newer unfinished form adds a red flag": [
                calm(authored=hours(5)),
                form(SADDLE, id="new", status="in-progress", authored=hours(1)),
            ],
            "a newer unfinished form removes none": [
                calm(SADDLE, authored=hours(5)),
                form(NO_RED_FLAG, id="new", status="in-progress", authored=hours(1)),
            ],
            "stamped ten minutes after T": [calm(SADDLE, authored=hours(-1 / 6))],
        },
        "EMERGENCY",
        CAUDA,
        met="R01",
    ),
    Case(
        "an earlier form's foot drop stays",
        [calm({"rf-foot-drop": "left", "rf-weakness-onset": "days", "rf-weakness-progress": "same"}, **OLD), calm()],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
    Case(
        "an earlier form's fever stays",
        [calm({"rf-fever-chills": "yes"}, **OLD), calm()],
        "SAME_DAY",
        INFECTION,
        met="R03",
    ),
    Case(
        "an earlier form's cold leg stays",
        [calm({"rf-cold-pale-leg": "yes"}, **OLD), calm()],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        met="R07",
    ),
    *alike(
        {
            "an earlier form's night sweats do not stay": [calm({"rf-night-sweats": "yes"}, **OLD), calm()],
            "the newest authored counts, whatever the order": [calm(), calm({"rf-night-sweats": "yes"}, **OLD)],
            "an older unfinished form adds nothing of R04": [
                form({"rf-night-sweats": "yes"}, id="old", status="in-progress", authored=hours(9)),
                calm(authored=hours(1)),
            ],
        },
        "ROUTINE",
        "",
        not_met="R04",
    ),
    Case(
        "fifteen days later it is gone",
        [calm(SADDLE, id="old", authored=hours(15 * 24)), calm()],
        "ROUTINE",
        "",
        not_met="R01",
    ),
    Case(
        "a newest form in error is absent",
        [calm({"rf-night-sweats": "yes"}, id="old", authored=hours(9)), calm(status="entered-in-error")],
        "SOON",
        met="R04",
    ),
    Case("a walk form later decides the level", [calm(authored=hours(5)), walk(authored=hours(1))], "SELF_CARE", ""),
    Case("an intake later decides the level", [calm(authored=hours(1)), walk(authored=hours(5))], "ROUTINE", ""),
    Case(
        "at the same moment the walk form decides", [calm(authored=hours(1)), walk(authored=hours(1))], "SELF_CARE", ""
    ),
    Case("an unfinished walk form has no level", [walk(status="in-progress")], "", ""),
    Case(
        "stale: its positives stay",
        [calm(SADDLE, authored=hours(40 * 24))],
        "EMERGENCY",
        CAUDA,
        met="R01",
        messages=RESCREEN,
    ),
    Case(
        "stale: clears nobody",
        [calm(EARLY, authored=hours(40 * 24))],
        "ROUTINE",
        "",
        cannot_tell="R12 R20",
        messages=RESCREEN,
    ),
    Case("nobody known, no data", [patient()], "", "", status="success"),
]

TABLES = {"R36": R36, "R40": R40, "R41": R41, "forms": FORMS}
