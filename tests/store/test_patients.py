from __future__ import annotations

import pytest

from fhir_svc.errors import Conflict
from fhir_svc.store import patients, resources

T = "north"
MRN = "urn:mrn"


def patient(id_, *values, **more):
    identifiers = [{"system": MRN, "value": value} for value in values]
    return {"resourceType": "Patient", "id": id_, "identifier": identifiers, **more}


def store(tx, resource, about=None):
    about = about or patients.patient_of(resource)
    return resources.put(tx, T, resource, patient=about, ours=False)


def form(version, moment):
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "form",
        "status": "completed",
        "meta": {"lastUpdated": moment},
        "subject": {"reference": "Patient/p1"},
        "item": [{"linkId": "ctx", "text": str(version)}],
    }


def test_the_record_holds_current_versions_of_everything_and_earlier_forms(database, observation):
    with database.transaction() as tx:
        store(tx, patient("p1", "7"))
        store(tx, observation())
        store(tx, observation(status="amended"))
        store(tx, form(2, "2024-01-02T00:00:00Z"))
        store(tx, form(1, "2024-01-01T00:00:00Z"))
        store(tx, form(3, "2024-01-03T00:00:00Z"))
        flag = {"resourceType": "Flag", "id": "f", "status": "active", "subject": {"reference": "Patient/p1"}}
        resources.create(tx, T, flag, patient="p1", ours=True)
        store(tx, observation("other", patient="p2"))
        record = resources.patient_record(tx, T, "p1")
    assert {(one.type, one.id, one.version, one.ours) for one in record.current} == {
        ("Patient", "p1", 1, False),
        ("Observation", "o1", 2, False),
        ("QuestionnaireResponse", "form", 3, False),
        ("Flag", "f", 1, True),
    }
    assert [one.content["item"][0]["text"] for one in record.earlier] == ["2", "1"]
    assert record.patient.id == "p1"


def test_the_record_dates_a_resource_by_its_source_else_by_receipt(database, observation):
    with database.transaction() as tx:
        store(tx, observation("a", meta={"lastUpdated": "2024-01-01T12:00:00.5+02:00"}))
        store(tx, observation("b"))
        record = {one.id: one for one in resources.patient_record(tx, T, "p1").current}
        served = resources.read(tx, T, "Observation", "a")
    assert record["a"].content["meta"]["lastUpdated"] == "2024-01-01T10:00:00.500Z"
    assert served.content["meta"]["lastUpdated"][:4] != "2024"
    assert record["b"].content["meta"]["lastUpdated"][:19] == record["b"].received.isoformat()[:19]


def test_the_answers_of_evaluations_are_no_part_of_a_record(database, observation):
    answer = {"resourceType": "GuidanceResponse", "id": "g", "status": "success"}
    with database.transaction() as tx:
        store(tx, observation("said"))
        for ours in (observation("derived"), answer):
            resources.create(tx, T, ours, patient="p1", ours=True)
        record = resources.patient_record(tx, T, "p1")
    assert {one.id for one in record.current} == {"said", "derived"}


def test_a_replaced_patients_facts_move_to_the_one_that_replaces(database, observation):
    link = [{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}]
    with database.transaction() as tx:
        store(tx, patient("p1", "7"))
        store(tx, patient("p2", "8"))
        store(tx, observation("a"))
        store(tx, observation("b", patient="p2"))
        assert len(resources.patient_record(tx, T, "p2").current) == 2
        store(tx, patient("p1", "7", link=link))
        for asked in ("p1", "p2"):
            record = resources.patient_record(tx, T, asked)
            assert record.patient_id == "p2"
            assert {one.id for one in record.current} == {"p1", "p2", "a", "b"}
        assert patients.identify(tx, T, patient("new", "7"), [MRN]) == "p2"
        store(tx, patient("p1", "7"))
        assert resources.patient_record(tx, T, "p1").patient_id == "p1"


def test_patients_that_replace_one_another_in_a_circle_do_not_hang(database):
    with database.transaction() as tx:
        for one, other in (("p1", "p2"), ("p2", "p1"), ("p3", "p3")):
            link = [{"other": {"reference": f"Patient/{other}"}, "type": "replaced-by"}]
            store(tx, patient(one, link=link))
        assert resources.patient_record(tx, T, "p1").patient_id in {"p1", "p2"}
        assert resources.patient_record(tx, T, "p3").patient_id == "p3"


def test_a_patient_is_known_by_registered_identifier_systems_only(database):
    with database.transaction() as tx:
        store(tx, patient("p1", "7"))
        assert patients.identify(tx, T, patient("new", "7"), [MRN]) == "p1"
        assert patients.identify(tx, T, patient("new", "7"), ["urn:other"]) is None
        assert patients.identify(tx, T, patient("new", "9"), [MRN]) is None
        assert patients.identify(tx, "south", patient("new", "7"), [MRN]) is None
        store(tx, patient("p2", "7"))
    with pytest.raises(Conflict), database.transaction() as tx:
        patients.identify(tx, T, patient("new", "7"), [MRN])


@pytest.mark.parametrize(
    ("resource", "about"),
    [
        ({"resourceType": "Patient", "id": "x"}, "x"),
        ({"resourceType": "Observation", "subject": {"reference": "Patient/p1/_history/3"}}, "p1"),
        ({"resourceType": "Task", "for": {"reference": "Patient/p1"}}, "p1"),
        ({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/p1"}}, "p1"),
        ({"resourceType": "Observation", "subject": {"reference": "Group/g"}}, None),
        ({"resourceType": "Observation", "subject": {"identifier": {"value": "7"}}}, None),
        ({"resourceType": "Device"}, None),
    ],
)
def test_a_resource_belongs_to_the_patient_that_it_names(resource, about):
    assert patients.patient_of(resource) == about


def test_an_evaluation_that_was_overtaken_is_refused(database):
    with database.transaction() as tx:
        seen = patients.lock(tx, T, "p1")
        assert seen == 0
    with database.transaction() as tx:
        patients.advance(tx, T, "p1", seen)
        assert patients.sequence(tx, T, "p1") == 1
    with pytest.raises(Conflict), database.transaction() as tx:
        patients.advance(tx, T, "p1", seen)
