"""The sandbox EHR keeps what it promises, and breaks what it is told to break."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from fhir_svc.demo.sandbox_ehr import serve

ORDER = {
    "resourceType": "ServiceRequest",
    "status": "draft",
    "intent": "order",
    "identifier": [{"system": "urn:x", "value": "1"}],
    "subject": {"reference": "Patient/p1"},
    "quantityQuantity": {"value": 82.50},
}
CONDITION = {"If-None-Exist": "identifier=urn:x|1"}


def fault(base, **wanted):
    assert requests.put(f"{base}/_faults", json=wanted, timeout=60).status_code == 200


def stored(base):
    return requests.get(f"{base}/ServiceRequest", params={"identifier": "urn:x|1"}, timeout=60).json()["total"]


def post(base, **headers):
    return requests.post(f"{base}/ServiceRequest", json=ORDER, headers=headers, timeout=60)


def test_a_put_makes_a_version_and_an_old_if_match_is_refused(base):
    order = {**ORDER, "id": "o1"}
    first = requests.put(f"{base}/ServiceRequest/o1", json=order, timeout=60)
    assert (first.status_code, first.headers["ETag"]) == (201, 'W/"1"')
    assert first.headers["Location"].endswith("/ServiceRequest/o1/_history/1")
    match = {"If-Match": 'W/"1"'}
    second = requests.put(f"{base}/ServiceRequest/o1", json={**order, "status": "active"}, headers=match, timeout=60)
    assert (second.status_code, second.headers["ETag"]) == (200, 'W/"2"')
    assert requests.put(f"{base}/ServiceRequest/o1", json=order, headers=match, timeout=60).status_code == 412
    assert requests.get(f"{base}/ServiceRequest/o1", timeout=60).json()["status"] == "active"
    assert requests.get(f"{base}/ServiceRequest/o1/_history/1", timeout=60).json()["status"] == "draft"
    history = requests.get(f"{base}/ServiceRequest/o1/_history", timeout=60).json()
    assert [one["resource"]["meta"]["versionId"] for one in history["entry"]] == ["2", "1"]


def test_twenty_conditional_creates_at_once_make_one(base):
    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda _: post(base, **CONDITION).status_code, range(20)))
    assert sorted(codes) == [200] * 19 + [201]
    assert stored(base) == 1


def test_the_race_doubles_a_conditional_create(base):
    fault(base, race=2, type="ServiceRequest", method="POST")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: post(base, **CONDITION), range(2)))
    assert stored(base) == 2
    log = requests.get(f"{base}/_log", timeout=60).json()
    assert log["created"]["ServiceRequest urn:x|1"] == 2
    assert log["most_in_flight"]["ServiceRequest urn:x|1"] == 2
    assert post(base, **CONDITION).status_code == 412


def test_a_lost_answer_was_committed(base):
    fault(base, lose_answer=True, count=1)
    with pytest.raises(requests.ConnectionError):
        post(base)
    assert stored(base) == 1


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (
            {"status": 503, "retry_after": 2},
            lambda reply: reply.status_code == 503 and reply.headers["Retry-After"] == "2",
        ),
        ({"html_body": True}, lambda reply: reply.status_code == 201 and reply.text.startswith("<html")),
        ({"no_location": True}, lambda reply: reply.status_code == 201 and "Location" not in reply.headers),
        ({"delay": 0.3}, lambda reply: reply.elapsed.total_seconds() >= 0.3),
    ],
)
def test_a_fault_is_seen_for_as_many_requests_as_told(base, wanted, seen):
    fault(base, **wanted, count=1, method="POST")
    assert seen(post(base))
    assert post(base).headers.get("Location")


def test_a_half_open_connection_stays_silent_and_commits_nothing(base):
    fault(base, half_open=True, hold=20, method="POST")
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{base}/ServiceRequest", json=ORDER, timeout=(60, 0.2))
    fault(base)
    assert stored(base) == 0


def test_a_dripping_answer_pauses_before_every_byte(base):
    fault(base, drip=0.005, method="GET", count=1)
    begun = time.monotonic()
    answer = requests.get(f"{base}/ServiceRequest", timeout=60)
    assert answer.status_code == 200
    assert time.monotonic() - begun > 0.005 * len(answer.content)


def test_a_slow_request_holds_up_no_other(base):
    fault(base, half_open=True, hold=20, method="POST")
    for _ in range(4):
        with pytest.raises(requests.ReadTimeout):
            requests.post(f"{base}/ServiceRequest", json=ORDER, timeout=(60, 0.2))
    assert requests.get(f"{base}/ServiceRequest", timeout=60).status_code == 200
    log = requests.get(f"{base}/_log", timeout=60).json()
    assert log["most_in_flight"]["ServiceRequest urn:x|1"] == 4


def test_update_create_and_types_follow_the_switches(base):
    fault(base, update_create=False, task=False)
    offered = {one["type"]: one for one in requests.get(f"{base}/metadata", timeout=60).json()["rest"][0]["resource"]}
    assert "Task" not in offered
    assert offered["ServiceRequest"]["updateCreate"] is False
    refused = requests.put(f"{base}/ServiceRequest/o1", json={**ORDER, "id": "o1"}, timeout=60)
    assert (refused.status_code, refused.json()["resourceType"]) == (405, "OperationOutcome")


def test_references_are_checked_only_when_told(base):
    assert post(base).status_code == 201
    fault(base, check_references=True)
    assert post(base).status_code == 400
    requests.put(f"{base}/Patient/p1", json={"resourceType": "Patient", "id": "p1"}, timeout=60)
    assert post(base).status_code == 201


@pytest.mark.parametrize(
    ("params", "total"),
    [
        ({"identifier": "urn:x|1"}, 1),
        ({"identifier": "urn:x|2"}, 0),
        ({"subject": "Patient/p1"}, 1),
        ({"patient": "p1", "status": "draft,active"}, 1),
        ({"patient": "p2"}, 0),
        ({"status": "active"}, 0),
    ],
)
def test_searches_find_what_matches(base, params, total):
    post(base)
    assert requests.get(f"{base}/ServiceRequest", params=params, timeout=60).json()["total"] == total
    assert requests.post(f"{base}/ServiceRequest/_search", data=params, timeout=60).json()["total"] == total


def test_what_was_written_is_there_after_a_restart_digit_for_digit(base, tmp_path):
    raw = b'{"resourceType":"Observation","id":"w","valueQuantity":{"value":82.50}}'
    requests.put(f"{base}/Observation/w", data=raw, timeout=60)
    again = serve("127.0.0.1", 0, tmp_path)
    again.server_close()
    assert b"82.50" in again.app.test_client().get("/fhir/Observation/w").data


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "ServiceRequest", b"{", 400),
        ("POST", "ServiceRequest", b'{"resourceType":"Task"}', 400),
        ("PUT", "ServiceRequest/a", b'{"resourceType":"ServiceRequest","id":"b"}', 400),
        ("GET", "ServiceRequest/none", None, 404),
        ("GET", "Nonsense", None, 404),
        ("PATCH", "ServiceRequest/a", b"{}", 405),
        ("PUT", "_faults", b'{"unknown": 1}', 400),
    ],
)
def test_refusals_are_operation_outcomes(base, method, path, body, status):
    reply = requests.request(method, f"{base}/{path}", data=body, timeout=60)
    assert (reply.status_code, reply.json()["resourceType"]) == (status, "OperationOutcome")
