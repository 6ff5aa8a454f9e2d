"""R21 and R22 as tables: epidural injections and the surgical opinion."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.criteria.cases.building import STENOSIS, calm, day, injection, report, temperature, woman
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import AFTER_RELIEF, SEEN_STENOSIS, WANTS_INJECTION, WANTS_SURGERY

LEAP = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
CERVICAL = "122494005"


def wants(**answers):
    return calm(WANTS_INJECTION | {name.replace("_", "-"): value for name, value in answers.items()})


R21 = [
    Case(
        "first injection",
        [wants(), SEEN_STENOSIS],
        "ROUTINE",
        "ESI:routine",
        met="R21",
        no_flags="ESI_LAST_IN_WINDOW ESI_CAP_REACHED",
    ),
    Case(
        "one earlier, good relief",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, injection(day(120))],
        "ROUTINE",
        "ESI:routine",
        met="R21",
        no_flags="ESI_LAST_IN_WINDOW",
    ),
    Case(
        "two earlier: the last of the window",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, injection(day(200)), injection(day(100))],
        "ROUTINE",
        "ESI:routine",
        met="R21",
        flags="ESI_LAST_IN_WINDOW",
    ),
    Case(
        "three earlier: the cap",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, injection(day(300)), injection(day(200)), injection(day(100))],
        "ROUTINE",
        "",
        not_met="R21",
        flags="ESI_CAP_REACHED",
        no_flags="ESI_LAST_IN_WINDOW",
    ),
    Case(
        "two on one day count once",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, injection(day(200)), injection(day(100)), injection(day(100))],
        "ROUTINE",
        "ESI:routine",
        flags="ESI_LAST_IN_WINDOW",
    ),
    Case(
        "twelve months ago exactly does not count",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, injection("2024-06-18"), injection(day(200)), injection(day(100))],
        "ROUTINE",
        "ESI:routine",
        met="R21",
        flags="ESI_LAST_IN_WINDOW",
    ),
    Case(
        "a day less than twelve months ago counts",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, injection("2024-06-19"), injection(day(200)), injection(day(100))],
        "ROUTINE",
        "",
        not_met="R21",
        flags="ESI_CAP_REACHED",
    ),
    Case(
        "on a leap day, a year ago is the 28th of February",
        [
            calm(AFTER_RELIEF, authored=LEAP.isoformat()),
            report("2023-10-01", conclusion=STENOSIS),
            injection("2023-02-28"),
            injection("2023-06-01"),
            injection("2023-09-01"),
        ],
        "ROUTINE",
        "ESI:routine",
        flags="ESI_LAST_IN_WINDOW",
        at=LEAP,
    ),
    Case(
        "on a leap day, the 1st of March counts",
        [
            calm(AFTER_RELIEF, authored=LEAP.isoformat()),
            report("2023-10-01", conclusion=STENOSIS),
            injection("2023-03-01"),
            injection("2023-06-01"),
            injection("2023-09-01"),
        ],
        "ROUTINE",
        "",
        flags="ESI_CAP_REACHED",
        at=LEAP,
    ),
    *alike(
        {
            "thirteen days after the last": [calm(AFTER_RELIEF), SEEN_STENOSIS, injection(day(13))],
            "little relief of the last": [wants(hx_last_esi_relief="lt50"), SEEN_STENOSIS, injection(day(100))],
            "short relief of the last": [wants(hx_last_esi_relief="ge50-lt3mo"), SEEN_STENOSIS, injection(day(100))],
            "does not want one": [wants(hx_wants_injection="no"), SEEN_STENOSIS],
            "no leg pain from a root": [wants(hx_radicular_leg_pain="no"), SEEN_STENOSIS],
            "under four weeks of pain": [wants(ctx_duration_weeks=("3.9", "wk")), SEEN_STENOSIS],
            "no imaging": [wants()],
            "imaging without stenosis": [wants(), report(day(200))],
            "imaging entered in error": [wants(), report(day(200), conclusion=STENOSIS, status="entered-in-error")],
            "a blood thinner": [wants(hx_anticoagulant="yes"), SEEN_STENOSIS],
            "pregnant": [woman(), wants(ctx_pregnant="pregnant"), SEEN_STENOSIS],
        },
        "ROUTINE",
        "",
        not_met="R21",
    ),
    *alike(
        {
            "fourteen days after the last": [calm(AFTER_RELIEF), SEEN_STENOSIS, injection(day(14))],
            "one planned, not done": [wants(), SEEN_STENOSIS, injection(day(20), status="not-done")],
            "no injection on file, relief skipped": [wants(hx_last_esi_relief=None), SEEN_STENOSIS],
            "four weeks of pain": [wants(ctx_duration_weeks=(4, "wk")), SEEN_STENOSIS],
            "28 days of pain": [wants(ctx_duration_weeks=(28, "d")), SEEN_STENOSIS],
            "six weeks of physiotherapy": [wants(hx_pt_weeks=6), SEEN_STENOSIS],
            "not pregnant": [woman(), wants(), SEEN_STENOSIS],
        },
        "ROUTINE",
        "ESI:routine",
        met="R21",
    ),
    Case(
        "another region does not count",
        [
            wants(),
            SEEN_STENOSIS,
            injection(day(100), CERVICAL),
            injection(day(150), CERVICAL),
            injection(day(200), CERVICAL),
        ],
        "ROUTINE",
        "ESI:routine",
        met="R21",
        no_flags="ESI_CAP_REACHED",
    ),
    *alike(
        {
            "relief of the last unknown": [wants(hx_last_esi_relief="unsure"), SEEN_STENOSIS, injection(day(100))],
            "relief told, no injection on file": [wants(hx_last_esi_relief="ge50-ge3mo"), SEEN_STENOSIS],
            "wish unsure": [wants(hx_wants_injection="unsure"), SEEN_STENOSIS],
            "a red flag unknown": [wants(rf_night_sweats="unsure"), SEEN_STENOSIS],
            "blood thinner unsure": [wants(hx_anticoagulant="unsure"), SEEN_STENOSIS],
        },
        "ROUTINE",
        "",
        cannot_tell="R21",
    ),
    Case(
        "under six weeks of physiotherapy",
        [wants(hx_pt_weeks="5.9"), SEEN_STENOSIS],
        "ROUTINE",
        "PT_REFERRAL:routine",
        not_met="R21",
    ),
    Case(
        "a wish for an injection, and fever", [wants(), SEEN_STENOSIS, temperature("38.6")], "SAME_DAY", not_met="R21"
    ),
]


def opinion(**answers):
    return calm(WANTS_SURGERY | {name.replace("_", "-"): value for name, value in answers.items()})


R22 = [
    Case("eight months of care", [opinion(), SEEN_STENOSIS], "ROUTINE", "SPINE_SURG_REFERRAL:routine", met="R22"),
    Case("three months of care", [opinion(hx_conservative_months=3), SEEN_STENOSIS], "ROUTINE", "", not_met="R22"),
    Case(
        "six months of care",
        [opinion(hx_conservative_months="6.0"), SEEN_STENOSIS],
        "ROUTINE",
        "SPINE_SURG_REFERRAL:routine",
        met="R22",
    ),
    Case(
        "just under six months of care",
        [opinion(hx_conservative_months="5.99"), SEEN_STENOSIS],
        "ROUTINE",
        "",
        not_met="R22",
    ),
    Case(
        "months unknown",
        [opinion(hx_conservative_months=None), SEEN_STENOSIS],
        "ROUTINE",
        "",
        cannot_tell="R22",
        only_flags="",
    ),
    Case("not life-limiting", [opinion(hx_life_limiting="no"), SEEN_STENOSIS], "ROUTINE", "", not_met="R22"),
    Case(
        "does not want an intervention",
        [opinion(hx_wants_intervention="no"), SEEN_STENOSIS],
        "ROUTINE",
        "",
        not_met="R22",
    ),
    Case("wish unsure", [opinion(hx_wants_intervention="unsure"), SEEN_STENOSIS], "ROUTINE", "", cannot_tell="R22"),
    Case("no imaging", [opinion()], "ROUTINE", "", not_met="R22"),
    Case(
        "a wish for surgery, and a red flag",
        [opinion(rf_numbness_spread="days"), SEEN_STENOSIS],
        "SAME_DAY",
        "",
        not_met="R22",
    ),
    Case("a red flag unknown", [opinion(rf_night_sweats=None), SEEN_STENOSIS], "ROUTINE", "", cannot_tell="R22"),
]

TABLES = {"R21": R21, "R22": R22}
