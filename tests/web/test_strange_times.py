"""Times at the edges of the calendar: legal in FHIR, meant by nobody. They never fail a request or an evaluation."""

import pytest

from tests.web.cast import codes, intake_form, observation, patient, record
from tests.web.test_operations import EVALUATE, parameters

SCT = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
HL7 = "http://terminology.hl7.org/CodeSystem"
WHOSE = {"subject": {"reference": "Patient/p1"}}
PAST = ("0001-01-01", "0001", "0001-01", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z")
FUTURE = ("9999-12-31", "9999", "9999-12", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:60Z")
LEAP = "2016-12-31T23:59:60Z"


def coded(system, code):
    return {"coding": [{"system": system, "code": code}]}


def of_the_past(when):
    """Resources of types whose times may not lie ahead."""
    yield observation(id="o1", effectiveDateTime=when)
    yield observation(id="o2", effectivePeriod={"start": when}, effectiveDateTime=None)
    yield intake_form(id="f1", authored=when)
    yield {
        "resourceType": "Communication",
        "id": "m1",
        "status": "completed",
        "sent": when,
        "payload": [{"contentString": "new pain down both legs, numb where I sit"}],
        **WHOSE,
    }
    for code in ("24968-5", "36235-3"):
        order = {"resourceType": "ServiceRequest", "id": f"s{code}", "status": "active", "intent": "order"}
        yield {**order, "code": coded("http://loinc.org", code), "authoredOn": when, **WHOSE}
    drug = {"status": "active", "intent": "order", "medicationCodeableConcept": coded(RXNORM, "11289")}
    yield {"resourceType": "MedicationRequest", "id": "r1", **drug, "authoredOn": when, **WHOSE}
    report = {"resourceType": "DiagnosticReport", "id": "d1", "status": "final", "code": coded(SCT, "363680008")}
    yield {**report, "effectiveDateTime": when, **WHOSE}


def of_any_time(when):
    """Resources of types whose times may lie anywhere."""
    active = coded(f"{HL7}/condition-clinical", "active")
    for index, code in enumerate(("363346000", "22298006", "44054006", "80146002", "76107001")):
        condition = {"resourceType": "Condition", "code": coded(SCT, code), "clinicalStatus": active, **WHOSE}
        yield {**condition, "id": f"c{index}", "onsetDateTime": when, "recordedDate": when}
        yield {**condition, "id": f"e{index}", "onsetPeriod": {"start": when, "end": when}}
        done = {"resourceType": "Procedure", "id": f"p{index}", "status": "completed", "code": coded(SCT, code)}
        yield {**done, "performedDateTime": when, **WHOSE}
    drug = {"status": "active", "medicationCodeableConcept": coded(RXNORM, "11289")}
    yield {"resourceType": "MedicationStatement", "id": "t1", **drug, "effectivePeriod": {"end": when}, **WHOSE}
    used = {"resourceType": "DeviceUseStatement", "id": "u1", "status": "active", "device": {"reference": "Device/d"}}
    yield {**used, "timingPeriod": {"start": when}, **WHOSE}


def whole(resources, **born):
    kept = [{name: value for name, value in one.items() if value is not None} for one in resources]
    return record(patient(id="p1", **born), *kept)


def outcome_of(answer):
    assert answer.status_code == 200, answer.text[:600]
    guidance = answer.json["entry"][0]["resource"]
    assert guidance["status"] in {"success", "data-required"}, guidance["status"]


@pytest.mark.parametrize("when", [*PAST, LEAP])
def test_what_is_said_to_be_very_old_is_evaluated(shared_house, when):
    data = whole([*of_the_past(when), *of_any_time(when)], birthDate=when[:10])
    outcome_of(shared_house.call("POST", EVALUATE, parameters(data, asOf="2026-03-01T09:00:00Z")))


@pytest.mark.parametrize("when", FUTURE)
def test_what_is_said_to_be_of_the_far_future_is_refused_or_evaluated(shared_house, when):
    for one in of_the_past(when):
        answer = shared_house.call("POST", EVALUATE, parameters(whole([one])))
        assert (answer.status_code, codes(answer)) == (422, ["time-future"]), one["resourceType"]
    outcome_of(shared_house.call("POST", EVALUATE, parameters(whole(of_any_time(when)))))


@pytest.mark.parametrize("when", [*PAST, *FUTURE, LEAP])
def test_what_has_strange_times_is_stored_and_found(house, when):
    assert house.call("POST", "/fhir/$submit", whole(of_any_time(when))).status_code == 200
    for query in (f"Procedure?date=ap{when}", f"Procedure?date={when}", f"Procedure?_lastUpdated=ge{when}"):
        assert house.call("GET", f"/fhir/{query.replace('+', '%2B')}").status_code == 200, query


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z"])
def test_a_source_that_claims_a_strange_age_does_not_keep_later_versions_out(house, when):
    claimed = observation(id="o1", meta={"lastUpdated": when})
    assert house.call("PUT", "/fhir/Observation/o1", claimed).status_code == 201
    later = observation(id="o1", status="amended", meta={"lastUpdated": "2026-03-02T08:00:00Z"})
    assert house.call("PUT", "/fhir/Observation/o1", later).headers["ETag"] == 'W/"2"'
    assert house.call("GET", "/fhir/Observation/o1").json["status"] == "amended"


@pytest.mark.parametrize(
    "as_of", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "1899-12-31T00:00:00Z"]
)
def test_a_moment_that_nobody_means_is_refused(shared_house, as_of):
    answer = shared_house.call("POST", EVALUATE, parameters(whole([]), asOf=as_of))
    assert (answer.status_code, codes(answer)) == (422, ["parameter-value"])
    assert answer.json["issue"][0]["expression"] == ["Parameters.parameter[1].value"]


@pytest.mark.parametrize("as_of", ["1900-01-01T00:00:00+14:00", "2000-01-01T00:00:00Z", "2200-12-31T23:59:59-12:00"])
def test_an_evaluation_as_of_any_moment_is_answered(shared_house, as_of):
    data = whole([*of_any_time("1950")], birthDate="1899")
    outcome_of(shared_house.call("POST", EVALUATE, parameters(data, asOf=as_of)))
