"""Transactions are all or nothing, batches entry by entry, `$submit` takes whole records."""

import json
import re
import threading

import pytest

from fhir_svc.store import resources
from fhir_svc.web import reads
from tests.web.cast import MRN, SYNTHEA, codes, intake_form, observation, patient, record, transaction

MOTHER = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
TEMPERATURE = "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"


def entry_codes(entry):
    return [issue["details"]["coding"][0]["code"] for issue in entry["response"]["outcome"]["issue"]]


def evaluations(house):
    return house.call("GET", "/fhir/GuidanceResponse").json["total"]


def test_references_between_entries_become_ids(house):
    bundle = transaction(
        ("POST", "Observation", observation(MOTHER), TEMPERATURE),
        ("POST", "Patient", patient(), MOTHER),
    )
    answer = house.call("POST", "/fhir", bundle)
    assert (answer.status_code, answer.json["type"]) == (200, "transaction-response")
    first, second = answer.json["entry"]
    assert [entry["response"]["status"] for entry in (first, second)] == ["201 Created", "201 Created"]
    assert "/Observation/" in first["response"]["location"]
    assert first["response"]["etag"] == 'W/"1"'
    stored = house.call("GET", first["response"]["location"].removeprefix("http://localhost")).json
    assert stored["subject"]["reference"] == "Patient/" + second["response"]["location"].split("/")[-3]
    assert "GuidanceResponse/" in first["response"]["outcome"]["issue"][0]["details"]["text"]
    assert evaluations(house) == 1
    assert answer.headers["Link"].endswith('rel="monitor"')


def test_one_bad_entry_leaves_nothing_of_a_transaction(house):
    bundle = transaction(
        ("POST", "Observation", observation()),
        ("POST", "Observation", observation(status="nonsense")),
    )
    answer = house.call("POST", "/fhir", bundle)
    assert (answer.status_code, codes(answer)) == (400, ["code-invalid"])
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    assert house.rows("resources") == 0


def test_a_precondition_that_fails_leaves_nothing_of_a_transaction(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    bundle = transaction(
        ("POST", "Observation", observation(status="amended")),
        ("PUT", "Observation/o1", observation(id="o1", status="corrected")),
    )
    bundle["entry"][1]["request"]["ifMatch"] = 'W/"7"'
    assert house.call("POST", "/fhir", bundle).status_code == 412
    assert house.call("GET", "/fhir/Observation").json["total"] == 1


def test_a_transaction_may_read_what_it_wrote(house):
    bundle = transaction(
        ("GET", "Observation/o1", None),
        ("GET", "Observation?patient=p1&_summary=count", None),
        ("GET", "Observation/o1/_history", None),
        ("PUT", "Observation/o1", observation(id="o1")),
    )
    read, found, past, written = house.call("POST", "/fhir", bundle).json["entry"]
    assert read["resource"]["id"] == "o1"
    assert found["resource"]["total"] == 1
    assert (past["resource"]["type"], past["resource"]["total"]) == ("history", 1)
    assert written["response"]["status"] == "201 Created"


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("Observation/none", 404),
        ("Observation/none/_history", 404),
        ("Observation/o1/_history/2", 404),
        ("Observation?date=nonsense", 400),
        ("Encounter/1", 404),
    ],
)
def test_a_transaction_that_can_not_read_all_it_asks_for_stores_nothing(house, url, status):
    parts = (("GET", url, None), ("PUT", "Observation/o1", observation(id="o1")))
    answer = house.call("POST", "/fhir", transaction(*parts))
    assert answer.status_code == status
    assert [one["expression"] for one in answer.json["issue"]] == [["Bundle.entry[0].request.url"]]
    assert house.call("GET", "/fhir/Observation/o1").status_code == 404
    entries = house.call("POST", "/fhir", transaction(*parts, kind="batch")).json["entry"]
    assert [entry["response"]["status"][:3] for entry in entries] == [str(status), "201"]


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_precondition_of_an_entry_holds_as_a_header_does(house, kind):
    for stored, precondition, status in [
        (False, {"ifMatch": "*"}, 412),
        (False, {"ifMatch": 'W/"1"'}, 412),
        (False, {"ifNoneMatch": "*"}, 201),
        (True, {"ifNoneMatch": "*"}, 412),
        (True, {"ifMatch": 'W/"7"'}, 412),
        (True, {"ifMatch": "*"}, 200),
    ]:
        code = f"o{len(precondition)}{status}{stored}{next(iter(precondition.values()))}".replace('"', "")
        name = re.sub(r"[^A-Za-z0-9]", "-", code)
        if stored:
            house.call("PUT", f"/fhir/Observation/{name}", observation(id=name))
        bundle = transaction(("PUT", f"Observation/{name}", observation(id=name, status="amended")), kind=kind)
        bundle["entry"][0]["request"] |= precondition
        answer = house.call("POST", "/fhir", bundle)
        said = answer.json["entry"][0]["response"] if "entry" in answer.json else {"outcome": answer.json}
        assert int(said.get("status", str(answer.status_code))[:3]) == status
        if status == 412:
            place = f"Bundle.entry[0].request.{next(iter(precondition))}"
            assert [one["expression"] for one in said["outcome"]["issue"]] == [[place]]


@pytest.mark.parametrize("kind", [["Condition"], {}, 7, True])
def test_a_type_that_is_no_text_is_refused(house, kind):
    wrong = {"resourceType": kind, "id": "c1"}
    answer = house.call("POST", "/fhir", transaction(("PUT", "Condition/c1", wrong)))
    assert (answer.status_code, answer.json["resourceType"]) == (400, "OperationOutcome")
    good = ("POST", "Observation", observation())
    answer = house.call("POST", "/fhir", transaction(("PUT", "Condition/c1", wrong), good, kind="batch"))
    assert [entry["response"]["status"][:3] for entry in answer.json["entry"]] == ["400", "201"]


@pytest.mark.parametrize("version", ["9" * 20, "9" * 5000, "²", "x", "-1", ""])
def test_a_version_that_can_be_none_is_not_found(house, version):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    read = ("GET", f"Observation/o1/_history/{version}", None)
    answer = house.call("POST", "/fhir", transaction(read, kind="batch"))
    assert [entry["response"]["status"][:3] for entry in answer.json["entry"]] == ["404"]
    assert house.call("POST", "/fhir", transaction(read)).status_code in {200, 404}


def test_conditions_inside_a_transaction_find_what_is_stored(house):
    house.call("PUT", "/fhir/Patient/p1", patient(id="p1"))
    bundle = transaction(
        ("POST", "Patient", patient(), MOTHER),
        ("POST", "Observation", observation(f"Patient?identifier={MRN}|12345")),
    )
    bundle["entry"][0]["request"]["ifNoneExist"] = f"identifier={MRN}|12345"
    answer = house.call("POST", "/fhir", bundle)
    assert answer.status_code == 200
    assert answer.json["entry"][0]["response"]["status"] == "200 OK"
    assert house.call("GET", "/fhir/Observation?patient=p1").json["total"] == 1


def test_a_conditional_reference_that_finds_nobody_is_refused(house):
    bundle = transaction(("POST", "Observation", observation(f"Patient?identifier={MRN}|nobody")))
    answer = house.call("POST", "/fhir", bundle)
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (422, "not-found")


def test_the_same_resource_twice_is_refused(house):
    bundle = transaction(
        ("PUT", "Observation/o1", observation(id="o1")), ("PUT", "Observation/o1", observation(id="o1"))
    )
    answer = house.call("POST", "/fhir", bundle)
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (422, "duplicate")


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "HEAD"])
def test_what_a_bundle_may_not_do_is_refused(house, method):
    answer = house.call("POST", "/fhir", transaction((method, "Observation/o1", None)))
    assert answer.status_code == 422


def test_two_patients_in_one_submission_are_refused(house):
    bundle = transaction(
        ("POST", "Observation", observation("Patient/p1")), ("POST", "Observation", observation("Patient/p2"))
    )
    answer = house.call("POST", "/fhir", bundle)
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (422, "business-rule")


def test_a_type_that_is_not_taken_is_refused(house):
    encounter = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    answer = house.call("POST", "/fhir", transaction(("POST", "Encounter", encounter)))
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (422, "not-supported")


def test_a_batch_takes_what_is_good_and_says_what_is_not(house):
    bundle = transaction(
        ("POST", "Observation", observation("Patient/p1")),
        ("POST", "Observation", observation(status="nonsense")),
        ("POST", "Observation", observation("Patient/p2")),
        ("DELETE", "Observation/o1", None),
        ("GET", "Observation?patient=p1", None),
        ("PUT", "Observation/o9", observation(id="o9") | {"valueQuantity": {"value": 1}}),
        kind="batch",
    )
    bundle["entry"][5]["request"]["ifMatch"] = 'W/"3"'
    answer = house.call("POST", "/fhir", bundle)
    assert (answer.status_code, answer.json["type"]) == (200, "batch-response")
    statuses = [entry["response"]["status"].partition(" ")[0] for entry in answer.json["entry"]]
    assert statuses == ["201", "400", "201", "422", "200", "412"]
    assert entry_codes(answer.json["entry"][1]) == ["code-invalid"]
    assert evaluations(house) == 2
    assert answer.headers["Link"].count('rel="monitor"') == 2


@pytest.mark.parametrize(("count", "linked"), [(1, 1), (8, 8), (9, 0), (500, 0)])
def test_the_header_of_a_batch_stays_short_and_its_entries_name_their_evaluations(house, count, linked):
    parts = [("POST", "Observation", observation(note=[{"text": str(number)}])) for number in range(count)]
    bundle = transaction(*parts, kind="batch")
    for _ in range(2):  # from memory, too
        answer = house.call("POST", "/fhir", bundle)
        assert answer.headers.get("Link", "").count('rel="monitor"') == linked
    texts = [entry["response"]["outcome"]["issue"][0]["details"]["text"] for entry in answer.json["entry"]]
    named = {text.partition("Evaluation: GuidanceResponse/")[2].rstrip(".") for text in texts}
    found = house.call("GET", "/fhir/GuidanceResponse?_count=500").json["entry"]
    assert named == {entry["resource"]["id"] for entry in found}
    assert len(named) == count


def test_the_status_url_of_a_long_batch_waits_for_all_of_its_evaluations(house):
    parts = [("POST", "Observation", observation(note=[{"text": str(number)}])) for number in range(9)]
    answer = house.call("POST", "/fhir", transaction(*parts, kind="batch"), headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.headers.get("Link")) == (202, None)
    place = answer.headers["Content-Location"].removeprefix("http://localhost")
    for entry in house.call("GET", "/fhir/GuidanceResponse").json["entry"]:
        assert house.call("GET", place).status_code == 202
        with house.database.transaction() as tx:
            resources.put(tx, "north", entry["resource"] | {"status": "success"}, patient="p1", ours=True)
    done = house.call("GET", place)
    assert (done.status_code, len(done.json["entry"]), done.headers.get("Link")) == (200, 9, None)


def test_fifty_copies_of_a_transaction_at_once_are_one(house):
    house.bearer()
    bundle = transaction(("POST", "Patient", patient(), MOTHER), ("POST", "Observation", observation(MOTHER)))
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(house.call("POST", "/fhir", bundle).data)) for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50
    assert len(set(answers)) == 1
    assert (house.call("GET", "/fhir/Patient").json["total"], evaluations(house)) == (1, 1)


def test_a_transaction_may_ask_for_what_was_stored(house):
    bundle = transaction(("POST", "Observation", observation()))
    answer = house.call("POST", "/fhir", bundle, headers={"Prefer": "return=representation"})
    assert answer.json["entry"][0]["resource"]["status"] == "final"


def test_an_empty_bundle_does_nothing(house):
    empty = {"resourceType": "Bundle", "type": "transaction"}
    assert house.call("POST", "/fhir", empty).json == {"resourceType": "Bundle", "type": "transaction-response"}


def test_a_resource_is_no_bundle(house):
    assert house.call("POST", "/fhir", observation()).status_code == 400


@pytest.mark.parametrize("path", SYNTHEA, ids=lambda path: path.stem)
def test_a_whole_record_is_taken_under_its_own_ids(house, path):
    record = json.loads(path.read_bytes())
    answer = house.call("POST", "/fhir/$submit", path.read_bytes())
    assert answer.status_code == 200, answer.text[:500]
    issues = [issue for issue in answer.json["issue"] if issue["severity"] == "information"]
    assert len(issues) == len(record["entry"])
    for number, (issue, entry) in enumerate(zip(issues, record["entry"], strict=True)):
        assert issue["expression"][0].startswith(f"Bundle.entry[{number}]")
        if issue["details"]["coding"][0]["code"] == "stored":
            kind, name = entry["resource"]["resourceType"], entry["resource"]["id"]
            assert f"{kind}/{name}" in issue["details"]["text"]
    person = next(one["resource"] for one in record["entry"] if one["resource"]["resourceType"] == "Patient")
    assert house.call("GET", f"/fhir/Patient/{person['id']}").status_code == 200
    assert evaluations(house) == 1
    conditions = [one for one in record["entry"] if one["resource"]["resourceType"] == "Condition"]
    found = house.call("GET", f"/fhir/Condition?patient={person['id']}&_summary=count").json
    assert found["total"] == len(conditions)


def test_the_same_record_again_changes_nothing(house):
    raw = SYNTHEA[0].read_bytes()
    house.call("POST", "/fhir/$submit", raw)
    rows = house.rows("versions")
    house.call("POST", "/fhir/$submit", raw)
    spaced = house.call("POST", "/fhir/$submit", raw + b" ")
    assert {issue["details"]["coding"][0]["code"] for issue in spaced.json["issue"]} >= {"unchanged", "entry-ignored"}
    assert "Link" not in spaced.headers
    assert house.rows("versions") == rows


def test_a_record_may_come_as_a_parameter(house):
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": intake_form(id="f1")}]}
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "bundle", "resource": bundle}]}
    answer = house.call("POST", "/fhir/$submit", wrapped)
    assert answer.status_code == 200
    assert house.call("GET", "/fhir/QuestionnaireResponse/f1").status_code == 200


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_bundle_that_only_reads_is_never_answered_from_memory(house, kind):
    question = transaction(("GET", "Observation?_summary=count", None), kind=kind)
    totals = []
    for number in range(2):
        totals.append(house.call("POST", "/fhir", question).json["entry"][0]["resource"]["total"])
        house.call("PUT", f"/fhir/Observation/o{number}", observation(id=f"o{number}"))
    assert totals == [0, 1]


@pytest.mark.parametrize("path", ["/fhir/$submit", "/fhir"])
def test_a_record_that_goes_back_to_what_it_was_is_stored_and_evaluated_again(house, path):
    def send(status):
        body = transaction(("PUT", "Observation/o1", observation(id="o1", status=status)))
        return house.call("POST", path, body)

    first, changed, back, copy = send("final"), send("amended"), send("final"), send("final")
    assert len({answer.headers.get("Link") for answer in (first, changed, back)}) == 3
    assert house.call("GET", "/fhir/Observation/o1").json["status"] == "final"
    assert house.call("GET", "/fhir/Observation/o1").headers["ETag"] == 'W/"3"'
    assert copy.status_code == 200
    assert evaluations(house) == 3


def sent(house, kind, *resources):
    """Send resources by PUT in a Bundle of this kind, or as a whole record."""
    if kind == "$submit":
        return house.call("POST", "/fhir/$submit", record(*resources))
    parts = [("PUT", f"{one['resourceType']}/{one['id']}", one) for one in resources]
    return house.call("POST", "/fhir", transaction(*parts, kind=kind))


@pytest.mark.parametrize("kind", ["$submit", "transaction", "batch"])
def test_what_is_of_no_patient_and_goes_back_to_what_it_was_is_stored_again(house, kind):
    for status in ("active", "inactive", "active", "active"):
        device = {"resourceType": "Device", "id": "d1", "status": status}
        assert sent(house, kind, device).status_code == 200
        assert house.call("GET", "/fhir/Device/d1").json["status"] == status
    assert house.call("GET", "/fhir/Device/d1").headers["ETag"] == 'W/"3"'


@pytest.mark.parametrize("kind", ["$submit", "transaction", "batch"])
def test_a_copy_of_what_is_older_than_what_is_stored_adds_nothing(house, kind):
    for day in (1, 2, 1, 1):
        device = {"resourceType": "Device", "id": "d1", "meta": {"lastUpdated": f"2026-01-0{day}T00:00:00Z"}}
        assert sent(house, kind, device | {"lotNumber": f"lot-{day}"}).status_code == 200
    assert house.call("GET", "/fhir/Device/d1").json["lotNumber"] == "lot-2"
    assert house.call("GET", "/fhir/Device/d1/_history").json["total"] == 2


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_nobody_who_writes_waits_while_a_bundle_that_only_reads_is_read(house, monkeypatch, kind):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    read = reads.entry

    def while_somebody_writes(*asked):
        writing = threading.Thread(target=house.call, args=("PUT", "/fhir/Observation/o2", observation(id="o2")))
        writing.start()
        writing.join(60)
        assert not writing.is_alive()
        return read(*asked)

    monkeypatch.setattr(reads, "entry", while_somebody_writes)
    bundle = transaction(("GET", "Observation/o1", None), ("GET", "Observation?_summary=count", None), kind=kind)
    first, second = house.call("POST", "/fhir", bundle).json["entry"]
    assert first["resource"]["id"] == "o1"
    assert second["resource"]["total"] in {1, 2}
    assert house.call("GET", "/fhir/Observation/o2").status_code == 200


TAKEN = {
    "Patient", "Observation", "Condition", "Procedure", "ImagingStudy", "DiagnosticReport", "DeviceUseStatement",
    "Device", "AllergyIntolerance", "MedicationStatement", "MedicationRequest", "ServiceRequest",
}  # fmt: skip


@pytest.mark.parametrize("path", SYNTHEA, ids=lambda path: path.stem)
def test_a_whole_record_cut_to_what_is_taken_is_a_transaction(house, path):
    record = json.loads(path.read_bytes())
    entries = [
        {
            "fullUrl": entry["fullUrl"],
            "resource": entry["resource"],
            "request": {"method": "POST", "url": entry["resource"]["resourceType"]},
        }
        for entry in record["entry"]
        if entry["resource"]["resourceType"] in TAKEN
    ][:500]
    answer = house.call("POST", "/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text[:800]
    assert {entry["response"]["status"] for entry in answer.json["entry"]} == {"201 Created"}
    assert evaluations(house) == 1


def test_a_bundle_of_too_many_entries_is_refused(house):
    many = transaction(*[("POST", "Observation", {"resourceType": "Observation"})] * 501)
    answer = house.call("POST", "/fhir", many)
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (413, "too-costly")
