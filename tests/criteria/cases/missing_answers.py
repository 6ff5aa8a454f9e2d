"""R41 as a table: what was not answered is asked, and is never a no."""

from __future__ import annotations

from tests.criteria.cases.building import NO_RED_FLAG, calm, form, hours, temperature
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import CAUDA, OLD_DROP, SADDLE, STABLE_DEFICIT

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


def begun(**more):
    """A form of which only the first question is answered yet."""
    return form({"ctx-back-pain": "yes"}, status="in-progress", **more)


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
        "bowel and fever skipped, R01 fired",
        [calm(SADDLE | {"rf-bowel-change": None, "rf-fever-chills": None})],
        "EMERGENCY",
        CAUDA,
        not_met="R41",
        no_flags="NEEDS_INFO",
        status="success",
    ),
    Case(
        "saddle skipped, with pain down both legs",
        [calm({"rf-saddle-numbness": None, "rf-bilateral-leg-pain-new": "yes"})],
        "SAME_DAY",
        "",
        met="R41 R01b",
        flags="NEEDS_INFO",
        status="data-required",
    ),
    Case(
        "saddle skipped, with a stable foot drop",
        [calm(OLD_DROP | {"rf-saddle-numbness": None})],
        "SAME_DAY",
        STABLE_DEFICIT,
        met="R41 R02",
        flags="NEEDS_INFO",
    ),
    Case(
        "bladder skipped, with a weak leg, stable",
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
        "saddle unsure, with numbness over days",
        [calm({"rf-saddle-numbness": "unsure", "rf-numbness-spread": "days"})],
        "SAME_DAY",
        "",
        met="R41 R06",
    ),
    Case(
        "saddle unsure, with night sweats",
        [calm({"rf-saddle-numbness": "unsure", "rf-night-sweats": "yes"})],
        "SOON",
        met="R41 R04",
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
        [begun()],
        "",
        "",
        not_met="R41",
        no_flags="NEEDS_INFO NEEDS_INFO_TIER2",
        status="success",
    ),
    Case(
        "an unfinished form, idle for a day",
        [begun(authored=hours(25))],
        "",
        "",
        messages=ASK,
        reviews=True,
        no_flags="NEEDS_INFO",
    ),
    Case(
        "an unfinished form of an hour ago",
        [begun(authored=hours(1))],
        "",
        "",
        no_messages=ASK,
        reviews=False,
    ),
    Case("no form at all", [temperature("36.6")], "", "", no_flags="NEEDS_INFO NEEDS_INFO_TIER2", status="success"),
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

TABLES = {"R41": R41}
