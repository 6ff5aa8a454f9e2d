"""What an answer to a write gives away: to whoever may not read, nothing that they did not send themselves."""

import json

import pytest

from fhir_svc.store import resources
from tests.web.cast import codes, observation, transaction

THEIRS = "the note of somebody else"
REPRESENTATION = {"Prefer": "return=representation"}


@pytest.fixture
def stored(house):
    """A house that has an Observation, and an order of its own."""
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1", note=[{"text": THEIRS}]))
    with house.database.transaction() as tx:
        resources.create(tx, "north", order("d1", note=[{"text": THEIRS}]), patient="p1", ours=True)
    return house


def order(name, **more):
    return {
        "resourceType": "ServiceRequest",
        "id": name,
        "status": "draft",
        "intent": "order",
        "identifier": [{"system": "https://example.org/fhir-svc/order", "value": "v1"}],
        "subject": {"reference": "Patient/p1"},
        "code": {"text": "MRI"},
    } | more


def created_where(condition, *reads, kind="transaction"):
    """A Bundle that creates an Observation unless there is one, and reads something."""
    bundle = transaction(("POST", "Observation", observation()), *[("GET", url, None) for url in reads], kind=kind)
    bundle["entry"][0]["request"]["ifNoneExist"] = condition
    return bundle


@pytest.mark.parametrize("headers", [{}, REPRESENTATION])
@pytest.mark.parametrize(("scope", "shown"), [("c", False), ("cu", False), ("cr", True), ("cs", True)])
def test_what_a_conditional_create_meets_is_shown_to_whoever_may_read_it(stored, headers, scope, shown):
    answer = stored.call(
        "POST",
        "/fhir/Observation",
        observation(),
        scope=f"system/Observation.{scope}",
        headers={"If-None-Exist": "_id=o1", **headers},
    )
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1"')
    assert answer.headers["Location"].endswith("/fhir/Observation/o1/_history/1")
    assert (THEIRS in answer.text) is shown
    assert bool(answer.data) is shown


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize(("scope", "shown"), [("c", False), ("cr", True)])
def test_so_it_is_in_bundles(stored, kind, scope, shown):
    bundle = created_where("_id=o1", kind=kind)
    answer = stored.call("POST", "/fhir", bundle, scope=f"system/Observation.{scope}", headers=REPRESENTATION)
    (entry,) = answer.json["entry"]
    assert entry["response"]["status"] == "200 OK"
    assert entry["response"]["location"].endswith("/fhir/Observation/o1/_history/1")
    assert ("resource" in entry) is shown
    assert (THEIRS in answer.text) is shown


@pytest.mark.parametrize(("scope", "shown"), [("c", False), ("cr", True)])
def test_an_order_of_ours_that_comes_back_is_shown_to_whoever_may_read_it(stored, scope, shown):
    scope = f"system/ServiceRequest.{scope}"
    answer = stored.call("POST", "/fhir/ServiceRequest", order("e7"), scope=scope, headers=REPRESENTATION)
    assert (answer.status_code, THEIRS in answer.text) == (200, shown)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/fhir/Observation", "system/Observation.c"),
        ("PUT", "/fhir/Observation/o1", "system/Observation.u"),
        ("PUT", "/fhir/Observation?_id=o1", "system/Observation.u"),
    ],
)
def test_whoever_may_only_write_is_shown_what_they_wrote(stored, method, path, scope):
    mine = observation(note=[{"text": "a note of mine"}]) | ({} if method == "POST" else {"id": "o1"})
    for _ in range(2):
        answer = stored.call(method, path, mine, scope=scope, headers=REPRESENTATION)
        assert answer.json["note"] == [{"text": "a note of mine"}]


READS = ("Observation/o1", "Observation?patient=p1", "Observation/o1/_history", "Observation/o1/_history/1")


def statuses(answer):
    return [entry["response"]["status"][:3] for entry in answer.json["entry"]]


def test_a_batch_from_memory_shows_no_more_than_one_that_is_carried_out(stored):
    bundle = created_where("_id=o1", *READS, kind="batch")
    first = stored.call("POST", "/fhir", bundle, headers=REPRESENTATION)
    assert statuses(first) == ["200"] * 5
    assert first.text.count(THEIRS) == 5
    for scope, told, shown in [
        ("system/Device.c", ["403"] * 5, 0),
        ("system/Observation.c", ["200", *["403"] * 4], 0),
        ("system/Observation.rs", ["403", *["200"] * 4], 4),
        ("system/Observation.crs", ["200"] * 5, 5),
    ]:
        again = stored.call("POST", "/fhir", bundle, scope=scope, headers=REPRESENTATION)
        assert (again.status_code, statuses(again), again.text.count(THEIRS)) == (200, told, shown)
    assert stored.call("POST", "/fhir", bundle, headers=REPRESENTATION).data == first.data


def test_numbers_of_an_answer_from_memory_keep_their_digits(stored):
    bundle = created_where("_id=none", "GuidanceResponse?_summary=count", kind="batch")
    raw = json.dumps(bundle).replace("37.2", "37.200")
    for scope in ("system/*.cruds", "system/Observation.c"):
        answer = stored.call("POST", "/fhir", raw, scope=scope, headers=REPRESENTATION)
        assert '"value":37.200' in answer.text
    assert statuses(answer) == ["201", "403"]


@pytest.mark.parametrize("kind", ["transaction", "single"])
def test_what_a_conditional_create_met_is_not_shown_from_memory_either(stored, kind):
    for scope, shown in [("system/Observation.cr", True), ("system/Observation.c", False)]:
        if kind == "transaction":
            answer = stored.call("POST", "/fhir", created_where("_id=o1"), scope=scope, headers=REPRESENTATION)
        else:
            headers = REPRESENTATION | {"If-None-Exist": "_id=o1"}
            answer = stored.call("POST", "/fhir/Observation", observation(), scope=scope, headers=headers)
        assert (answer.status_code, THEIRS in answer.text) == (200, shown)


def test_a_transaction_from_memory_is_refused_to_whoever_may_not_all_of_it(stored):
    bundle = created_where("_id=o1", "Observation/o1")
    assert stored.call("POST", "/fhir", bundle).status_code == 200
    answer = stored.call("POST", "/fhir", bundle, scope="system/Observation.c")
    assert (answer.status_code, codes(answer)) == (403, ["insufficient-scope"])


@pytest.mark.parametrize(("scope", "shown"), [("system/Observation.c", 0), ("system/Observation.crs", 2)])
def test_a_status_url_shows_no_more_than_the_request_would(stored, scope, shown):
    bundle = created_where("_id=o1", *READS[:2], kind="batch")
    answer = stored.call("POST", "/fhir", bundle, headers={"Prefer": "respond-async"})
    place = answer.headers["Content-Location"].removeprefix("http://localhost")
    assert stored.call("GET", place).text.count(THEIRS) == 2
    found = stored.call("GET", place, scope=scope)
    assert (found.status_code, found.text.count(THEIRS)) == (200, shown)
