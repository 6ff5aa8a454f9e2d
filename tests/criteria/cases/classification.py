"""R09 to R12, R17 to R20 and R23 as tables: what kind of claudication, and which routine tests follow."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.criteria.cases.building import (
    SCT,
    XR_FLEXEXT,
    abi,
    calm,
    condition,
    day,
    man,
    observation,
    order,
    patient,
    report,
    woman,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import CLAUDICATION, EARLY, ROUTINE_LABS, VASCULAR, WISH

NO_CART = CLAUDICATION | {"nc-shopping-cart": "no"}


def sum_of(age, **answers):
    """A patient for the sum of Sugioka: no cart sign, so the cluster is false."""
    base = NO_CART | {"nc-onset-over-6-months": "no", "nc-bend-forward-relief": "no"}
    return [man(age), calm(base | {name.replace("_", "-"): value for name, value in answers.items()})]


R10 = [
    Case(
        "cart sign, above the knee, standing, sitting",
        [calm(CLAUDICATION)],
        "ROUTINE",
        "",
        met="R10",
        not_met="R11 R12 R18 R19 R20",
    ),
    Case("both above and below counts as above", [calm(CLAUDICATION | {"nc-location": "both"})], met="R10"),
    Case(
        "calf only",
        [man(50), calm(NO_CART | {"nc-location": "calf-only", "nc-bend-forward-relief": "no"})],
        not_met="R10",
    ),
    Case("no pain on walking", [calm()], not_met="R10"),
    Case("pain on walking unsure", [calm(CLAUDICATION | {"nc-leg-pain-walking": "unsure"})], cannot_tell="R10"),
    Case("standing does not bring it on", [calm(CLAUDICATION | {"nc-standing-triggers": "no"})], not_met="R10"),
    Case(
        "standing does not, the sum would",
        [man(75), calm(CLAUDICATION | {"nc-standing-triggers": "no"})],
        not_met="R10",
    ),
    Case(
        "cart unsure, sum too low",
        [man(45), calm(CLAUDICATION | {"nc-shopping-cart": "unsure", "nc-bend-forward-relief": "no"})],
        cannot_tell="R10",
    ),
    Case("cart unsure, sum reached", [calm(CLAUDICATION | {"nc-shopping-cart": "unsure"})], met="R10"),
    Case(
        "relief on sitting skipped, sum too low",
        [man(45), calm(CLAUDICATION | {"nc-relief-sitting": None, "nc-bend-forward-relief": "no"})],
        cannot_tell="R10",
    ),
    Case("sum of 7 at 60", sum_of(60, nc_bend_forward_relief="yes"), met="R10"),
    Case("sum of 5 at 59", sum_of(59, nc_bend_forward_relief="yes"), not_met="R10"),
    Case("sum of 6 at 59", sum_of(59, nc_bend_forward_relief="yes", nc_onset_over_6_months="yes"), not_met="R10"),
    Case("sum of 6 at 70", sum_of(70, nc_onset_over_6_months="yes"), not_met="R10"),
    Case("sum of 7 at 71", sum_of(71, nc_onset_over_6_months="yes"), met="R10"),
    Case(
        "bending backward takes two away",
        sum_of(60, nc_bend_forward_relief="yes", nc_bend_backward_relief="yes"),
        not_met="R10",
    ),
    Case(
        "bending backward unsure, the sum is 7 or 5",
        sum_of(60, nc_bend_forward_relief="yes", nc_bend_backward_relief="unsure"),
        cannot_tell="R10",
    ),
    Case(
        "bending backward unsure, the sum is 9 or 7",
        sum_of(71, nc_bend_forward_relief="yes", nc_onset_over_6_months="yes", nc_bend_backward_relief="unsure"),
        met="R10",
    ),
    Case("bending forward unsure, the sum is 7 or 5", sum_of(60, nc_bend_forward_relief="unsure"), cannot_tell="R10"),
    Case("bending forward unsure, the sum is 5 at most", sum_of(59, nc_bend_forward_relief="unsure"), not_met="R10"),
    Case(
        "leaking urine adds one", sum_of(70, nc_onset_over_6_months="yes", rf_bladder_change="new-leakage"), met="R10"
    ),
    Case("seconds of relief change nothing", [calm(CLAUDICATION | {"nc-relief-seconds": (30, "s")})], met="R10"),
    Case("neurogenic and vascular at once", [calm(CLAUDICATION), abi("0.85")], met="R10", flags="MIXED_CLAUDICATION"),
    Case("neurogenic, ABI normal", [calm(CLAUDICATION), abi("1.1")], met="R10", no_flags="MIXED_CLAUDICATION"),
]

R11 = [
    Case(
        "eight weeks", [calm(WISH)], "ROUTINE", "MRI_L_WO:routine", met="R10 R11", not_met="R12 R20 R22", only_flags=""
    ),
    Case(
        "six weeks", [calm(WISH | {"hx-pt-weeks": "6.0"})], "ROUTINE", "MRI_L_WO:routine", met="R11", not_met="R12 R20"
    ),
    Case(
        "41 days",
        [calm(WISH | {"hx-pt-weeks": "5.857142857"})],
        "ROUTINE",
        "PT_REFERRAL:routine",
        not_met="R11",
        met="R12 R20",
    ),
    Case(
        "just under six weeks",
        [calm(WISH | {"hx-pt-weeks": "5.99999"})],
        "ROUTINE",
        "PT_REFERRAL:routine",
        not_met="R11",
        met="R12 R20",
    ),
    Case(
        "three weeks", [calm(WISH | {"hx-pt-weeks": 3})], "ROUTINE", "PT_REFERRAL:routine", not_met="R11", met="R12 R20"
    ),
    Case("does not want an intervention", [calm(CLAUDICATION)], "ROUTINE", "", not_met="R11"),
    Case("no longer there", [calm(WISH | {"ctx-symptoms-persisting-or-worse": "no"})], "ROUTINE", "", not_met="R11"),
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
    Case(
        "wish unsure",
        [calm(WISH | {"hx-wants-intervention": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R11",
        flags="NEEDS_INFO",
        status="success",
    ),
    Case(
        "weeks and wish unknown",
        [calm(WISH | {"hx-wants-intervention": None, "hx-pt-weeks": None})],
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
        "a red flag",
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
    Case("two weeks", [calm(EARLY)], "ROUTINE", "PT_REFERRAL:routine", met="R12 R20", not_met="R11", only_flags=""),
    Case(
        "walking pain without back pain",
        [calm(CLAUDICATION | EARLY | {"ctx-back-pain": "no"})],
        "ROUTINE",
        "PT_REFERRAL:routine",
        met="R12 R20",
    ),
    Case(
        "neither back pain nor walking pain", [calm(EARLY | {"ctx-back-pain": "no"})], "ROUTINE", "", not_met="R12 R20"
    ),
    Case("six weeks", [calm({"hx-pt-weeks": 6})], "ROUTINE", "", not_met="R12 R20"),
    Case("none yet", [calm({"hx-pt-weeks": 0})], "ROUTINE", "PT_REFERRAL:routine", met="R12 R20"),
    Case("weeks unknown", [calm({"hx-pt-weeks": None})], "ROUTINE", "", cannot_tell="R12 R20"),
    Case("a red flag", [calm(EARLY | {"rf-numbness-spread": "days"})], "SAME_DAY", "", not_met="R12 R20"),
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
    Case(
        "a completed referral",
        [calm(EARLY), order("308447003", day(300), status="completed", system=SCT)],
        "ROUTINE",
        "PT_REFERRAL:routine",
        met="R12 R20",
    ),
    Case(
        "a revoked referral",
        [calm(EARLY), order("308447003", day(30), status="revoked", system=SCT)],
        "ROUTINE",
        "PT_REFERRAL:routine",
        met="R12 R20",
    ),
    Case("purely vascular", [man(50), calm(VASCULAR | EARLY)], "ROUTINE", "ABI:routine", met="R12 R18", not_met="R20"),
    Case(
        "form of thirty days ago",
        [calm(EARLY, authored=f"{day(30)}T12:00:00+00:00")],
        "ROUTINE",
        "PT_REFERRAL:routine",
        met="R12 R20",
    ),
    Case(
        "form of 31 days ago",
        [calm(EARLY, authored=f"{day(31)}T12:00:00+00:00")],
        "ROUTINE",
        "",
        cannot_tell="R12 R20",
        messages="RED_FLAG_RESCREEN",
    ),
]

SLIP = {"hx-spondylolisthesis": "yes"}
R09 = [
    Case("known slip", [calm(SLIP)], "ROUTINE", "XR_L_FLEXEXT:routine", met="R09"),
    Case("instability", [calm({"hx-instability": "yes"})], "ROUTINE", "XR_L_FLEXEXT:routine", met="R09"),
    Case("no slip", [calm()], "ROUTINE", "", not_met="R09"),
    Case(
        "a report names a slip",
        [calm(), report(day(400), conclusion="274152003")],
        "ROUTINE",
        "XR_L_FLEXEXT:routine",
        met="R09",
    ),
    Case("such a film six months ago", [calm(SLIP), report(day(180), XR_FLEXEXT)], "ROUTINE", "", not_met="R09"),
    Case(
        "film twelve months ago exactly",
        [calm(SLIP), report("2024-06-18", XR_FLEXEXT)],
        "ROUTINE",
        "XR_L_FLEXEXT:routine",
        met="R09",
    ),
    Case("film a day less ago", [calm(SLIP), report("2024-06-19", XR_FLEXEXT)], "ROUTINE", "", not_met="R09"),
    Case(
        "another film does not count",
        [calm(SLIP), report(day(30), "24972-2")],
        "ROUTINE",
        "XR_L_FLEXEXT:routine",
        met="R09",
    ),
    Case(
        "unsure has no level",
        [calm({"hx-spondylolisthesis": "unsure"})],
        "ROUTINE",
        "",
        cannot_tell="R09",
        only_flags="",
    ),
    Case(
        "a red flag",
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
    Case(
        "diabetes and stocking numbness",
        [calm(CLAUDICATION | {"hx-diabetes": "yes", "hx-stocking-numbness": "yes"})],
        "ROUTINE",
        "EMG_NCS:routine",
        met="R17",
    ),
    Case(
        "equivocal examination",
        [calm(CLAUDICATION | {"exam-equivocal": "yes"})],
        "ROUTINE",
        "EMG_NCS:routine",
        met="R17",
    ),
    Case(
        "equivocal, radiculopathy",
        [calm({"hx-radicular-leg-pain": "yes", "exam-equivocal": "yes"})],
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
        "a red flag",
        [calm(CLAUDICATION | {"exam-equivocal": "yes", "rf-numbness-spread": "days"})],
        "SAME_DAY",
        "",
        not_met="R17",
    ),
]

CALF = calm(VASCULAR)
MIDDLE_AGE = man(50)
R18 = [
    Case("calf pattern", [MIDDLE_AGE, CALF], "ROUTINE", "ABI:routine", met="R18", not_met="R10 R23"),
    Case("no walking pain", [MIDDLE_AGE, calm()], "ROUTINE", "", not_met="R18 R23"),
    Case(
        "calf, not relieved by standing",
        [MIDDLE_AGE, calm(VASCULAR | {"nc-relief-standing-still": "no"})],
        "ROUTINE",
        "",
        not_met="R18",
    ),
    Case(
        "claudication with risk of narrow arteries",
        [calm(CLAUDICATION | {"hx-pad-risk": "yes"})],
        "ROUTINE",
        "ABI:routine",
        met="R10 R18",
    ),
    Case("claudication without that risk", [calm(CLAUDICATION)], "ROUTINE", "", met="R10", not_met="R18"),
    Case(
        "risk unsure", [calm(CLAUDICATION | {"hx-pad-risk": "unsure"})], "ROUTINE", "", cannot_tell="R18", only_flags=""
    ),
    Case(
        "does not wait for red flags",
        [MIDDLE_AGE, calm(VASCULAR | {"rf-numbness-spread": "days"})],
        "SAME_DAY",
        "ABI:routine",
        met="R18",
    ),
    *[
        Case(
            f"ABI {value}: vascular referral",
            [MIDDLE_AGE, CALF, abi(value)],
            "ROUTINE",
            "VASC_REFERRAL:routine",
            met="R18 R23",
            no_flags="ABI_BORDERLINE",
        )
        for value in ("0.5", "0.89", "0.90")
    ],
    *[
        Case(
            f"ABI {value}: borderline, again after exercise",
            [MIDDLE_AGE, CALF, abi(value)],
            "ROUTINE",
            "ABI:routine",
            met="R18",
            not_met="R23",
            flags="ABI_BORDERLINE",
        )
        for value in ("0.9001", "0.91", "0.99", "0.999")
    ],
    *[
        Case(
            f"ABI {value}: normal",
            [MIDDLE_AGE, CALF, abi(value)],
            "ROUTINE",
            "",
            met="R18",
            not_met="R23",
            no_flags="ABI_BORDERLINE",
        )
        for value in ("1.00", "1.2", "1.40")
    ],
    Case(
        "ABI 1.41 is no borderline",
        [MIDDLE_AGE, CALF, abi("1.41")],
        "ROUTINE",
        met="R18",
        not_met="R23",
        no_flags="ABI_BORDERLINE",
    ),
    Case(
        "the lowest leg counts",
        [MIDDLE_AGE, CALF, abi("1.1"), abi("0.8")],
        "ROUTINE",
        "VASC_REFERRAL:routine",
        met="R23",
    ),
    Case(
        "without a unit, within 0.2 to 2.0",
        [MIDDLE_AGE, CALF, abi("0.8", unit=None)],
        "ROUTINE",
        "VASC_REFERRAL:routine",
        met="R23",
    ),
    Case(
        "without a unit, implausible",
        [MIDDLE_AGE, CALF, abi("80", unit=None)],
        no_flags="ABI_BORDERLINE",
        orders="ABI:routine",
    ),
    Case(
        "ABI twelve months ago exactly",
        [MIDDLE_AGE, CALF, observation("77194-9", "0.8", "{ratio}", "2024-06-18")],
        "ROUTINE",
        "ABI:routine",
        not_met="R23",
    ),
    Case(
        "ABI a day less ago",
        [MIDDLE_AGE, CALF, observation("77194-9", "0.8", "{ratio}", "2024-06-19")],
        "ROUTINE",
        "VASC_REFERRAL:routine",
        met="R23",
    ),
    Case(
        "ABI entered in error",
        [MIDDLE_AGE, CALF, abi("0.8") | {"status": "entered-in-error"}],
        "ROUTINE",
        "ABI:routine",
        not_met="R23",
    ),
    Case(
        "critical ischaemia with calf pattern",
        [MIDDLE_AGE, CALF, abi("0.6"), condition("233962007")],
        "URGENT",
        met="R07 R18 R23",
    ),
]

R19 = [
    Case(
        "thirty-eight",
        [man(38), calm(CLAUDICATION)],
        "SOON",
        "ABI:routine",
        met="R19",
        not_met="R10 R11",
        flags="AGE_UNDER_40_REVIEW",
        reviews=True,
    ),
    Case(
        "fifty-five",
        [man(55), calm(CLAUDICATION)],
        "ROUTINE",
        "",
        not_met="R19",
        met="R10",
        no_flags="AGE_UNDER_40_REVIEW",
    ),
    Case("under forty without claudication", [man(38), calm()], "ROUTINE", "", not_met="R19"),
    Case("no birth date", [patient(None), calm(WISH)], orders="", cannot_tell="R19", no_flags="AGE_UNDER_40_REVIEW"),
    Case("only the year, surely under forty", [patient("1990"), calm(CLAUDICATION)], "SOON", "ABI:routine", met="R19"),
    Case("only the year, both possible", [patient("1985"), calm(WISH)], orders="", cannot_tell="R19"),
]

TABLES = {"R09": R09, "R10": R10, "R11": R11, "R12 R20": R12, "R17": R17, "R18 R23": R18, "R19": R19}
