"""R01 and R01b as tables: acute and possible compression of the cauda equina."""

from __future__ import annotations

from tests.criteria.cases.building import NO_RED_FLAG, calm, form, patient
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CAUDA, EMERGENCY_WORDS, NUMB, weak


def saddle(onset=None, stable=None, **more):
    return calm(NUMB | {"rf-saddle-onset": onset, "rf-saddle-stable": stable}, **more)


def bladder(value, onset=None, stable=None):
    return calm({"rf-bladder-change": value, "rf-bladder-onset": onset, "rf-bladder-stable": stable})


def bowel(value, onset=None, stable=None):
    return calm({"rf-bowel-change": value, "rf-bowel-onset": onset, "rf-bowel-stable": stable})


R01 = [
    Case(
        "saddle numb since yesterday",
        [saddle("within-14-days")],
        "EMERGENCY",
        CAUDA,
        met="R01",
        not_met="R01b R11 R12 R20 R41",
        messages=EMERGENCY_WORDS,
        status="success",
    ),
    Case(
        "all answers no",
        [calm()],
        "ROUTINE",
        "",
        not_met="R01 R01b R02 R03 R03c R04 R05 R06 R07 R41",
        only_flags="",
        status="success",
        no_messages=EMERGENCY_WORDS,
    ),
    *[
        Case(f"bladder {value} within 14 days", [bladder(value, "within-14-days")], "EMERGENCY", CAUDA, met="R01")
        for value in ("cannot-pass", "reduced-sensation", "new-leakage")
    ],
    *[
        Case(f"bowel {value} within 14 days", [bowel(value, "within-14-days")], "EMERGENCY", CAUDA, met="R01")
        for value in ("leakage", "no-urge")
    ],
    *alike(
        {
            "onset blank is acute": [saddle()],
            "onset unsure is acute": [saddle("unsure")],
            "bladder onset blank is acute": [bladder("new-leakage")],
            "bowel onset unsure is acute": [bowel("no-urge", "unsure")],
            "one exempt item does not hide another": [
                calm(
                    NUMB
                    | {
                        "rf-saddle-onset": "over-3-months",
                        "rf-saddle-stable": "yes",
                        "rf-bowel-change": "leakage",
                        "rf-bowel-onset": "within-14-days",
                    }
                )
            ],
            "an unfinished form raises": [form(NUMB, status="in-progress")],
            "a stopped form raises": [form(NUMB | {"rf-saddle-onset": "within-14-days"}, status="stopped")],
            "an amended form acts": [saddle("within-14-days", status="amended")],
            "back pain denied changes nothing": [calm(NUMB | {"ctx-back-pain": "no"})],
        },
        "EMERGENCY",
        CAUDA,
        met="R01",
    ),
    *alike(
        {
            "leakage for years, assessed, unchanged": [bladder("new-leakage", "over-3-months", "yes")],
            "saddle numb for years, assessed, unchanged": [saddle("over-3-months", "yes")],
            "bowel for years, assessed, unchanged": [bowel("leakage", "over-3-months", "yes")],
        },
        "ROUTINE",
        "",
        not_met="R01 R01b",
    ),
    Case("cannot pass urine is never exempt", [bladder("cannot-pass", "over-3-months", "yes")], "EMERGENCY|SAME_DAY"),
    *alike(
        {
            "both legs weak": [weak("both", onset="days", progress="same")],
            "both legs weak for long and stable": [weak("both", onset="over-6-weeks", progress="same")],
            "both feet drop for long and stable": [weak(foot="both", onset="over-6-weeks", progress="better")],
            "both feet drop, nothing else known": [weak(foot="both")],
            "no patient is known, the emergency is": [
                [{"resourceType": "Patient", "id": "p"}],
                saddle("within-14-days"),
            ],
        },
        "EMERGENCY",
        met="R01",
    ),
    Case(
        "a skipped item beside a positive one",
        [calm(NUMB | {"rf-bladder-change": None})],
        "EMERGENCY",
        CAUDA,
        met="R01",
        not_met="R41",
        no_flags="NEEDS_INFO",
        status="success",
    ),
    Case(
        "an unfinished form clears nobody",
        [calm(status="in-progress")],
        "",
        "",
        cannot_tell="R12 R20",
        no_flags="NEEDS_INFO NEEDS_INFO_TIER2",
        status="success",
    ),
    Case("entered in error is absent", [saddle("within-14-days", status="entered-in-error")], "", ""),
    Case("no form at all", [patient()], "", "", no_flags="NEEDS_INFO NEEDS_INFO_TIER2", status="success"),
    Case(
        "no MR screening delays nothing",
        [form(NO_RED_FLAG | NUMB)],
        "EMERGENCY",
        CAUDA,
        met="R01",
        flags="MR_SCREEN_INCOMPLETE",
        messages=EMERGENCY_WORDS,
    ),
]

R01B = [
    Case(
        "new pain down both legs",
        [calm({"rf-bilateral-leg-pain-new": "yes"})],
        "SAME_DAY",
        "",
        met="R01b",
        not_met="R01",
        messages="SAME_DAY_ADVICE",
        reviews=True,
    ),
    Case("no pain down both legs", [calm({"rf-bilateral-leg-pain-new": "no"})], "ROUTINE", "", not_met="R01b"),
    Case("sexual change alone", [calm({"rf-sexual-change": "yes"})], "SAME_DAY", "", met="R01b", reviews=True),
    *alike(
        {
            "leakage on day 15": [bladder("new-leakage", "15-days-to-3-months")],
            "saddle on day 15": [saddle("15-days-to-3-months")],
            "no urge on day 15": [bowel("no-urge", "15-days-to-3-months")],
            "over three months, stable blank": [saddle("over-3-months")],
            "over three months, stable unsure": [saddle("over-3-months", "unsure")],
            "over three months, not stable": [bladder("reduced-sensation", "over-3-months", "no")],
        },
        "SAME_DAY",
        "",
        met="R01b",
        not_met="R01",
    ),
    Case(
        "a leak on day 15 beside R01",
        [
            calm(
                NUMB
                | {
                    "rf-saddle-onset": "within-14-days",
                    "rf-bladder-change": "new-leakage",
                    "rf-bladder-onset": "15-days-to-3-months",
                }
            )
        ],
        "EMERGENCY",
        CAUDA,
        met="R01 R01b",
    ),
    Case(
        "prefers not to say is unknown",
        [calm({"rf-sexual-change": "prefer-not-to-say"})],
        "ROUTINE",
        "",
        cannot_tell="R01b",
        flags="NEEDS_INFO_TIER2",
        no_flags="NEEDS_INFO",
    ),
    Case(
        "sexual change unsure is unknown",
        [calm({"rf-sexual-change": "unsure"})],
        cannot_tell="R01b",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "new pain down both legs blocks the reassuring rules",
        [calm({"rf-bilateral-leg-pain-new": "yes", "hx-pt-weeks": 2})],
        "SAME_DAY",
        "",
        not_met="R12 R20",
    ),
]

TABLES = {"R01": R01, "R01b": R01B}
