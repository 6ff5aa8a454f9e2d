"""Key sets are fetched from registered public addresses only: no redirect, no proxy, 64 kB, 3 seconds, kept."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fhir_svc.ehr import jwks
from fhir_svc.ehr.jwks import KeySets, fetch
from fhir_svc.errors import Unavailable

KEYS = {"keys": [{"kty": "EC", "kid": "1"}]}


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
        if self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(600):
                try:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.1)
            return
        body = {"/keys": json.dumps(KEYS).encode(), "/large": b'{"keys": ["' + b"x" * 70_000 + b'"]}'}
        self.send_response(200 if self.path in body or self.path == "/html" else 500)
        self.end_headers()
        self.wfile.write(body.get(self.path, b"<html>"))

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def publisher(monkeypatch):
    monkeypatch.setattr(jwks, "DEADLINE", 60.0)  # no matter how busy this machine is
    Publisher.asked = 0
    server = HTTPServer(("127.0.0.1", 0), Publisher)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_key_set_is_fetched_once_and_kept(publisher):
    sets = KeySets(loopback=True)
    assert [sets.get(f"{publisher}/keys") for _ in range(3)] == [KEYS] * 3
    assert Publisher.asked == 1


def test_a_missing_key_id_asks_again_but_not_at_every_turn(publisher, monkeypatch):
    sets = KeySets(loopback=True)
    for _ in range(3):
        sets.get(f"{publisher}/keys", True)
    assert Publisher.asked == 1
    monkeypatch.setattr(jwks, "SOONEST", 0.0)
    sets.get(f"{publisher}/keys", True)
    assert Publisher.asked == 2


@pytest.mark.parametrize("path", ["/redirect", "/large", "/html", "/none"])
def test_what_is_no_plain_small_key_set_is_unavailable(publisher, path):
    with pytest.raises(Unavailable):
        fetch(f"{publisher}{path}", loopback=True)


def test_a_dripping_server_is_left_at_the_deadline(publisher, monkeypatch):
    monkeypatch.setattr(jwks, "DEADLINE", 0.5)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        fetch(f"{publisher}/slow", loopback=True)
    assert time.monotonic() - started < 30  # it would go on for a minute


def test_the_last_good_set_stays_in_use_while_the_server_is_gone(publisher, monkeypatch):
    sets = KeySets(loopback=True)
    sets.get(f"{publisher}/keys")
    monkeypatch.setattr(jwks, "KEPT", 0.0)
    monkeypatch.setattr(jwks, "SOONEST", 0.0)

    def gone(*_args, **_more):
        raise Unavailable(jwks.FAILED)

    monkeypatch.setattr(jwks, "fetch", gone)
    assert sets.get(f"{publisher}/keys") == KEYS


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
    monkeypatch.setattr(jwks.requests.Session, "get", forbidden)
    with pytest.raises(Unavailable):
        fetch(url)


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    asked = {}

    def resolve(_host, port, **_more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    def note(_session, target, **more):
        asked.update(target=target, **more)
        raise jwks.requests.ConnectionError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(jwks.requests.Session, "get", note)
    with pytest.raises(Unavailable):
        fetch("https://keys.example/path?x=1")
    assert asked["target"] == "https://93.184.216.34:443/path?x=1"
    assert asked["headers"]["Host"] == "keys.example"
    assert asked["allow_redirects"] is False
