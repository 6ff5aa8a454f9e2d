"""HL7's own R4 examples of the types we take are accepted, or refused for a fault that is listed here.

The examples are not kept here. To run this test, from the repository's root:

    npm pack hl7.fhir.r4.examples@4.0.1 --pack-destination .tools
    mkdir -p .tools/r4-examples && tar xzf .tools/hl7.fhir.r4.examples-4.0.1.tgz -C .tools/r4-examples
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fhir_svc.errors import Rejected
from fhir_svc.intake.parse import read_json
from fhir_svc.intake.submission import BYTE_LIMIT, TAKEN, read_single

EXAMPLES = Path(__file__).parents[2] / ".tools" / "r4-examples" / "package"
REFUSED = {
    # no valid R4: these refer to types that the element does not allow
    "DeviceUseStatement-example.json": (400, {"reference-target"}),  # reasonReference: a Procedure
    "MedicationRequest-medrx0301.json": (400, {"reference-target"}),  # performer of the dispense: a Practitioner
    "Observation-clinical-gender.json": (400, {"reference-target"}),  # performer: an Encounter
    # valid R4 about no patient, about a herd or an oyster, or about one who is named by words only
    "DiagnosticReport-gingival-mass.json": (422, {"subject-missing"}),
    "Observation-decimal.json": (422, {"subject-missing"}),
    "Observation-herd1.json": (422, {"subject-not-patient"}),
    "Observation-vp-oyster.json": (422, {"subject-missing"}),
    "Procedure-education.json": (422, {"subject-missing"}),
    "Procedure-ob.json": (422, {"subject-missing"}),
    "ServiceRequest-appendectomy-narrative.json": (422, {"subject-missing"}),
    "ServiceRequest-education.json": (422, {"subject-missing"}),
    "ServiceRequest-myringotomy.json": (422, {"subject-foreign"}),
    "ServiceRequest-ob.json": (422, {"subject-missing"}),
    # answers to no Questionnaire, or to one that is not ours
    "QuestionnaireResponse-3141.json": (422, {"questionnaire-missing"}),
    "QuestionnaireResponse-bb.json": (422, {"questionnaire-missing", "subject-foreign"}),
    "QuestionnaireResponse-f201.json": (422, {"questionnaire-missing"}),
    "QuestionnaireResponse-gcs.json": (422, {"questionnaire-unknown"}),
    "QuestionnaireResponse-ussg-fht-answers.json": (422, {"questionnaire-unknown", "subject-foreign"}),
}


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason=f"HL7's examples are not installed in {EXAMPLES}; see the docstring")
def test_the_official_examples_are_accepted_or_refused_for_a_listed_fault(reading):
    reading = replace(reading, at=reading.at.replace(year=2100))
    refused = {}
    files = [path for path in sorted(EXAMPLES.glob("*.json")) if path.name.partition("-")[0] in TAKEN]
    for path in files:
        resource = read_json(path.read_bytes(), limit=BYTE_LIMIT)
        try:
            read_single(resource, reading, type=resource["resourceType"], id=resource["id"])
        except Rejected as refusal:
            refused[path.name] = (refusal.status, {issue.error for issue in refusal.issues})
    assert refused == REFUSED
    assert len(files) > 200
