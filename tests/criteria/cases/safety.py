"""R13 to R16 as tables: swaps, blocks, holds, duplicates; and which order survives where several rules want one."""

from __future__ import annotations

from tests.criteria.cases.building import (
    CLAUDICATION,
    MRI_WWO,
    SCT,
    B,
    calm,
    coding,
    condition,
    day,
    egfr,
    form,
    hours,
    order,
    patient,
    pregnancy_status,
    report,
    study,
    woman,
)
from tests.criteria.cases.checking import Case

SADDLE = {"rf-saddle-numbness": "yes", "rf-saddle-onset": "within-14-days"}
CANCER = {"rf-cancer-history": "active"}
WISH = CLAUDICATION | {"hx-wants-intervention": "yes"}
SWAP = "MR_SAFETY_REVIEW MR_UNSAFE_SWAP"
CAUDA = "ED_REFERRAL:stat MRI_L_WO:stat"
SWAPPED = "ED_REFERRAL:stat CTM_L:stat"
ALONE = "ED_REFERRAL:stat"
PACED = SADDLE | {"mr-pacemaker": "yes-unknown"}
LABS = "LAB_CRP:urgent LAB_ESR:urgent"
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
    Case(
        "pacemaker not conditional",
        [calm(SADDLE | {"mr-pacemaker": "yes-not-conditional"})],
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
        "conditional pacemaker and a clip",
        [calm(SADDLE | {"mr-pacemaker": "yes-conditional", "mr-aneurysm-clip": "yes"})],
        "EMERGENCY",
        SWAPPED,
        met="R13",
        flags=SWAP,
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
    Case(
        "pacemaker unsure",
        [calm(SADDLE | {"mr-pacemaker": "unsure"})],
        "EMERGENCY",
        CAUDA,
        met="R13",
        flags="MR_SCREEN_INCOMPLETE",
    ),
    Case(
        "one other item unsure",
        [calm(SADDLE | {"mr-cochlear": "unsure"})],
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
        f"CTM_L:urgent {LABS}",
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
    Case(
        "anticoagulant: radiology decides",
        [calm(PACED | {"hx-anticoagulant": "yes"})],
        "EMERGENCY",
        ALONE,
        met="R13",
        flags="RADIOLOGY_CONSULT MR_SAFETY_REVIEW",
        no_flags="MR_UNSAFE_SWAP",
        review_priority="stat",
    ),
    Case(
        "contrast allergy: radiology decides",
        [calm(PACED | {"hx-contrast-allergy": "yes"})],
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
        LABS,
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
    Case(
        "a Condition counts like an answer",
        [calm(SADDLE), condition("441509002")],
        "EMERGENCY",
        SWAPPED,
        met="R13",
        flags=SWAP,
    ),
    Case(
        "a device in use counts like an answer",
        [calm(SADDLE), DEVICE, IN_USE],
        "EMERGENCY",
        SWAPPED,
        met="R13",
        flags=SWAP,
    ),
    Case(
        "a newer unfinished form adds a pacemaker",
        [
            calm(SADDLE, authored=hours(5)),
            form({"mr-pacemaker": "yes-unknown"}, status="in-progress", id="newer", authored=hours(1)),
        ],
        "EMERGENCY",
        SWAPPED,
        met="R13",
        flags=SWAP,
    ),
    Case(
        "a newer unfinished form takes none away",
        [
            calm(PACED, authored=hours(5)),
            form({"mr-pacemaker": "no"}, status="in-progress", id="newer", authored=hours(1)),
        ],
        "EMERGENCY",
        SWAPPED,
        met="R13",
        flags=SWAP,
    ),
]

R14 = [
    Case(
        "pregnant, cauda equina: MRI without contrast",
        [woman(), calm(SADDLE | {"ctx-pregnant": "pregnant"})],
        "EMERGENCY",
        CAUDA,
        met="R01 R14",
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "pregnant: no contrast",
        [woman(), calm(CANCER | {"ctx-pregnant": "pregnant"})],
        "URGENT",
        f"MRI_L_WO:urgent {LABS}",
        met="R14",
        flags="PREGNANCY",
    ),
    Case("pregnant, nothing wanted", [woman(), calm({"ctx-pregnant": "pregnant"})], "ROUTINE", "", met="R14"),
    Case(
        "a man of sixty",
        [patient("1965-01-01"), calm(CANCER | {"ctx-pregnant": None})],
        "URGENT",
        f"MRI_L_WWO:urgent {LABS}",
        not_met="R14",
        no_flags="PREGNANCY PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a woman of sixty",
        [woman(60), calm(CANCER | {"ctx-pregnant": None})],
        "URGENT",
        f"MRI_L_WWO:urgent {LABS}",
        not_met="R14",
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a woman of 55",
        [woman(55), calm(CANCER | {"ctx-pregnant": None})],
        "URGENT",
        f"MRI_L_WWO:urgent {LABS}",
        met="R14",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a woman on the day before she is 56",
        [patient("1969-06-19", "female"), calm(CANCER | {"ctx-pregnant": None})],
        met="R14",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a woman on the day she is 56",
        [patient("1969-06-18", "female"), calm(CANCER | {"ctx-pregnant": None})],
        not_met="R14",
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a girl of twelve",
        [woman(12), calm(CANCER | {"ctx-pregnant": None})],
        met="R14",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a girl of eleven",
        [woman(11), calm(CANCER | {"ctx-pregnant": None})],
        not_met="R14",
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "unknown is the answer",
        [woman(), calm(CANCER | {"ctx-pregnant": "unknown"})],
        met="R14",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "not pregnant",
        [woman(), calm(CANCER)],
        "URGENT",
        f"MRI_L_WWO:urgent {LABS}",
        not_met="R14",
        no_flags="PREGNANCY PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "no ionising draft, no contrast: no check",
        [woman(), calm(SADDLE | {"ctx-pregnant": None})],
        "EMERGENCY",
        CAUDA,
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "swapped to CT: check",
        [woman(), calm(PACED | {"ctx-pregnant": None})],
        "EMERGENCY",
        SWAPPED,
        met="R13 R14",
        flags=f"{SWAP} PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "sex unknown counts",
        [patient("1990-01-01", None), calm(CANCER | {"ctx-pregnant": None})],
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a woman of unknown age counts",
        [patient(None, "female"), calm(CANCER | {"ctx-pregnant": None})],
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "sex unknown at sixty does not count",
        [patient("1965-01-01", None), calm(CANCER | {"ctx-pregnant": None})],
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a man of unknown age does not count",
        [patient(None), calm(CANCER | {"ctx-pregnant": None})],
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "nothing known of the person counts",
        [patient(None, None), calm(CANCER | {"ctx-pregnant": None})],
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "an Observation says pregnant",
        [woman(), calm(CANCER | {"ctx-pregnant": None}), pregnancy_status("pregnant")],
        "URGENT",
        f"MRI_L_WO:urgent {LABS}",
        met="R14",
        flags="PREGNANCY",
    ),
    Case(
        "an Observation says pregnant, the form says no",
        [woman(), calm(CANCER), pregnancy_status("pregnant")],
        "URGENT",
        f"MRI_L_WO:urgent {LABS}",
        met="R14",
        flags="PREGNANCY",
    ),
    Case(
        "an Observation of 30 days ago is too old",
        [woman(), calm(CANCER | {"ctx-pregnant": None}), pregnancy_status("not-pregnant", 30)],
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "an Observation of 29 days ago counts",
        [woman(), calm(CANCER | {"ctx-pregnant": None}), pregnancy_status("not-pregnant", 29)],
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
]

KIDNEY = CANCER | {"hx-kidney": "yes"}
CONTRAST = f"MRI_L_WWO:urgent {LABS}"
R15 = [
    Case("eGFR 24", [calm(CANCER), egfr(24)], "URGENT", CONTRAST, met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("eGFR 75", [calm(CANCER), egfr(75)], "URGENT", CONTRAST, not_met="R15", no_flags="GBCA_RENAL_REVIEW"),
    Case("eGFR 30", [calm(CANCER), egfr(30)], not_met="R15", no_flags="GBCA_RENAL_REVIEW"),
    Case("eGFR 29.9", [calm(CANCER), egfr("29.9")], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("older codes count", [calm(CANCER), egfr(24, code="62238-1")], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("MDRD counts", [calm(CANCER), egfr(24, code="33914-3")], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case(
        "the latest counts: better",
        [calm(CANCER), egfr(24, 40), egfr(45, 5)],
        not_met="R15",
        no_flags="GBCA_RENAL_REVIEW",
    ),
    Case("the latest counts: worse", [calm(CANCER), egfr(45, 40), egfr(24, 5)], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("89 days ago", [calm(CANCER), egfr(24, 89)], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("90 days ago", [calm(CANCER), egfr(24, 90)], not_met="R15", no_flags="GBCA_RENAL_REVIEW"),
    Case("kidney disease without a value", [calm(KIDNEY)], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("kidney disease with a good value", [calm(KIDNEY), egfr(75)], no_flags="GBCA_RENAL_REVIEW"),
    Case("kidney disease with an old value", [calm(KIDNEY), egfr(75, 100)], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case(
        "kidney disease on file without a value",
        [calm(CANCER), condition("709044004")],
        met="R15",
        flags="GBCA_RENAL_REVIEW",
    ),
    Case("no contrast", [calm(SADDLE), egfr(24)], "EMERGENCY", CAUDA, not_met="R15", no_flags="GBCA_RENAL_REVIEW"),
    Case(
        "contrast lost to pregnancy",
        [woman(), calm(CANCER | {"ctx-pregnant": "pregnant"}), egfr(24)],
        not_met="R15",
        no_flags="GBCA_RENAL_REVIEW",
    ),
    Case("preliminary value", [calm(CANCER), egfr(24) | {"status": "preliminary"}], no_flags="GBCA_RENAL_REVIEW"),
]

MRI = "30679-5"
R16 = [
    *[
        Case(
            f"{status} order for the same",
            [calm(WISH), order(MRI, day(5), status)],
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
            [calm(WISH), order(MRI, day(5), status)],
            "ROUTINE",
            "MRI_L_WO:routine",
            no_flags="DUPLICATE_SUPPRESSED",
        )
        for status in ("revoked", "entered-in-error")
    ],
    Case(
        "an order by its key",
        [calm(WISH), order("MRI_L_WO", day(5), system=f"{B}/CodeSystem/order-key")],
        "ROUTINE",
        "",
        flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "an order for something else",
        [calm(WISH), order("24972-2", day(5))],
        "ROUTINE",
        "MRI_L_WO:routine",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    Case("a routine order does not stop a stat one", [calm(SADDLE), order(MRI, hours(2))], "EMERGENCY", CAUDA),
    Case(
        "a stat order of two hours ago does",
        [calm(SADDLE), order(MRI, hours(2), priority="stat")],
        "EMERGENCY",
        ALONE,
        flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "a stat order of 23 hours ago does",
        [calm(SADDLE), order(MRI, hours(23), priority="stat")],
        "EMERGENCY",
        ALONE,
        flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "a stat order of 24 hours ago does not",
        [calm(SADDLE), order(MRI, hours(24), priority="stat")],
        "EMERGENCY",
        CAUDA,
    ),
    Case(
        "a stat order of 25 hours ago does not",
        [calm(SADDLE), order(MRI, hours(25), priority="stat")],
        "EMERGENCY",
        CAUDA,
    ),
    Case(
        "an old urgent order stops an urgent one",
        [calm(CANCER), order(MRI_WWO, day(3), priority="urgent")],
        "URGENT",
        LABS,
        flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "an old stat order stops a routine one",
        [calm(WISH), order(MRI, day(3), priority="stat")],
        "ROUTINE",
        "",
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
    Case(
        "MRI 21 days ago, nobody wants another",
        [calm(), report(day(21))],
        "ROUTINE",
        "",
        not_met="R16",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "an order for an MRI that nobody wants",
        [calm(), order(MRI, day(5))],
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
        "MRI_L_WO:urgent SPINE_SURG_REFERRAL:urgent",
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
    Case("an ImagingStudy counts", [calm(WISH), study(day(21))], "ROUTINE", "", flags="DUPLICATE_SUPPRESSED"),
    Case(
        "a preliminary report does not",
        [calm(WISH), report(day(21), status="preliminary")],
        "ROUTINE",
        "MRI_L_WO:routine",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "a report entered in error does not",
        [calm(WISH), report(day(21), status="entered-in-error")],
        "ROUTINE",
        "MRI_L_WO:routine",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
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

TABLES = {"R13": R13, "R14": R14, "R15": R15, "R16": R16, "orders together": TOGETHER}
