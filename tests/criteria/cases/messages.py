"""R36 as a table: what a patient writes, or tells after a walk."""

from __future__ import annotations

from tests.criteria.cases.building import calm, hours, message, walk
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CAUDA, DEFICIT, EARLY, INFECTION, RESCREEN, SADDLE

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
            "a message of fifteen days ago": [calm(), message("numb where I sit", 15 * 24)],
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
    Case("a message without any form", [message("I can't feel when I wipe")], "EMERGENCY", CAUDA, met="R01 R36"),
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
    Case("a message of fever", [calm(), message("I have a fever and chills")], "SAME_DAY", INFECTION, met="R03 R36"),
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
    Case(
        "a message of thirteen days ago",
        [calm(), message("numb where I sit", 13 * 24)],
        "EMERGENCY",
        CAUDA,
        met="R01 R36",
    ),
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

TABLES = {"R36": R36}
