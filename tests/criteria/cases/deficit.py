"""R02 and R06 as tables: weakness of the legs, feet that drop, numbness that spreads."""

from __future__ import annotations

from tests.criteria.cases.building import calm, form
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import DEFICIT, EMERGENCY_WORDS, FEVER, STABLE_DEFICIT, weak

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
    *alike(
        {
            "known foot drop for eight weeks, stable": [weak(foot="right", onset="over-6-weeks", progress="same")],
            "foot drop for long, better is stable": [weak(foot="right", onset="over-6-weeks", progress="better")],
            "weak leg for weeks, same": [weak("one", onset="weeks", progress="same")],
            "weak leg over six weeks, better": [weak("one", onset="over-6-weeks", progress="better")],
        },
        "URGENT",
        STABLE_DEFICIT,
        met="R02",
    ),
    *alike(
        {
            "foot drop for long, worse": [weak(foot="right", onset="over-6-weeks", progress="worse")],
            "foot drop for long, progress unsure": [weak(foot="right", onset="over-6-weeks", progress="unsure")],
            "foot drop for long, progress blank": [weak(foot="right", onset="over-6-weeks")],
            "foot drop for weeks, stable": [weak(foot="left", onset="weeks", progress="same")],
            "foot drop, onset blank": [weak(foot="left")],
            "foot drop sudden and same": [weak(foot="left", onset="sudden", progress="same")],
            "foot drop days and worse": [weak(foot="left", onset="days", progress="worse")],
            "weak leg sudden": [weak("one", onset="sudden", progress="same")],
            "weak leg worse": [weak("one", onset="weeks", progress="worse")],
            "weak leg over days": [weak("one", onset="days", progress="same")],
            "weak leg, onset unsure": [weak("one", onset="unsure", progress="same")],
            "weak leg, onset blank": [weak("one", progress="better")],
            "weak leg, progress blank": [weak("one", onset="weeks")],
            "weak leg, progress unsure": [weak("one", onset="over-6-weeks", progress="unsure")],
            "sudden trouble walking alone": [calm({"rf-sudden-walking-difficulty": "yes"})],
            "sudden trouble walking is never URGENT": [
                weak(foot="left", onset="over-6-weeks", progress="same", **{"rf-sudden-walking-difficulty": "yes"})
            ],
            "an unfinished form raises": [form({"rf-foot-drop": "left"}, status="in-progress")],
        },
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
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
        "weak leg sudden and worse",
        [weak("one", onset="sudden", progress="worse")],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WO:stat SPINE_SURG_REFERRAL:stat",
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
    Case("numbness spreading over months", [calm({"rf-numbness-spread": "months"})], "ROUTINE", "", not_met="R06"),
    Case(
        "numbness spreading unsure",
        [calm({"rf-numbness-spread": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R06",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "numbness spreading skipped",
        [calm({"rf-numbness-spread": None})],
        "ROUTINE",
        "",
        cannot_tell="R06",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "an unfinished form raises",
        [form({"rf-numbness-spread": "days"}, status="in-progress")],
        "SAME_DAY",
        "",
        met="R06",
    ),
]

TABLES = {"R02": R02, "R06": R06}
