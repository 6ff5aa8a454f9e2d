"""Zones, summer time, calendar days and hours: where two clocks meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from tests.criteria.cases.building import (
    LOINC,
    calm,
    coding,
    day,
    hours,
    message,
    observation,
    patient,
    temperature,
    thing,
)
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CANCER, CAUDA, EARLY, INFECTION, SADDLE, WISH

NIGHT = datetime(2025, 6, 18, 23, 30, tzinfo=timezone(timedelta(hours=12)))
EVENING = datetime(2025, 6, 18, 11, 0, tzinfo=UTC)
SUMMER_TIME = datetime(2025, 4, 1, 12, 0, tzinfo=UTC)
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

TABLES = {"clocks": CLOCKS}
