"""R04 as a table: known cancer, and signs of a tumour."""

from __future__ import annotations

from tests.criteria.cases.building import calm, condition, day, weight
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CONTRAST, ROUTINE_LABS, weak

R04 = [
    *[
        Case(f"cancer {when}, new pain", [calm({"rf-cancer-history": when})], "URGENT", CONTRAST, met="R04")
        for when in ("over-5-years", "within-5-years", "active")
    ],
    *alike(
        {
            "cancer, no back pain": [calm({"rf-cancer-history": "active", "ctx-back-pain": "no"})],
            "night pain relieved by turning": [calm({"rf-night-pain": "yes"})],
            "a Condition entered in error": [calm(), condition("266987004", "entered-in-error")],
        },
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
    *alike(
        {
            "night pain and constant": [calm({"rf-night-pain": "yes", "rf-rest-pain-constant": "yes"})],
            "night sweats": [calm({"rf-night-sweats": "yes"})],
            "night sweats without back pain": [calm({"rf-night-sweats": "yes", "ctx-back-pain": "no"})],
            "two weak flags without back pain": [
                calm(
                    {
                        "rf-night-sweats": "yes",
                        "rf-night-pain": "yes",
                        "rf-rest-pain-constant": "yes",
                        "ctx-back-pain": "no",
                    }
                )
            ],
        },
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
        "ten percent of weight",
        [calm({"rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"}), weight(80, day(240)), weight(72, day(5))],
        "URGENT",
        CONTRAST,
        met="R04 R31",
        flags="WEIGHT_LOSS",
    ),
    Case(
        "just under ten percent of weight",
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
        "night pain, constant unsure",
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
        "with a deficit R02 leads",
        [weak(foot="left", onset="days", progress="same", **{"rf-cancer-history": "active"})],
        "SAME_DAY",
        "MRI_L_WWO:asap SPINE_SURG_REFERRAL:asap LAB_CRP:urgent LAB_ESR:urgent",
        met="R02 R04",
    ),
]

TABLES = {"R04": R04}
