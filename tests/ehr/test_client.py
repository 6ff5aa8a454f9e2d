"""However an EHR answers, the client says done, not now, unclear, never or changed, and says it in time."""

import time
from decimal import Decimal

import pytest
import requests
import responses

from fhir_svc.ehr.client import Capabilities, CapabilityCache, EhrClient
from fhir_svc.ehr.replies import Changed, Never, NotNow, Unclear
from fhir_svc.errors import Broken, Unavailable

ORDER = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft"}
BASE = "http://127.0.0.1:9/fhir"
FHIR = "application/fhir+json"


def put(base, deadline=60.0):
    with EhrClient(base, deadline=deadline) as client:
        return client.put(ORDER, version=None)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, Never, "ehr-400"),
        (403, Never, "ehr-403"),
        (404, Never, "ehr-404"),
        (409, Never, "ehr-409"),
        (422, Never, "ehr-422"),
        (301, Never, "ehr-301"),
        (501, Never, "ehr-501"),
        (412, Changed, "ehr-copy-changed"),
        (401, NotNow, "ehr-401"),
        (429, NotNow, "ehr-429"),
        (503, NotNow, "ehr-503"),
        (408, Unclear, "ehr-408"),
        (500, Unclear, "ehr-500"),
        (502, Unclear, "ehr-502"),
        (504, Unclear, "ehr-504"),
    ],
)
def test_a_refused_write_is_named_by_its_status(status, kind, error):
    with responses.RequestsMock() as ehr:
        ehr.put(f"{BASE}/ServiceRequest/o1", status=status, headers={"Location": "http://127.0.0.1:9/elsewhere"})
        with pytest.raises(kind) as raised:
            put(BASE)
        assert raised.value.issues[0].error == error
        assert len(ehr.calls) == 1


@pytest.mark.parametrize(("given", "seconds"), [("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)])
def test_retry_after_is_read_as_seconds_or_date(given, seconds):
    with responses.RequestsMock() as ehr:
        ehr.put(f"{BASE}/ServiceRequest/o1", status=429, headers={"Retry-After": given})
        with pytest.raises(NotNow) as raised:
            put(BASE)
        assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body", "content_type", "headers"),
    [
        (200, b"<html>Welcome</html>", "text/html", {}),
        (200, b"<html>Welcome</html>", FHIR, {}),
        (201, b'{"resourceType":"Patient","id":"o1"}', FHIR, {}),
        (200, b'{"resourceType":"ServiceRequest","id":"another"}', FHIR, {}),
        (200, b"[]", FHIR, {}),
        (201, b'{"resourceType":', FHIR, {}),
        (201, b"[" * 50_000, FHIR, {}),
    ],
)
def test_an_answer_that_proves_nothing_is_never_taken_as_done(status, body, content_type, headers):
    with responses.RequestsMock() as ehr:
        ehr.put(f"{BASE}/ServiceRequest/o1", status=status, body=body, content_type=content_type, headers=headers)
        with pytest.raises(Unclear):
            put(BASE)


def test_a_created_without_location_or_body_is_unclear():
    with responses.RequestsMock() as ehr, EhrClient(BASE) as client:
        ehr.post(f"{BASE}/ServiceRequest", status=201, body=b"")
        with pytest.raises(Unclear):
            client.create(ORDER, [("identifier", "a|b")])


@pytest.mark.parametrize(
    ("headers", "body", "seen"),
    [
        ({"ETag": 'W/"3"'}, b"", ("o1", "3")),
        ({"Location": f"{BASE}/ServiceRequest/o1/_history/4"}, b"", ("o1", "4")),
        ({}, b'{"resourceType":"ServiceRequest","id":"o1","meta":{"versionId":"5"}}', ("o1", "5")),
        ({}, b'{"resourceType":"OperationOutcome","issue":[]}', ("o1", None)),
        ({"Content-Length": "0"}, b"", ("o1", None)),
    ],
)
def test_id_and_version_are_found_wherever_the_ehr_says_them(headers, body, seen):
    with responses.RequestsMock() as ehr:
        ehr.put(f"{BASE}/ServiceRequest/o1", status=200, body=body, content_type=FHIR, headers=headers)
        copy = put(BASE)
        assert (copy.id, copy.version) == seen


def test_conditions_travel_with_the_writes():
    with responses.RequestsMock() as ehr, EhrClient(BASE) as client:
        ehr.put(f"{BASE}/ServiceRequest/o1", headers={"ETag": 'W/"2"'})
        ehr.post(f"{BASE}/ServiceRequest", status=201, headers={"Location": f"{BASE}/ServiceRequest/9/_history/1"})
        client.put(ORDER, version="1")
        client.put(ORDER, version=None)
        made = client.create(ORDER, [("identifier", "urn:x|a b")])
        sent = [call.request.headers for call in ehr.calls]
        assert sent[0]["If-Match"] == 'W/"1"'
        assert sent[1]["If-None-Match"] == "*"
        assert sent[2]["If-None-Exist"] == "identifier=urn%3Ax%7Ca+b"
        assert "Authorization" not in sent[0]
        assert (made.id, made.version) == ("9", "1")


NUMBER = [("identifier", "urn:mrn|12345")]
FOUND = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "Patient", "id": "p"}}]}


def test_who_a_patient_is_stands_in_no_address():
    with responses.RequestsMock() as ehr, EhrClient(BASE) as client:
        ehr.post(f"{BASE}/Patient/_search", json=FOUND, content_type=FHIR)
        assert [copy.id for copy in client.search_unseen("Patient", NUMBER)] == ["p"]
        asked = [(call.request.url, call.request.body) for call in ehr.calls]
        assert asked == [(f"{BASE}/Patient/_search", b"identifier=urn%3Amrn%7C12345")]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 415, 500, 501])
def test_an_ehr_that_knows_no_searches_by_post_is_asked_as_it_can_be(status):
    with responses.RequestsMock() as ehr, EhrClient(BASE) as client:
        ehr.post(f"{BASE}/Patient/_search", status=status)
        ehr.get(f"{BASE}/Patient", json=FOUND, content_type=FHIR)
        assert [copy.id for copy in client.search_unseen("Patient", NUMBER)] == ["p"]


@pytest.mark.parametrize("reply", [{"status": 429}, {"status": 503}, {"body": requests.ConnectionError()}])
def test_an_ehr_that_is_busy_or_gone_is_not_asked_in_another_way(reply):
    with responses.RequestsMock() as ehr, EhrClient(BASE) as client:
        ehr.post(f"{BASE}/Patient/_search", **reply)
        with pytest.raises(NotNow):
            client.search_unseen("Patient", NUMBER)
        assert len(ehr.calls) == 1


def test_a_search_that_is_answered_with_something_else_is_not_now():
    with responses.RequestsMock() as ehr, EhrClient(BASE) as client:
        ehr.get(f"{BASE}/ServiceRequest", body=b"<html>", content_type="text/html")
        with pytest.raises(NotNow):
            client.search("ServiceRequest", [("identifier", "a|b")])


def test_capabilities_are_asked_once_and_asked_again_when_forgotten(ehr):
    cache = CapabilityCache()
    with EhrClient(ehr.base) as client:
        assert "ServiceRequest" in cache.get(client).update_create
        ehr.fault(update_create=False, task=False)
        assert "Task" in cache.get(client).writable
        cache.forget(ehr.base)
        assert "Task" not in cache.get(client).writable
        assert not cache.get(client).update_create
    assert ehr.log()["requests"]["GET metadata 200"] == 2


def test_an_ehr_that_takes_no_writes_of_a_type_says_so():
    statement = {"rest": [{"mode": "server", "resource": [{"type": "Task", "updateCreate": True}]}]}
    assert Capabilities.of(statement) == Capabilities(frozenset(), frozenset())


def _drip(line, stop):
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 1000\r\n\r\n")
    while not stop.wait(0.05):
        line.sendall(b" ")


def _drip_headers(line, stop):
    line.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stop.wait(0.05):
        line.sendall(b"X")


def _silent(_line, stop):
    stop.wait(60)


def _hang_up(_line, _stop):
    return


def _cut_short(line, _stop):
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 1000\r\n\r\n{}")


def _no_headers(line, _stop):
    line.sendall(b"HTTP/1.1 200 OK\r\n")


def _flood(line, stop):
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n\r\n")
    while not stop.is_set():
        line.sendall(b" " * 65536)


@pytest.mark.parametrize("handler", [_drip, _drip_headers, _silent, _hang_up, _cut_short, _no_headers, _flood])
def test_no_server_can_hold_a_write_beyond_the_deadline(raw_server, handler):
    with raw_server(handler) as base:
        begun = time.monotonic()
        with pytest.raises(Unclear):
            put(base, deadline=2.0)
        assert time.monotonic() - begun < 15  # the servers of these cases would go on for a minute


def test_all_requests_of_a_conversation_share_the_deadline(ehr):
    ehr.fault(delay=0.4)

    def ask_ten_times(client):
        for _ in range(10):
            client.read("ServiceRequest", "none")

    with EhrClient(ehr.base, deadline=1.0) as client, pytest.raises(NotNow):
        ask_ten_times(client)
    assert ehr.log()["requests"].get("GET ServiceRequest 404", 0) < 5


def test_a_host_that_is_down_is_not_now():
    with pytest.raises(NotNow) as raised:
        put("http://127.0.0.1:1/fhir")
    assert raised.value.issues[0].error == "ehr-connection"


def test_proxies_of_the_environment_are_ignored(ehr, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert put(ehr.base).version == "1"


def test_decimals_reach_the_ehr_digit_for_digit(ehr):
    with EhrClient(ehr.base) as client:
        client.put({**ORDER, "quantityQuantity": {"value": Decimal("82.50")}}, version=None)
        copy = client.read("ServiceRequest", "o1")
    assert str(copy.content["quantityQuantity"]["value"]) == "82.50"


def test_no_error_text_holds_anything_of_a_resource():
    with responses.RequestsMock() as ehr:
        ehr.put(f"{BASE}/ServiceRequest/o1", status=422, body=b'{"diagnostics":"o1 secret"}')
        with pytest.raises((Broken, Unavailable)) as raised:
            put(BASE)
    assert "secret" not in str(raised.value)
    assert "o1" not in str(raised.value)
