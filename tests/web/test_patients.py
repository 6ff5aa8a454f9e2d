"""Which patient is meant: by id, by identifier, by the EHR's address, after a merge and after a move."""

import pytest

from fhir_svc.store import resources
from tests.web.cast import EHR, MRN, codes, intake_form, observation, patient, transaction


def test_a_known_person_becomes_the_next_version_of_the_stored_patient(house):
    first = house.call("POST", "/fhir/Patient", patient())
    again = house.call("POST", "/fhir/Patient", patient(gender="other"))
    assert (again.status_code, again.json["id"]) == (200, first.json["id"])
    assert again.headers["ETag"] == 'W/"2"'
    other = house.call("POST", "/fhir/Patient", patient("99999"))
    assert other.json["id"] != first.json["id"]


def test_a_person_who_matches_two_patients_is_refused(house):
    house.call("PUT", "/fhir/Patient/a", patient("1", id="a"))
    house.call("PUT", "/fhir/Patient/b", patient("2", id="b"))
    both = [{"system": MRN, "value": "1"}, {"system": MRN, "value": "2"}]
    answer = house.call("POST", "/fhir/Patient", patient() | {"identifier": both})
    assert answer.status_code == 409
    assert answer.json["issue"][0]["code"] == "conflict"


def test_a_second_id_of_a_known_person_means_that_person_from_then_on(house):
    house.call("PUT", "/fhir/Patient/a", patient("1", id="a"))
    house.call("PUT", "/fhir/Patient/b", patient("1", id="b"))
    answer = house.call("POST", "/fhir/Observation", observation("Patient/b"))
    guidance = house.call("GET", answer.headers["Link"].partition("<")[2].partition(">")[0].partition("localhost")[2])
    assert guidance.json["subject"]["reference"] == "Patient/a"


def test_an_unregistered_identifier_names_nobody(house):
    elsewhere = {"identifier": [{"system": "https://elsewhere.example", "value": "1"}]}
    first = house.call("POST", "/fhir/Patient", patient() | elsewhere)
    second = house.call("POST", "/fhir/Patient", patient(gender="male") | elsewhere)
    assert first.json["id"] != second.json["id"]


def replaced(id_, other, number):
    link = [{"type": "seealso", "other": {"reference": "Patient/z"}}]
    link += [{"type": "replaced-by", "other": {"reference": f"Patient/{other}"}}] if other else []
    return patient(number, id=id_, link=link)


@pytest.mark.parametrize(
    "links",
    [
        [("a", "a")],
        [("a", "b"), ("b", "a")],
        [("a", "b"), ("b", "c"), ("c", "a")],
    ],
)
def test_a_patient_is_not_replaced_by_whom_it_replaces(house, links):
    *before, (last, other) = links
    house.call("PUT", f"/fhir/Patient/{last}", replaced(last, None, f"1{last}"))
    for id_, into in before:
        assert house.call("PUT", f"/fhir/Patient/{id_}", replaced(id_, into, f"1{id_}")).status_code == 201
    answer = house.call("PUT", f"/fhir/Patient/{last}", replaced(last, other, f"1{last}"))
    assert (answer.status_code, codes(answer)) == (422, ["link-circle"])
    assert answer.json["issue"][0]["expression"] == ["Patient.link[1].other"]
    kept = house.call("GET", f"/fhir/Patient/{last}").json["link"]
    assert [one["type"] for one in kept] == ["seealso"]


def test_a_reference_under_the_ehrs_own_address_means_its_patient(house):
    answer = house.call("POST", "/fhir/Observation", observation(f"{EHR}/Patient/p7"))
    assert answer.status_code == 201
    assert house.call("GET", "/fhir/Observation?patient=p7").json["total"] == 1


def test_a_subject_known_by_identifier_must_be_known(house):
    by_identifier = {"subject": {"identifier": {"system": MRN, "value": "12345"}}}
    unknown = house.call("POST", "/fhir/Observation", observation() | by_identifier)
    assert unknown.status_code == 422
    stored = house.call("POST", "/fhir/Patient", patient()).json
    assert house.call("POST", "/fhir/Observation", observation() | by_identifier).status_code == 201
    assert house.call("GET", f"/fhir/Observation?patient={stored['id']}").json["total"] == 1


@pytest.mark.parametrize("kind", ["single", "transaction", "submit"])
def test_what_is_moved_to_another_patient_is_evaluated_for_both(house, kind):
    form = intake_form(id="q1")
    house.call("PUT", "/fhir/QuestionnaireResponse/q1", form)
    moved = form | {"subject": {"reference": "Patient/p2"}}
    if kind == "single":
        answer = house.call("PUT", "/fhir/QuestionnaireResponse/q1", moved)
    elif kind == "transaction":
        answer = house.call("POST", "/fhir", transaction(("PUT", "QuestionnaireResponse/q1", moved)))
    else:
        answer = house.call(
            "POST", "/fhir/$submit", {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": moved}]}
        )
    assert answer.status_code == 200
    with house.database.reading() as tx:
        rows = tx.exec_driver_sql("SELECT kind, patient, urgent FROM work WHERE state = 'due'").all()
    assert sorted(rows) == [("clock", "p1", True), ("evaluate", "p1", True), ("evaluate", "p2", True)]


def test_an_earlier_version_about_another_patient_tells_nothing_of_this_one(house):
    house.call("PUT", "/fhir/QuestionnaireResponse/q1", intake_form(id="q1"))
    house.call("PUT", "/fhir/QuestionnaireResponse/q1", intake_form("Patient/p2", id="q1", status="amended"))
    house.call("PUT", "/fhir/QuestionnaireResponse/q1", intake_form("Patient/p2", id="q1", status="completed"))
    with house.database.reading() as tx:
        seen = {name: resources.patient_record(tx, "north", name) for name in ("p1", "p2")}
    held = {name: [one.version for one in record.of("QuestionnaireResponse")] for name, record in seen.items()}
    assert held == {"p1": [], "p2": [3]}
    assert {name: [one.version for one in record.earlier] for name, record in seen.items()} == {"p1": [], "p2": [2]}


@pytest.mark.parametrize("of", [f"Patient?identifier={MRN}|2", {"identifier": {"system": MRN, "value": "2"}}])
@pytest.mark.parametrize("merged", [True, False])
def test_a_number_that_several_records_carry_means_their_person_if_it_is_one(house, of, merged):
    house.call("PUT", "/fhir/Patient/p1", patient("1", id="p1"))
    house.call("PUT", "/fhir/Patient/p2", patient("2", id="p2"))
    both = [{"system": MRN, "value": number} for number in ("1", "2")]
    changed = patient(id="p1") | {"identifier": both} | (link("p2") if merged else {})
    assert house.call("PUT", "/fhir/Patient/p1", changed).status_code == 200
    subject = {"subject": of if isinstance(of, dict) else {"reference": of}}
    answer = house.call("POST", "/fhir/QuestionnaireResponse", intake_form() | subject)
    if merged:
        assert answer.status_code == 201
        assert ("evaluate", "p2") in rows(house)
    else:
        assert answer.status_code == 412


def test_a_patient_is_found_under_every_id_it_is_known_by(house):
    first = house.call("POST", "/fhir/Patient", patient())
    ours = first.json["id"]
    house.call("PUT", "/fhir/Observation/o1", observation(f"Patient/{ours}", id="o1"))
    assert house.call("PUT", "/fhir/Patient/e1", patient(id="e1", gender="male")).status_code == 200
    house.call("PUT", "/fhir/Observation/o2", observation("Patient/e1", id="o2"))
    for asked in (ours, "e1", "Patient/e1", f"Patient/{ours}", "e1,nobody", f"http://localhost/fhir/Patient/{ours}"):
        for name in ("patient", "subject"):
            if name == "subject" and "/" not in asked:
                continue
            found = house.call("GET", f"/fhir/Observation?{name}={asked}").json
            assert sorted(entry["resource"]["id"] for entry in found["entry"]) == ["o1", "o2"]
    read = house.call("GET", "/fhir/Patient/e1")
    assert (read.status_code, read.json["id"], read.json["gender"]) == (200, ours, "male")
    assert house.call("GET", "/fhir/Observation?patient=nobody").json["total"] == 0


def link(other):
    return {"link": [{"type": "replaced-by", "other": {"reference": f"Patient/{other}"}}]}


def rows(house):
    with house.database.reading() as tx:
        return sorted(tx.exec_driver_sql("SELECT kind, patient FROM work WHERE state = 'due'").all())


@pytest.mark.parametrize(
    "taken_for", [patient("1", id="p2"), patient("2", id="p2") | link("p1")], ids=["number", "link"]
)
@pytest.mark.parametrize("kind", ["transaction", "submit"])
def test_a_form_sent_with_the_patient_who_turns_out_to_be_another_is_evaluated_for_that_patient(house, taken_for, kind):
    house.call("PUT", "/fhir/Patient/p1", patient("1", id="p1"))
    house.call("PUT", "/fhir/Patient/p2", taken_for)
    before = rows(house)
    own, form = patient("2", id="p2"), intake_form("Patient/p2", id="f2")
    if kind == "transaction":
        sent = transaction(("PUT", "Patient/p2", own), ("PUT", "QuestionnaireResponse/f2", form))
        answer = house.call("POST", "/fhir", sent)
    else:
        sent = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": form}, {"resource": own}]}
        answer = house.call("POST", "/fhir/$submit", sent)
    assert answer.status_code == 200
    guidance = house.call("GET", answer.headers["Link"].partition("<")[2].partition(">")[0].partition("localhost")[2])
    assert guidance.json["subject"]["reference"] == "Patient/p2"
    added = [row for row in rows(house) if row not in before]
    assert added == [("clock", "p1"), ("evaluate", "p2")]  # whose record loses a form is looked at again, too


def test_a_form_sent_with_the_patient_who_is_replaced_is_evaluated_for_who_replaces(house):
    house.call("PUT", "/fhir/Patient/p1", patient("1", id="p1"))
    sent = transaction(
        ("PUT", "Patient/p2", patient("2", id="p2") | link("p1")),
        ("PUT", "QuestionnaireResponse/f2", intake_form("Patient/p2", id="f2")),
    )
    answer = house.call("POST", "/fhir", sent)
    guidance = house.call("GET", answer.headers["Link"].partition("<")[2].partition(">")[0].partition("localhost")[2])
    assert guidance.json["subject"]["reference"] == "Patient/p1"


@pytest.mark.parametrize("sent", ["alone", "transaction", "submit"])
def test_a_replaced_patient_with_the_number_of_its_follower_is_sent_again_changed_and_taken_back(house, sent):
    def send(resource):
        if sent == "alone":
            return house.call("PUT", "/fhir/Patient/p2", resource).status_code
        if sent == "transaction":
            return house.call("POST", "/fhir", transaction(("PUT", "Patient/p2", resource))).status_code
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
        return house.call("POST", "/fhir/$submit", bundle).status_code

    house.call("PUT", "/fhir/Patient/p1", patient("1", id="p1"))
    house.call("PUT", "/fhir/Patient/p2", patient("2", id="p2"))
    replaced_one = patient("2", id="p2", active=False) | link("p1")
    for resource in (
        replaced_one,
        replaced_one | {"gender": "male"},
        replaced_one,
        patient("2", id="p2"),
    ):
        assert send(resource) == 200
        stored = house.call("GET", "/fhir/Patient/p2").json
        assert (stored["id"], stored["gender"], "link" in stored) == ("p2", resource["gender"], "link" in resource)


def test_a_conditional_update_of_a_known_person_gives_that_person_no_other_name(house):
    house.call("PUT", "/fhir/Patient/p1", patient("1", id="p1"))
    for gender in ("male", "other"):
        answer = house.call("PUT", "/fhir/Patient?_id=nobody", patient("1", gender=gender))
        assert (answer.status_code, answer.json["id"]) == (200, "p1")
    with house.database.reading() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM patients WHERE replaced_by IS NOT NULL").scalar() == 0
