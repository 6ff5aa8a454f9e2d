"""What facts are worth: answers that linger and contradict, sums of points, and what is made of other facts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.criteria.cases.building import calm, form, hours, woman
from tests.criteria.cases.checking import Case
from tests.criteria.cases.windows import screened

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
    Case(
        "a physician records a pregnancy that the form denies",
        [woman(), calm()],
        flags="CONFLICT",
        facts={"pregnancy": "yes"},
        ours=[screened(3)],
    ),
]

TABLES = {"answers": ANSWERS}
