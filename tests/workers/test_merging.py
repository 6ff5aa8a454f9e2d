"""Two records become one: what the workers then leave in the store and hand to the EHR."""

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.knowledge import Knowledge
from tests.orders.story import PROFILES, Patient, T
from workers import evaluate
from workers.equipment import Equipment

OTHER = PROFILES.parent / "tests" / "data" / "pathways" / "vascular"


@pytest.fixture
def ready(equipment, store):
    both = Knowledge([*load_artefacts(PROFILES), *load_artefacts(OTHER)])
    return Equipment(equipment.settings, store.database, "tester", both)


def person(identity, **more):
    return {"resourceType": "Patient", "id": identity, "birthDate": "1954-09-01", "gender": "male"} | more


def merge(store):
    into = {"link": [{"type": "replaced-by", "other": {"reference": "Patient/p2"}}]}
    store.put(person("p2"), "p2", ours=False)
    store.put(person("p1", **into), ours=False)


def orders(store, status):
    return sorted(
        (order.content["code"]["coding"][-1]["code"], order.content["subject"]["reference"])
        for order in store.all("ServiceRequest")
        if order.content["status"] == status
    )


def test_the_drafts_of_a_replaced_patient_end_as_one_set_for_the_joined_record(store, ready):
    store.put(person("p1"), ours=False)
    store.put(Patient(None, at=T).form("form", rf_saddle_numbness="yes"), ours=False)
    evaluate.run(ready, store.submit("g1"))
    assert [key for key, _ in orders(store, "draft")] == ["ED_REFERRAL", "MRI_L_WO"]
    merge(store)
    evaluate.run(ready, store.submit("g2"))
    joined = [("ED_REFERRAL", "Patient/p2"), ("MRI_L_WO", "Patient/p2")]
    assert orders(store, "draft") == joined
    assert orders(store, "revoked") == [("ED_REFERRAL", "Patient/p1"), ("MRI_L_WO", "Patient/p1")]
    waiting = [task for task in store.all("Task") if task.content["status"] == "requested"]
    assert {task.content["for"]["reference"] for task in waiting} == {"Patient/p2"}
    evaluate.run(ready, store.submit("g3"))
    assert orders(store, "draft") == joined
    assert not store.counts().get(("evaluate", "quarantined"))


def test_a_draft_that_is_not_wanted_after_the_merge_leaves_one_review(store, ready):
    store.put(person("p1"), ours=False)
    form = Patient(None, at=T).form("form", hx_pt_weeks=2, nc_leg_pain_walking="no")
    store.put(form, ours=False)
    evaluate.run(ready, store.submit("g1"))
    before = orders(store, "draft")
    merge(store)
    evaluate.run(ready, store.submit("g2"))
    reviews = [
        task.content["for"]["reference"]
        for task in store.all("Task")
        if "patient-merged" in str(task.content.get("reasonCode"))
    ]
    assert len(before) == len(orders(store, "revoked"))
    assert len(reviews) + len(orders(store, "draft")) == len(before)
