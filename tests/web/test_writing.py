"""A resource that is sent is stored once, comes back as it was sent, and its evaluation can be polled."""

import threading

import pytest

from fhir_svc.store import resources
from tests.web.cast import BASE, codes, due, guidance_of, intake_form, observation, transaction


def test_a_form_is_stored_and_its_evaluation_can_be_polled(house):
    answer = house.call("POST", "/fhir/QuestionnaireResponse", intake_form())
    assert answer.status_code == 201
    stored = answer.json
    assert answer.headers["Location"] == f"{BASE}/QuestionnaireResponse/{stored['id']}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"].endswith("GMT")
    guidance = house.call("GET", f"/fhir/GuidanceResponse/{guidance_of(answer)}").json
    assert guidance["status"] == "in-progress"
    assert guidance["subject"] == {"reference": "Patient/p1"}
    assert guidance["moduleCanonical"].startswith("https://example.org/fhir-svc/PlanDefinition/lbp-lss|")
    assert guidance["requestIdentifier"]["value"]
    assert guidance["occurrenceDateTime"].endswith("Z")
    assert [(kind, urgent) for _, kind, urgent in due(house)] == [("evaluate", True)]


def test_what_is_created_in_progress_is_valid_fhir(house, built):
    answer = house.call("POST", "/fhir/Observation", observation())
    guidance = house.call("GET", f"/fhir/GuidanceResponse/{guidance_of(answer)}").json
    assert built.intake.whole().check(guidance) == []


def test_the_decimals_and_extensions_sent_are_the_ones_served(house):
    raw = (
        b'{"resourceType":"Observation","status":"final","_status":{"extension":[{"url":"https://x.example/f","valueCode":"y"}]},"code":{"text":"x"},'
        b'"subject":{"reference":"Patient/p1"},"extension":[{"url":"https://x.example/e","valueDecimal":1.10}],'
        b'"valueQuantity":{"value":82.50}}'
    )
    answer = house.call("POST", "/fhir/Observation", raw)
    assert answer.status_code == 201
    for part in (
        b'"value":82.50',
        b'"valueDecimal":1.10',
        b'"_status":{"extension":[{"url":"https://x.example/f","valueCode":"y"}]}',
    ):
        assert part in answer.data


def test_what_comes_back_is_what_is_read_afterwards(house):
    for method, path, body in (
        ("POST", "/fhir/Observation", observation()),
        ("PUT", "/fhir/Observation/o1", observation(id="o1")),
        ("PUT", "/fhir/Observation/o1", observation(id="o1", status="amended")),
        ("PUT", "/fhir/Observation/o1", observation(id="o1", status="amended")),
    ):
        answer = house.call(method, path, body)
        place = answer.headers["Location"].removeprefix("http://localhost")
        assert house.call("GET", place).data == answer.data


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        (None, "Observation"),
        ("return=representation", "Observation"),
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("handling=strict, return=minimal", None),
        ("return=nonsense", "Observation"),
    ],
)
def test_the_caller_says_what_comes_back(house, prefer, kind):
    answer = house.call("POST", "/fhir/Observation", observation(), headers={"Prefer": prefer} if prefer else {})
    assert answer.status_code == 201
    assert (answer.json["resourceType"] if answer.data else None) == kind
    assert answer.headers["Location"]


def test_the_same_post_again_gets_the_same_answer_and_no_second_evaluation(house):
    first = house.call("POST", "/fhir/Observation", observation())
    again = house.call("POST", "/fhir/Observation", observation())
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert again.headers["Link"] == first.headers["Link"]
    assert len(due(house)) == 1


def test_fifty_copies_at_once_make_one_resource(house):
    places = []
    house.bearer()

    def post():
        answer = house.call("POST", "/fhir/QuestionnaireResponse", intake_form())
        places.append((answer.status_code, answer.headers["Location"]))

    threads = [threading.Thread(target=post) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(places) == 50
    assert len(set(places)) == 1
    assert house.call("GET", "/fhir/QuestionnaireResponse").json["total"] == 1
    assert len(due(house)) == 1


def test_an_idempotency_key_is_kept_to_its_content(house):
    key = {"Idempotency-Key": "order-7"}
    first = house.call("POST", "/fhir/Observation", observation(), headers=key)
    assert (
        house.call("POST", "/fhir/Observation", observation(), headers=key).headers["Location"]
        == (first.headers["Location"])
    )
    other = house.call("POST", "/fhir/Observation", observation(status="amended"), headers=key)
    assert (other.status_code, codes(other)) == (409, ["idempotency-key-reused"])
    assert other.json["issue"][0]["expression"] == ["http.Idempotency-Key"]
    another = house.call("POST", "/fhir/Observation", observation(), client="south-ehr", headers=key)
    assert another.headers["Location"] != first.headers["Location"]


def test_equal_content_is_stored_once_whatever_key_it_comes_under(house):
    def post(key):
        headers = {"Idempotency-Key": key} if key else {}
        return house.call("POST", "/fhir/Observation", observation(), headers=headers)

    answers = [post(key) for key in ("a", "b", None, "a")]
    assert {(answer.status_code, answer.headers["Location"], answer.headers["Link"]) for answer in answers} == {
        (201, answers[0].headers["Location"], answers[0].headers["Link"])
    }
    assert house.call("GET", "/fhir/Observation?_summary=count").json["total"] == 1
    for key in ("a", "b"):
        other = house.call("POST", "/fhir/Observation", observation(status="amended"), headers={"Idempotency-Key": key})
        assert other.status_code == 409


def test_what_names_no_type_is_told_so_once(house):
    for method, path in (("POST", "/fhir/Observation"), ("PUT", "/fhir/Observation/o1")):
        answer = house.call(method, path, {})
        assert answer.status_code == 400
        assert [one["expression"] for one in answer.json["issue"]] == [["Observation.resourceType"]]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "place"),
    [
        ("POST", "/fhir/Observation", {}, b"{,}", "Observation"),
        ("POST", "/fhir", {}, b'{"resourceType": "Bundle", "resourceType": "Bundle"}', "Bundle"),
        ("POST", "/fhir/$submit", {}, b'{"total": NaN}', "Bundle"),
        ("POST", "/fhir/Observation", {"Content-Type": "text/plain"}, b"{}", "http.Content-Type"),
        ("POST", "/fhir/Observation", {"Content-Encoding": "gzip"}, b"{}", "http.Content-Encoding"),
        ("GET", "/fhir/Observation", {"Accept": "text/html"}, None, "http.Accept"),
        ("GET", "/fhir/Observation?date=x", {}, None, "http.date"),
        ("GET", "/fhir/Observation?_lastUpdated=x", {}, None, "http._lastUpdated"),
        ("GET", "/fhir/Observation?status:sounds=x", {}, None, "http.status"),
        ("GET", "/fhir/Observation?_sort=colour", {}, None, "http._sort"),
        ("GET", "/fhir/Observation?_count=x", {}, None, "http._count"),
        ("GET", "/fhir/Observation?_page=x", {}, None, "http._page"),
    ],
)
def test_every_refusal_says_where(house, method, path, headers, body, place):
    answer = house.call(method, path, body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert [one["expression"] for one in answer.json["issue"]] == [[place]]


def test_a_status_url_answers_once_the_evaluation_is_done(house):
    answer = house.call("POST", "/fhir/Observation", observation(), headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.data) == (202, b"")
    place = answer.headers["Content-Location"].removeprefix("http://localhost")
    waiting = house.call("GET", place)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "2")
    with house.database.transaction() as tx:
        guidance = resources.read(tx, "north", "GuidanceResponse", guidance_of(answer))
        resources.put(tx, "north", {**guidance.content, "status": "success"}, patient="p1", ours=True)
    done = house.call("GET", place)
    assert (done.status_code, done.json["resourceType"]) == (200, "Observation")
    assert done.headers["Location"]
    assert house.call("GET", place, client="south-ehr").status_code == 404


def test_the_bytes_received_are_kept(house):
    raw = (
        b' {"resourceType":"Observation",  "status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"}}\n'
    )
    assert house.call("POST", "/fhir/Observation", raw).status_code == 201
    with house.database.reading() as tx:
        assert tx.exec_driver_sql("SELECT raw FROM submissions").scalar_one() == raw


def test_options_answer_without_a_page(house):
    answer = house.call("OPTIONS", "/fhir/Patient")
    assert answer.status_code == 200
    assert "Content-Type" not in answer.headers


UCUM = "http://unitsofmeasure.org"


def measured(value, unit="Cel", code="8310-5", **more):
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit} | more
    return observation(code={"coding": [{"system": "http://loinc.org", "code": code}]}, valueQuantity=quantity)


def _without_value(given):
    return {name: value for name, value in given.items() if name != "valueQuantity"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (measured(38.5), []),
        (measured(101, "[degF]"), []),
        (measured(311, "K"), []),
        (measured(38.5, "furlong"), ["value-not-used"]),
        (measured(38.5, comparator="<"), ["value-not-used"]),
        (measured(385), ["value-not-used"]),
        (_without_value(measured(38.5)), ["value-not-used"]),
        (measured(80, "kg", "29463-7"), []),
        (measured(12, "stone", "29463-7"), ["value-not-used"]),
        (measured(12, "furlong", "8302-2"), []),
        (measured(38.5, "furlong") | {"status": "entered-in-error"}, []),
    ],
)
def test_whoever_sends_a_value_that_the_criteria_can_not_use_is_told_and_it_is_kept(house, given, told):
    prefer = {"Prefer": "return=OperationOutcome"}
    answer = house.call("POST", "/fhir/Observation", given, headers=prefer)
    assert answer.status_code == 201
    assert codes(answer) == ["stored", *told]
    bundle = house.call("POST", "/fhir", transaction(("POST", "Observation", given | {"note": [{"text": "again"}]})))
    (issues,) = [one["response"]["outcome"]["issue"] for one in bundle.json["entry"]]
    assert [issue["details"]["coding"][0]["code"] for issue in issues] == ["stored", *told]
    for one, place in ((answer.json["issue"], "Observation"), (issues, "Bundle.entry[0].resource")):
        assert [(issue["code"], issue["expression"]) for issue in one[1:]] == [
            ("informational", [f"{place}.value"]) for _ in told
        ]
