"""R07 as a table: a leg without blood."""

from __future__ import annotations

from tests.criteria.cases.building import calm, form
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import EMERGENCY_WORDS, REST_PAIN

R07 = [
    Case(
        "cold white leg",
        [calm({"rf-cold-pale-leg": "yes"})],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        met="R07",
        messages=EMERGENCY_WORDS,
    ),
    Case("no cold leg", [calm()], "ROUTINE", "", not_met="R07"),
    Case(
        "a cold leg unsure is a call the same day", [calm({"rf-cold-pale-leg": "unsure"})], "SAME_DAY", "", reviews=True
    ),
    Case(
        "a cold leg skipped is asked",
        [calm({"rf-cold-pale-leg": None})],
        "ROUTINE",
        "",
        cannot_tell="R07",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "critical ischaemia on file",
        [calm(), REST_PAIN],
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

TABLES = {"R07": R07}
