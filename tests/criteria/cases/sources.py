"""Forms, messages and what is on file: where two sources meet, or one speaks in another way."""

from __future__ import annotations

from tests.criteria.cases.building import (
    LOINC,
    XR_FLEXEXT,
    B,
    calm,
    coding,
    condition,
    day,
    egfr,
    form,
    hours,
    message,
    order,
    pregnancy_status,
    study,
    temperature,
    thing,
    woman,
)
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import (
    CANCER,
    CAUDA,
    EARLY,
    PACED,
    ROUTINE_LABS,
    SADDLE,
    SWAPPED,
    URGENT_LABS,
    WISH,
)

UNFINISHED = {"id": "newer", "status": "in-progress", "authored": hours(1)}
BY_KEY = f"{B}/CodeSystem/order-key"
NAMED = {"valueQuantity": {"value": 38.6, "unit": "°C"}}
BY_IDENTIFIER = {"identifier": {"system": "urn:example:mrn", "value": "7"}}
OWN_MESSAGES = {
    "named by identifier": {"sender": BY_IDENTIFIER},
    "named by identifier and type": {"sender": BY_IDENTIFIER | {"type": "Patient"}},
    "about someone named by identifier": {"subject": BY_IDENTIFIER},
    "from another server": {"sender": {"reference": "https://ehr.example/Patient/p"}},
    "in a version": {"sender": {"reference": "Patient/p/_history/3"}},
    "whose type is written out": {
        "sender": {"reference": "Patient/p", "type": "http://hl7.org/fhir/StructureDefinition/Patient"}
    },
    "named by identifier and a type that is written out": {
        "sender": BY_IDENTIFIER | {"type": "http://hl7.org/fhir/StructureDefinition/Patient"}
    },
}
OTHERS_MESSAGES = {
    "whose type is written out": {
        "sender": {"reference": "Practitioner/x", "type": "http://hl7.org/fhir/StructureDefinition/Practitioner"}
    },
    "in the message itself": {
        "sender": {"reference": "#c"},
        "contained": [{"resourceType": "Practitioner", "id": "c"}],
    },
    "named by identifier": {"sender": BY_IDENTIFIER | {"type": "Practitioner"}},
    "about someone named by identifier": {"sender": {"reference": "Practitioner/x"}, "subject": BY_IDENTIFIER},
}


def scanned(when):
    return thing("Procedure", status="completed", code=coding(LOINC, "30679-5"), performedDateTime=when)


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
    *(
        Case(f"a message of the patient {name}", [calm(), message("I am numb between the legs", **more)], met="R36 R01")
        for name, more in OWN_MESSAGES.items()
    ),
    *(
        Case(f"a message of somebody else {name}", [calm(), message("I am numb between the legs", **more)], orders="")
        for name, more in OTHERS_MESSAGES.items()
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

TABLES = {"sources": SOURCES}
