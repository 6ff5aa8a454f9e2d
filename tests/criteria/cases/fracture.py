"""R05 as a table: injuries, and what makes bones weak."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.criteria.cases.building import (
    calm,
    man,
    patient,
    woman,
)
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import EMERGENCY_WORDS


def fall(age=40, **answers):
    person = man(age)
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
    *alike(
        {
            "fall on prednisone": fall(40, rf_steroid_3mo="yes"),
            "fall with osteoporosis": fall(40, rf_osteoporosis="yes"),
            "fall at 65": fall(65),
            "65th birthday today": [patient("1960-06-18"), calm({"rf-trauma": "minor"})],
            "only the year of birth, surely 65": [patient("1955"), calm({"rf-trauma": "minor"})],
            "fall, steroid unsure, osteoporosis": fall(40, rf_steroid_3mo="unsure", rf_osteoporosis="yes"),
        },
        "URGENT",
        "XR_L:urgent",
        met="R05",
    ),
    Case("fall at forty, healthy", fall(40), "ROUTINE", "", not_met="R05"),
    Case("fall at 64", fall(64), "ROUTINE", "", not_met="R05"),
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

TABLES = {"R05": R05}
