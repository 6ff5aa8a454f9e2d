"""Key sets are fetched from registered public addresses only: no redirect, no proxy, 64 kB, 3 seconds, kept.

Whoever needs the same set at the same time waits for one fetch; neither strangers nor slow hosts make more of it.
"""

import json
import socket
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from fhir_svc.ehr import jwks
from fhir_svc.ehr.jwks import KeySets, fetch
from fhir_svc.errors import Unavailable

KEYS = {"keys": [{"kty": "EC", "kid": "1"}]}
NEWER = {"keys": [{"kty": "EC", "kid": "2"}]}
URL = "https://keys.example/k"


def drip(line):
    """Send a byte now and then, for a minute at most."""
    for _ in range(600):
        try:
            line.write(b" ")
            line.flush()
        except OSError:
            return
        time.sleep(0.1)


class Publisher(BaseHTTPRequestHandler):
    """Answers by path, and counts."""

    asked = 0

    def do_GET(self):
        type(self).asked += 1
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/keys")
            self.end_headers()
            return
        if self.path == "/slow-head":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX:")
            drip(self.wfile)
            return
        if self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            drip(self.wfile)
            return
        body = {
            "/keys": json.dumps(KEYS).encode(),
            "/large": b'{"keys": ["' + b"x" * 70_000 + b'"]}',
            "/deep": b'{"keys": ' + b"[" * 60_000,
            "/other": b'{"keys": {}}',
        }
        self.send_response(200 if self.path in body or self.path == "/html" else 500)
        self.end_headers()
        self.wfile.write(body.get(self.path, b"<html>"))

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def publisher(monkeypatch):
    monkeypatch.setattr(jwks, "DEADLINE", 60.0)  # no matter how busy this machine is
    monkeypatch.setattr(jwks, "PATIENCE", 60.0)
    Publisher.asked = 0
    server = HTTPServer(("127.0.0.1", 0), Publisher)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Host:
    """Stands for the fetch of a key set: what it gives may be changed, made to fail, or held back."""

    def __init__(self):
        self.gives, self.asked, self.now, self.takes = KEYS, 0, 1000.0, 0.0
        self.begun, self.open = threading.Semaphore(0), threading.Event()
        self.open.set()

    def fetch(self, _url, **_more):
        self.asked += 1
        found = self.gives
        self.begun.release()
        assert self.open.wait(60)
        self.now += self.takes
        if found is None:
            raise Unavailable(jwks.FAILED, error=jwks.UNAVAILABLE)
        return found

    def clock(self):
        """Moves only as the test, and the fetch, want it."""
        return self.now


@pytest.fixture
def host(monkeypatch):
    made = Host()
    monkeypatch.setattr(jwks, "fetch", made.fetch)
    monkeypatch.setattr(jwks, "PATIENCE", 60.0)
    return made


def test_a_key_set_is_fetched_once_and_kept(publisher):
    sets = KeySets(loopback=True)
    assert [sets.get(f"{publisher}/keys") for _ in range(3)] == [KEYS] * 3
    assert Publisher.asked == 1


def test_whoever_comes_while_a_set_is_fetched_is_judged_by_that_fetch(host):
    sets = KeySets()
    host.open.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(sets.get, URL, number % 2 == 1) for number in range(8)]
        try:
            assert not wait(asked, timeout=0.3, return_when=FIRST_COMPLETED).done
        finally:
            host.open.set()
        assert [each.result() for each in asked] == [KEYS] * 8


def test_a_key_that_was_published_since_is_found_by_all_who_come_with_it_at_once(host):
    sets = KeySets()
    assert sets.get(URL) == KEYS
    host.gives = NEWER
    host.open.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(sets.get, URL, True) for _ in range(8)]
        try:
            assert not wait(asked, timeout=0.3, return_when=FIRST_COMPLETED).done
        finally:
            host.open.set()
        assert [each.result() for each in asked] == [NEWER] * 8


def test_a_fetch_that_fails_fails_for_all_who_waited_and_the_next_one_may_go_well(host):
    sets = KeySets()
    host.gives = None
    host.open.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(sets.get, URL) for _ in range(8)]
        host.begun.acquire()
        host.open.set()
    assert {type(each.exception()) for each in asked} == {Unavailable}
    host.gives = KEYS
    assert sets.get(URL) == KEYS


def test_keys_published_one_soon_after_the_other_are_all_found(host):
    sets = KeySets(clock=host.clock)
    for number in range(jwks.FETCHES - 1):
        host.gives = {"keys": [{"kty": "EC", "kid": str(number)}]}
        sets.get(URL)
        assert sets.get(URL, True) == host.gives


def test_unknown_key_ids_make_us_fetch_a_few_times_and_then_now_and_then(host):
    sets = KeySets(clock=host.clock)
    for _ in range(100):
        sets.get(URL, True)
    assert host.asked == jwks.FETCHES
    for _ in range(80):
        host.now += jwks.EVERY / 8
        sets.get(URL, True)
    assert host.asked == jwks.FETCHES + 10


def test_an_address_that_fails_is_not_asked_more_often_than_one_that_answers(host):
    sets = KeySets(clock=host.clock)
    host.gives = None
    for _ in range(100):
        with pytest.raises(Unavailable):
            sets.get(URL)
    assert host.asked == jwks.FETCHES
    host.gives = KEYS
    host.now += jwks.EVERY
    assert sets.get(URL) == KEYS


def test_what_is_asked_of_one_address_uses_up_nothing_of_another(host):
    sets = KeySets(clock=host.clock)
    for _ in range(100):
        sets.get(URL, True)
    asked = host.asked
    sets.get(f"{URL}2")
    assert host.asked == asked + 1


@pytest.mark.parametrize("keys", [KEYS, None], ids=["slow", "failing"])
def test_for_a_host_that_was_slow_or_failed_one_waits_and_no_more(host, keys):
    """Others, who have nothing to do with it, need the threads."""
    sets = KeySets(clock=host.clock)
    host.gives = keys
    host.takes = jwks.QUICK + 1
    for _ in range(1 if keys else 2):
        try:
            sets.get(URL)
        except Unavailable:
            assert keys is None
    host.begun = threading.Semaphore(0)
    host.open.clear()
    with ThreadPoolExecutor(1) as pool:
        try:
            one = pool.submit(sets.get, URL, True)
            host.begun.acquire()
            for _ in range(3):
                with pytest.raises(Unavailable) as caught:
                    sets.get(URL, True)
            assert caught.value.issues[0].error != jwks.UNAVAILABLE
            assert int(caught.value.headers["Retry-After"]) > 0
            if keys:
                assert sets.get(URL) == KEYS  # whose key is known does not wait at all
        finally:
            host.open.set()
        assert isinstance(one.exception(), Unavailable) if keys is None else one.result() == KEYS


def test_nobody_waits_longer_than_the_limit_whatever_the_fetch_waits_for(host, monkeypatch):
    """The name's address, for instance, which the system looks up as long as it likes."""
    monkeypatch.setattr(jwks, "PATIENCE", 0.2)
    sets = KeySets()
    host.open.clear()
    try:
        for _ in range(2):
            with pytest.raises(Unavailable):
                sets.get(URL)
        assert host.asked == 1
    finally:
        host.open.set()


@pytest.mark.parametrize("path", ["/redirect", "/large", "/deep", "/other", "/html", "/none"])
def test_what_is_no_plain_small_key_set_is_unavailable(publisher, path):
    with pytest.raises(Unavailable):
        fetch(f"{publisher}{path}", loopback=True)


@pytest.mark.parametrize("path", ["/slow", "/slow-head"])
def test_a_dripping_server_is_left_at_the_deadline(publisher, monkeypatch, path):
    monkeypatch.setattr(jwks, "DEADLINE", 0.5)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        fetch(f"{publisher}{path}", loopback=True)
    assert time.monotonic() - started < 30  # it would go on for a minute


def test_a_set_is_asked_for_again_when_it_is_old(host):
    sets = KeySets(clock=host.clock)
    sets.get(URL)
    host.gives = NEWER
    host.now += jwks.KEPT - 1
    assert sets.get(URL) == KEYS
    host.now += 1
    assert sets.get(URL) == NEWER


def test_the_last_good_set_stays_in_use_while_the_server_is_gone(host):
    sets = KeySets(clock=host.clock)
    sets.get(URL)
    host.gives = None
    host.now += jwks.KEPT
    asked = host.asked
    assert [sets.get(URL) for _ in range(10)] == [KEYS] * 10
    assert host.asked == asked + 1
    host.gives = NEWER
    host.now += jwks.EVERY
    assert sets.get(URL) == NEWER


def forbidden(*_args, **_more):
    raise AssertionError("a connection was made")


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("http://keys.example/k", ["93.184.216.34"]),
        ("https://keys.example/k", ["169.254.169.254"]),
        ("https://keys.example/k", ["10.0.0.1"]),
        ("https://keys.example/k", ["127.0.0.1"]),
        ("https://keys.example/k", ["::1"]),
        ("https://keys.example/k", ["fd00::1"]),
        ("https://keys.example/k", ["0.0.0.0"]),  # noqa: S104 - an address that must not be called
        ("https://keys.example/k", ["224.0.0.1"]),
        ("https://keys.example/k", ["::ffff:10.0.0.1"]),
        ("https://keys.example/k", ["93.184.216.34", "10.0.0.1"]),
        ("https://keys.example/k", []),
        ("https://user@keys.example/k", ["93.184.216.34"]),
        ("https://127.0.0.1/k", ["127.0.0.1"]),
        ("http://localhost/k", ["127.0.0.1"]),
        ("file:///etc/passwd", []),
        ("gopher://keys.example/k", ["93.184.216.34"]),
        ("https://keys.example:99999/k", ["93.184.216.34"]),
        ("https:///k", []),
    ],
)
def test_no_connection_is_made_to_what_is_not_public(monkeypatch, url, addresses):
    def resolve(_host, port, **_more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(requests.Session, "request", forbidden)
    with pytest.raises(Unavailable):
        fetch(url)


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    asked = {}

    def resolve(_host, port, **_more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    def note(_session, _method, target, **more):
        asked.update(target=target, **more)
        raise requests.ConnectionError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(requests.Session, "request", note)
    with pytest.raises(Unavailable):
        fetch("https://keys.example/path?x=1")
    assert asked["target"] == "https://93.184.216.34:443/path?x=1"
    assert asked["headers"]["Host"] == "keys.example"
    assert asked["allow_redirects"] is False
