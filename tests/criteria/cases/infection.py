"""R03 and R03c as tables: fever with back pain, and who is at risk of a spinal infection."""

from __future__ import annotations

from tests.criteria.cases.building import calm, crp, form, laboratory, temperature
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CONTRAST, FEVER, INFECTION, NEW, NUMB

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
    *alike(
        {
            "temperature on the form": [calm(FEVER | {"rf-temperature": (38.9, "Cel")})],
            "fever, back pain unanswered": [calm(FEVER | {"ctx-back-pain": None})],
            "fever, back pain unsure": [calm(FEVER | {"ctx-back-pain": "unsure"})],
            "any temperature counts, not the latest": [calm(), temperature("38.6", 50), temperature("36.9", 2)],
            "an unusable value beside a high one": [calm(), temperature("38.6", 5), temperature("400", 2)],
            "an amended temperature": [calm(), temperature("38.9", status="amended")],
            "a corrected temperature": [calm(), temperature("38.9", status="corrected")],
            "an unfinished form raises": [form(FEVER, status="in-progress")],
        },
        "SAME_DAY",
        INFECTION,
        met="R03",
    ),
    Case("fever without back pain", [calm(FEVER | {"ctx-back-pain": "no"})], "ROUTINE", "", not_met="R03"),
    Case("a fever of 71 hours ago", [calm(), temperature("39", 71)], "SAME_DAY", met="R03"),
    Case("a fever just inside 72 hours", [calm(), temperature("39", 71.99)], "SAME_DAY", met="R03"),
    Case("a fever of 72 hours ago", [calm(), temperature("39", 72)], "ROUTINE", not_met="R03"),
    Case("a fever of 73 hours ago", [calm(), temperature("39", 73)], "ROUTINE", not_met="R03"),
    Case("a fever measured at T", [calm(), temperature("39", 0)], "SAME_DAY", met="R03"),
    Case("a fever stamped ten minutes after T", [calm(), temperature("39", -1 / 6)], "SAME_DAY", met="R03"),
    Case("a fever stamped fifteen minutes after T", [calm(), temperature("39", -0.25)], "SAME_DAY", met="R03"),
    Case("a fever stamped an hour after T", [calm(), temperature("39", -1)], "ROUTINE", not_met="R03"),
    Case(
        "a fever of 71 hours ago, in another zone",
        [calm(), temperature("39", when="2025-06-16T02:00:00+13:00")],
        "SAME_DAY",
        met="R03",
    ),
    Case(
        "a fever of 74 hours ago, in another zone",
        [calm(), temperature("39", when="2025-06-15T23:00:00+13:00")],
        "ROUTINE",
        not_met="R03",
    ),
    Case(
        "fever unsure, nothing measured",
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
        "a temperature in an unknown unit",
        [calm(), temperature("38.6", unit="C")],
        cannot_tell="R03",
        flags="UNIT_UNKNOWN NEEDS_INFO",
        met="R41",
        orders="",
    ),
    Case(
        "a temperature without a unit",
        [calm(), temperature("38.6", unit=None)],
        cannot_tell="R03",
        flags="UNIT_UNKNOWN",
        orders="",
    ),
    Case(
        "a temperature with a comparator", [calm(), temperature("38.6", comparator=">")], cannot_tell="R03", orders=""
    ),
    Case("a temperature of 45.1", [calm(), temperature("45.1")], cannot_tell="R03", orders=""),
    Case("a temperature of 370", [calm(), temperature("370")], cannot_tell="R03", orders=""),
    Case("a temperature of 29.9", [calm(), temperature("29.9")], cannot_tell="R03", orders=""),
    Case(
        "a preliminary temperature", [calm(), temperature("38.9", status="preliminary")], cannot_tell="R03", orders=""
    ),
    Case(
        "a temperature entered in error",
        [calm(), temperature("38.9", status="entered-in-error")],
        "ROUTINE",
        "",
        not_met="R03",
    ),
    Case("a cancelled temperature", [calm(), temperature("38.9", status="cancelled")], "ROUTINE", "", not_met="R03"),
    Case("an unusable temperature outside the window", [calm(), temperature("400", 100)], "ROUTINE", "", not_met="R03"),
    Case(
        "fever and a numb saddle",
        [calm(NUMB | FEVER)],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WWO:stat LAB_CRP:stat LAB_ESR:stat",
        met="R01 R03",
    ),
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
    Case(
        "IV drugs, duration blank",
        [calm({"rf-ivdu": "yes", "ctx-duration-weeks": None})],
        "URGENT",
        CONTRAST,
        met="R03c",
    ),
    Case(
        "IV drugs, no back pain", [calm(NEW | {"rf-ivdu": "yes", "ctx-back-pain": "no"})], "ROUTINE", "", not_met="R03c"
    ),
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

TABLES = {"R03": R03, "R03c": R03C}
