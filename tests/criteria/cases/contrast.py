"""R15 as a table: contrast and the kidneys."""

from __future__ import annotations

from tests.criteria.cases.building import calm, condition, egfr, woman
from tests.criteria.cases.checking import Case, alike
from tests.criteria.cases.presentations import CANCER, CAUDA, CONTRAST, SADDLE

KIDNEY = CANCER | {"hx-kidney": "yes"}
R15 = [
    Case("eGFR 24", [calm(CANCER), egfr(24)], "URGENT", CONTRAST, met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("eGFR 75", [calm(CANCER), egfr(75)], "URGENT", CONTRAST, not_met="R15", no_flags="GBCA_RENAL_REVIEW"),
    *alike(
        {
            "eGFR 30": [calm(CANCER), egfr(30)],
            "the latest eGFR counts: better": [calm(CANCER), egfr(24, 40), egfr(45, 5)],
            "an eGFR of 90 days ago": [calm(CANCER), egfr(24, 90)],
            "contrast lost to pregnancy": [woman(), calm(CANCER | {"ctx-pregnant": "pregnant"}), egfr(24)],
        },
        not_met="R15",
        no_flags="GBCA_RENAL_REVIEW",
    ),
    Case("eGFR 29.9", [calm(CANCER), egfr("29.9")], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case(
        "an eGFR under an older code counts",
        [calm(CANCER), egfr(24, code="62238-1")],
        met="R15",
        flags="GBCA_RENAL_REVIEW",
    ),
    Case("an eGFR by MDRD counts", [calm(CANCER), egfr(24, code="33914-3")], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case(
        "the latest eGFR counts: worse", [calm(CANCER), egfr(45, 40), egfr(24, 5)], met="R15", flags="GBCA_RENAL_REVIEW"
    ),
    Case("an eGFR of 89 days ago", [calm(CANCER), egfr(24, 89)], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("kidney disease without a value", [calm(KIDNEY)], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case("kidney disease with a good value", [calm(KIDNEY), egfr(75)], no_flags="GBCA_RENAL_REVIEW"),
    Case("kidney disease with an old value", [calm(KIDNEY), egfr(75, 100)], met="R15", flags="GBCA_RENAL_REVIEW"),
    Case(
        "kidney disease on file without a value",
        [calm(CANCER), condition("709044004")],
        met="R15",
        flags="GBCA_RENAL_REVIEW",
    ),
    Case(
        "a bad eGFR, no contrast wanted",
        [calm(SADDLE), egfr(24)],
        "EMERGENCY",
        CAUDA,
        not_met="R15",
        no_flags="GBCA_RENAL_REVIEW",
    ),
    Case("a preliminary eGFR", [calm(CANCER), egfr(24) | {"status": "preliminary"}], no_flags="GBCA_RENAL_REVIEW"),
]

TABLES = {"R15": R15}
