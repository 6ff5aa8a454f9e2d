"""How the patients of many tables present, as answers of the forms, and what is drafted for them."""

from __future__ import annotations

from tests.criteria.cases.building import STENOSIS, calm, condition, day, report

NUMB = {"rf-saddle-numbness": "yes"}
SADDLE = NUMB | {"rf-saddle-onset": "within-14-days"}
FEVER = {"rf-fever-chills": "yes"}
NEW = {"ctx-duration-weeks": (3, "wk")}
CANCER = {"rf-cancer-history": "active"}
COLD = {"rf-cold-pale-leg": "yes"}
FRAGILE_FALL = {"rf-trauma": "minor", "rf-osteoporosis": "yes"}
OLD_DROP = {"rf-foot-drop": "left", "rf-weakness-onset": "over-6-weeks", "rf-weakness-progress": "same"}
PACED = SADDLE | {"mr-pacemaker": "yes-unknown"}
CLAUDICATION = {
    "nc-leg-pain-walking": "yes",
    "nc-relief-sitting": "yes",
    "nc-relief-standing-still": "no",
    "nc-bend-forward-relief": "yes",
    "nc-bend-backward-relief": "no",
    "nc-shopping-cart": "yes",
    "nc-standing-triggers": "yes",
    "nc-both-legs": "yes",
    "nc-onset-over-6-months": "yes",
    "nc-tingling": "no",
    "nc-location": "above-knee",
}
VASCULAR = CLAUDICATION | {
    "nc-relief-standing-still": "yes",
    "nc-bend-forward-relief": "no",
    "nc-shopping-cart": "no",
    "nc-standing-triggers": "no",
    "nc-location": "calf-only",
}
WISH = CLAUDICATION | {"hx-wants-intervention": "yes"}
EARLY = {"hx-pt-weeks": 2}
WANTS_INJECTION = {"hx-wants-injection": "yes", "hx-radicular-leg-pain": "yes"}
AFTER_RELIEF = WANTS_INJECTION | {"hx-last-esi-relief": "ge50-ge3mo"}
WANTS_SURGERY = {"hx-conservative-months": 8, "hx-life-limiting": "yes", "hx-wants-intervention": "yes"}
REST_PAIN = condition("233962007")
SEEN_STENOSIS = report(day(200), conclusion=STENOSIS)

ALONE = "ED_REFERRAL:stat"
CAUDA = "ED_REFERRAL:stat MRI_L_WO:stat"
SWAPPED = "ED_REFERRAL:stat CTM_L:stat"
DEFICIT = "MRI_L_WO:asap SPINE_SURG_REFERRAL:asap"
STABLE_DEFICIT = "MRI_L_WO:urgent SPINE_SURG_REFERRAL:urgent"
INFECTION = "ED_REFERRAL:asap MRI_L_WWO:asap LAB_CRP:asap LAB_ESR:asap"
URGENT_LABS = "LAB_CRP:urgent LAB_ESR:urgent"
ROUTINE_LABS = "LAB_CRP:routine LAB_ESR:routine"
CONTRAST = f"MRI_L_WWO:urgent {URGENT_LABS}"

EMERGENCY_WORDS = "EMERGENCY_ADVICE ON_CALL_NOTIFICATION"
SWAP = "MR_SAFETY_REVIEW MR_UNSAFE_SWAP"
HELP = "EMERGENCY_ADVICE:stat ON_CALL_NOTIFICATION:stat"
RESCREEN = "RED_FLAG_RESCREEN"
TODAY = "SAME_DAY_ADVICE:asap"


def weak(leg="none", foot="none", onset=None, progress=None, **more):
    """A form with a weak leg or a foot that drops."""
    changes = {
        "rf-leg-weakness": leg,
        "rf-foot-drop": foot,
        "rf-weakness-onset": onset,
        "rf-weakness-progress": progress,
    }
    return calm(changes | more)
