"""Which reason codes the drafts carry: symptoms that were told, and diagnoses only where they are recorded (C.4, C.5).

A suspicion is never coded as the disease; a symptom that was not told is not coded at all.
"""

from __future__ import annotations

from tests.criteria.cases.building import (
    ICD,
    STENOSIS,
    abi,
    calm,
    coding,
    condition,
    crp,
    day,
    message,
    patient,
    report,
    temperature,
    weight,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import (
    CLAUDICATION,
    FRAGILE_FALL,
    NEW,
    REST_PAIN,
    SEEN_STENOSIS,
    VASCULAR,
    WANTS_INJECTION,
    WANTS_SURGERY,
    WISH,
)

SADDLE = "44077006 44077006:363698007=38864007"
BACK_PAIN = "279039007 M54.50"
ROOT = {"hx-radicular-leg-pain": "yes"}
NEUROPATHY = ROOT | {"exam-equivocal": "yes", "hx-stocking-numbness": "yes"}
LOST = {"rf-weight-loss": "yes"}
MEANT = LOST | {"rf-weight-loss-intentional": "yes"}
SWEATS = {"rf-night-sweats": "yes"}
SEEN_SLIP = report(day(200), conclusion="274152003")


def icd(code):
    return condition("0") | {"code": coding(ICD, code)}


ROWS = {
    "R01": [
        ("saddle numb", [calm({"rf-saddle-numbness": "yes"})], f"{SADDLE} R20.0"),
        ("cannot pass urine", [calm({"rf-bladder-change": "cannot-pass"})], "267064002 R33.9"),
        ("new leakage of urine", [calm({"rf-bladder-change": "new-leakage"})], "165232002 R32"),
        ("less feeling of the bladder", [calm({"rf-bladder-change": "reduced-sensation"})], "40492006"),
        ("leakage of stool", [calm({"rf-bowel-change": "leakage"})], "72042002 R15.9"),
        ("no urge is no incontinence", [calm({"rf-bowel-change": "no-urge"})], "no-urge-to-open-the-bowels"),
        ("both legs weak", [calm({"rf-leg-weakness": "both"})], "713514005 R53.1"),
        ("both feet drop", [calm({"rf-foot-drop": "both"})], "6077001 M21.379"),
        (
            "saddle and bladder",
            [calm({"rf-saddle-numbness": "yes", "rf-bladder-change": "new-leakage"})],
            f"{SADDLE} R20.0 165232002 R32",
        ),
        ("a message tells it", [calm(), message("I wet myself this morning")], "165232002 R32"),
    ],
    "R02": [
        ("one leg weak", [calm({"rf-leg-weakness": "one"})], "713514005 R53.1"),
        ("the left foot drops", [calm({"rf-foot-drop": "left"})], "6077001 M21.372"),
        ("the right foot drops", [calm({"rf-foot-drop": "right"})], "6077001 M21.371"),
        ("a foot drops, side not said", [calm(), message("My foot keeps slapping")], "6077001 M21.379"),
        ("sudden trouble walking", [calm({"rf-sudden-walking-difficulty": "yes"})], "R26.2"),
    ],
    "R03": [
        ("fever told", [calm({"rf-fever-chills": "yes"})], "386661006 R50.9"),
        ("fever measured", [calm(), temperature("38.6")], "386661006 R50.9"),
    ],
    "R03c": [
        ("injects drugs", [calm(NEW | {"rf-ivdu": "yes"})], "226034001"),
        ("weak immunity", [calm(NEW | {"rf-immunosuppressed": "yes"})], "370388006"),
        (
            "recent infection",
            [calm(NEW | {"rf-recent-infection-or-spinal-procedure": "yes"})],
            "recent-infection-or-spinal-procedure",
        ),
        ("a high CRP alone", [calm(), crp()], ""),
    ],
    "R04": [
        ("cancer now: not coded by what a patient says", [calm({"rf-cancer-history": "active"})], ""),
        ("cancer before", [calm({"rf-cancer-history": "within-5-years"})], "266987004"),
        ("cancer long ago", [calm({"rf-cancer-history": "over-5-years"})], "266987004"),
        ("weight loss told", [calm(LOST)], "448765001 R63.4"),
        ("weight loss measured", [calm(), weight(80, day(200)), weight(74, day(2))], "448765001 R63.4"),
        ("weight loss that was meant", [calm(MEANT | SWEATS)], "42984000"),
        ("night sweats", [calm(SWEATS)], "42984000"),
        ("constant night pain", [calm({"rf-night-pain": "yes", "rf-rest-pain-constant": "yes"})], "36163009"),
        (
            "sweats, and night pain that turning eases",
            [calm(SWEATS | {"rf-night-pain": "yes"})],
            "42984000 36163009",
        ),
    ],
    "R05": [
        ("a minor fall", [calm(FRAGILE_FALL)], "417746004 428942009"),
        ("a major injury", [calm({"rf-trauma": "major"})], "417746004"),
    ],
    "R07": [
        ("cold, pale leg", [calm({"rf-cold-pale-leg": "yes"})], "suddenly-cold,-pale-leg"),
        ("rest pain of the foot", [calm(), REST_PAIN], "400047006 I73.9"),
        (
            "a cold leg, and rest pain before",
            [calm({"rf-cold-pale-leg": "yes"}), REST_PAIN],
            "suddenly-cold,-pale-leg 400047006 I73.9",
        ),
    ],
    "R11": [
        ("claudication is a suspicion", [calm(WISH)], "R26.2"),
        ("claudication recorded", [calm(WISH), condition("303081002")], "R26.2 303081002 M48.062"),
        ("claudication recorded by ICD-10-CM", [calm(WISH), icd("M48.062")], "R26.2 303081002 M48.062"),
        ("stenosis recorded", [calm(WISH), condition(STENOSIS)], f"R26.2 {STENOSIS} M48.061"),
        ("claudication refuted", [calm(WISH), condition("303081002", "refuted")], "R26.2"),
        ("radiculopathy told", [calm(ROOT | {"hx-wants-intervention": "yes"})], "23056005 M54.16"),
        (
            "radiculopathy recorded",
            [calm({"hx-wants-intervention": "yes"}), condition("128196005")],
            "128196005 M54.16",
        ),
    ],
    "R09": [
        ("a known slip", [calm({"hx-spondylolisthesis": "yes"})], "274152003 M43.16"),
        ("a slip on an image", [calm(), SEEN_SLIP], "274152003 M43.16"),
        ("instability is no slip", [calm({"hx-instability": "yes"})], ""),
    ],
    "R17": [
        ("stocking numbness", [calm(NEUROPATHY)], "309537005 R20.2 23056005 M54.16"),
        ("no stocking numbness", [calm(NEUROPATHY | {"hx-stocking-numbness": "no"})], "23056005 M54.16"),
        (
            "radiculopathy recorded",
            [calm({"exam-equivocal": "yes"}), condition("128196005")],
            "128196005 M54.16",
        ),
        (
            "claudication recorded",
            [calm(CLAUDICATION | {"exam-equivocal": "yes"}), icd("M48.062")],
            "R26.2 303081002 M48.062",
        ),
    ],
    "R18": [("pain in the calf on walking", [calm(VASCULAR)], "R26.2")],
    "R19": [("claudication under 40 is not coded", [patient("1990-01-01"), calm(CLAUDICATION)], "R26.2")],
    "R20": [
        ("back pain", [calm({"hx-pt-weeks": 2})], ""),
        ("leg pain on walking", [calm(CLAUDICATION | {"hx-pt-weeks": 2})], "R26.2"),
    ],
    "R21": [
        ("injection", [calm(WANTS_INJECTION), SEEN_STENOSIS], "23056005 M54.16"),
        (
            "injection, radiculopathy recorded",
            [calm(WANTS_INJECTION | {"hx-radicular-leg-pain": "no"}), SEEN_STENOSIS, condition("128196005")],
            "128196005 M54.16",
        ),
    ],
    "R22": [
        ("surgery", [calm(WANTS_SURGERY), SEEN_STENOSIS], ""),
        ("surgery, claudication recorded", [calm(WANTS_SURGERY), SEEN_STENOSIS, icd("M48.062")], "303081002 M48.062"),
    ],
    "R23": [
        ("a low index, pain on walking", [calm(VASCULAR), abi("0.85")], "63491006 R26.2"),
        ("a low index, no pain on walking", [calm(), abi("0.85")], ""),
    ],
}

TABLES = {
    rule: [Case(f"reasons: {name}", given, reasons=f"{BACK_PAIN} {codes}") for name, given, codes in rows]
    for rule, rows in ROWS.items()
}
