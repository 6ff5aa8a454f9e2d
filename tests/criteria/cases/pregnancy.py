"""R14 as a table: radiation and contrast in pregnancy, and who is asked about it."""

from __future__ import annotations

from tests.criteria.cases.building import calm, patient, pregnancy_status, woman
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CANCER, CAUDA, CONTRAST, PACED, SADDLE, SWAP, SWAPPED, URGENT_LABS

R14 = [
    Case(
        "pregnant, cauda equina: MRI without contrast",
        [woman(), calm(SADDLE | {"ctx-pregnant": "pregnant"})],
        "EMERGENCY",
        CAUDA,
        met="R01 R14",
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    *alike(
        {
            "pregnant: no contrast": [woman(), calm(CANCER | {"ctx-pregnant": "pregnant"})],
            "an Observation says pregnant": [
                woman(),
                calm(CANCER | {"ctx-pregnant": None}),
                pregnancy_status("pregnant"),
            ],
            "an Observation says pregnant, the form says no": [woman(), calm(CANCER), pregnancy_status("pregnant")],
        },
        "URGENT",
        f"MRI_L_WO:urgent {URGENT_LABS}",
        met="R14",
        flags="PREGNANCY",
    ),
    Case("pregnant, nothing wanted", [woman(), calm({"ctx-pregnant": "pregnant"})], "ROUTINE", "", met="R14"),
    Case(
        "a man of sixty",
        [patient("1965-01-01"), calm(CANCER | {"ctx-pregnant": None})],
        "URGENT",
        CONTRAST,
        not_met="R14",
        no_flags="PREGNANCY PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a woman of sixty",
        [woman(60), calm(CANCER | {"ctx-pregnant": None})],
        "URGENT",
        CONTRAST,
        not_met="R14",
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "a woman of 55",
        [woman(55), calm(CANCER | {"ctx-pregnant": None})],
        "URGENT",
        CONTRAST,
        met="R14",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    *alike(
        {
            "a woman on the day before she is 56": [
                patient("1969-06-19", "female"),
                calm(CANCER | {"ctx-pregnant": None}),
            ],
            "a girl of twelve": [woman(12), calm(CANCER | {"ctx-pregnant": None})],
            "unknown is the answer": [woman(), calm(CANCER | {"ctx-pregnant": "unknown"})],
        },
        met="R14",
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    *alike(
        {
            "a woman on the day she is 56": [patient("1969-06-18", "female"), calm(CANCER | {"ctx-pregnant": None})],
            "a girl of eleven": [woman(11), calm(CANCER | {"ctx-pregnant": None})],
        },
        not_met="R14",
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "not pregnant",
        [woman(), calm(CANCER)],
        "URGENT",
        CONTRAST,
        not_met="R14",
        no_flags="PREGNANCY PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "no ionising draft, no contrast: no check",
        [woman(), calm(SADDLE | {"ctx-pregnant": None})],
        "EMERGENCY",
        CAUDA,
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
    Case(
        "swapped to CT: check",
        [woman(), calm(PACED | {"ctx-pregnant": None})],
        "EMERGENCY",
        SWAPPED,
        met="R13 R14",
        flags=f"{SWAP} PREGNANCY_CHECK_REQUIRED",
    ),
    *alike(
        {
            "sex unknown counts": [patient("1990-01-01", None), calm(CANCER | {"ctx-pregnant": None})],
            "a woman of unknown age counts": [patient(None, "female"), calm(CANCER | {"ctx-pregnant": None})],
            "nothing known of the person counts": [patient(None, None), calm(CANCER | {"ctx-pregnant": None})],
            "an Observation of 30 days ago is too old": [
                woman(),
                calm(CANCER | {"ctx-pregnant": None}),
                pregnancy_status("not-pregnant", 30),
            ],
        },
        flags="PREGNANCY_CHECK_REQUIRED",
    ),
    *alike(
        {
            "sex unknown at sixty does not count": [patient("1965-01-01", None), calm(CANCER | {"ctx-pregnant": None})],
            "a man of unknown age does not count": [patient(None), calm(CANCER | {"ctx-pregnant": None})],
            "an Observation of 29 days ago counts": [
                woman(),
                calm(CANCER | {"ctx-pregnant": None}),
                pregnancy_status("not-pregnant", 29),
            ],
        },
        no_flags="PREGNANCY_CHECK_REQUIRED",
    ),
]

TABLES = {"R14": R14}
