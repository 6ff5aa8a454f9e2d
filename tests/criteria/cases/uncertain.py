"""Messages of others, unclear words and values that cannot be used: unknown is never no."""

from __future__ import annotations

from typing import Any

from tests.criteria.cases.building import calm, day, egfr, message, observation, patient, walk
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CANCER

PROXY = {"sender": {"reference": "RelatedPerson/daughter"}}
CONTAINED = {"resourceType": "RelatedPerson", "id": "c"}
R4 = "http://hl7.org/fhir/StructureDefinition"
UNSURE_SENDERS: dict[str, dict[str, Any]] = {
    "a relative whose type is written out": {"sender": PROXY["sender"] | {"type": f"{R4}/RelatedPerson"}},
    "a relative who is called a patient": {"sender": PROXY["sender"] | {"type": "Patient"}},
    "a relative in the message itself": {"sender": {"reference": "#c"}, "contained": [CONTAINED]},
    "another patient": {"sender": {"reference": "Patient/q"}},
    "a clinician who is called a patient": {"sender": {"reference": "Practitioner/p", "type": "Patient"}},
    "somebody of whom a name is all there is": {"sender": {"display": "Chris"}},
    "somebody of whom nothing is said": {"sender": {"extension": [{"url": "urn:x", "valueCode": "y"}]}},
}
MESSAGES = [
    Case(
        "what a relative writes for the patient is read by a clinician",
        [calm(), message("My father cannot pass urine and is numb between the legs", **PROXY)],
        orders="",
        met="R36",
        messages="RED_FLAG_RESCREEN",
        reviews=True,
        review_priority="asap",
    ),
    Case(
        "harmless words of a relative too", [calm(), message("Thank you", **PROXY)], orders="", met="R36", reviews=True
    ),
    *alike(
        {
            f"a message of {who} is read by a clinician": [calm(), message("Numb between the legs", **more)]
            for who, more in UNSURE_SENDERS.items()
        },
        orders="",
        met="R36",
        messages="RED_FLAG_RESCREEN",
        reviews=True,
        review_priority="asap",
    ),
    Case(
        "a relative's message of fifteen days ago",
        [calm(), message("He is numb", sent=day(15) + "T12:00:00Z", **PROXY)],
        not_met="R36",
    ),
]

UNCLEAR = [
    *(
        Case(
            f"put before a clinician: {text}",
            [calm(), message(text)],
            "ROUTINE",
            "",
            met="R36",
            messages="RED_FLAG_RESCREEN",
            review_priority="asap",
        )
        for text in (
            "I'm not peeing",
            "I am no longer urinating",
            "Please help",
            "I need help",
            "This is an emergency",
            "I need a wheelchair now",
            "Should I call an ambulance",
            "It's getting worse",
            "It is getting much worse",
            "It got worse",
            "The pain is unbearable",
            "The pain is excruciating",
            "Help me",
            "I am hardly peeing",
            "I am barely peeing",
            "I am never peeing",
            "It became worse",
            "It has become a lot worse",
            "It is becoming even worse",
            "I must talk to somebody urgently",
        )
    ),
    *(
        Case(f"left alone: {text}", [calm(), message(text)], "ROUTINE", "", not_met="R36")
        for text in ("The exercises help", "It is not an emergency", "It is not getting worse", "I can walk better")
    ),
]

UNKNOWN = [
    Case(
        "a minor injury at an unknown age is put before a clinician",
        [patient(None), calm({"rf-trauma": "minor"})],
        "ROUTINE",
        "",
        cannot_tell="R05",
        reviews=True,
        review_priority="routine",
    ),
    Case(
        "a minor injury in a year of birth that leaves 65 open",
        [patient("1960"), calm({"rf-trauma": "minor"})],
        "ROUTINE",
        "",
        cannot_tell="R05",
        reviews=True,
    ),
    Case(
        "a minor injury at a known age is put before nobody",
        [patient("1975-01-01"), calm({"rf-trauma": "minor"})],
        "ROUTINE",
        "",
        reviews=False,
    ),
    Case(
        "a minor injury where another risk decides is put before nobody",
        [patient(None), calm({"rf-trauma": "minor", "rf-osteoporosis": "yes"})],
        "URGENT",
        "XR_L:urgent",
        met="R05",
        reviews=False,
    ),
    Case(
        "a minor injury where only steroids are not answered: the patient is asked",
        [patient("1975-01-01"), calm({"rf-trauma": "minor", "rf-steroid-3mo": None})],
        "ROUTINE",
        "",
        cannot_tell="R05",
        reviews=False,
        messages="ASK_MISSING",
    ),
    *(
        Case(
            f"after a walk, new numbness or weakness {said or 'not answered'}: the red-flag form is sent",
            [calm(), walk({"wk-new-neuro": said, "wk-pain-peak": 2})],
            "SELF_CARE",
            "",
            cannot_tell="R36",
            messages="RED_FLAG_RESCREEN",
            reviews=False,
        )
        for said in ("unsure", None)
    ),
    Case(
        "a walk form that is being filled in brings no red-flag form",
        [calm(), walk({"wk-new-neuro": None, "wk-pain-peak": 2}, status="in-progress")],
        no_messages="RED_FLAG_RESCREEN",
    ),
    Case(
        "a walk form that denies what is new brings no red-flag form",
        [calm(), walk()],
        not_met="R36",
        no_messages="RED_FLAG_RESCREEN",
    ),
    *(
        Case(
            f"an eGFR that cannot be used is no good one: {name}",
            [calm(CANCER), *values],
            cannot_tell="R15",
            no_flags="GBCA_RENAL_REVIEW",
        )
        for name, values in (
            ("below 15", [observation("98979-8", 15, "mL/min/{1.73_m2}", day(10), comparator="<")]),
            (
                "newer than a good one",
                [egfr(75, 40), observation("98979-8", 15, "mL/min/{1.73_m2}", day(10), comparator="<")],
            ),
            ("preliminary", [egfr(24) | {"status": "preliminary"}]),
        )
    ),
    Case(
        "an eGFR that cannot be used and an older one that is bad",
        [calm(CANCER), egfr(20, 40), observation("98979-8", 60, "mL/min/{1.73_m2}", day(10), comparator=">")],
        met="R15",
        flags="GBCA_RENAL_REVIEW",
    ),
    Case(
        "an unusable eGFR before a good one says nothing",
        [calm(CANCER), egfr(75, 10), observation("98979-8", 15, "mL/min/{1.73_m2}", day(40), comparator="<")],
        not_met="R15",
    ),
    Case(
        "an unusable eGFR with kidney disease is reviewed",
        [calm(CANCER | {"hx-kidney": "yes"}), egfr(24) | {"status": "preliminary"}],
        met="R15",
        flags="GBCA_RENAL_REVIEW",
    ),
]

TABLES = {
    "messages of others": MESSAGES,
    "unclear words": UNCLEAR,
    "unknown is never no": UNKNOWN,
}
