"""What stands on file in other words and codes than those of the forms."""

from __future__ import annotations

from tests.criteria.cases.building import (
    ICD,
    LUMBAR_MRI,
    SCT,
    calm,
    condition,
    day,
    hours,
    order,
    patient,
    thing,
    woman,
)
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CANCER, CAUDA, NEW, PACED, SADDLE, SWAPPED

FALL = {"rf-trauma": "minor", "ctx-pregnant": None}


def named(text, **more):
    """A Condition that has words and no code."""
    return condition("404684003", **more) | {"code": {"text": text}}


def medicine(text, kind="MedicationStatement", **more):
    return thing(kind, **({"status": "active", "medicationCodeableConcept": {"text": text}} | more))


def implanted(text, kind="Procedure"):
    return thing(kind, status="completed", code={"text": text}, performedDateTime=day(900))


def displayed(system, code, display, **more):
    return condition(code, **more) | {"code": {"coding": [{"system": system, "code": code, "display": display}]}}


CANCERS = [
    "Primary malignant neoplasm of kidney (disorder)",
    "Ovarian cancer 2011",
    "Renal cell carcinoma",
    "Diffuse large B-cell lymphoma",
    "Chronic lymphocytic leukemia",
    "Acute myeloid leukaemia",
    "Multiple myeloma",
    "Osteosarcoma of femur",
    "Melanoma of skin",
    "Metastasis to bone",
]

NO_CANCER = [
    "Family history of malignant neoplasm of breast",
    "Screening for malignant neoplasm of colon",
    "Fear of cancer",
    "At increased risk of malignant neoplasm",
    "No evidence of cancer",
    "Premalignant lesion of skin",
    "Non-malignant tumor of breast",
    "Malignant hypertension",
    "Susceptible to malignant hyperthermia",
    "Neuroleptic malignant syndrome",
]

NAMED_CANCER = [
    *(
        Case(f"cancer in words: {text}", [calm({"rf-cancer-history": None}), named(text)], "URGENT", met="R04")
        for text in CANCERS
    ),
    *(Case(f"no cancer: {text}", [calm(), named(text)], "ROUTINE", "", not_met="R04 R40") for text in NO_CANCER),
    Case("a cancer that the form denies", [calm(), named("Ovarian cancer")], "URGENT", met="R04"),
    Case(
        "a cancer that was refuted",
        [calm(), named("Ovarian cancer", verification="refuted")],
        "ROUTINE",
        "",
        not_met="R04",
    ),
]

PREGNANT_WORDS = ["Pregnant", "Pregnancy, function (observable entity)", "Twin pregnancy"]
NOT_PREGNANT = [
    "Not pregnant",
    "History of ectopic pregnancy",
    "Pregnancy test negative",
    "Pregnancy prevention education",
    "Planning pregnancy",
    "Pregnancy contraception advice",
    "Induced termination of pregnancy",
]

HELD = "XR_L:urgent"
PREGNANCY = [
    *alike(
        {
            "recorded a hundred days ago and still active": [
                woman(),
                calm(FALL | {"rf-osteoporosis": "yes"}),
                condition("77386006", recordedDate=day(100)),
            ],
            "recorded without a date": [woman(), calm(FALL | {"rf-osteoporosis": "yes"}), condition("77386006")],
            "recorded in a year that may lie inside": [
                woman(),
                calm(FALL | {"rf-osteoporosis": "yes"}),
                condition("77386006", recordedDate="2024"),
            ],
        },
        "URGENT",
        "",
        met="R05 R14",
        flags="PREGNANCY RADIOLOGY_CONSULT",
    ),
    Case(
        "recorded and denied by the form",
        [
            woman(),
            calm(FALL | {"ctx-pregnant": "not-pregnant", "rf-osteoporosis": "yes"}),
            condition("77386006", recordedDate=day(100)),
        ],
        "URGENT",
        "",
        met="R14",
        flags="PREGNANCY",
    ),
    Case(
        "recorded a day less than ten months ago",
        [woman(), calm(FALL | {"rf-osteoporosis": "yes"}), condition("77386006", recordedDate="2024-08-19")],
        orders="",
        met="R14",
        flags="PREGNANCY",
    ),
    Case(
        "recorded ten months ago: it has ended, and is asked about",
        [woman(), calm(FALL | {"rf-osteoporosis": "yes"}), condition("77386006", recordedDate="2024-08-18")],
        orders=HELD,
        no_flags="PREGNANCY",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    *(
        Case(
            f"in other codes: {code}",
            [woman(), calm(FALL | {"rf-osteoporosis": "yes"}), displayed(system, code, "")],
            orders="",
            met="R14",
            flags="PREGNANCY",
        )
        for system, code in ((SCT, "72892002"), (ICD, "Z33.1"), (ICD, "Z34.82"), (ICD, "O09.90"))
    ),
    *(
        Case(
            f"in words: {text}",
            [woman(), calm(FALL | {"rf-osteoporosis": "yes"}), named(text)],
            orders="",
            met="R14",
            flags="PREGNANCY",
        )
        for text in PREGNANT_WORDS
    ),
    *(
        Case(
            f"no pregnancy: {text}",
            [woman(), calm(FALL | {"rf-osteoporosis": "yes"}), named(text)],
            orders=HELD,
            flags="PREGNANCY_CHECK_REQUIRED",
            no_flags="PREGNANCY",
        )
        for text in NOT_PREGNANT
    ),
]

THINNERS = [
    "Coumadin 5 mg",
    "Jantoven",
    "Marcumar 3 mg",
    "Sintrom",
    "Eliquis 5 MG Oral Tablet",
    "Xarelto",
    "Savaysa",
    "Lixiana",
    "Pradaxa",
    "Lovenox",
    "Clexane",
    "Fragmin",
    "Innohep",
    "Arixtra",
    "Nadroparin calcium",
    "Fraxiparine",
    "Argatroban",
    "Bivalirudin",
]

ANTICOAGULANTS = [
    *(
        Case(
            f"{text}: no myelogram, radiology is asked",
            [calm(PACED), medicine(text)],
            "EMERGENCY",
            "ED_REFERRAL:stat",
            met="R13",
            flags="RADIOLOGY_CONSULT MR_SAFETY_REVIEW",
            no_flags="MR_UNSAFE_SWAP",
        )
        for text in THINNERS
    ),
    Case(
        "an anticoagulant that must not be given is none",
        [calm(PACED), medicine("Warfarin", "MedicationRequest", intent="order", doNotPerform=True)],
        "EMERGENCY",
        SWAPPED,
        no_flags="RADIOLOGY_CONSULT",
    ),
]

IMPLANTS = [
    *(
        Case(f"on file: {text}", [calm(SADDLE), implanted(text)], "EMERGENCY", SWAPPED, flags="MR_UNSAFE_SWAP")
        for text in (
            "Implantation of internal cardiac defibrillator",
            "Cardiac resynchronization therapy device",
            "Insertion of vagus nerve stimulator",
            "Deep brain stimulator placement",
            "Spinal cord stimulator trial",
            "Aneurysmal clip placement",
            "Intracranial clip",
            "Microsurgical clipping of aneurysm",
        )
    ),
    *(
        Case(f"on file: {text}", [calm(SADDLE), named(text)], "EMERGENCY", SWAPPED, flags="MR_UNSAFE_SWAP")
        for text in ("Foreign body in eye", "Intraocular foreign body", "Metal in left orbit")
    ),
]

KIDNEYS = [
    *(
        Case(f"kidneys in words: {text}", [calm(CANCER), named(text)], met="R15", flags="GBCA_RENAL_REVIEW")
        for text in (
            "Chronic kidney disease stage 4 (disorder)",
            "End-stage renal disease (disorder)",
            "Kidney failure",
            "Chronic renal failure",
            "Dependence on dialysis",
        )
    ),
    *(
        Case(f"no kidney disease: {text}", [calm(CANCER), named(text)], not_met="R15", no_flags="GBCA_RENAL_REVIEW")
        for text in (
            "Family history of kidney disease",
            "Screening for kidney disease",
            "At risk of renal failure",
            "Dialysis education",
        )
    ),
]

OTHER_RISKS = [
    *(
        Case(
            f"bones on file: {text}",
            [patient("1975-01-01"), calm({"rf-trauma": "minor", "rf-osteoporosis": None}), held],
            "URGENT",
            "XR_L:urgent",
            met="R05",
        )
        for text, held in (
            ("in words", named("Postmenopausal osteoporosis")),
            ("with a fracture", displayed(ICD, "M80.08XA", "")),
            ("osteoporotic", named("Osteoporotic kyphosis")),
        )
    ),
    *(
        Case(
            f"no risk to bones: {text}",
            [patient("1975-01-01"), calm({"rf-trauma": "minor"}), named(text)],
            "ROUTINE",
            "",
            not_met="R05",
        )
        for text in ("Family history of osteoporosis", "Screening for osteoporosis", "At risk of osteoporosis")
    ),
    *(
        Case(
            f"an infection risk in words: {text}",
            [calm(NEW), named(text)],
            "URGENT",
            met="R03c",
        )
        for text in ("Immunocompromised state", "Immunosuppression", "Human immunodeficiency virus infection")
    ),
    *(
        Case(
            f"no risk: {text}",
            [calm(NEW), named(text)],
            "ROUTINE",
            "",
            not_met="R03c",
        )
        for text in (
            "Family history of immunodeficiency",
            "Screening for immunodeficiency",
            "At risk of immunosuppression",
        )
    ),
]

FORBIDDEN = {"doNotPerform": True}
ORDERS = [
    Case(
        "an order not to scan is no scan on order",
        [calm(SADDLE), order(LUMBAR_MRI, hours(2), priority="stat") | FORBIDDEN],
        "EMERGENCY",
        CAUDA,
        met="R01",
        no_flags="DUPLICATE_SUPPRESSED",
    ),
    Case(
        "a referral that must not be made is none",
        [calm({"hx-pt-weeks": 2}), order("308447003", day(9), system=SCT) | FORBIDDEN],
        "ROUTINE",
        "PT_REFERRAL:routine",
        met="R12 R20",
    ),
    Case(
        "an order of a date to come holds back as long as one received now",
        [calm(SADDLE), order(LUMBAR_MRI, "2031-01-01T00:00:00Z", priority="stat")],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        flags="DUPLICATE_SUPPRESSED",
    ),
]

TABLES = {
    "cancer on file": NAMED_CANCER,
    "pregnancy on file": PREGNANCY,
    "anticoagulants on file": ANTICOAGULANTS,
    "implants on file": IMPLANTS,
    "kidneys on file": KIDNEYS,
    "risks on file": OTHER_RISKS,
    "orders on file": ORDERS,
}
