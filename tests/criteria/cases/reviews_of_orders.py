"""What routine rules and safety controls ask of people, and by when; `R19:routine@14d` is a review in 14 days."""

from __future__ import annotations

from tests.criteria.cases.building import SCT, abi, calm, coding, hours, on_order, patient, woman
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import (
    CLAUDICATION,
    COLD,
    FRAGILE_FALL,
    PACED,
    REST_PAIN,
    SADDLE,
    VASCULAR,
    WISH,
)

YOUNG = patient("1990-01-01")
STALE = hours(31 * 24)
NOT_ASKED = {"hx-wants-intervention": None}
BORDERLINE = "ABI_BORDERLINE"
TOE = "toe-brachial index"


def legs(left, right):
    """The index of each leg."""
    sides = {"7771000": left, "24028007": right}
    return [abi(value) | {"bodySite": coding(SCT, side)} for side, value in sides.items()]


CLASSES = {
    "R11": [
        Case("a routine MRI", [calm(WISH)], raised="", asked="", sent="", due="MRI_L_WO:28d"),
        Case("wish not asked, six weeks", [calm(WISH | NOT_ASKED | {"hx-pt-weeks": 6})], orders="", flags="NEEDS_INFO"),
        Case("wish not asked, less", [calm(WISH | NOT_ASKED | {"hx-pt-weeks": 5.9})], no_flags="NEEDS_INFO"),
        Case(
            "neither wish nor weeks asked",
            [calm(WISH | NOT_ASKED | {"hx-pt-weeks": None})],
            orders="",
            flags="NEEDS_INFO",
        ),
        Case("weeks not asked, no wish", [calm(CLAUDICATION | {"hx-pt-weeks": None})], no_flags="NEEDS_INFO"),
        Case("weeks not asked, a wish", [calm(WISH | {"hx-pt-weeks": None})], orders="", flags="NEEDS_INFO"),
    ],
    "R12": [
        Case("two weeks", [calm({"hx-pt-weeks": 2})], orders="PT_REFERRAL:routine", met="R12", settled="R12"),
        Case("six weeks", [calm({"hx-pt-weeks": 6})], orders="", not_met="R12"),
        Case("two weeks, long ago", [calm({"hx-pt-weeks": 2}, authored=STALE)], orders="", cannot_tell="R12 R20"),
        Case("six weeks, long ago", [calm({"hx-pt-weeks": 6}, authored=STALE)], orders="", cannot_tell="R12 R20"),
    ],
    "R16": [
        Case("on order since 23 h 59 min", [calm(COLD), on_order("ED_REFERRAL", "stat", 23.99)], orders=""),
        Case("on order since 24 h", [calm(COLD), on_order("ED_REFERRAL", "stat", 24)], orders="ED_REFERRAL:stat"),
        Case("no scan: what else is missing is not its matter", [calm(WISH | {"hx-pt-weeks": None})], settled="R16"),
    ],
    "R20": [
        Case("early physiotherapy", [calm({"hx-pt-weeks": 2})], raised="", asked="", sent="", due="PT_REFERRAL:28d"),
    ],
    "R19": [
        Case(
            "claudication under 40",
            [YOUNG, calm(CLAUDICATION)],
            asked="R19:routine@14d",
            due="ABI:14d",
            sent="",
            says="the label is withheld and no MRI is drafted",
        ),
    ],
    "R18": [
        Case("no index yet", [calm(VASCULAR)], "ROUTINE", "ABI:routine", met="R18", asked="", due="ABI:28d"),
        Case(
            "an index of 0.90", [calm(VASCULAR), abi("0.90")], "ROUTINE", "VASC_REFERRAL:routine", no_flags=BORDERLINE
        ),
        Case("an index of 0.91", [calm(VASCULAR), abi("0.91")], "ROUTINE", "ABI:routine", flags=BORDERLINE),
        Case("an index of 0.99", [calm(VASCULAR), abi("0.99")], "ROUTINE", "ABI:routine", flags=BORDERLINE),
        Case("an index of 1.00", [calm(VASCULAR), abi("1.00")], "ROUTINE", "", no_flags=BORDERLINE, asked=""),
        Case("an index of 1.40", [calm(VASCULAR), abi("1.40")], "ROUTINE", "", asked="", never_says=TOE),
        Case("an index of 1.41", [calm(VASCULAR), abi("1.41")], "ROUTINE", "", asked="R18:routine@28d", says=TOE),
        Case(
            "one leg stiff, one normal",
            [calm(VASCULAR), legs("1.05", "1.41")],
            orders="",
            asked="R18:routine@28d",
            says=TOE,
        ),
        Case(
            "one leg stiff, one borderline",
            [calm(VASCULAR), legs("0.95", "1.45")],
            orders="ABI:routine",
            asked="",
            says=TOE,
        ),
        Case(
            "one leg stiff, one narrowed",
            [calm(VASCULAR), legs("0.90", "1.45")],
            orders="VASC_REFERRAL:routine",
            asked="",
            says=TOE,
        ),
        Case(
            "one leg just not stiff, one narrowed",
            [calm(VASCULAR), legs("0.90", "1.40")],
            orders="VASC_REFERRAL:routine",
            never_says=TOE,
        ),
        Case("a risk of vessel disease alone", [calm({"hx-pad-risk": "yes"})], orders="", not_met="R18 R23"),
    ],
    "R23": [
        Case(
            "narrowed vessels",
            [calm(VASCULAR), abi("0.85")],
            "ROUTINE",
            met="R18 R23",
            asked="",
            sent="",
            due="VASC_REFERRAL:28d",
        ),
        Case(
            "narrowed vessels, with rest pain",
            [calm(VASCULAR), abi("0.85"), REST_PAIN],
            "URGENT",
            "VASC_REFERRAL:urgent ABI:urgent",
            met="R07 R23",
            due="VASC_REFERRAL:7d ABI:7d",
        ),
        Case(
            "narrowed, with rest pain, already referred: a clinician sees to it within the week",
            [calm(VASCULAR), abi("0.85"), REST_PAIN, on_order("VASC_REFERRAL", "urgent")],
            orders="ABI:urgent",
            asked="R23:urgent@7d",
        ),
        Case("no index", [calm(VASCULAR)], not_met="R23"),
        Case(
            "narrowed vessels, no pain on walking",
            [calm(), abi("0.85")],
            "ROUTINE",
            "VASC_REFERRAL:routine",
            met="R18 R23",
        ),
        Case(
            "stiff vessels, no pain on walking",
            [calm(), abi("1.45")],
            "ROUTINE",
            "",
            not_met="R18 R23",
            asked="",
            never_says=TOE,
        ),
    ],
}

CONSULT = "RADIOLOGY_CONSULT"
EXPECTING = {"ctx-pregnant": "pregnant"}
CONTROLS = {
    "R13": [
        Case(
            "MRI unsafe, CT myelography ruled out: radiology is asked",
            [calm(PACED | {"hx-anticoagulant": "yes"})],
            asked=f"{CONSULT}:stat@15min",
            issues="contraindication:",
            blocked="",
        ),
        Case(
            "a pacemaker of unknown type: swapped, nobody is asked",
            [calm(PACED)],
            asked="",
            issues="contraindication:CTM_L",
            blocked="",
        ),
        Case(
            "a pacemaker of unknown type, allergy unknown: radiology is asked",
            [calm(PACED | {"hx-contrast-allergy": "unsure"})],
            asked=f"{CONSULT}:stat@15min",
            issues="contraindication:CTM_L contraindication:CTM_L",
            blocked="",
        ),
        Case(
            "a conditional pacemaker: nobody is asked",
            [calm(SADDLE | {"mr-pacemaker": "yes-conditional"})],
            asked="",
            issues="contraindication:MRI_L_WO",
            blocked="",
        ),
        Case(
            "a pacemaker that nobody answered: held",
            [calm(SADDLE | {"mr-pacemaker": None})],
            asked="",
            issues="",
            blocked="MRI_L_WO:mr-screening",
        ),
        Case(
            "a conditional pacemaker, and another item unanswered",
            [calm(SADDLE | {"mr-pacemaker": "yes-conditional", "mr-cochlear": "unsure"})],
            orders="ED_REFERRAL:stat MRI_L_WO:stat",
            flags="MR_SAFETY_REVIEW MR_SCREEN_INCOMPLETE",
            blocked="MRI_L_WO:mr-screening",
        ),
    ],
    "R14": [
        Case(
            "pregnant, a fall: the film becomes a question to radiology",
            [woman(), calm(FRAGILE_FALL | EXPECTING)],
            "URGENT",
            "",
            met="R05 R14",
            flags=f"PREGNANCY {CONSULT}",
            asked=f"{CONSULT}:urgent@7d",
            issues="contraindication:",
        ),
        Case(
            "pregnant, a known slip: no film, nobody is asked",
            [woman(), calm({"hx-spondylolisthesis": "yes"} | EXPECTING)],
            "ROUTINE",
            "",
            flags="PREGNANCY",
            no_flags=CONSULT,
            asked="",
        ),
        Case(
            "pregnancy unknown, a fall",
            [woman(), calm(FRAGILE_FALL | {"ctx-pregnant": "unknown"})],
            "URGENT",
            "XR_L:urgent",
            met="R14",
            asked="",
            blocked="XR_L:pregnancy-check",
        ),
    ],
}

TABLES = CLASSES | CONTROLS
