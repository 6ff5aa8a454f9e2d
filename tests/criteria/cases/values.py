"""What facts are worth: answers that linger and contradict, sums of points, and what is made of other facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.criteria.cases.building import (
    calm,
    day,
    form,
    hours,
    man,
    pregnancy_status,
    temperature,
    weight,
    woman,
)
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import FEVER

WEAK = {"rf-leg-weakness": "one", "rf-weakness-onset": "days", "rf-weakness-progress": "same"}
SUDDEN, WORSE = {"rf-weakness-onset": "sudden"}, {"rf-weakness-progress": "worse"}
LOST = {"rf-weight-loss": "yes", "rf-weight-loss-intentional": "no"}


def weights(before: Any, now: Any) -> list[Any]:
    return [weight(before, day(200)), weight(now, day(3))]


LINGERING = {
    "rf-saddle-numbness": ("yes", "no"),
    "rf-bladder-change": ("new-leakage", "none"),
    "rf-bowel-change": ("leakage", "none"),
    "rf-sexual-change": ("yes", "no"),
    "rf-leg-weakness": ("one", "none"),
    "rf-foot-drop": ("left", "none"),
    "rf-sudden-walking-difficulty": ("yes", "no"),
    "rf-bilateral-leg-pain-new": ("yes", "no"),
    "rf-fever-chills": ("yes", "no"),
    "rf-cold-pale-leg": ("yes", "no"),
}
"""D.3 R40: a positive item of R01, R01b, R02, R03 or R07 in another response of 14 days stays."""
OF_ONE_FORM = {
    "rf-numbness-spread": ("days", "none"),
    "rf-night-sweats": ("yes", "no"),
    "rf-weight-loss": ("yes", "no"),
    "rf-night-pain": ("yes", "no"),
    "rf-rest-pain-constant": ("yes", "no"),
    "rf-cancer-history": ("active", "never"),
    "rf-ivdu": ("yes", "no"),
    "rf-immunosuppressed": ("yes", "no"),
    "rf-recent-infection-or-spinal-procedure": ("yes", "no"),
    "rf-trauma": ("major", "none"),
}
"""Items of R03c, R04, R05 and R06: the newest completed form decides, an unfinished newer one adds."""


def lingers() -> Iterator[Case]:
    for item, (yes, no) in (LINGERING | OF_ONE_FORM).items():
        older = calm({item: yes}, id="older", authored=hours(24 * 5))
        stays = item in LINGERING
        name = f"{item} of another response five days ago {'stays' if stays else 'has been answered since'}"
        yield Case(name, [calm(), older], facts={item: yes if stays else no})


def contradicts() -> Iterator[Case]:
    """R40: take the dangerous value, flag CONFLICT."""
    for item, (yes, _) in (LINGERING | OF_ONE_FORM).items():
        newer = form({item: yes}, id="newer", status="in-progress", authored=hours(0.1))
        denied = [calm(authored=hours(3)), newer]
        yield Case(f"{item} was denied three hours before", denied, flags="CONFLICT", facts={item: yes})
        open_ = [calm({item: None}, authored=hours(3)), newer]
        yield Case(f"{item} was skipped three hours before", open_, no_flags="CONFLICT", facts={item: yes})


ANSWERS = [
    *lingers(),
    *contradicts(),
    *(
        Case(
            f"{before} weeks of pain, {now} on a newer form that is not finished",
            [
                calm({"ctx-duration-weeks": (before, "wk")}, authored=hours(5)),
                form({"ctx-duration-weeks": (now, "wk")}, id="newer", status="in-progress", authored=hours(0.1)),
            ],
            facts={"ctx-duration-weeks": 3},  # the shorter time is the more dangerous one
        )
        for before, now in ((3, 90), (90, 3))
    ),
    Case(
        "a physician records a pregnancy that the form denies",
        [woman(), calm()],
        flags="CONFLICT",
        facts={"pregnancy": "yes"},
        ours=[pregnancy_status("pregnant", 3)],
    ),
]

CAUDA = {
    # onset, unchanged and already assessed: acute (R01), late or at risk (R01b)
    ("within-14-days", None): (True, False),
    ("unsure", None): (True, False),
    (None, None): (True, False),
    ("15-days-to-3-months", None): (False, True),
    ("15-days-to-3-months", "yes"): (False, True),
    ("over-3-months", None): (False, True),
    ("over-3-months", "no"): (False, True),
    ("over-3-months", "yes"): (False, False),
}
"""R01: acute unless the onset is known to be older; exempt is what is over 3 months old, unchanged and assessed."""


def cauda() -> Iterator[Case]:
    items = (("saddle-numbness", "yes"), ("bladder-change", "new-leakage"), ("bladder-change", "reduced-sensation"))
    for item, value in (*items, ("bowel-change", "leakage"), ("bowel-change", "no-urge")):
        short = item.partition("-")[0]
        for (onset, stable), (acute, late) in CAUDA.items():
            answers = {f"rf-{item}": value, f"rf-{short}-onset": onset, f"rf-{short}-stable": stable}
            name = f"{item} {value}, onset {onset}, assessed {stable}"
            yield Case(name, [calm(answers)], facts={"cauda-equina-acute": acute, "cauda-equina-late": late})
    old = {"rf-bladder-change": "cannot-pass", "rf-bladder-onset": "over-3-months", "rf-bladder-stable": "yes"}
    yield Case("cannot pass urine: never exempt", [calm(old)], facts={"cauda-equina-late": True})


EMERGENCIES = [
    Case("calm", [calm()], facts={"emergency-established": False}),
    Case("saddle numbness", [calm({"rf-saddle-numbness": "yes"})], facts={"emergency-established": True}),
    Case("sudden and worse", [calm(WEAK | SUDDEN | WORSE)], facts={"emergency-established": True}),
    Case("sudden, not worse", [calm(WEAK | SUDDEN)], facts={"emergency-established": False}),
    Case("worse, not sudden", [calm(WEAK | WORSE)], facts={"emergency-established": False}),
    Case("weak with fever", [calm(WEAK | FEVER)], facts={"emergency-established": True}),
    Case("fever alone", [calm(FEVER)], facts={"emergency-established": False}),
    Case("a major injury", [calm({"rf-trauma": "major"})], facts={"emergency-established": True}),
    Case("a cold, pale leg", [calm({"rf-cold-pale-leg": "yes"})], facts={"emergency-established": True}),
]
"""R01, R02 (sudden and worse, or with fever), R05 (major), R07 (cold leg): EMERGENCY."""

YES_SUMS = {
    # what is answered, at the age of 40: points
    "nc-leg-pain-walking": 1,
    "nc-onset-over-6-months": 1,
    "nc-bend-forward-relief": 2,
    "nc-bend-backward-relief": -2,
    "nc-standing-triggers": 2,
}
NOTHING = dict.fromkeys(YES_SUMS, "no")
AGES = {59: 0, 60: 2, 61: 2, 69: 2, 70: 2, 71: 3, 72: 3}
"""B.4 Sugioka: age 60-70 = 2, > 70 = 3; onset > 6 months 1; bending forward 2, backward -2; standing 2;
claudication 1; urinary incontinence 1; positive at >= 7."""


def sums() -> Iterator[Case]:
    for age, points in AGES.items():
        yield Case(f"{age} years", [man(age), calm(NOTHING)], facts={"sugioka-sum": points})
    for item, points in YES_SUMS.items():
        yield Case(f"{item} alone", [man(40), calm(NOTHING | {item: "yes"})], facts={"sugioka-sum": points})
        unknown = [man(40), calm(NOTHING | {item: None})]
        least, most = min(points, 0), max(points, 0)
        yield Case(
            f"{item} unknown",
            unknown,
            facts={"sugioka-sum": None, "sugioka-least": least, "sugioka-most": most, "sugioka-positive": False},
        )
    for bladder, points in (("none", 0), ("new-leakage", 1), ("reduced-sensation", 0), ("cannot-pass", 0)):
        answers = NOTHING | {"rf-bladder-change": bladder}
        yield Case(f"bladder {bladder}", [man(40), calm(answers)], facts={"sugioka-sum": points})


SIX = NOTHING | {"nc-leg-pain-walking": "yes", "nc-bend-forward-relief": "yes", "nc-onset-over-6-months": "yes"}
SUMS = [
    *sums(),
    Case("a sum of 6", [man(60), calm(SIX)], facts={"sugioka-sum": 6, "sugioka-positive": False}),
    Case("a sum of 7", [man(71), calm(SIX)], facts={"sugioka-sum": 7, "sugioka-positive": True}),
    Case(
        "6, and an unknown item that gives no more",
        [man(60), calm(SIX | {"nc-bend-backward-relief": None})],
        facts={"sugioka-least": 4, "sugioka-most": 6, "sugioka-positive": False},
    ),
    Case(
        "5, and an unknown item that may give 2",
        [man(60), calm(SIX | {"nc-onset-over-6-months": "no", "nc-standing-triggers": None})],
        facts={"sugioka-least": 5, "sugioka-most": 7, "sugioka-positive": None},
    ),
    Case(
        "7, and an unknown item that may take none",
        [man(71), calm(SIX | {"nc-standing-triggers": None})],
        facts={"sugioka-least": 7, "sugioka-most": 9, "sugioka-positive": True},
    ),
]

CONFLICTS = [
    Case("38.0 against no fever", [calm(), temperature("38.0")], no_flags="CONFLICT"),
    Case("38.01 against no fever", [calm(), temperature("38.01")], flags="CONFLICT"),
    Case("5.0 % lost, loss denied", [calm(), *weights(100, 95)], flags="CONFLICT"),
    Case("4.9 % lost, loss denied", [calm(), *weights(100, "95.1")], no_flags="CONFLICT"),
    Case("5.0 % lost, loss told", [calm(LOST), *weights(100, 95)], no_flags="CONFLICT"),
    Case("4.9 % lost, loss told", [calm(LOST), *weights(100, "95.1")], flags="CONFLICT"),
]
"""R40; R03: a measured fever beats "no fever"; R31: weights under 5 % against an unintended yes."""

TABLES = {
    "answers": ANSWERS,
    "R01": list(cauda()),
    "emergency": EMERGENCIES,
    "R10": SUMS,
    "R40": CONFLICTS,
}
