"""Corners where two rules, two sources or two clocks meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from tests.criteria.cases.building import (
    LOINC,
    SCT,
    XR_FLEXEXT,
    B,
    abi,
    calm,
    coding,
    condition,
    day,
    egfr,
    form,
    hours,
    injection,
    message,
    observation,
    order,
    patient,
    pregnancy_status,
    report,
    study,
    temperature,
    thing,
    walk,
    weight,
    woman,
)
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import (
    AFTER_RELIEF,
    CANCER,
    CAUDA,
    CLAUDICATION,
    CONTRAST,
    EARLY,
    EMERGENCY_WORDS,
    INFECTION,
    PACED,
    ROUTINE_LABS,
    SADDLE,
    SEEN_STENOSIS,
    STABLE_DEFICIT,
    SWAPPED,
    URGENT_LABS,
    WISH,
)

UNFINISHED = {"id": "newer", "status": "in-progress", "authored": hours(1)}
BY_KEY = f"{B}/CodeSystem/order-key"
NIGHT = datetime(2025, 6, 18, 23, 30, tzinfo=timezone(timedelta(hours=12)))
EVENING = datetime(2025, 6, 18, 11, 0, tzinfo=UTC)
SUMMER_TIME = datetime(2025, 4, 1, 12, 0, tzinfo=UTC)
NAMED = {"valueQuantity": {"value": 38.6, "unit": "°C"}}


def scanned(when):
    return thing("Procedure", status="completed", code=coding(LOINC, "30679-5"), performedDateTime=when)


CLOCKS = [
    Case(
        "no zone: the offset of T says which day it is",
        [patient("1985-06-18"), calm(WISH, authored=NIGHT.isoformat())],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        zone=None,
        at=NIGHT,
    ),
    Case(
        "no zone: not yet forty",
        [patient("1985-06-19"), calm(WISH, authored=NIGHT.isoformat())],
        "SOON",
        "ABI:routine",
        met="R19",
        zone=None,
        at=NIGHT,
    ),
    Case(
        "with a zone the offset of T says nothing",
        [patient("1985-06-18"), calm(WISH, authored=NIGHT.isoformat())],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        zone="Pacific/Auckland",
        at=NIGHT,
    ),
    Case(
        "72 hours are hours, also over summer time",
        [calm(authored="2025-04-01T11:00:00+00:00"), temperature(39, when="2025-03-29T13:00:00+01:00")],
        "ROUTINE",
        "",
        not_met="R03",
        zone="Europe/Berlin",
        at=SUMMER_TIME,
    ),
    Case(
        "a minute less than 72 hours, also over summer time",
        [calm(authored="2025-04-01T11:00:00+00:00"), temperature(39, when="2025-03-29T13:01:00+01:00")],
        "SAME_DAY",
        INFECTION,
        met="R03",
        zone="Europe/Berlin",
        at=SUMMER_TIME,
    ),
    Case(
        "an eGFR late on the ninetieth evening, tenant's date",
        [
            calm(CANCER, authored=EVENING.isoformat()),
            observation("98979-8", 24, "mL/min/{1.73_m2}", "2025-03-20T23:30:00+00:00"),
        ],
        met="R15",
        zone="Pacific/Auckland",
        at=EVENING,
    ),
    Case(
        "an eGFR late on the ninetieth evening in UTC is too old",
        [calm(CANCER), observation("98979-8", 24, "mL/min/{1.73_m2}", "2025-03-20T23:30:00+00:00")],
        not_met="R15",
    ),
    Case(
        "a form of thirty calendar days ago is not stale",
        [calm(EARLY, authored=f"{day(30)}T00:00:01+00:00")],
        "ROUTINE",
        "PT_REFERRAL:routine",
        met="R12 R20",
        no_messages="RED_FLAG_RESCREEN",
    ),
    *alike(
        {
            "a carried positive of thirteen days ago": [
                calm(SADDLE, id="old", authored=f"{day(13)}T12:00:00+00:00"),
                calm(),
            ],
            "a message of thirteen calendar days ago": [
                calm(),
                message("I am numb between my legs", sent=f"{day(13)}T00:10:00+00:00"),
            ],
        },
        "EMERGENCY",
        CAUDA,
        met="R01",
    ),
    Case(
        "a birthday by month alone",
        [patient("1955-03"), calm({"rf-trauma": "minor"})],
        "URGENT",
        "XR_L:urgent",
        met="R05",
    ),
    Case(
        "effective as an instant",
        [
            calm(),
            thing(
                "Observation",
                status="final",
                code=coding(LOINC, "8310-5"),
                effectiveInstant=hours(5),
                valueQuantity={"value": 38.6, "unit": "Cel", "system": "http://unitsofmeasure.org", "code": "Cel"},
            ),
        ],
        "SAME_DAY",
        INFECTION,
        met="R03",
    ),
]

SOURCES = [
    Case(
        "an unfinished form alone: night sweats do not act",
        [form({"rf-night-sweats": "yes"}, status="in-progress")],
        "",
        "",
    ),
    *alike(
        {
            "a carried positive against the newest form": [calm(SADDLE, id="old", authored=hours(240)), calm()],
            "a message of yesterday, a form of today": [calm(), message("I can't feel when I wipe", 24)],
        },
        "EMERGENCY",
        CAUDA,
        flags="CONFLICT",
    ),
    Case(
        "a later message never takes an earlier one back",
        [calm(), message("I am numb between my legs", 30), message("no longer numb", 2)],
        "EMERGENCY",
        CAUDA,
        met="R01",
    ),
    Case(
        "a newer unfinished form adds a blood thinner",
        [calm(PACED, authored=hours(5)), form({"hx-anticoagulant": "yes"}, **UNFINISHED)],
        "EMERGENCY",
        "ED_REFERRAL:stat",
        flags="RADIOLOGY_CONSULT",
    ),
    Case(
        "a newer unfinished form tells of a pregnancy",
        [woman(), calm(CANCER, authored=hours(5)), form({"ctx-pregnant": "pregnant"}, **UNFINISHED)],
        "URGENT",
        f"MRI_L_WO:urgent {URGENT_LABS}",
        flags="PREGNANCY",
    ),
    Case(
        "a newer unfinished form's night sweats act",
        [calm(authored=hours(5)), form({"rf-night-sweats": "yes"}, **UNFINISHED)],
        "SOON",
        ROUTINE_LABS,
        met="R04",
    ),
    Case(
        "a newer unfinished form's numbness acts",
        [calm(authored=hours(5)), form({"rf-numbness-spread": "days"}, **UNFINISHED)],
        "SAME_DAY",
        "",
        met="R06",
    ),
    Case(
        "a newer unfinished form's pain down both legs acts",
        [calm(authored=hours(5)), form({"rf-bilateral-leg-pain-new": "yes"}, **UNFINISHED)],
        "SAME_DAY",
        "",
        met="R01b",
    ),
    Case(
        "a pacemaker on file is no conflict of red flags",
        [calm(SADDLE), condition("441509002")],
        "EMERGENCY",
        SWAPPED,
        no_flags="CONFLICT",
        not_met="R40",
    ),
    Case(
        "pregnancy told twice differently is no conflict of red flags",
        [
            woman(),
            calm(CANCER),
            pregnancy_status("pregnant", 2),
        ],
        flags="PREGNANCY",
        no_flags="CONFLICT",
    ),
    Case("an earlier scan as a Procedure", [calm(WISH), scanned(day(21))], "ROUTINE", "", flags="DUPLICATE_SUPPRESSED"),
    Case(
        "an earlier film as an ImagingStudy",
        [calm({"hx-spondylolisthesis": "yes"}), study(day(60), XR_FLEXEXT)],
        "ROUTINE",
        "",
        not_met="R09",
    ),
    Case(
        "a referral by its key",
        [calm(EARLY), order("PT_REFERRAL", day(9), system=BY_KEY)],
        "ROUTINE",
        "",
        met="R12",
        not_met="R20",
    ),
    Case(
        "a message by a clinician says nothing",
        [calm(), message("Patient is numb between the legs", sender={"reference": "Practitioner/x"})],
        "ROUTINE",
        "",
        not_met="R01",
    ),
    Case("a message without a text", [calm(), message(None)], orders="", reviews=True),
    Case(
        "a unit in words only",
        [calm(), temperature("38.6") | NAMED],
        cannot_tell="R03",
        flags="UNIT_UNKNOWN",
        orders="",
    ),
    Case(
        "a duration in an unknown unit counts as new",
        [calm({"rf-ivdu": "yes", "ctx-duration-weeks": (30, "fortnight")})],
        "URGENT",
        met="R03c",
        flags="UNIT_UNKNOWN",
    ),
    Case(
        "an eGFR in an unknown unit",
        [calm(CANCER), egfr(24) | {"valueQuantity": {"value": 24, "unit": "x"}}],
        flags="UNIT_UNKNOWN",
        no_flags="GBCA_RENAL_REVIEW",
    ),
]

TOGETHER = [
    Case(
        "everything is on order already: the emergency stays",
        [
            calm(SADDLE),
            order("30679-5", hours(2), priority="stat"),
            order("306104004", hours(2), priority="stat", system=SCT),
        ],
        "EMERGENCY",
        "",
        met="R01",
        flags="DUPLICATE_SUPPRESSED",
        messages=EMERGENCY_WORDS,
        reviews=True,
    ),
    Case(
        "one weak flag asks for a clinician's look",
        [calm({"rf-night-sweats": "yes"})],
        "SOON",
        ROUTINE_LABS,
        reviews=True,
    ),
    Case(
        "pregnant with cauda equina is flagged",
        [woman(), calm(SADDLE | {"ctx-pregnant": "pregnant"})],
        "EMERGENCY",
        CAUDA,
        met="R14",
        flags="PREGNANCY",
    ),
    Case(
        "a low ABI is a vascular pattern of its own",
        [calm(CLAUDICATION), abi("0.85")],
        "ROUTINE",
        "VASC_REFERRAL:routine",
        met="R10 R18 R23",
        flags="MIXED_CLAUDICATION",
    ),
    Case(
        "neurogenic by the sum, vascular by the calf",
        [patient("1950-01-01"), calm(CLAUDICATION | {"nc-location": "calf-only", "nc-relief-standing-still": "yes"})],
        "ROUTINE",
        "ABI:routine",
        met="R10 R18",
        flags="MIXED_CLAUDICATION",
    ),
    Case(
        "emergency imaging is no reason for physiotherapy",
        [calm(SADDLE | EARLY)],
        "EMERGENCY",
        CAUDA,
        not_met="R12 R20",
    ),
    Case(
        "routine surgery and urgent surgery are one draft",
        [
            calm(
                {
                    "hx-conservative-months": 8,
                    "hx-life-limiting": "yes",
                    "hx-wants-intervention": "yes",
                    "rf-foot-drop": "left",
                    "rf-weakness-onset": "over-6-weeks",
                    "rf-weakness-progress": "same",
                }
            ),
            SEEN_STENOSIS,
        ],
        "URGENT",
        STABLE_DEFICIT,
        met="R02",
        not_met="R22",
    ),
    Case(
        "an injection on file, the form says none",
        [
            calm({"hx-wants-injection": "yes", "hx-radicular-leg-pain": "yes", "hx-last-esi-relief": "none"}),
            SEEN_STENOSIS,
            injection(day(100)),
        ],
        "ROUTINE",
        "",
    ),
    Case(
        "urgent loss of weight by the scales alone",
        [calm({"rf-weight-loss": None}), weight(80, day(200)), weight(71, day(3))],
        "URGENT",
        CONTRAST,
        met="R04 R31",
        flags="WEIGHT_LOSS",
        no_flags="NEEDS_INFO_TIER2",
    ),
    Case(
        "a walk that moved the pain down",
        [walk({"wk-distal-start": 2, "wk-distal-end": 4})],
        "SELF_CARE",
        "",
        messages="STOP_AND_REST_ADVICE",
        no_flags="PERIPHERALISATION",
    ),
    Case(
        "two walks that moved it down",
        [
            walk({"wk-distal-start": 1, "wk-distal-end": 3}, id="w1", authored=hours(50)),
            walk({"wk-distal-start": 1, "wk-distal-end": 3}, id="w2", authored=hours(2)),
        ],
        "SOON",
        "",
        met="R34",
        flags="PERIPHERALISATION",
        messages="STOP_AND_REST_ADVICE RED_FLAG_RESCREEN",
    ),
    Case(
        "something new after the walk, nothing on the form",
        [calm(EARLY, authored=hours(9)), walk({"wk-new-neuro": "yes"}, authored=hours(1))],
        "SAME_DAY",
        "",
        not_met="R01",
        messages="RED_FLAG_RESCREEN",
    ),
    Case(
        "fever with a foot that drops, URGENT by itself",
        [
            calm(
                {
                    "rf-fever-chills": "yes",
                    "rf-leg-weakness": "one",
                    "rf-weakness-onset": "weeks",
                    "rf-weakness-progress": "same",
                }
            )
        ],
        "EMERGENCY",
        "ED_REFERRAL:stat MRI_L_WWO:stat SPINE_SURG_REFERRAL:stat LAB_CRP:stat LAB_ESR:stat",
        met="R02 R03",
    ),
    Case(
        "fever with both feet",
        [calm({"rf-fever-chills": "yes", "rf-foot-drop": "both"})],
        "EMERGENCY",
        met="R01 R03",
        messages=EMERGENCY_WORDS,
    ),
    Case(
        "fever and a swap",
        [calm({"rf-fever-chills": "yes", "mr-pacemaker": "yes-unknown"})],
        "SAME_DAY",
        "ED_REFERRAL:asap CTM_L:asap LAB_CRP:asap LAB_ESR:asap",
        flags="MR_UNSAFE_SWAP",
    ),
    Case(
        "swap by a woman who may be pregnant, on thinners unknown",
        [woman(), calm(PACED | {"ctx-pregnant": None, "hx-anticoagulant": None})],
        "EMERGENCY",
        SWAPPED,
        flags="PREGNANCY_CHECK_REQUIRED RADIOLOGY_CONSULT MR_UNSAFE_SWAP",
    ),
]

THREE = [injection(day(300)), injection(day(200)), injection(day(100))]

SITES = [
    Case(
        "a cap of four: the fourth is the last",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, THREE],
        "ROUTINE",
        "ESI:routine",
        met="R21",
        flags="ESI_LAST_IN_WINDOW",
        values={"epidural-cap": 4},
    ),
    Case(
        "a cap of two",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, injection(day(300)), injection(day(100))],
        "ROUTINE",
        "",
        not_met="R21",
        flags="ESI_CAP_REACHED",
        values={"epidural-cap": 2},
    ),
    Case(
        "no epidurals for claudication",
        [calm(AFTER_RELIEF | CLAUDICATION), SEEN_STENOSIS, injection(day(100))],
        orders="",
        not_met="R21",
        values={"epidurals-for-claudication": False},
    ),
    Case(
        "no routine imaging outside specialist care",
        [calm(WISH)],
        orders="",
        not_met="R11",
        values={"imaging-outside-specialist-care": False},
    ),
    Case(
        "emergency imaging all the same",
        [calm(SADDLE)],
        "EMERGENCY",
        CAUDA,
        met="R01",
        values={"imaging-outside-specialist-care": False},
    ),
    Case(
        "a shorter window for earlier imaging",
        [calm(WISH), report(day(100))],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        values={"imaging-window-days": 90},
    ),
]

TABLES = {"sites": SITES, "clocks": CLOCKS, "sources": SOURCES, "together": TOGETHER}
