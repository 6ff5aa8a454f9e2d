"""R09, R11, R12, R17 and R20 as tables: films, routine MRI, physiotherapy and electrodiagnostics."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.criteria.cases.building import SCT, XR_FLEXEXT, calm, day, man, order, patient, report, woman
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CLAUDICATION, EARLY, ROUTINE_LABS, VASCULAR, WISH

R11 = [
    Case(
        "eight weeks of physiotherapy",
        [calm(WISH)],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R10 R11",
        not_met="R12 R20 R22",
        only_flags="",
    ),
    Case(
        "six weeks of physiotherapy",
        [calm(WISH | {"hx-pt-weeks": "6.0"})],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        not_met="R12 R20",
    ),
    *alike(
        {
            "41 days of physiotherapy": [calm(WISH | {"hx-pt-weeks": "5.857142857"})],
            "just under six weeks of physiotherapy": [calm(WISH | {"hx-pt-weeks": "5.99999"})],
            "three weeks of physiotherapy": [calm(WISH | {"hx-pt-weeks": 3})],
        },
        "ROUTINE",
        "PT_REFERRAL:routine",
        not_met="R11",
        met="R12 R20",
    ),
    Case("does not want an intervention", [calm(CLAUDICATION)], "ROUTINE", "", not_met="R11"),
    Case(
        "symptoms no longer there",
        [calm(WISH | {"ctx-symptoms-persisting-or-worse": "no"})],
        "ROUTINE",
        "",
        not_met="R11",
    ),
    Case(
        "persisting unknown",
        [calm(WISH | {"ctx-symptoms-persisting-or-worse": None})],
        "ROUTINE",
        "",
        cannot_tell="R11",
    ),
    Case(
        "weeks unknown",
        [calm(WISH | {"hx-pt-weeks": None})],
        "ROUTINE",
        "",
        cannot_tell="R11",
        flags="NEEDS_INFO",
        status="success",
        not_met="R41",
    ),
    *alike(
        {
            "wish unsure": [calm(WISH | {"hx-wants-intervention": "unsure"})],
            "weeks and wish unknown": [calm(WISH | {"hx-wants-intervention": None, "hx-pt-weeks": None})],
        },
        "ROUTINE",
        "",
        cannot_tell="R11",
        flags="NEEDS_INFO",
        status="success",
    ),
    Case(
        "weeks unknown, no claudication",
        [calm({"hx-pt-weeks": None})],
        "ROUTINE",
        "",
        not_met="R11",
        no_flags="NEEDS_INFO",
    ),
    Case(
        "radiculopathy confirmed by a clinician",
        [calm({"hx-radicular-leg-pain": "yes", "hx-wants-intervention": "yes"})],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        not_met="R10",
    ),
    Case(
        "radiculopathy unsure is false",
        [calm({"hx-radicular-leg-pain": "unsure", "hx-wants-intervention": "yes"})],
        "ROUTINE",
        "",
        not_met="R11",
    ),
    Case(
        "claudication and a red flag",
        [calm(WISH | {"rf-night-sweats": "yes"})],
        "SOON",
        ROUTINE_LABS,
        not_met="R11",
    ),
    Case(
        "a red flag unknown",
        [calm(WISH | {"rf-night-sweats": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R11",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "a first-tier flag unknown",
        [calm(WISH | {"rf-saddle-numbness": None})],
        "SOON",
        "",
        cannot_tell="R11",
        flags="NEEDS_INFO",
    ),
    Case(
        "fortieth birthday",
        [patient("1985-06-18"), calm(WISH)],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        not_met="R19",
    ),
    Case(
        "fortieth birthday tomorrow",
        [patient("1985-06-19"), calm(WISH)],
        "SOON",
        "ABI:routine",
        not_met="R10 R11",
        met="R19",
    ),
    Case(
        "born on a leap day, forty",
        [patient("1984-02-29"), calm(WISH, authored="2024-02-29T12:00:00+00:00")],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        not_met="R19",
        at=datetime(2024, 2, 29, 12, 0, tzinfo=UTC),
    ),
    Case(
        "born on a leap day, the day before forty",
        [patient("1984-02-29"), calm(WISH, authored="2024-02-28T12:00:00+00:00")],
        "SOON",
        "ABI:routine",
        not_met="R11",
        met="R19",
        at=datetime(2024, 2, 28, 12, 0, tzinfo=UTC),
    ),
    Case(
        "fortieth birthday already in Auckland",
        [patient("1985-06-19"), calm(WISH)],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        zone="Pacific/Auckland",
        at=datetime(2025, 6, 18, 12, 30, tzinfo=UTC),
    ),
    Case("no birth date", [patient(None), calm(WISH)], orders="", cannot_tell="R11 R19"),
]

R12 = [
    Case(
        "two weeks of physiotherapy, no more",
        [calm(EARLY)],
        "ROUTINE",
        "PT_REFERRAL:routine",
        met="R12 R20",
        not_met="R11",
        only_flags="",
    ),
    *alike(
        {
            "walking pain without back pain": [calm(CLAUDICATION | EARLY | {"ctx-back-pain": "no"})],
            "no physiotherapy yet": [calm({"hx-pt-weeks": 0})],
            "a completed referral": [calm(EARLY), order("308447003", day(300), status="completed", system=SCT)],
            "a revoked referral": [calm(EARLY), order("308447003", day(30), status="revoked", system=SCT)],
            "a form of thirty days ago": [calm(EARLY, authored=f"{day(30)}T12:00:00+00:00")],
        },
        "ROUTINE",
        "PT_REFERRAL:routine",
        met="R12 R20",
    ),
    Case(
        "neither back pain nor walking pain", [calm(EARLY | {"ctx-back-pain": "no"})], "ROUTINE", "", not_met="R12 R20"
    ),
    Case("six weeks of physiotherapy", [calm({"hx-pt-weeks": 6})], "ROUTINE", "", not_met="R12 R20"),
    Case("weeks unknown", [calm({"hx-pt-weeks": None})], "ROUTINE", "", cannot_tell="R12 R20"),
    Case(
        "two weeks, and a red flag", [calm(EARLY | {"rf-numbness-spread": "days"})], "SAME_DAY", "", not_met="R12 R20"
    ),
    Case(
        "a red flag unknown",
        [calm(EARLY | {"rf-osteoporosis": None, "rf-trauma": "minor"}), patient("1985-01-01")],
        orders="",
        cannot_tell="R12 R20",
    ),
    Case("a first-tier flag unknown", [calm(EARLY | {"rf-bowel-change": "unsure"})], "SOON", "", cannot_tell="R12 R20"),
    Case(
        "an active referral",
        [calm(EARLY), order("308447003", day(10), system=SCT)],
        "ROUTINE",
        "",
        met="R12",
        not_met="R20",
    ),
    Case("purely vascular", [man(50), calm(VASCULAR | EARLY)], "ROUTINE", "ABI:routine", met="R12 R18", not_met="R20"),
    Case(
        "a form of 31 days ago",
        [calm(EARLY, authored=f"{day(31)}T12:00:00+00:00")],
        "ROUTINE",
        "",
        cannot_tell="R12 R20",
        messages="RED_FLAG_RESCREEN",
    ),
]

SLIP = {"hx-spondylolisthesis": "yes"}
R09 = [
    *alike(
        {
            "known slip": [calm(SLIP)],
            "instability": [calm({"hx-instability": "yes"})],
            "a report names a slip": [calm(), report(day(400), conclusion="274152003")],
            "film twelve months ago exactly": [calm(SLIP), report("2024-06-18", XR_FLEXEXT)],
            "another film does not count": [calm(SLIP), report(day(30), "24972-2")],
        },
        "ROUTINE",
        "XR_L_FLEXEXT:routine",
        met="R09",
    ),
    Case("no slip", [calm()], "ROUTINE", "", not_met="R09"),
    Case("such a film six months ago", [calm(SLIP), report(day(180), XR_FLEXEXT)], "ROUTINE", "", not_met="R09"),
    Case("film a day less ago", [calm(SLIP), report("2024-06-19", XR_FLEXEXT)], "ROUTINE", "", not_met="R09"),
    Case(
        "unsure has no level",
        [calm({"hx-spondylolisthesis": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R09",
        only_flags="",
    ),
    Case(
        "a known slip and a red flag",
        [calm(SLIP | {"rf-night-sweats": "yes"})],
        "SOON",
        ROUTINE_LABS,
        not_met="R09",
    ),
    Case(
        "pregnant: blocked",
        [woman(), calm(SLIP | {"ctx-pregnant": "pregnant"})],
        "ROUTINE",
        "",
        met="R14",
        flags="PREGNANCY",
    ),
    Case(
        "pregnancy unknown: held",
        [woman(), calm(SLIP | {"ctx-pregnant": None})],
        "ROUTINE",
        "XR_L_FLEXEXT:routine",
        met="R09 R14",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "film a year and a leap day ago",
        [calm(SLIP, authored="2025-02-28T12:00:00+00:00"), report("2024-02-29", XR_FLEXEXT)],
        "ROUTINE",
        "",
        not_met="R09",
        at=datetime(2025, 2, 28, 12, 0, tzinfo=UTC),
    ),
]

R17 = [
    *alike(
        {
            "diabetes and stocking numbness": [
                calm(CLAUDICATION | {"hx-diabetes": "yes", "hx-stocking-numbness": "yes"})
            ],
            "equivocal examination": [calm(CLAUDICATION | {"exam-equivocal": "yes"})],
            "equivocal, radiculopathy": [calm({"hx-radicular-leg-pain": "yes", "exam-equivocal": "yes"})],
        },
        "ROUTINE",
        "EMG_NCS:routine",
        met="R17",
    ),
    Case("clear picture", [calm(CLAUDICATION)], "ROUTINE", "", not_met="R17"),
    Case("diabetes without numbness", [calm(CLAUDICATION | {"hx-diabetes": "yes"})], "ROUTINE", "", not_met="R17"),
    Case(
        "numbness without diabetes",
        [calm(CLAUDICATION | {"hx-stocking-numbness": "yes"})],
        "ROUTINE",
        "",
        not_met="R17",
    ),
    Case(
        "numbness unsure",
        [calm(CLAUDICATION | {"hx-diabetes": "yes", "hx-stocking-numbness": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R17",
        only_flags="",
    ),
    Case("neither claudication nor radiculopathy", [calm({"exam-equivocal": "yes"})], "ROUTINE", "", not_met="R17"),
    Case(
        "an equivocal examination and a red flag",
        [calm(CLAUDICATION | {"exam-equivocal": "yes", "rf-numbness-spread": "days"})],
        "SAME_DAY",
        "",
        not_met="R17",
    ),
]

TABLES = {"R09": R09, "R11": R11, "R12 R20": R12, "R17": R17}
