"""What is made of other facts: each part of a condition alone, and each part taken away from a whole that holds.

The rules' own tables say what follows; these say which answers and values make a condition true (D.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.criteria.cases.building import (
    LOINC,
    abi,
    calm,
    condition,
    crp,
    day,
    egfr,
    injection,
    levels,
    man,
    month_of_steps,
    pains,
    patient,
    pregnancy_status,
    series,
    temperature,
    walk,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import CLAUDICATION, SEEN_STENOSIS, VASCULAR, WANTS_INJECTION
from tests.criteria.cases.values import weights

Answers = Mapping[str, Any]


def table(fact: str, rows: Mapping[str, tuple[list[Any], Any]]) -> list[Case]:
    """One case for each row: what is given, and what the fact is then."""
    return [Case(f"{fact}: {name}", given, facts={fact: expected}) for name, (given, expected) in rows.items()]


def needs(fact: str, whole: Answers, others: list[Any], without: Mapping[str, Any]) -> Iterator[Case]:
    """All of these answers make a fact true, and it is false where one of them is different."""
    yield Case(f"{fact}: all of it", [calm(whole), *others], facts={fact: True})
    for item, value in without.items():
        yield Case(f"{fact}: {item} is {value}", [calm({**whole, item: value}), *others], facts={fact: False})


def any_of(fact: str, alone: Mapping[str, Any], otherwise: Mapping[str, Any] | None = None) -> Iterator[Case]:
    """Each of these answers alone makes a fact true, none of the others does."""
    for item, value in alone.items():
        yield Case(f"{fact}: {item} is {value}", [calm({item: value})], facts={fact: True})
    for item, value in (otherwise or {}).items():
        yield Case(f"{fact}: {item} is {value}", [calm({item: value})], facts={fact: False})
    yield Case(f"{fact}: nothing of it", [calm()], facts={fact: False})


def deficit(item: str, onset: str | None, progress: str | None) -> list[Any]:
    value = {"rf-foot-drop": "left", "rf-leg-weakness": "one"}[item]
    return [calm({item: value, "rf-weakness-onset": onset, "rf-weakness-progress": progress})]


SAME_DAY = {
    "rf-foot-drop": {
        ("over-6-weeks", "same"): False,
        ("over-6-weeks", "better"): False,
        ("over-6-weeks", "worse"): True,
        ("over-6-weeks", None): True,
        ("weeks", "same"): True,
        ("days", "same"): True,
        ("sudden", "same"): True,
        (None, "same"): True,
    },
    "rf-leg-weakness": {
        ("over-6-weeks", "same"): False,
        ("over-6-weeks", "better"): False,
        ("weeks", "same"): False,
        ("weeks", "better"): False,
        ("weeks", "worse"): True,
        ("weeks", None): True,
        ("days", "same"): True,
        ("sudden", "better"): True,
        (None, "same"): True,
    },
}
"""R02: a foot drop is URGENT over six weeks and stable, weakness of one leg after weeks and stable."""


def same_day() -> Iterator[Case]:
    for item, rows in SAME_DAY.items():
        for (onset, progress), expected in rows.items():
            name = f"{item}, onset {onset}, progress {progress}"
            yield Case(name, deficit(item, onset, progress), facts={"motor-same-day": expected, "motor-deficit": True})
    for side in ("left", "right"):
        given = [calm({"rf-foot-drop": side, "rf-weakness-onset": "days"})]
        yield Case(f"foot drop, {side}", given, facts={"motor-same-day": True, "motor-deficit": True})
    old = {"rf-weakness-onset": "over-6-weeks", "rf-weakness-progress": "same"}
    walking = calm({"rf-sudden-walking-difficulty": "yes", "rf-foot-drop": "left"} | old)
    yield Case("old foot drop, sudden trouble walking", [walking], facts={"motor-same-day": True})
    yield Case("no deficit", [calm(old)], facts={"motor-same-day": False, "motor-deficit": False})


DROP = calm({"rf-foot-drop": "left", "rf-weakness-onset": "days", "rf-weakness-progress": "same"})
WEAK = calm({"rf-leg-weakness": "one", "rf-weakness-onset": "days", "rf-weakness-progress": "same"})
CHOSEN = {"foot-drop-is-emergency": True}
R02 = [
    *same_day(),
    Case("a foot drop where the site calls it an emergency", [DROP], values=CHOSEN, facts={"motor-emergency": True}),
    Case("a weak leg where the site calls a foot drop one", [WEAK], values=CHOSEN, facts={"motor-emergency": False}),
    Case("a foot drop where the site says nothing", [DROP], facts={"motor-emergency": False}),
]

RISK = {"rf-ivdu": "yes", "ctx-duration-weeks": (3, "wk")}
R03 = [
    *table(
        "infection-risk",
        {
            "injecting drugs, three weeks": ([calm(RISK)], True),
            "weak immunity": ([calm({"rf-immunosuppressed": "yes", "ctx-duration-weeks": (3, "wk")})], True),
            "a recent infection": (
                [calm({"rf-recent-infection-or-spinal-procedure": "yes", "ctx-duration-weeks": (3, "wk")})],
                True,
            ),
            "no risk, three weeks": ([calm({"ctx-duration-weeks": (3, "wk")})], False),
            "11.9 weeks": ([calm(RISK | {"ctx-duration-weeks": ("11.9", "wk")})], True),
            "12 weeks": ([calm(RISK | {"ctx-duration-weeks": (12, "wk")})], False),
            "13 weeks": ([calm(RISK | {"ctx-duration-weeks": (13, "wk")})], False),
            "no duration": ([calm(RISK | {"ctx-duration-weeks": None})], True),
            "no pain": ([calm(RISK | {"ctx-back-pain": "no"})], False),
            "high CRP without pain": ([calm({"ctx-back-pain": "no"}), crp()], True),
            "high CRP with fever": ([calm({"rf-fever-chills": "yes"}), crp()], False),
        },
    ),
    *table(
        "fever",
        {
            "38.0": ([calm(), temperature("38.0")], False),
            "38.01": ([calm(), temperature("38.01")], True),
            "chills": ([calm({"rf-fever-chills": "yes"})], True),
            "chills, 37": ([calm({"rf-fever-chills": "yes"}), temperature(37)], True),
            "46": ([calm(), temperature(46)], None),
            "nothing": ([calm()], False),
        },
    ),
    *table(
        "spinal-infection",
        {
            "fever without pain": ([calm({"rf-fever-chills": "yes", "ctx-back-pain": "no"})], False),
            "fever, pain not answered": ([calm({"rf-fever-chills": "yes", "ctx-back-pain": None})], True),
        },
    ),
]

TOLD, UNINTENDED = {"rf-weight-loss": "yes"}, {"rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"}
INTENDED = {"rf-weight-loss": "yes", "rf-weight-loss-intentional": "yes"}
R31 = [
    *table(
        "weight-loss-percent",
        {
            "80 to 74": ([calm(), *weights(80, 74)], "7.5"),
            "80 to 84": ([calm(), *weights(80, 84)], -5),
        },
    ),
    *table(
        "weight-loss-unintended",
        {
            "5.0 %, denied": ([calm(), *weights(100, 95)], True),
            "4.9 %, denied": ([calm(), *weights(100, "95.1")], False),
            "5.1 %, denied": ([calm(), *weights(100, "94.9")], True),
            "4.9 %, told": ([calm(TOLD), *weights(100, "95.1")], True),
            "told, without weights": ([calm(UNINTENDED)], True),
            "denied, without weights": ([calm()], False),
            "skipped, without weights": ([calm({"rf-weight-loss": None})], None),
            "4.9 %, skipped": ([calm({"rf-weight-loss": None}), *weights(100, "95.1")], False),
            "intended, without weights": ([calm(INTENDED)], False),
            "7 %, intended": ([calm(INTENDED), *weights(100, 93)], False),
        },
    ),
    *table(
        "weight-loss-intended-large",
        {
            "10.0 %": ([calm(INTENDED), *weights(100, 90)], True),
            "9.9 %": ([calm(INTENDED), *weights(100, "90.1")], False),
            "10.1 %": ([calm(INTENDED), *weights(100, "89.9")], True),
            "12 %, not intended": ([calm(UNINTENDED), *weights(100, 88)], False),
            "without weights": ([calm(INTENDED)], False),
        },
    ),
]

NIGHT, SWEATS = {"rf-night-pain": "yes", "rf-rest-pain-constant": "yes"}, {"rf-night-sweats": "yes"}
R04 = [
    *any_of(
        "malignancy-weak",
        {"rf-night-sweats": "yes", "rf-weight-loss": "yes"},
        {"rf-night-pain": "yes", "rf-rest-pain-constant": "yes", "rf-cancer-history": "active"},
    ),
    *table(
        "malignancy-urgent",
        {
            **{
                f"cancer {answer}": ([calm({"rf-cancer-history": answer})], True)
                for answer in ("active", "within-5-years", "over-5-years")
            },
            "weight and night pain": ([calm(UNINTENDED | NIGHT)], True),
            "weight and sweats": ([calm(UNINTENDED | SWEATS)], True),
            "night pain and sweats": ([calm(NIGHT | SWEATS)], True),
            "weight alone": ([calm(UNINTENDED)], False),
            "night pain alone": ([calm(NIGHT)], False),
            "sweats alone": ([calm(SWEATS)], False),
            "10.0 % of weight": ([calm(), *weights(100, 90)], True),
            "9.9 % of weight": ([calm(), *weights(100, "90.1")], False),
            "10.1 % of weight": ([calm(), *weights(100, "89.9")], True),
            "12 % of weight, intended": ([calm(INTENDED), *weights(100, 88)], False),
            "cancer without back pain": ([calm({"rf-cancer-history": "active", "ctx-back-pain": "no"})], False),
        },
    ),
    *table(
        "malignancy",
        {"night pain": ([calm(NIGHT)], True), "cancer": ([calm({"rf-cancer-history": "active"})], True)},
    ),
]

FALL = {"rf-trauma": "minor"}
YOUNG = man(50)
R05 = table(
    "fracture",
    {
        "a fall at 64": ([man(64), calm(FALL)], False),
        "a fall at 65": ([man(65), calm(FALL)], True),
        "a fall at 66": ([man(66), calm(FALL)], True),
        "a fall, osteoporosis": ([YOUNG, calm(FALL | {"rf-osteoporosis": "yes"})], True),
        "a fall, steroids": ([YOUNG, calm(FALL | {"rf-steroid-3mo": "yes"})], True),
        "a fall, not sure about steroids": ([YOUNG, calm(FALL | {"rf-steroid-3mo": "unsure"})], True),
        "a fall, steroids skipped": ([YOUNG, calm(FALL | {"rf-steroid-3mo": None})], None),
        "osteoporosis without a fall": ([YOUNG, calm({"rf-osteoporosis": "yes"})], False),
        "not sure about steroids, no fall": ([YOUNG, calm({"rf-steroid-3mo": "unsure"})], False),
        "a major injury": ([YOUNG, calm({"rf-trauma": "major"})], True),
    },
)

FOOT = condition("404684003") | {"code": {"text": "Ulcer of toe"}}
FLAGS = {
    "saddle numbness": {"rf-saddle-numbness": "yes"},
    "new pain down both legs": {"rf-bilateral-leg-pain-new": "yes"},
    "sexual change": {"rf-sexual-change": "yes"},
    "trouble walking": {"rf-sudden-walking-difficulty": "yes"},
    "fever": {"rf-fever-chills": "yes"},
    "injecting drugs": RISK,
    "sweats": SWEATS,
    "a major injury": {"rf-trauma": "major"},
    "numbness over days": {"rf-numbness-spread": "days"},
    "a cold leg": {"rf-cold-pale-leg": "yes"},
    "not sure about a cold leg": {"rf-cold-pale-leg": "unsure"},
}
RED_FLAGS = [
    *(Case(f"red flag: {name}", [calm(answers)], facts={"red-flag-open": True}) for name, answers in FLAGS.items()),
    Case("red flag: a foot ulcer", [calm(), FOOT], facts={"red-flag-open": True, "limb-threat": True}),
    Case("no red flag", [calm()], facts={"red-flag-open": False, "cleared": True, "limb-threat": False}),
    Case("numbness over months", [calm({"rf-numbness-spread": "months"})], facts={"red-flag-open": False}),
    Case("a red flag, a clear walk", [calm(SWEATS), walk()], facts={"cleared": False}),
    Case("a clear walk", [calm(), walk()], facts={"walk-clear": True, "cleared": True}),
    Case("a walk with new numbness", [calm(), walk({"wk-new-neuro": "yes"})], facts={"walk-clear": False}),
    Case("a walk that says nothing of it", [calm(), walk({"wk-new-neuro": None})], facts={"walk-clear": None}),
    Case("the answer without the form", [calm()], facts={"new-neuro-after-walk": False}),
    Case("the form without it", [calm(), walk()], facts={"new-neuro-after-walk": False}),
    Case("the form with it", [calm(), walk({"wk-new-neuro": "yes"})], facts={"new-neuro-after-walk": True}),
]
"""D.1: R01 to R07 are the red flags."""

LABEL = {key: value for key, value in CLAUDICATION.items() if key != "nc-bend-forward-relief"}
CLUSTER = {
    "nc-shopping-cart": "no",
    "nc-location": "calf-only",
    "nc-standing-triggers": "no",
    "nc-relief-sitting": "no",
}
FEW = {"nc-bend-forward-relief": "no", "nc-onset-over-6-months": "no"}
BY_SUM = CLAUDICATION | {"nc-shopping-cart": "no"}
R10 = [
    *needs("claudication-cluster", CLAUDICATION, [], CLUSTER),
    Case("claudication-cluster: both places", [calm(CLAUDICATION | {"nc-location": "both"})],
         facts={"claudication-cluster": True}),
    *table(
        "claudication-features",
        {
            "by the cluster alone": ([man(50), calm(CLAUDICATION | FEW)], True),
            "by the sum alone": ([man(71), calm(BY_SUM)], True),
            "by neither": ([man(50), calm(BY_SUM | FEW)], False),
            "no pain on walking": ([man(71), calm(CLAUDICATION | {"nc-leg-pain-walking": "no"})], False),
            "standing does not trigger it": (
                [
                    man(71),
                    calm(CLAUDICATION | {"nc-standing-triggers": "no"}),
                ],
                False,
            ),
        },
    ),
    *table(
        "neurogenic-claudication",
        {
            "39 years": ([man(39), calm(CLAUDICATION)], False),
            "40 years": ([man(40), calm(CLAUDICATION)], True),
            "41 years": ([man(41), calm(CLAUDICATION)], True),
            "no features": ([man(70), calm()], False),
        },
    ),
    Case("40 years where the site says 41", [man(40), calm(CLAUDICATION)], values={"young-age": 41},
         facts={"neurogenic-claudication": False}),
]  # fmt: skip

CALF = {"nc-leg-pain-walking": "no", "nc-location": "above-knee", "nc-relief-standing-still": "no"}
R18 = [
    *needs("vascular-pattern", VASCULAR, [], CALF),
    *table(
        "vascular-pattern",
        {
            "an index of 0.90": ([calm(), abi("0.90")], True),
            "an index of 0.901": ([calm(), abi("0.901")], False),
            "an index of 0.89": ([calm(), abi("0.89")], True),
        },
    ),
    *table(
        "vascular-workup",
        {
            "vascular": ([calm(VASCULAR)], True),
            "neurogenic with a risk": ([calm(CLAUDICATION | {"hx-pad-risk": "yes"})], True),
            "neurogenic without": ([calm(CLAUDICATION)], False),
            "a risk alone": ([calm({"hx-pad-risk": "yes"})], False),
        },
    ),
    *table(
        "purely-vascular",
        {
            "vascular": ([calm(VASCULAR)], True),
            "mixed": ([calm(CLAUDICATION), abi("0.8")], False),
            "neither": ([calm()], False),
        },
    ),
]

RADICULOPATHY = condition("128196005")
PICTURE = {"hx-radicular-leg-pain": "yes", "hx-wants-intervention": "yes"}
R11 = [
    *table(
        "radiculopathy",
        {
            "found": ([calm({"hx-radicular-leg-pain": "yes"})], True),
            "recorded": ([calm(), RADICULOPATHY], True),
            "recorded, not asked": ([calm({"hx-radicular-leg-pain": None}), RADICULOPATHY], True),
            "not asked": ([calm({"hx-radicular-leg-pain": None})], False),
        },
    ),
    *needs(
        "mri-picture",
        PICTURE,
        [],
        {"hx-radicular-leg-pain": "no", "ctx-symptoms-persisting-or-worse": "no", "rf-night-sweats": "yes"},
    ),
    *table(
        "mri-picture",
        {
            "claudication instead": ([calm(CLAUDICATION)], True),
            "39 years": ([man(39), calm(PICTURE)], False),
            "40 years": ([man(40), calm(PICTURE)], True),
        },
    ),
    Case("no imaging outside specialist care", [calm(PICTURE)], values={"imaging-outside-specialist-care": False},
         facts={"mri-picture": False}),
    *needs("mri-routine-criteria", PICTURE, [], {"hx-wants-intervention": "no", "hx-pt-weeks": "5.9",
                                                 "hx-radicular-leg-pain": "no"}),
    Case("6 weeks", [calm(PICTURE | {"hx-pt-weeks": 6})], facts={"mri-routine-criteria": True}),
    Case("6.1 weeks", [calm(PICTURE | {"hx-pt-weeks": "6.1"})], facts={"mri-routine-criteria": True}),
]  # fmt: skip

EARLY = {"hx-pt-weeks": "5.9"}
R12 = [
    *needs("early-care", EARLY, [], {"hx-pt-weeks": 6, "rf-night-sweats": "yes", "ctx-back-pain": "no"}),
    *table(
        "early-care",
        {
            "leg pain alone": ([calm(EARLY | {"ctx-back-pain": "no", "nc-leg-pain-walking": "yes"})], True),
            "5 weeks": ([calm({"hx-pt-weeks": 5})], True),
        },
    ),
]


def girl(years: int) -> Any:
    return man(years) | {"gender": "female"}


UNASKED = calm({"ctx-pregnant": None})
R14 = [
    *table(
        "pregnancy-open",
        {
            "11 years": ([girl(11), UNASKED], False),
            "12 years": ([girl(12), UNASKED], True),
            "13 years": ([girl(13), UNASKED], True),
            "54 years": ([girl(54), UNASKED], True),
            "55 years": ([girl(55), UNASKED], True),
            "56 years": ([girl(56), UNASKED], False),
            "a man": ([man(30), UNASKED], False),
            "no sex": ([patient("1995-01-01", None), UNASKED], True),
            "no birth date": ([patient(None, "female"), UNASKED], True),
            "answered": ([girl(30), calm()], False),
        },
    ),
    *table(
        "not-pregnant",
        {
            "answered no": ([girl(30), calm()], True),
            "a man who was not asked": ([man(30), UNASKED], True),
            "a man who says yes": ([man(30), calm({"ctx-pregnant": "pregnant"})], False),
            "a woman of 56 who was not asked": ([girl(56), UNASKED], True),
            "answered yes": ([girl(30), calm({"ctx-pregnant": "pregnant"})], False),
            "measured yes, answered no": ([girl(30), calm(), pregnancy_status("pregnant")], False),
        },
    ),
]

UNSAFE = ("mr-aneurysm-clip", "mr-cochlear", "mr-neurostim", "mr-eye-metal", "mr-other-implant")
KEEP = {"unknown-implant-swaps": False}
UNKNOWN_TYPE = calm({"mr-pacemaker": "yes-unknown"})
R13 = [
    *any_of("mr-unsafe", dict.fromkeys(UNSAFE, "yes")),
    *any_of("mr-unsafe", {"mr-pacemaker": "yes-not-conditional"}, {"mr-pacemaker": "yes-conditional"}),
    *any_of("mr-conditional", {"mr-pacemaker": "yes-conditional"}, {"mr-pacemaker": "yes-not-conditional"}),
    Case("an unknown type", [UNKNOWN_TYPE], facts={"mr-unsafe": True, "mr-conditional": False}),
    Case("an unknown type that the site keeps", [UNKNOWN_TYPE], values=KEEP,
         facts={"mr-unsafe": False, "mr-conditional": True}),
    Case("no device where the site keeps them", [calm()], values=KEEP,
         facts={"mr-unsafe": False, "mr-conditional": False}),
    *any_of("myelogram-forbidden",
            {"ctx-pregnant": "pregnant", "hx-anticoagulant": "yes", "hx-contrast-allergy": "yes"}),
]  # fmt: skip

DIALYSIS = condition("265764009")
KIDNEY = calm({"hx-kidney": "yes"})
R15 = table(
    "renal-risk",
    {
        "29.9": ([calm(), egfr("29.9")], True),
        "30": ([calm(), egfr(30)], False),
        "30.1": ([calm(), egfr("30.1")], False),
        "dialysis": ([calm(), egfr(80), DIALYSIS], True),
        "kidney disease without a value": ([KIDNEY], True),
        "kidney disease, 75": ([KIDNEY, egfr(75)], False),
        "nothing": ([calm()], False),
    },
)

RELIEVED = {"hx-last-esi-relief": "ge50-ge3mo"}
R21 = [
    *table(
        "epidural-history-allows",
        {
            "none, nothing reported": ([calm()], True),
            "none, relief reported": ([calm(RELIEVED)], None),
            "none, too little relief reported": ([calm({"hx-last-esi-relief": "lt50"})], None),
            "none, short relief reported": ([calm({"hx-last-esi-relief": "ge50-lt3mo"})], None),
            "none, not sure of it": ([calm({"hx-last-esi-relief": "unsure"})], None),
            "one, relieved": ([calm(RELIEVED), injection(day(100))], True),
            "one, 14 days ago": ([calm(RELIEVED), injection(day(14))], True),
            "one, 13 days ago": ([calm(RELIEVED), injection(day(13))], False),
            "one, relieved for less": ([calm({"hx-last-esi-relief": "ge50-lt3mo"}), injection(day(100))], False),
            "one, little relief": ([calm({"hx-last-esi-relief": "lt50"}), injection(day(100))], False),
            "two, relieved": ([calm(RELIEVED), injection(day(100)), injection(day(200))], True),
        },
    ),
    *needs(
        "epidural-criteria",
        WANTS_INJECTION,
        [SEEN_STENOSIS],
        {
            "hx-wants-injection": "no",
            "hx-radicular-leg-pain": "no",
            "ctx-duration-weeks": ("3.9", "wk"),
            "hx-pt-weeks": "5.9",
            "hx-anticoagulant": "yes",
            "ctx-pregnant": "pregnant",
            "rf-night-sweats": "yes",
        },
    ),
    *table(
        "epidural-criteria",
        {
            "4 weeks of pain, 6 of care": (
                [calm(WANTS_INJECTION | {"ctx-duration-weeks": (4, "wk"), "hx-pt-weeks": 6}), SEEN_STENOSIS],
                True,
            ),
            "not imaged": ([calm(WANTS_INJECTION)], False),
            "two of three": (
                [calm(WANTS_INJECTION | RELIEVED), SEEN_STENOSIS, *(injection(day(back)) for back in (90, 200))], True
            ),
            "three of three": (
                [calm(WANTS_INJECTION | RELIEVED), SEEN_STENOSIS, *(injection(day(back)) for back in (90, 150, 200))],
                False,
            ),
            "for claudication": ([calm(WANTS_INJECTION | CLAUDICATION), SEEN_STENOSIS], True),
        },
    ),
    *(
        Case(f"epidurals not offered for claudication: {name}", [calm(answers), SEEN_STENOSIS],
             values={"epidurals-for-claudication": False}, facts={"epidural-criteria": expected})
        for name, answers, expected in (
            ("claudication", WANTS_INJECTION | CLAUDICATION, False), ("radicular pain alone", WANTS_INJECTION, True)
        )
    ),
]  # fmt: skip

LIMITED = {"hx-conservative-months": 6, "hx-life-limiting": "yes", "hx-wants-intervention": "yes"}
R22 = [
    *needs(
        "surgery-criteria",
        LIMITED,
        [SEEN_STENOSIS],
        {
            "hx-conservative-months": "5.9",
            "hx-life-limiting": "no",
            "hx-wants-intervention": "no",
            "rf-night-sweats": "yes",
        },
    ),
    Case("not imaged", [calm(LIMITED)], facts={"surgery-criteria": False}),
    Case("7 months", [calm(LIMITED | {"hx-conservative-months": 7}), SEEN_STENOSIS], facts={"surgery-criteria": True}),
]


def walked(start: int | None, peak: int | None) -> list[Any]:
    return [walk({"wk-pain-start": start, "wk-pain-peak": peak})]


FAR = ([1000] * 7, [990] * 4)
R30 = [
    *table(
        "walking-worse",
        {
            "15.0 % of the distance": (series([1000] * 7, [850] * 4), True),
            "14.9 % of the distance": (series([1000] * 7, [851] * 4), False),
            "15.1 % of the distance": (series([1000] * 7, [849] * 4), True),
            "15.0 % of the steps": (month_of_steps([1000] * 7, [850] * 4), True),
            "14.9 % of the steps": (month_of_steps([1000] * 7, [851] * 4), False),
            "15.1 % of the steps": (month_of_steps([1000] * 7, [849] * 4), True),
            "half of the steps, 1 % of the distance": ([*month_of_steps([1000] * 7, [500] * 4), *series(*FAR)], False),
            "nothing": ([calm()], None),
        },
    ),
    *table(
        "walking-data-insufficient",
        {
            "one distance": (series([1000], []), True),
            "one count of steps": (month_of_steps([1000], []), True),
            "enough distances": (series([1000] * 7, [1000] * 4), False),
            "enough steps": (month_of_steps([1000] * 7, [1000] * 4), False),
            "enough steps, one distance": ([*month_of_steps([1000] * 7, [1000] * 4), *series([1000], [])], False),
            "nothing": ([calm()], False),
        },
    ),
]

R33 = [
    *table(
        "walk-too-painful",
        {
            "4 to 6": (walked(4, 6), False),
            "4 to 7": (walked(4, 7), True),
            "7 to 7": (walked(7, 7), False),
            "7 to 8": (walked(7, 8), True),
            "7 to 9": (walked(7, 9), True),
            "8, start not told": (walked(None, 8), True),
            "7, start not told": (walked(None, 7), None),
            "no form": ([calm()], False),
        },
    ),
    *table(
        "pain-worse",
        {
            f"by {rise}": (pains([4] * 5, [now] * 3), expected)
            for rise, now, expected in (("1.9", 5.9, False), ("2.0", 6, True), ("2.1", 6.1, True))
        },
    ),
    *table(
        "symptoms-moved-down",
        {"once": ([levels(1, 2, 1)], True), "not": ([levels(2, 2, 1)], False), "twice": (
            [levels(1, 2, 1), levels(1, 2, 3)], True)},
    ),
]  # fmt: skip

TODAY = {
    "rf-bilateral-leg-pain-new": "yes",
    "rf-leg-weakness": "one",
    "rf-foot-drop": "left",
    "rf-numbness-spread": "days",
    "rf-sudden-walking-difficulty": "yes",
}
R41 = [
    *any_of("missing-matters-today", TODAY, {"rf-numbness-spread": "months", "rf-night-sweats": "yes"}),
    *any_of("missing-matters-today", {"rf-foot-drop": "right"}),
    *any_of("missing-matters-today", {"rf-foot-drop": "both", "rf-leg-weakness": "both"}),
]
"""R41 precisely: 'leg weakness' includes foot drop."""


def plainly(item: str, answers: Answers | None = None) -> list[Any]:
    """A form that says no more than yes where it was asked for more."""
    given = calm({item: None} | dict(answers or {}))
    return [given | {"item": [*given["item"], {"linkId": item, "answer": [{"valueCoding": YES}]}]}]


YES = {"system": LOINC, "code": "LA33-6"}
PLAINLY = [
    Case(f"{item}: a plain yes", plainly(item, answers), facts={fact: True})
    for item, answers, fact in (
        ("rf-bladder-change", {}, "cauda-equina-acute"),
        ("rf-bladder-change", {"rf-bladder-onset": "15-days-to-3-months"}, "cauda-equina-late"),
        ("rf-bowel-change", {}, "cauda-equina-acute"),
        ("rf-bowel-change", {"rf-bowel-onset": "15-days-to-3-months"}, "cauda-equina-late"),
        ("rf-leg-weakness", {}, "weakness-one"),
        ("rf-leg-weakness", {}, "missing-matters-today"),
        ("rf-foot-drop", {}, "foot-drop-one"),
        ("rf-foot-drop", {}, "missing-matters-today"),
        ("rf-cancer-history", {}, "cancer-history"),
        ("rf-trauma", {}, "minor-trauma"),
        ("mr-pacemaker", {}, "mr-unsafe"),
    )
]
"""A yes without the detail is dangerous all the same: unknown is never no."""

TABLES = {
    "R02": R02,
    "R03": R03,
    "R31": R31,
    "R04": R04,
    "R05": R05,
    "red flags": RED_FLAGS,
    "R10": R10,
    "R18": R18,
    "R11": R11,
    "R12": R12,
    "R14": R14,
    "R13": R13,
    "R15": R15,
    "R21": R21,
    "R22": R22,
    "R30": R30,
    "R33": R33,
    "R41": R41,
    "plain answers": PLAINLY,
}
