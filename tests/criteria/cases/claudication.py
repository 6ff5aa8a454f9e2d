"""R10, R18, R19 and R23 as tables: what kind of claudication it is, and what follows from narrow vessels."""

from __future__ import annotations

from tests.criteria.cases.building import abi, calm, man, observation, patient
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CLAUDICATION, REST_PAIN, VASCULAR, WISH

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
    *alike(
        {
            "calf only": [man(50), calm(NO_CART | {"nc-location": "calf-only", "nc-bend-forward-relief": "no"})],
            "no pain on walking": [calm()],
            "standing does not bring it on": [calm(CLAUDICATION | {"nc-standing-triggers": "no"})],
            "standing does not, the sum would": [man(75), calm(CLAUDICATION | {"nc-standing-triggers": "no"})],
            "sum of 5 at 59": sum_of(59, nc_bend_forward_relief="yes"),
            "sum of 6 at 59": sum_of(59, nc_bend_forward_relief="yes", nc_onset_over_6_months="yes"),
            "sum of 6 at 70": sum_of(70, nc_onset_over_6_months="yes"),
            "bending backward takes two away": sum_of(60, nc_bend_forward_relief="yes", nc_bend_backward_relief="yes"),
            "bending forward unsure, the sum is 5 at most": sum_of(59, nc_bend_forward_relief="unsure"),
        },
        not_met="R10",
    ),
    *alike(
        {
            "pain on walking unsure": [calm(CLAUDICATION | {"nc-leg-pain-walking": "unsure"})],
            "cart unsure, sum too low": [
                man(45),
                calm(CLAUDICATION | {"nc-shopping-cart": "unsure", "nc-bend-forward-relief": "no"}),
            ],
            "relief on sitting skipped, sum too low": [
                man(45),
                calm(CLAUDICATION | {"nc-relief-sitting": None, "nc-bend-forward-relief": "no"}),
            ],
            "bending backward unsure, the sum is 7 or 5": sum_of(
                60, nc_bend_forward_relief="yes", nc_bend_backward_relief="unsure"
            ),
            "bending forward unsure, the sum is 7 or 5": sum_of(60, nc_bend_forward_relief="unsure"),
        },
        cannot_tell="R10",
    ),
    Case("cart unsure, sum reached", [calm(CLAUDICATION | {"nc-shopping-cart": "unsure"})], met="R10"),
    Case("sum of 7 at 60", sum_of(60, nc_bend_forward_relief="yes"), met="R10"),
    Case("sum of 7 at 71", sum_of(71, nc_onset_over_6_months="yes"), met="R10"),
    Case(
        "bending backward unsure, the sum is 9 or 7",
        sum_of(71, nc_bend_forward_relief="yes", nc_onset_over_6_months="yes", nc_bend_backward_relief="unsure"),
        met="R10",
    ),
    Case(
        "leaking urine adds one", sum_of(70, nc_onset_over_6_months="yes", rf_bladder_change="new-leakage"), met="R10"
    ),
    Case("seconds of relief change nothing", [calm(CLAUDICATION | {"nc-relief-seconds": (30, "s")})], met="R10"),
    Case("neurogenic and vascular at once", [calm(CLAUDICATION), abi("0.85")], met="R10", flags="MIXED_CLAUDICATION"),
    Case("neurogenic, ABI normal", [calm(CLAUDICATION), abi("1.1")], met="R10", no_flags="MIXED_CLAUDICATION"),
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
    *alike(
        {
            "the lowest leg counts": [MIDDLE_AGE, CALF, abi("1.1"), abi("0.8")],
            "without a unit, within 0.2 to 2.0": [MIDDLE_AGE, CALF, abi("0.8", unit=None)],
            "ABI a day less ago": [MIDDLE_AGE, CALF, observation("77194-9", "0.8", "{ratio}", "2024-06-19")],
        },
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
    *alike(
        {
            "ABI twelve months ago exactly": [MIDDLE_AGE, CALF, observation("77194-9", "0.8", "{ratio}", "2024-06-18")],
            "ABI entered in error": [MIDDLE_AGE, CALF, abi("0.8") | {"status": "entered-in-error"}],
        },
        "ROUTINE",
        "ABI:routine",
        not_met="R23",
    ),
    Case(
        "critical ischaemia with calf pattern",
        [MIDDLE_AGE, CALF, abi("0.6"), REST_PAIN],
        "URGENT",
        met="R07 R18 R23",
    ),
]

R19 = [
    Case(
        "claudication at thirty-eight",
        [man(38), calm(CLAUDICATION)],
        "SOON",
        "ABI:routine",
        met="R19",
        not_met="R10 R11",
        flags="AGE_UNDER_40_REVIEW",
        reviews=True,
    ),
    Case(
        "claudication at fifty-five",
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

TABLES = {"R10": R10, "R18 R23": R18, "R19": R19}
