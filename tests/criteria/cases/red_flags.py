"""R01 to R07 as tables: positive, negative, boundary, missing, and what an unusable source does."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.criteria.cases.building import (
    NO_RED_FLAG,
    calm,
    condition,
    crp,
    day,
    form,
    laboratory,
    patient,
    temperature,
    weight,
    woman,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import (
    CAUDA,
    CONTRAST,
    DEFICIT,
    EMERGENCY_WORDS,
    FEVER,
    INFECTION,
    ROUTINE_LABS,
    STABLE_DEFICIT,
)

NEW = {"ctx-duration-weeks": (3, "wk")}
NUMB = {"rf-saddle-numbness": "yes"}


def saddle(onset=None, stable=None, **more):
    return calm(NUMB | {"rf-saddle-onset": onset, "rf-saddle-stable": stable}, **more)


def bladder(value, onset=None, stable=None):
    return calm({"rf-bladder-change": value, "rf-bladder-onset": onset, "rf-bladder-stable": stable})


def bowel(value, onset=None, stable=None):
    return calm({"rf-bowel-change": value, "rf-bowel-onset": onset, "rf-bowel-stable": stable})


def weak(leg="none", foot="none", onset=None, progress=None, **more):
    changes = {
        "rf-leg-weakness": leg,
        "rf-foot-drop": foot,
        "rf-weakness-onset": onset,
        "rf-weakness-progress": progress,
    }
    return calm(changes | more)


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
    Case("onset blank is acute", [saddle()], "EMERGENCY", CAUDA, met="R01"),
    Case("onset unsure is acute", [saddle("unsure")], "EMERGENCY", CAUDA, met="R01"),
    Case("bladder onset blank is acute", [bladder("new-leakage")], "EMERGENCY", CAUDA, met="R01"),
    Case("bowel onset unsure is acute", [bowel("no-urge", "unsure")], "EMERGENCY", CAUDA, met="R01"),
    Case(
        "leakage for years, assessed, unchanged",
        [bladder("new-leakage", "over-3-months", "yes")],
        "ROUTINE",
        "",
        not_met="R01 R01b",
    ),
    Case(
        "saddle numb for years, assessed, unchanged",
        [saddle("over-3-months", "yes")],
        "ROUTINE",
        "",
        not_met="R01 R01b",
    ),
    Case(
        "bowel for years, assessed, unchanged",
        [bowel("leakage", "over-3-months", "yes")],
        "ROUTINE",
        "",
        not_met="R01 R01b",
    ),
    Case("cannot pass urine is never exempt", [bladder("cannot-pass", "over-3-months", "yes")], "EMERGENCY|SAME_DAY"),
    Case("both legs weak", [weak("both", onset="days", progress="same")], "EMERGENCY", met="R01"),
    Case(
        "both legs weak for long and stable",
        [weak("both", onset="over-6-weeks", progress="same")],
        "EMERGENCY",
        met="R01",
    ),
    Case(
        "both feet drop for long and stable",
        [weak(foot="both", onset="over-6-weeks", progress="better")],
        "EMERGENCY",
        met="R01",
    ),
    Case("both feet drop, nothing else known", [weak(foot="both")], "EMERGENCY", met="R01"),
    Case(
        "one exempt item does not hide another",
        [
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
        "EMERGENCY",
        CAUDA,
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
    Case("an unfinished form raises", [form(NUMB, status="in-progress")], "EMERGENCY", CAUDA, met="R01"),
    Case(
        "a stopped form raises",
        [form(NUMB | {"rf-saddle-onset": "within-14-days"}, status="stopped")],
        "EMERGENCY",
        CAUDA,
        met="R01",
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
    Case("an amended form acts", [saddle("within-14-days", status="amended")], "EMERGENCY", CAUDA, met="R01"),
    Case("entered in error is absent", [saddle("within-14-days", status="entered-in-error")], "", ""),
    Case("no form at all", [patient()], "", "", no_flags="NEEDS_INFO NEEDS_INFO_TIER2", status="success"),
    Case(
        "no patient is known, the emergency is",
        [[{"resourceType": "Patient", "id": "p"}], saddle("within-14-days")],
        "EMERGENCY",
        met="R01",
    ),
    Case(
        "no MR screening delays nothing",
        [form(NO_RED_FLAG | NUMB)],
        "EMERGENCY",
        CAUDA,
        met="R01",
        flags="MR_SCREEN_INCOMPLETE",
        messages=EMERGENCY_WORDS,
    ),
    Case("back pain denied changes nothing", [calm(NUMB | {"ctx-back-pain": "no"})], "EMERGENCY", CAUDA, met="R01"),
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
    Case(
        "leakage on day 15", [bladder("new-leakage", "15-days-to-3-months")], "SAME_DAY", "", met="R01b", not_met="R01"
    ),
    Case("saddle on day 15", [saddle("15-days-to-3-months")], "SAME_DAY", "", met="R01b", not_met="R01"),
    Case("no urge on day 15", [bowel("no-urge", "15-days-to-3-months")], "SAME_DAY", "", met="R01b", not_met="R01"),
    Case("over three months, stable blank", [saddle("over-3-months")], "SAME_DAY", "", met="R01b", not_met="R01"),
    Case(
        "over three months, stable unsure",
        [saddle("over-3-months", "unsure")],
        "SAME_DAY",
        "",
        met="R01b",
        not_met="R01",
    ),
    Case(
        "over three months, not stable",
        [bladder("reduced-sensation", "over-3-months", "no")],
        "SAME_DAY",
        "",
        met="R01b",
        not_met="R01",
    ),
    Case(
        "beside R01",
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
        "blocks the reassuring rules",
        [calm({"rf-bilateral-leg-pain-new": "yes", "hx-pt-weeks": 2})],
        "SAME_DAY",
        "",
        not_met="R12 R20",
    ),
]

R02 = [
    Case(
        "foot drop for five days",
        [weak(foot="left", onset="days", progress="same")],
        "SAME_DAY",
        DEFICIT,
        met="R02",
        not_met="R01",
        messages="SAME_DAY_ADVICE",
    ),
    Case(
        "tingling on walking is no deficit", [calm({"nc-leg-pain-walking": "yes", "nc-tingling": "yes"})], not_met="R02"
    ),
    Case(
        "known foot drop for eight weeks, stable",
        [weak(foot="right", onset="over-6-weeks", progress="same")],
        "URGENT",
        STABLE_DEFICIT,
        met="R02",
    ),
    Case(
        "foot drop for long, better is stable",
        [weak(foot="right", onset="over-6-weeks", progress="better")],
        "URGENT",
        STABLE_DEFICIT,
        met="R02",
    ),
    Case(
        "foot drop for long, worse",
        [weak(foot="right", onset="over-6-weeks", progress="worse")],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
    Case(
        "foot drop for long, progress unsure",
        [weak(foot="right", onset="over-6-weeks", progress="unsure")],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
    Case(
        "foot drop for long, progress blank", [weak(foot="right", onset="over-6-weeks")], "SAME_DAY", DEFICIT, met="R02"
    ),
    Case(
        "foot drop for weeks, stable",
        [weak(foot="left", onset="weeks", progress="same")],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
    Case("foot drop, onset blank", [weak(foot="left")], "SAME_DAY", DEFICIT, met="R02"),
    Case(
        "foot drop sudden and worse",
        [weak(foot="left", onset="sudden", progress="worse")],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WO:stat SPINE_SURG_REFERRAL:stat",
        met="R02",
        not_met="R01",
        messages=EMERGENCY_WORDS,
    ),
    Case(
        "foot drop sudden and same",
        [weak(foot="left", onset="sudden", progress="same")],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
    Case(
        "foot drop days and worse", [weak(foot="left", onset="days", progress="worse")], "SAME_DAY", DEFICIT, met="R02"
    ),
    Case(
        "weak leg sudden and worse",
        [weak("one", onset="sudden", progress="worse")],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WO:stat SPINE_SURG_REFERRAL:stat",
        met="R02",
    ),
    Case("weak leg sudden", [weak("one", onset="sudden", progress="same")], "SAME_DAY", DEFICIT, met="R02"),
    Case("weak leg worse", [weak("one", onset="weeks", progress="worse")], "SAME_DAY", DEFICIT, met="R02"),
    Case("weak leg over days", [weak("one", onset="days", progress="same")], "SAME_DAY", DEFICIT, met="R02"),
    Case("weak leg, onset unsure", [weak("one", onset="unsure", progress="same")], "SAME_DAY", DEFICIT, met="R02"),
    Case("weak leg, onset blank", [weak("one", progress="better")], "SAME_DAY", DEFICIT, met="R02"),
    Case("weak leg, progress blank", [weak("one", onset="weeks")], "SAME_DAY", DEFICIT, met="R02"),
    Case(
        "weak leg, progress unsure",
        [weak("one", onset="over-6-weeks", progress="unsure")],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
    Case(
        "weak leg for weeks, same",
        [weak("one", onset="weeks", progress="same")],
        "URGENT",
        STABLE_DEFICIT,
        met="R02",
    ),
    Case(
        "weak leg over six weeks, better",
        [weak("one", onset="over-6-weeks", progress="better")],
        "URGENT",
        STABLE_DEFICIT,
        met="R02",
    ),
    Case(
        "sudden trouble walking alone", [calm({"rf-sudden-walking-difficulty": "yes"})], "SAME_DAY", DEFICIT, met="R02"
    ),
    Case(
        "sudden trouble walking is never URGENT",
        [weak(foot="left", onset="over-6-weeks", progress="same", **{"rf-sudden-walking-difficulty": "yes"})],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
    Case(
        "foot drop with fever",
        [weak(foot="left", onset="weeks", progress="same", **FEVER)],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WWO:stat SPINE_SURG_REFERRAL:stat LAB_CRP:stat LAB_ESR:stat",
        met="R02 R03",
    ),
    Case(
        "foot drop skipped",
        [weak(foot=None)],
        "SOON",
        "",
        cannot_tell="R02",
        met="R41",
        flags="NEEDS_INFO",
        status="data-required",
        messages="ASK_MISSING",
    ),
    Case("foot drop unsure", [weak(foot="unsure")], "SOON", "", cannot_tell="R02", met="R41", flags="NEEDS_INFO"),
    Case(
        "sudden trouble walking unsure",
        [calm({"rf-sudden-walking-difficulty": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R02",
        flags="NEEDS_INFO_TIER2",
        no_flags="NEEDS_INFO",
    ),
    Case(
        "an unfinished form raises",
        [form({"rf-foot-drop": "left"}, status="in-progress")],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
]

R03 = [
    Case(
        "38.6 Cel",
        [calm(), temperature("38.6")],
        "SAME_DAY",
        INFECTION,
        met="R03",
        flags="CONFLICT",
        messages="SAME_DAY_ADVICE",
    ),
    Case("37.4 Cel", [calm(), temperature("37.4")], "ROUTINE", "", not_met="R03", no_flags="CONFLICT"),
    *[
        Case(f"{value} Cel is not above 38", [calm(), temperature(value)], "ROUTINE", "", not_met="R03")
        for value in ("37.99", "38", "38.0", "30.0")
    ],
    *[
        Case(f"{value} Cel is above 38", [calm(), temperature(value)], "SAME_DAY", INFECTION, met="R03")
        for value in ("38.00001", "38.1", "45.0")
    ],
    *[
        Case(f"{value} degF is not above 38 Cel", [calm(), temperature(value, unit="[degF]")], not_met="R03")
        for value in ("100.4", "100.39", "98.6")
    ],
    *[
        Case(
            f"{value} degF is above 38 Cel",
            [calm(), temperature(value, unit="[degF]")],
            "SAME_DAY",
            INFECTION,
            met="R03",
        )
        for value in ("100.40001", "100.5", "101.3")
    ],
    Case("fever by the form", [calm(FEVER)], "SAME_DAY", INFECTION, met="R03", no_flags="CONFLICT"),
    Case(
        "fever by the form, normal temperature",
        [calm(FEVER), temperature("36.8")],
        "SAME_DAY",
        INFECTION,
        met="R03",
        no_flags="CONFLICT",
    ),
    Case(
        "temperature on the form", [calm(FEVER | {"rf-temperature": (38.9, "Cel")})], "SAME_DAY", INFECTION, met="R03"
    ),
    Case("fever without back pain", [calm(FEVER | {"ctx-back-pain": "no"})], "ROUTINE", "", not_met="R03"),
    Case("fever, back pain unanswered", [calm(FEVER | {"ctx-back-pain": None})], "SAME_DAY", INFECTION, met="R03"),
    Case("fever, back pain unsure", [calm(FEVER | {"ctx-back-pain": "unsure"})], "SAME_DAY", INFECTION, met="R03"),
    Case("71 hours ago", [calm(), temperature("39", 71)], "SAME_DAY", met="R03"),
    Case("just inside 72 hours", [calm(), temperature("39", 71.99)], "SAME_DAY", met="R03"),
    Case("72 hours ago", [calm(), temperature("39", 72)], "ROUTINE", not_met="R03"),
    Case("73 hours ago", [calm(), temperature("39", 73)], "ROUTINE", not_met="R03"),
    Case("at T", [calm(), temperature("39", 0)], "SAME_DAY", met="R03"),
    Case("stamped ten minutes after T", [calm(), temperature("39", -1 / 6)], "SAME_DAY", met="R03"),
    Case("stamped fifteen minutes after T", [calm(), temperature("39", -0.25)], "SAME_DAY", met="R03"),
    Case("stamped an hour after T", [calm(), temperature("39", -1)], "ROUTINE", not_met="R03"),
    Case("in another zone", [calm(), temperature("39", when="2025-06-16T02:00:00+13:00")], "SAME_DAY", met="R03"),
    Case(
        "in another zone, too old",
        [calm(), temperature("39", when="2025-06-15T23:00:00+13:00")],
        "ROUTINE",
        not_met="R03",
    ),
    Case(
        "any value counts, not the latest",
        [calm(), temperature("38.6", 50), temperature("36.9", 2)],
        "SAME_DAY",
        INFECTION,
        met="R03",
    ),
    Case(
        "both unknown",
        [calm({"rf-fever-chills": "unsure"})],
        "SOON",
        "",
        cannot_tell="R03",
        met="R41",
        flags="NEEDS_INFO",
        status="data-required",
    ),
    Case(
        "an implausible temperature on the form",
        [calm({"rf-fever-chills": None, "rf-temperature": ("45.1", "Cel")})],
        cannot_tell="R03",
        orders="",
    ),
    Case(
        "question skipped, normal temperature",
        [calm({"rf-fever-chills": None}), temperature("36.9")],
        "SOON",
        "",
        cannot_tell="R03",
        flags="NEEDS_INFO",
    ),
    Case(
        "question skipped, high temperature",
        [calm({"rf-fever-chills": None}), temperature("38.6")],
        "SAME_DAY",
        INFECTION,
        met="R03",
        no_flags="NEEDS_INFO",
    ),
    Case(
        "unknown unit",
        [calm(), temperature("38.6", unit="C")],
        cannot_tell="R03",
        flags="UNIT_UNKNOWN NEEDS_INFO",
        met="R41",
        orders="",
    ),
    Case("no unit", [calm(), temperature("38.6", unit=None)], cannot_tell="R03", flags="UNIT_UNKNOWN", orders=""),
    Case("comparator", [calm(), temperature("38.6", comparator=">")], cannot_tell="R03", orders=""),
    Case("implausibly high", [calm(), temperature("45.1")], cannot_tell="R03", orders=""),
    Case("implausible", [calm(), temperature("370")], cannot_tell="R03", orders=""),
    Case("implausibly low", [calm(), temperature("29.9")], cannot_tell="R03", orders=""),
    Case(
        "an unusable value beside a high one",
        [calm(), temperature("38.6", 5), temperature("400", 2)],
        "SAME_DAY",
        INFECTION,
        met="R03",
    ),
    Case("preliminary", [calm(), temperature("38.9", status="preliminary")], cannot_tell="R03", orders=""),
    Case("entered in error", [calm(), temperature("38.9", status="entered-in-error")], "ROUTINE", "", not_met="R03"),
    Case("cancelled", [calm(), temperature("38.9", status="cancelled")], "ROUTINE", "", not_met="R03"),
    Case("amended", [calm(), temperature("38.9", status="amended")], "SAME_DAY", INFECTION, met="R03"),
    Case("corrected", [calm(), temperature("38.9", status="corrected")], "SAME_DAY", INFECTION, met="R03"),
    Case("old unusable value is outside the window", [calm(), temperature("400", 100)], "ROUTINE", "", not_met="R03"),
    Case(
        "with a saddle",
        [calm(NUMB | FEVER)],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WWO:stat LAB_CRP:stat LAB_ESR:stat",
        met="R01 R03",
    ),
    Case("unfinished form", [form(FEVER, status="in-progress")], "SAME_DAY", INFECTION, met="R03"),
]

R03C = [
    Case("IV drugs, three weeks", [calm(NEW | {"rf-ivdu": "yes"})], "URGENT", CONTRAST, met="R03c", not_met="R03"),
    Case(
        "IV drugs, three years unchanged",
        [calm({"rf-ivdu": "yes", "ctx-duration-weeks": (156, "wk")})],
        "ROUTINE",
        "",
        not_met="R03c",
    ),
    *[
        Case(f"{item}", [calm(NEW | {item: "yes"})], "URGENT", CONTRAST, met="R03c")
        for item in ("rf-immunosuppressed", "rf-recent-infection-or-spinal-procedure")
    ],
    *[
        Case(
            f"{value} {unit} is not under twelve weeks",
            [calm({"rf-ivdu": "yes", "ctx-duration-weeks": (value, unit)})],
            "ROUTINE",
            "",
            not_met="R03c",
        )
        for value, unit in ((12, "wk"), ("12.0", "wk"), ("12.1", "wk"), (84, "d"))
    ],
    *[
        Case(
            f"{value} {unit} is under twelve weeks",
            [calm({"rf-ivdu": "yes", "ctx-duration-weeks": (value, unit)})],
            "URGENT",
            CONTRAST,
            met="R03c",
        )
        for value, unit in ((0, "wk"), ("11.9", "wk"), ("11.999", "wk"), (83, "d"))
    ],
    Case("duration blank", [calm({"rf-ivdu": "yes", "ctx-duration-weeks": None})], "URGENT", CONTRAST, met="R03c"),
    Case("no back pain", [calm(NEW | {"rf-ivdu": "yes", "ctx-back-pain": "no"})], "ROUTINE", "", not_met="R03c"),
    Case(
        "IV drugs unsure",
        [calm(NEW | {"rf-ivdu": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R03c",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "IV drugs skipped", [calm(NEW | {"rf-ivdu": None})], "ROUTINE", "", cannot_tell="R03c", flags="NEEDS_INFO_TIER2"
    ),
    Case(
        "fever unknown does not hide the risk",
        [calm(NEW | {"rf-ivdu": "yes", "rf-fever-chills": "unsure"})],
        "URGENT",
        CONTRAST,
        met="R03c R41",
        flags="NEEDS_INFO",
    ),
    Case(
        "with fever R03 leads",
        [calm(NEW | FEVER | {"rf-ivdu": "yes"})],
        "SAME_DAY",
        INFECTION,
        met="R03",
        not_met="R03c",
    ),
    Case("CRP flagged high", [calm(), crp(3)], "URGENT", CONTRAST, met="R03c"),
    Case("ESR flagged high", [calm(), laboratory("30341-2", 70, "mm/h", 3, "H")], "URGENT", CONTRAST, met="R03c"),
    Case("Westergren flagged high", [calm(), laboratory("4537-7", 70, "mm/h", 3, "H")], "URGENT", CONTRAST, met="R03c"),
    Case("CRP flagged normal", [calm(), crp(3, "N", 2)], "ROUTINE", "", not_met="R03c"),
    Case("CRP without a flag", [calm(), crp(3, None)], "ROUTINE", "", not_met="R03c"),
    Case("CRP 13 days ago", [calm(), crp(13)], "URGENT", CONTRAST, met="R03c"),
    Case("CRP 14 days ago", [calm(), crp(14)], "ROUTINE", "", not_met="R03c"),
    Case("CRP entered in error", [calm(), crp(3) | {"status": "entered-in-error"}], "ROUTINE", "", not_met="R03c"),
]

R04 = [
    *[
        Case(f"cancer {when}, new pain", [calm({"rf-cancer-history": when})], "URGENT", CONTRAST, met="R04")
        for when in ("over-5-years", "within-5-years", "active")
    ],
    Case(
        "cancer, no back pain",
        [calm({"rf-cancer-history": "active", "ctx-back-pain": "no"})],
        "ROUTINE",
        "",
        not_met="R04",
    ),
    Case(
        "cancer, back pain unanswered",
        [calm({"rf-cancer-history": "active", "ctx-back-pain": None})],
        "URGENT",
        CONTRAST,
        met="R04",
    ),
    Case("night pain relieved by turning", [calm({"rf-night-pain": "yes"})], "ROUTINE", "", not_met="R04"),
    Case(
        "night pain and constant",
        [calm({"rf-night-pain": "yes", "rf-rest-pain-constant": "yes"})],
        "SOON",
        ROUTINE_LABS,
        met="R04",
    ),
    Case("night sweats", [calm({"rf-night-sweats": "yes"})], "SOON", ROUTINE_LABS, met="R04"),
    Case(
        "night sweats without back pain",
        [calm({"rf-night-sweats": "yes", "ctx-back-pain": "no"})],
        "SOON",
        ROUTINE_LABS,
        met="R04",
    ),
    Case(
        "weight loss",
        [calm({"rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"})],
        "SOON",
        ROUTINE_LABS,
        met="R04 R31",
        flags="WEIGHT_LOSS",
    ),
    Case(
        "weight loss, intention unsure",
        [calm({"rf-weight-loss": "yes", "rf-weight-loss-intentional": "unsure"})],
        "SOON",
        ROUTINE_LABS,
        met="R04",
        flags="WEIGHT_LOSS",
    ),
    Case(
        "two weak flags",
        [calm({"rf-night-sweats": "yes", "rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"})],
        "URGENT",
        CONTRAST,
        met="R04",
    ),
    Case(
        "two weak flags without back pain",
        [
            calm(
                {
                    "rf-night-sweats": "yes",
                    "rf-night-pain": "yes",
                    "rf-rest-pain-constant": "yes",
                    "ctx-back-pain": "no",
                }
            )
        ],
        "SOON",
        ROUTINE_LABS,
        met="R04",
    ),
    Case(
        "ten percent of weight",
        [calm({"rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"}), weight(80, day(240)), weight(72, day(5))],
        "URGENT",
        CONTRAST,
        met="R04 R31",
        flags="WEIGHT_LOSS",
    ),
    Case(
        "just under ten percent",
        [
            calm({"rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"}),
            weight(80, day(240)),
            weight("72.01", day(5)),
        ],
        "SOON",
        ROUTINE_LABS,
        met="R04 R31",
        flags="WEIGHT_LOSS",
    ),
    Case(
        "cancer unsure is not never",
        [calm({"rf-cancer-history": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R04",
        flags="NEEDS_INFO_TIER2",
        no_flags="NEEDS_INFO",
    ),
    Case(
        "cancer unsure with night sweats",
        [calm({"rf-cancer-history": "unsure", "rf-night-sweats": "yes"})],
        "SOON",
        ROUTINE_LABS,
        met="R04",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "constant unsure",
        [calm({"rf-night-pain": "yes", "rf-rest-pain-constant": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R04",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "a Condition tells of cancer", [calm(), condition("266987004")], "URGENT", CONTRAST, met="R04", flags="CONFLICT"
    ),
    Case(
        "a Condition, the form silent",
        [calm({"rf-cancer-history": None}), condition("266987004")],
        "URGENT",
        CONTRAST,
        met="R04",
        no_flags="CONFLICT",
    ),
    Case(
        "a Condition entered in error",
        [calm(), condition("266987004", "entered-in-error")],
        "ROUTINE",
        "",
        not_met="R04",
    ),
    Case(
        "with a deficit R02 leads",
        [weak(foot="left", onset="days", progress="same", **{"rf-cancer-history": "active"})],
        "SAME_DAY",
        "MRI_L_WWO:asap SPINE_SURG_REFERRAL:asap LAB_CRP:urgent LAB_ESR:urgent",
        met="R02 R04",
    ),
]


def fall(age=40, **answers):
    person = patient(f"{2025 - age}-01-15")
    return [person, calm({"rf-trauma": "minor"} | {name.replace("_", "-"): value for name, value in answers.items()})]


R05 = [
    Case(
        "major trauma",
        [calm({"rf-trauma": "major"})],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        met="R05",
        messages=EMERGENCY_WORDS,
    ),
    Case("fall on prednisone", fall(40, rf_steroid_3mo="yes"), "URGENT", "XR_L:urgent", met="R05"),
    Case("fall with osteoporosis", fall(40, rf_osteoporosis="yes"), "URGENT", "XR_L:urgent", met="R05"),
    Case("fall at forty, healthy", fall(40), "ROUTINE", "", not_met="R05"),
    Case("fall at 64", fall(64), "ROUTINE", "", not_met="R05"),
    Case("fall at 65", fall(65), "URGENT", "XR_L:urgent", met="R05"),
    Case(
        "65th birthday today", [patient("1960-06-18"), calm({"rf-trauma": "minor"})], "URGENT", "XR_L:urgent", met="R05"
    ),
    Case("65th birthday tomorrow", [patient("1960-06-19"), calm({"rf-trauma": "minor"})], "ROUTINE", "", not_met="R05"),
    Case(
        "65th birthday already in Auckland",
        [patient("1960-06-19"), calm({"rf-trauma": "minor"})],
        "URGENT",
        "XR_L:urgent",
        met="R05",
        zone="Pacific/Auckland",
        at=datetime(2025, 6, 18, 13, 0, tzinfo=UTC),
    ),
    Case(
        "65th birthday not yet in Honolulu",
        [patient("1960-06-18"), calm({"rf-trauma": "minor"}, authored="2025-06-18T05:00:00+00:00")],
        "ROUTINE",
        "",
        not_met="R05",
        zone="Pacific/Honolulu",
        at=datetime(2025, 6, 18, 5, 0, tzinfo=UTC),
    ),
    Case(
        "born on a leap day, on the 1st of March",
        [patient("1960-02-29"), calm({"rf-trauma": "minor"}, authored="2025-03-01T12:00:00+00:00")],
        "URGENT",
        "XR_L:urgent",
        met="R05",
        at=datetime(2025, 3, 1, 12, 0, tzinfo=UTC),
    ),
    Case(
        "born on a leap day, on the 27th of February",
        [patient("1960-02-29"), calm({"rf-trauma": "minor"}, authored="2025-02-27T12:00:00+00:00")],
        "ROUTINE",
        "",
        not_met="R05",
        at=datetime(2025, 2, 27, 12, 0, tzinfo=UTC),
    ),
    Case(
        "only the year of birth, surely 65",
        [patient("1955"), calm({"rf-trauma": "minor"})],
        "URGENT",
        "XR_L:urgent",
        met="R05",
    ),
    Case(
        "only the year of birth, both ages possible",
        [patient("1960"), calm({"rf-trauma": "minor"})],
        cannot_tell="R05",
        orders="",
    ),
    Case("no birth date", [patient(None), calm({"rf-trauma": "minor"})], cannot_tell="R05", orders=""),
    Case("fall, steroid unsure", fall(40, rf_steroid_3mo="unsure"), "SOON", "", reviews=True, flags="NEEDS_INFO_TIER2"),
    Case(
        "no trauma, steroid and osteoporosis",
        [calm({"rf-steroid-3mo": "yes", "rf-osteoporosis": "yes"})],
        "ROUTINE",
        "",
        not_met="R05",
    ),
    Case(
        "steroid unsure without a fall",
        [calm({"rf-steroid-3mo": "unsure"})],
        "ROUTINE",
        "",
        not_met="R05",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "fall, steroid unsure, osteoporosis",
        fall(40, rf_steroid_3mo="unsure", rf_osteoporosis="yes"),
        "URGENT",
        "XR_L:urgent",
        met="R05",
    ),
    Case("trauma unsure", [calm({"rf-trauma": "unsure"})], "ROUTINE", "", cannot_tell="R05", flags="NEEDS_INFO_TIER2"),
    Case(
        "a woman of thirty, pregnancy unknown",
        [woman(), calm({"rf-trauma": "minor", "rf-osteoporosis": "yes", "ctx-pregnant": None})],
        "URGENT",
        "XR_L:urgent",
        met="R05 R14",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "pregnant: no X-ray, radiology decides",
        [woman(), calm({"rf-trauma": "minor", "rf-osteoporosis": "yes", "ctx-pregnant": "pregnant"})],
        "URGENT",
        "",
        met="R05 R14",
        flags="PREGNANCY RADIOLOGY_CONSULT",
        reviews=True,
        review_priority="urgent",
    ),
]

R06 = [
    Case(
        "numbness over days",
        [calm({"rf-numbness-spread": "days"})],
        "SAME_DAY",
        "",
        met="R06",
        reviews=True,
        messages="SAME_DAY_ADVICE",
    ),
    Case("slow over months", [calm({"rf-numbness-spread": "months"})], "ROUTINE", "", not_met="R06"),
    Case(
        "unsure", [calm({"rf-numbness-spread": "unsure"})], "ROUTINE", "", cannot_tell="R06", flags="NEEDS_INFO_TIER2"
    ),
    Case("skipped", [calm({"rf-numbness-spread": None})], "ROUTINE", "", cannot_tell="R06", flags="NEEDS_INFO_TIER2"),
    Case(
        "an unfinished form raises",
        [form({"rf-numbness-spread": "days"}, status="in-progress")],
        "SAME_DAY",
        "",
        met="R06",
    ),
]

R07 = [
    Case(
        "cold white leg",
        [calm({"rf-cold-pale-leg": "yes"})],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        met="R07",
        messages=EMERGENCY_WORDS,
    ),
    Case("warm", [calm()], "ROUTINE", "", not_met="R07"),
    Case("unsure is a call the same day", [calm({"rf-cold-pale-leg": "unsure"})], "SAME_DAY", "", reviews=True),
    Case(
        "skipped is asked",
        [calm({"rf-cold-pale-leg": None})],
        "ROUTINE",
        "",
        cannot_tell="R07",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "critical ischaemia on file",
        [calm(), condition("233962007")],
        "URGENT",
        "VASC_REFERRAL:urgent ABI:urgent",
        met="R07",
    ),
    Case(
        "an unfinished form raises",
        [form({"rf-cold-pale-leg": "yes"}, status="in-progress")],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        met="R07",
    ),
]

TABLES = {
    "R01": R01,
    "R01b": R01B,
    "R02": R02,
    "R03": R03,
    "R03c": R03C,
    "R04": R04,
    "R05": R05,
    "R06": R06,
    "R07": R07,
}
