"""What red flags ask of people: reviews, messages, Flags, and by when; `R06:asap@4h` is a review wanted in 4 hours.

Target times are those of D.1: EMERGENCY 15 min, SAME_DAY 4 h, URGENT 7 days, SOON 14 days.
"""

from __future__ import annotations

from tests.criteria.cases.building import calm, crp, on_order, patient
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import (
    CANCER,
    COLD,
    FEVER,
    FRAGILE_FALL,
    HELP,
    OLD_DROP,
    REST_PAIN,
    SADDLE,
    TODAY,
    URGENT_LABS,
)

BOTH_LEGS = {"rf-bilateral-leg-pain-new": "yes"}
DROP = {"rf-foot-drop": "left"}
BAD_DROP = DROP | {"rf-weakness-onset": "sudden", "rf-weakness-progress": "worse"}
UNSURE_STEROIDS = {"rf-trauma": "minor", "rf-steroid-3mo": "unsure"}
LABS_SOON = "LAB_CRP:14d LAB_ESR:14d"
LABS_WEEK = "LAB_CRP:7d LAB_ESR:7d"
NO_CONTRAST = {"contrast-for-infection-and-cancer": False}
TABLES = {
    "R01": [
        Case("saddle numb", [calm(SADDLE)], raised="R01", asked="", sent=HELP, due="ED_REFERRAL:15min MRI_L_WO:15min"),
        Case("what the patient hears", [calm(SADDLE)], tells="Go to the nearest emergency department now"),
        Case("what the clinician on call hears", [calm(SADDLE)], tells="Acknowledge within 5 minutes"),
        Case("no red flag", [calm()], raised="", asked="", sent="", due="", issues="", blocked=""),
        Case(
            "saddle numb, and a call today besides",
            [calm(SADDLE | BOTH_LEGS)],
            raised="R01 R01b",
            asked="R01b:asap@4h",
            sent=HELP,
        ),
    ],
    "R01b": [
        Case("new pain down both legs", [calm(BOTH_LEGS)], raised="R01b", asked="R01b:asap@4h", sent=TODAY, due=""),
    ],
    "R02": [
        Case(
            "a foot drops", [calm(DROP)], raised="R02", asked="", sent=TODAY, due="MRI_L_WO:4h SPINE_SURG_REFERRAL:4h"
        ),
        Case(
            "a foot that dropped long ago, stable",
            [calm(OLD_DROP)],
            raised="R02",
            asked="",
            sent="",
            due="MRI_L_WO:7d SPINE_SURG_REFERRAL:7d",
        ),
        Case(
            "a foot that drops suddenly and gets worse",
            [calm(BAD_DROP)],
            raised="R02",
            asked="",
            sent=HELP,
            due="ED_REFERRAL:15min MRI_L_WO:15min SPINE_SURG_REFERRAL:15min",
        ),
        Case("a foot drops, and an emergency besides", [calm(DROP | SADDLE)], raised="R01 R02", sent=HELP),
    ],
    "R03": [
        Case(
            "fever",
            [calm(FEVER)],
            raised="R03",
            asked="",
            sent=TODAY,
            due="ED_REFERRAL:4h MRI_L_WWO:4h LAB_CRP:4h LAB_ESR:4h",
        ),
        Case(
            "fever with saddle numbness",
            [calm(FEVER | SADDLE)],
            raised="R01 R03",
            asked="",
            sent=HELP,
            due="ED_REFERRAL:15min MRI_L_WWO:15min LAB_CRP:15min LAB_ESR:15min",
        ),
        Case(
            "fever with a cold leg: one advice",
            [calm(FEVER | COLD)],
            raised="R03 R07",
            sent=HELP,
        ),
        Case(
            "fever with saddle numbness, all of it on order since an hour: a clinician sees to it now",
            [
                calm(FEVER | SADDLE),
                [on_order(key, "stat") for key in ("ED_REFERRAL", "MRI_L_WWO", "LAB_CRP", "LAB_ESR")],
            ],
            "EMERGENCY",
            "",
            asked="R01:stat@15min R03:stat@15min",
        ),
        Case(
            "fever, contrast switched off by the site",
            [calm(FEVER)],
            "SAME_DAY",
            "ED_REFERRAL:asap MRI_L_WO:asap LAB_CRP:asap LAB_ESR:asap",
            values=NO_CONTRAST,
        ),
        Case(
            "fever with saddle numbness: the scan says why",
            [calm(FEVER | SADDLE)],
            why="ED_REFERRAL:R01+R03 MRI_L_WWO:R01+R03 LAB_CRP:R03 LAB_ESR:R03",
        ),
        Case(
            "fever with saddle numbness, no contrast",
            [calm(FEVER | SADDLE)],
            "EMERGENCY",
            "ED_REFERRAL:stat MRI_L_WO:stat LAB_CRP:stat LAB_ESR:stat",
            why="ED_REFERRAL:R01+R03 MRI_L_WO:R01+R03 LAB_CRP:R03 LAB_ESR:R03",
            values=NO_CONTRAST,
        ),
    ],
    "R03c": [
        Case(
            "a high CRP, no contrast", [calm(), crp()], "URGENT", f"MRI_L_WO:urgent {URGENT_LABS}", values=NO_CONTRAST
        ),
        Case(
            "a high CRP",
            [calm(), crp()],
            raised="R03c",
            asked="",
            sent="",
            due=f"MRI_L_WWO:7d {LABS_WEEK}",
        ),
        Case(
            "a high CRP, all of it on order: a clinician sees to it within the week",
            [
                calm(),
                crp(),
                [on_order(key, "urgent") for key in ("MRI_L_WWO", "LAB_CRP", "LAB_ESR")],
            ],
            "URGENT",
            "",
            asked="R03c:urgent@7d",
        ),
    ],
    "R04": [
        Case("cancer, no contrast", [calm(CANCER)], "URGENT", f"MRI_L_WO:urgent {URGENT_LABS}", values=NO_CONTRAST),
        Case(
            "cancer",
            [calm({"rf-cancer-history": "active"})],
            raised="R04",
            asked="",
            sent="",
            due=f"MRI_L_WWO:7d {LABS_WEEK}",
        ),
        Case(
            "night sweats",
            [calm({"rf-night-sweats": "yes"})],
            raised="R04",
            asked="R04:routine@14d",
            sent="",
            due=LABS_SOON,
            says="One warning sign of a tumour, which alone does not justify an MRI",
        ),
    ],
    "R05": [
        Case(
            "a major injury", [calm({"rf-trauma": "major"})], raised="R05", asked="", sent=HELP, due="ED_REFERRAL:15min"
        ),
        Case("a minor fall, osteoporosis", [calm(FRAGILE_FALL)], raised="R05", asked="", sent="", due="XR_L:7d"),
        Case(
            "a minor fall, steroids unsure",
            [patient("1975-03-01"), calm(UNSURE_STEROIDS)],
            raised="R05",
            asked="R05:routine@14d",
            due="",
            says="not sure about taking steroids for 3 months",
        ),
    ],
    "R06": [
        Case(
            "numbness spreads over days",
            [calm({"rf-numbness-spread": "days"})],
            raised="R06",
            asked="R06:asap@4h",
            sent=TODAY,
            due="",
            says="Numbness has been spreading over days",
        ),
        Case(
            "numbness spreads over days, and an emergency",
            [calm({"rf-numbness-spread": "days"} | SADDLE)],
            raised="R01 R06",
            sent=HELP,
        ),
    ],
    "R07": [
        Case(
            "a cold leg",
            [calm(COLD)],
            raised="R07",
            asked="",
            sent=HELP,
            due="ED_REFERRAL:15min",
        ),
        Case("rest pain", [calm(), REST_PAIN], raised="R07", asked="", sent="", due="VASC_REFERRAL:7d ABI:7d"),
        Case(
            "not sure of a cold leg",
            [calm({"rf-cold-pale-leg": "unsure"})],
            raised="R07",
            asked="R07:asap@4h",
            due="",
            says="not sure whether a leg is suddenly cold and pale: call today",
        ),
        Case(
            "not sure of a cold leg: told of the same day",
            [calm({"rf-cold-pale-leg": "unsure"})],
            messages="SAME_DAY_ADVICE",
        ),
        Case(
            "not sure of a cold leg, and an emergency: the emergency advice says more",
            [calm({"rf-cold-pale-leg": "unsure"} | SADDLE)],
            raised="R01 R07",
            no_messages="SAME_DAY_ADVICE",
        ),
    ],
}
