"""R40 and the rules on forms as tables: which form counts, and what contradicts it."""

from __future__ import annotations

from tests.criteria.cases.building import NO_RED_FLAG, calm, condition, form, hours, message, patient, temperature, walk
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CAUDA, DEFICIT, EARLY, INFECTION, RESCREEN, SADDLE

R40 = [
    Case(
        "temperature against the form",
        [calm(), temperature("38.6")],
        "SAME_DAY",
        INFECTION,
        met="R40",
        flags="CONFLICT",
    ),
    Case(
        "message against the form",
        [calm(), message("I can't pee since this morning")],
        "EMERGENCY",
        CAUDA,
        met="R40",
        flags="CONFLICT",
    ),
    Case("Condition against the form", [calm(), condition("266987004")], "URGENT", met="R40", flags="CONFLICT"),
    *alike(
        {
            "unknown conflicts with nothing": [calm({"rf-fever-chills": "unsure"}), temperature("38.6")],
            "fever in two weeks, normal temperature": [calm({"rf-fever-chills": "yes"}), temperature("36.6")],
            "sources that agree are no conflict": [calm({"rf-fever-chills": "yes"}), temperature("38.6")],
        },
        "SAME_DAY",
        INFECTION,
        not_met="R40",
        no_flags="CONFLICT",
    ),
    Case("nothing to compare", [calm()], "ROUTINE", "", not_met="R40", no_flags="CONFLICT"),
]

OLD = {"id": "old", "authored": hours(10 * 24)}
FORMS = [
    *alike(
        {
            "an earlier form's saddle stays for 14 days": [calm(SADDLE, **OLD), calm()],
            "a newer unfinished form adds a red flag": [
                calm(authored=hours(5)),
                form(SADDLE, id="new", status="in-progress", authored=hours(1)),
            ],
            "a newer unfinished form removes none": [
                calm(SADDLE, authored=hours(5)),
                form(NO_RED_FLAG, id="new", status="in-progress", authored=hours(1)),
            ],
            "stamped ten minutes after T": [calm(SADDLE, authored=hours(-1 / 6))],
        },
        "EMERGENCY",
        CAUDA,
        met="R01",
    ),
    Case(
        "an earlier form's foot drop stays",
        [calm({"rf-foot-drop": "left", "rf-weakness-onset": "days", "rf-weakness-progress": "same"}, **OLD), calm()],
        "SAME_DAY",
        DEFICIT,
        met="R02",
    ),
    Case(
        "an earlier form's fever stays",
        [calm({"rf-fever-chills": "yes"}, **OLD), calm()],
        "SAME_DAY",
        INFECTION,
        met="R03",
    ),
    Case(
        "an earlier form's cold leg stays",
        [calm({"rf-cold-pale-leg": "yes"}, **OLD), calm()],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        met="R07",
    ),
    *alike(
        {
            "an earlier form's night sweats do not stay": [calm({"rf-night-sweats": "yes"}, **OLD), calm()],
            "the newest authored counts, whatever the order": [calm(), calm({"rf-night-sweats": "yes"}, **OLD)],
            "an older unfinished form adds nothing of R04": [
                form({"rf-night-sweats": "yes"}, id="old", status="in-progress", authored=hours(9)),
                calm(authored=hours(1)),
            ],
        },
        "ROUTINE",
        "",
        not_met="R04",
    ),
    Case(
        "fifteen days later it is gone",
        [calm(SADDLE, id="old", authored=hours(15 * 24)), calm()],
        "ROUTINE",
        "",
        not_met="R01",
    ),
    Case(
        "a newest form in error is absent",
        [calm({"rf-night-sweats": "yes"}, id="old", authored=hours(9)), calm(status="entered-in-error")],
        "SOON",
        met="R04",
    ),
    Case("a walk form later decides the level", [calm(authored=hours(5)), walk(authored=hours(1))], "SELF_CARE", ""),
    Case("an intake later decides the level", [calm(authored=hours(1)), walk(authored=hours(5))], "ROUTINE", ""),
    Case(
        "at the same moment the walk form decides", [calm(authored=hours(1)), walk(authored=hours(1))], "SELF_CARE", ""
    ),
    Case("an unfinished walk form has no level", [walk(status="in-progress")], "", ""),
    Case(
        "stale: its positives stay",
        [calm(SADDLE, authored=hours(40 * 24))],
        "EMERGENCY",
        CAUDA,
        met="R01",
        messages=RESCREEN,
    ),
    Case(
        "stale: clears nobody",
        [calm(EARLY, authored=hours(40 * 24))],
        "ROUTINE",
        "",
        cannot_tell="R12 R20",
        messages=RESCREEN,
    ),
    Case("nobody known, no data", [patient()], "", "", status="success"),
]

TABLES = {"R40": R40, "forms": FORMS}
