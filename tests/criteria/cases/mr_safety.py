"""R13 as a table: who may not be scanned, what is drafted instead, and what is asked first."""

from __future__ import annotations

from tests.criteria.cases.building import SCT, calm, coding, condition, form, hours, woman
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import ALONE, CANCER, CAUDA, PACED, SADDLE, SWAP, SWAPPED, URGENT_LABS, WISH

DEVICE = {"resourceType": "Device", "id": "pm", "type": coding(SCT, "424921004"), "patient": {"reference": "Patient/p"}}
IN_USE = {
    "resourceType": "DeviceUseStatement",
    "id": "use",
    "status": "active",
    "subject": {"reference": "Patient/p"},
    "device": {"reference": "Device/pm"},
}

R13 = [
    Case(
        "pacemaker of unknown type",
        [calm(PACED)],
        "EMERGENCY",
        SWAPPED,
        met="R01 R13",
        flags=SWAP,
        no_flags="MR_SCREEN_INCOMPLETE RADIOLOGY_CONSULT",
    ),
    *alike(
        {
            "pacemaker not conditional": [calm(SADDLE | {"mr-pacemaker": "yes-not-conditional"})],
            "conditional pacemaker and a clip": [
                calm(SADDLE | {"mr-pacemaker": "yes-conditional", "mr-aneurysm-clip": "yes"})
            ],
            "a Condition counts like an answer": [calm(SADDLE), condition("441509002")],
            "a device in use counts like an answer": [calm(SADDLE), DEVICE, IN_USE],
            "a newer unfinished form adds a pacemaker": [
                calm(SADDLE, authored=hours(5)),
                form({"mr-pacemaker": "yes-unknown"}, status="in-progress", id="newer", authored=hours(1)),
            ],
            "a newer unfinished form takes none away": [
                calm(PACED, authored=hours(5)),
                form({"mr-pacemaker": "no"}, status="in-progress", id="newer", authored=hours(1)),
            ],
        },
        "EMERGENCY",
        SWAPPED,
        met="R13",
        flags=SWAP,
    ),
    *[
        Case(f"{item} yes", [calm(SADDLE | {item: "yes"})], "EMERGENCY", SWAPPED, met="R13", flags=SWAP)
        for item in ("mr-aneurysm-clip", "mr-cochlear", "mr-neurostim", "mr-eye-metal", "mr-other-implant")
    ],
    Case(
        "pacemaker conditional",
        [calm(SADDLE | {"mr-pacemaker": "yes-conditional"})],
        "EMERGENCY",
        CAUDA,
        met="R13",
        flags="MR_SAFETY_REVIEW",
        no_flags="MR_UNSAFE_SWAP",
    ),
    Case(
        "all no",
        [calm(SADDLE)],
        "EMERGENCY",
        CAUDA,
        not_met="R13",
        no_flags="MR_SAFETY_REVIEW MR_UNSAFE_SWAP MR_SCREEN_INCOMPLETE",
    ),
    Case(
        "pacemaker unanswered",
        [calm(SADDLE | {"mr-pacemaker": None})],
        "EMERGENCY",
        CAUDA,
        met="R13",
        flags="MR_SCREEN_INCOMPLETE",
        no_flags="MR_UNSAFE_SWAP",
    ),
    *alike(
        {
            "pacemaker unsure": [calm(SADDLE | {"mr-pacemaker": "unsure"})],
            "one other item unsure": [calm(SADDLE | {"mr-cochlear": "unsure"})],
        },
        "EMERGENCY",
        CAUDA,
        met="R13",
        flags="MR_SCREEN_INCOMPLETE",
    ),
    Case("nobody wants an MRI", [calm({"mr-pacemaker": "yes-unknown"})], "ROUTINE", "", not_met="R13", no_flags=SWAP),
    Case(
        "nobody wants an MRI, nothing answered",
        [calm({"mr-pacemaker": None})],
        "ROUTINE",
        "",
        not_met="R13",
        no_flags="MR_SCREEN_INCOMPLETE",
    ),
    Case(
        "routine MRI is swapped too",
        [calm(WISH | {"mr-pacemaker": "yes-unknown"})],
        "ROUTINE",
        "CTM_L:routine",
        met="R11 R13",
        flags=SWAP,
    ),
    Case(
        "MRI with contrast is swapped too",
        [calm(CANCER | {"mr-pacemaker": "yes-unknown"})],
        "URGENT",
        f"CTM_L:urgent {URGENT_LABS}",
        met="R13",
        flags=SWAP,
    ),
    Case(
        "pregnant: radiology decides",
        [woman(), calm(PACED | {"ctx-pregnant": "pregnant"})],
        "EMERGENCY",
        ALONE,
        met="R13",
        flags="RADIOLOGY_CONSULT MR_SAFETY_REVIEW",
        no_flags="MR_UNSAFE_SWAP",
        reviews=True,
        review_priority="stat",
    ),
    *alike(
        {
            "anticoagulant: radiology decides": [calm(PACED | {"hx-anticoagulant": "yes"})],
            "contrast allergy: radiology decides": [calm(PACED | {"hx-contrast-allergy": "yes"})],
        },
        "EMERGENCY",
        ALONE,
        met="R13",
        flags="RADIOLOGY_CONSULT MR_SAFETY_REVIEW",
        no_flags="MR_UNSAFE_SWAP",
        review_priority="stat",
    ),
    Case(
        "anticoagulant, cancer: the consult is urgent",
        [calm(CANCER | {"mr-pacemaker": "yes-unknown", "hx-anticoagulant": "yes"})],
        "URGENT",
        URGENT_LABS,
        flags="RADIOLOGY_CONSULT",
        review_priority="urgent",
    ),
    Case(
        "anticoagulant unknown: both",
        [calm(PACED | {"hx-anticoagulant": "unsure"})],
        "EMERGENCY",
        SWAPPED,
        met="R13",
        flags=f"{SWAP} RADIOLOGY_CONSULT",
        reviews=True,
    ),
    Case(
        "allergy skipped: both",
        [calm(PACED | {"hx-contrast-allergy": None})],
        "EMERGENCY",
        SWAPPED,
        met="R13",
        flags=f"{SWAP} RADIOLOGY_CONSULT",
    ),
]

TABLES = {"R13": R13}
