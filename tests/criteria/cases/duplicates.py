"""R16 as a table: what is on order or done already; and which order survives where several rules want one."""

from __future__ import annotations

from tests.criteria.cases.building import LUMBAR_MRI, MRI_WWO, B, calm, day, hours, order, report, study
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import (
    ALONE,
    CANCER,
    CAUDA,
    CONTRAST,
    PACED,
    SADDLE,
    STABLE_DEFICIT,
    SWAP,
    SWAPPED,
    URGENT_LABS,
    WISH,
)

R16 = [
    *[
        Case(
            f"{status} order for the same",
            [calm(WISH), order(LUMBAR_MRI, day(5), status)],
            "ROUTINE",
            "",
            met="R16",
            flags="DUPLICATE_SUPPRESSED",
        )
        for status in ("active", "on-hold", "draft")
    ],
    *[
        Case(
            f"{status} order is no duplicate",
            [calm(WISH), order(LUMBAR_MRI, day(5), status)],
            "ROUTINE",
            "MRI_L_WO:routine",
            no_flags="DUPLICATE_SUPPRESSED",
        )
        for status in ("revoked", "entered-in-error")
    ],
    *alike(
        {
            "an order by its key": [calm(WISH), order("MRI_L_WO", day(5), system=f"{B}/CodeSystem/order-key")],
            "an old stat order stops a routine one": [calm(WISH), order(LUMBAR_MRI, day(3), priority="stat")],
            "an ImagingStudy counts": [calm(WISH), study(day(21))],
        },
        "ROUTINE",
        "",
        flags="DUPLICATE_SUPPRESSED",
    ),
    *alike(
        {
            "an order for something else": [calm(WISH), order("24972-2", day(5))],
            "a preliminary report does not": [calm(WISH), report(day(21), status="preliminary")],
            "a report entered in error does not": [calm(WISH), report(day(21), status="entered-in-error")],
        },
        "ROUTINE",
        "MRI_L_WO:routine",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    *alike(
        {
            "a routine order does not stop a stat one": [calm(SADDLE), order(LUMBAR_MRI, hours(2))],
            "a stat order of 24 hours ago does not": [calm(SADDLE), order(LUMBAR_MRI, hours(24), priority="stat")],
            "a stat order of 25 hours ago does not": [calm(SADDLE), order(LUMBAR_MRI, hours(25), priority="stat")],
        },
        "EMERGENCY",
        CAUDA,
    ),
    *alike(
        {
            "a stat order of two hours ago does": [calm(SADDLE), order(LUMBAR_MRI, hours(2), priority="stat")],
            "a stat order of 23 hours ago does": [calm(SADDLE), order(LUMBAR_MRI, hours(23), priority="stat")],
        },
        "EMERGENCY",
        ALONE,
        flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "an old urgent order stops an urgent one",
        [calm(CANCER), order(MRI_WWO, day(3), priority="urgent")],
        "URGENT",
        URGENT_LABS,
        flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "MRI 21 days ago, unchanged",
        [calm(WISH), report(day(21))],
        "ROUTINE",
        "",
        met="R16",
        not_met="R11",
        flags="DUPLICATE_SUPPRESSED",
    ),
    *alike(
        {
            "MRI 21 days ago, nobody wants another": [calm(), report(day(21))],
            "an order for an MRI that nobody wants": [calm(), order(LUMBAR_MRI, day(5))],
        },
        "ROUTINE",
        "",
        not_met="R16",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "a stable foot drop older than the scan still wants its MRI",
        [
            calm({"rf-foot-drop": "left", "rf-weakness-onset": "over-6-weeks", "rf-weakness-progress": "same"}),
            report(day(21)),
        ],
        "URGENT",
        STABLE_DEFICIT,
    ),
    Case(
        "MRI 13 months ago",
        [calm(WISH), report("2024-05-18")],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "MRI 180 days ago",
        [calm(WISH), report(day(180))],
        "ROUTINE",
        "",
        met="R16",
        not_met="R11",
        flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "MRI 181 days ago",
        [calm(WISH), report(day(181))],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    Case("MRI today", [calm(WISH), report(day(0))], "ROUTINE", "", met="R16", flags="DUPLICATE_SUPPRESSED"),
    *[
        Case(
            f"{code} is a lumbar MRI", [calm(WISH), report(day(21), code)], "ROUTINE", "", flags="DUPLICATE_SUPPRESSED"
        )
        for code in ("24967-2", "30678-7", "24968-0")
    ],
    *[
        Case(
            f"{code} is none",
            [calm(WISH), report(day(21), code)],
            "ROUTINE",
            "MRI_L_WO:routine",
            no_flags="DUPLICATE_SUPPRESSED",
        )
        for code in ("24972-2", "24963-1")
    ],
    Case("no date: the clinician sees both", [calm(WISH), report(None)], "ROUTINE", "MRI_L_WO:routine"),
    Case(
        "suppressed before it is swapped",
        [calm(WISH | {"mr-pacemaker": "yes-unknown"}), report(day(21))],
        "ROUTINE",
        "",
        flags="DUPLICATE_SUPPRESSED",
        no_flags="MR_UNSAFE_SWAP MR_SAFETY_REVIEW",
        not_met="R13",
    ),
    Case(
        "a red flag after the scan overrides",
        [calm(SADDLE), report(day(30))],
        "EMERGENCY",
        CAUDA,
        met="R16",
        flags="PRIOR_IMAGING",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "a red flag perhaps after the scan overrides",
        [calm(SADDLE), report(day(3))],
        "EMERGENCY",
        CAUDA,
        flags="PRIOR_IMAGING",
    ),
    Case(
        "a red flag first recorded today overrides",
        [calm(CANCER), report(day(20))],
        "URGENT",
        CONTRAST,
        met="R16",
        flags="PRIOR_IMAGING",
    ),
    Case(
        "late stat order is not stopped by an MRI on file",
        [calm(PACED), report(day(30))],
        "EMERGENCY",
        SWAPPED,
        flags=f"PRIOR_IMAGING {SWAP}",
    ),
]

TOGETHER = [
    Case(
        "both lumbar MRIs: with contrast, the higher priority",
        [calm(SADDLE | CANCER)],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WWO:stat LAB_CRP:urgent LAB_ESR:urgent",
    ),
    Case(
        "the priority is the rule's, not the patient's",
        [calm(CANCER | {"rf-cold-pale-leg": "yes"})],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WWO:urgent LAB_CRP:urgent LAB_ESR:urgent",
    ),
    Case(
        "the highest of several priorities",
        [calm({"rf-trauma": "major", "rf-fever-chills": "yes"})],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WWO:asap LAB_CRP:asap LAB_ESR:asap",
    ),
    Case(
        "labs of the more urgent rule",
        [calm({"rf-fever-chills": "yes", "rf-night-sweats": "yes"})],
        "SAME_DAY",
        "ED_REFERRAL:asap MRI_L_WWO:asap LAB_CRP:asap LAB_ESR:asap",
    ),
]

TABLES = {"R16": R16, "orders together": TOGETHER}
