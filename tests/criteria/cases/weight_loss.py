"""R31 as a table: weight that is lost, told or measured, meant or not."""

from __future__ import annotations

from tests.criteria.cases.building import calm, day, weight
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import ROUTINE_LABS

SILENT = {"rf-weight-loss": None}
LOST = {"rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"}
MEANT = {"rf-weight-loss": "yes", "rf-weight-loss-intentional": "yes"}
AGO, NOW = day(240), day(10)
R31 = [
    Case(
        "80 to 74",
        [calm(), weight(80, AGO), weight(74, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31 R04",
        flags="WEIGHT_LOSS CONFLICT",
    ),
    Case(
        "80 to 74, the form silent",
        [calm(SILENT), weight(80, AGO), weight(74, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31 R04",
        flags="WEIGHT_LOSS",
        no_flags="CONFLICT",
    ),
    Case("80 to 78", [calm(), weight(80, AGO), weight(78, NOW)], "ROUTINE", "", not_met="R31", no_flags="WEIGHT_LOSS"),
    Case(
        "80 to 76",
        [calm(SILENT), weight(80, AGO), weight(76, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31",
        flags="WEIGHT_LOSS",
    ),
    Case(
        "80 to 76.01",
        [calm(SILENT), weight(80, AGO), weight("76.01", NOW)],
        "ROUTINE",
        "",
        not_met="R31 R04",
        no_flags="WEIGHT_LOSS NEEDS_INFO_TIER2",
    ),
    Case(
        "180 to 171 lb",
        [calm(SILENT), weight(180, AGO, "[lb_av]"), weight(171, NOW, "[lb_av]")],
        "SOON",
        ROUTINE_LABS,
        met="R31",
        flags="WEIGHT_LOSS",
    ),
    *alike(
        {
            "180 to 171.1 lb": [calm(SILENT), weight(180, AGO, "[lb_av]"), weight("171.1", NOW, "[lb_av]")],
            "lb and kg: a hair less": [calm(SILENT), weight(200, AGO, "[lb_av]"), weight("86.1825504", NOW)],
            "weight gained": [calm(SILENT), weight(80, AGO), weight(84, NOW)],
            "the older window comes first": [calm(SILENT), weight(76, day(250)), weight(80, day(60)), weight(75, NOW)],
            "27 days ago is in none": [calm(), weight(80, day(27)), weight(75, day(2))],
            "twelve months ago exactly is in none": [calm(), weight(80, "2024-06-18"), weight(70, NOW)],
            "30 days ago is not now": [calm(), weight(80, AGO), weight(75, day(30))],
            "the latest is now": [calm(SILENT), weight(80, AGO), weight(75, day(20)), weight(79, day(2))],
            "a weight entered in error": [calm(), weight(80, AGO), weight(70, NOW, status="entered-in-error")],
        },
        "ROUTINE",
        "",
        not_met="R31",
    ),
    *alike(
        {
            "lb and kg: 5 percent exactly": [calm(SILENT), weight(200, AGO, "[lb_av]"), weight("86.1825503", NOW)],
            "the highest of the reference window": [
                calm(SILENT),
                weight(77, day(300)),
                weight(80, day(250)),
                weight(75, NOW),
            ],
            "else the younger window": [calm(SILENT), weight(80, day(60)), weight(75, NOW)],
            "182 days ago is in the older window": [
                calm(SILENT),
                weight(80, day(182)),
                weight(70, day(60)),
                weight(75, NOW),
            ],
            "28 days ago is in the younger window": [calm(SILENT), weight(80, day(28)), weight(75, day(2))],
            "29 days ago is now": [calm(SILENT), weight(80, AGO), weight(75, day(29))],
        },
        "SOON",
        ROUTINE_LABS,
        met="R31",
    ),
    Case(
        "a day less than twelve months ago is in the older window",
        [calm(SILENT), weight(80, "2024-06-19"), weight(70, NOW)],
        "URGENT",
        met="R31",
    ),
    Case(
        "one weight, the form silent",
        [calm(SILENT), weight(74, NOW)],
        "ROUTINE",
        "",
        cannot_tell="R31",
        flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "told, and the weights agree",
        [calm(LOST), weight(80, AGO), weight("75.5", NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31 R04",
        flags="WEIGHT_LOSS",
        no_flags="CONFLICT",
    ),
    Case(
        "told, the weights agree at 5 percent",
        [calm(LOST), weight(80, AGO), weight(76, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R31 R04",
        no_flags="CONFLICT",
    ),
    Case(
        "told, the weights say 4.99 percent",
        [calm(LOST), weight(80, AGO), weight("76.01", NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R04",
        flags="CONFLICT",
    ),
    Case("told, no weights", [calm(LOST)], "SOON", ROUTINE_LABS, met="R31 R04", flags="WEIGHT_LOSS"),
    Case(
        "told, the weights say little",
        [calm(LOST), weight(80, AGO), weight(79, NOW)],
        "SOON",
        ROUTINE_LABS,
        met="R04",
        flags="CONFLICT",
    ),
    Case(
        "meant, no weights",
        [calm(MEANT)],
        "ROUTINE",
        "",
        not_met="R31 R04",
        flags="INTENTIONAL_WEIGHT_LOSS",
        no_flags="WEIGHT_LOSS",
    ),
    Case(
        "meant, under ten percent",
        [calm(MEANT), weight(80, AGO), weight(74, NOW)],
        "ROUTINE",
        "",
        not_met="R31 R04",
        flags="INTENTIONAL_WEIGHT_LOSS",
        no_flags="WEIGHT_LOSS CONFLICT",
    ),
    Case(
        "meant, ten percent",
        [calm(MEANT), weight(80, AGO), weight(72, NOW)],
        "SOON",
        "",
        not_met="R04",
        flags="INTENTIONAL_WEIGHT_LOSS WEIGHT_LOSS",
        reviews=True,
    ),
    Case(
        "meant, a hair under ten percent",
        [calm(MEANT), weight(80, AGO), weight("72.001", NOW)],
        "ROUTINE",
        "",
        flags="INTENTIONAL_WEIGHT_LOSS",
        no_flags="WEIGHT_LOSS",
    ),
    Case(
        "a weight in an unknown unit",
        [calm(), weight(80, AGO), weight(70, NOW, "pounds")],
        orders="",
        flags="UNIT_UNKNOWN",
        no_flags="WEIGHT_LOSS",
    ),
    Case(
        "a weight with a comparator",
        [calm(), weight(80, AGO), weight(70, NOW, comparator="<")],
        orders="",
        no_flags="WEIGHT_LOSS",
    ),
    Case(
        "a weight with only a month as date",
        [calm(), weight(80, AGO), weight(70, "2025-06")],
        orders="",
        no_flags="WEIGHT_LOSS",
    ),
]

TABLES = {"R31": R31}
