"""Where several rules meet in one patient."""

from __future__ import annotations

from tests.criteria.cases.building import (
    SCT,
    abi,
    calm,
    day,
    hours,
    injection,
    order,
    patient,
    walk,
    weight,
    woman,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import (
    CAUDA,
    CLAUDICATION,
    CONTRAST,
    EARLY,
    EMERGENCY_WORDS,
    PACED,
    ROUTINE_LABS,
    SADDLE,
    SEEN_STENOSIS,
    STABLE_DEFICIT,
    SWAPPED,
)

TOGETHER = [
    Case(
        "everything is on order already: the emergency stays",
        [
            calm(SADDLE),
            order("30679-5", hours(2), priority="stat"),
            order("306104004", hours(2), priority="stat", system=SCT),
        ],
        "EMERGENCY",
        "",
        met="R01",
        flags="DUPLICATE_SUPPRESSED",
        messages=EMERGENCY_WORDS,
        reviews=True,
    ),
    Case(
        "one weak flag asks for a clinician's look",
        [calm({"rf-night-sweats": "yes"})],
        "SOON",
        ROUTINE_LABS,
        reviews=True,
    ),
    Case(
        "pregnant with cauda equina is flagged",
        [woman(), calm(SADDLE | {"ctx-pregnant": "pregnant"})],
        "EMERGENCY",
        CAUDA,
        met="R14",
        flags="PREGNANCY",
    ),
    Case(
        "a low ABI is a vascular pattern of its own",
        [calm(CLAUDICATION), abi("0.85")],
        "ROUTINE",
        "VASC_REFERRAL:routine",
        met="R10 R18 R23",
        flags="MIXED_CLAUDICATION",
    ),
    Case(
        "neurogenic by the sum, vascular by the calf",
        [patient("1950-01-01"), calm(CLAUDICATION | {"nc-location": "calf-only", "nc-relief-standing-still": "yes"})],
        "ROUTINE",
        "ABI:routine",
        met="R10 R18",
        flags="MIXED_CLAUDICATION",
    ),
    Case(
        "emergency imaging is no reason for physiotherapy",
        [calm(SADDLE | EARLY)],
        "EMERGENCY",
        CAUDA,
        not_met="R12 R20",
    ),
    Case(
        "routine surgery and urgent surgery are one draft",
        [
            calm(
                {
                    "hx-conservative-months": 8,
                    "hx-life-limiting": "yes",
                    "hx-wants-intervention": "yes",
                    "rf-foot-drop": "left",
                    "rf-weakness-onset": "over-6-weeks",
                    "rf-weakness-progress": "same",
                }
            ),
            SEEN_STENOSIS,
        ],
        "URGENT",
        STABLE_DEFICIT,
        met="R02",
        not_met="R22",
    ),
    Case(
        "an injection on file, the form says none",
        [
            calm({"hx-wants-injection": "yes", "hx-radicular-leg-pain": "yes", "hx-last-esi-relief": "none"}),
            SEEN_STENOSIS,
            injection(day(100)),
        ],
        "ROUTINE",
        "",
    ),
    Case(
        "urgent loss of weight by the scales alone",
        [calm({"rf-weight-loss": None}), weight(80, day(200)), weight(71, day(3))],
        "URGENT",
        CONTRAST,
        met="R04 R31",
        flags="WEIGHT_LOSS",
        no_flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "a walk that moved the pain down",
        [walk({"wk-distal-start": 2, "wk-distal-end": 4})],
        "SELF_CARE",
        "",
        messages="STOP_AND_REST_ADVICE",
        no_flags="PERIPHERALISATION",
    ),
    Case(
        "two walks that moved it down",
        [
            walk({"wk-distal-start": 1, "wk-distal-end": 3}, id="w1", authored=hours(50)),
            walk({"wk-distal-start": 1, "wk-distal-end": 3}, id="w2", authored=hours(2)),
        ],
        "SOON",
        "",
        met="R34",
        flags="PERIPHERALISATION",
        messages="STOP_AND_REST_ADVICE RED_FLAG_RESCREEN",
    ),
    Case(
        "something new after the walk, nothing on the form",
        [calm(EARLY, authored=hours(9)), walk({"wk-new-neuro": "yes"}, authored=hours(1))],
        "SAME_DAY",
        "",
        not_met="R01",
        messages="RED_FLAG_RESCREEN",
    ),
    Case(
        "fever with a foot that drops, URGENT by itself",
        [
            calm(
                {
                    "rf-fever-chills": "yes",
                    "rf-leg-weakness": "one",
                    "rf-weakness-onset": "weeks",
                    "rf-weakness-progress": "same",
                }
            )
        ],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WWO:stat SPINE_SURG_REFERRAL:stat LAB_CRP:stat LAB_ESR:stat",
        met="R02 R03",
    ),
    Case(
        "fever with both feet",
        [calm({"rf-fever-chills": "yes", "rf-foot-drop": "both"})],
        "EMERGENCY",
        met="R01 R03",
        messages=EMERGENCY_WORDS,
    ),
    Case(
        "fever and a swap",
        [calm({"rf-fever-chills": "yes", "mr-pacemaker": "yes-unknown"})],
        "SAME_DAY",
        "ED_REFERRAL:asap CTM_L:asap LAB_CRP:asap LAB_ESR:asap",
        flags="MR_UNSAFE_SWAP",
    ),
    Case(
        "swap by a woman who may be pregnant, on thinners unknown",
        [woman(), calm(PACED | {"ctx-pregnant": None, "hx-anticoagulant": None})],
        "EMERGENCY",
        SWAPPED,
        flags="PREGNANCY_CHECK_REQUIRED RADIOLOGY_CONSULT MR_UNSAFE_SWAP",
    ),
]

TABLES = {"together": TOGETHER}
