"""The real server on a real socket: what is not HTTP, what comes in pieces, what is half sent."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from fhir_svc.store import tokens
from fhir_svc.store.database import Database
from tests.ports import free_port
from tests.web.cast import SIGNING, observation

RUN = """
import sys
from fhir_svc import settings
from fhir_svc.app import create_app
from fhir_svc.web import arrivals
from fhir_svc.web.server import Server
arrivals.HEAD_WITHIN = 600.0
arrivals.STILL_WITHIN = 5.0
Server(create_app(settings.read()), bind=sys.argv[1], processes=2, threads=4).run()
"""


@pytest.fixture(scope="module")
def server(template, tmp_path_factory):
    """The web role as a process of its own; gives its port and the file of its log."""
    place = tmp_path_factory.mktemp("server")
    path = place / "fhir-svc.db"
    path.write_bytes(template.read_bytes())
    database = Database(f"sqlite:///{path}")
    with database.transaction() as tx:
        tokens.issue(tx, "T", client="north-ehr", tenant="north", scope="system/*.cruds", lifetime=timedelta(hours=1))
    database.dispose()
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_SVC_")} | {
        "FHIR_SVC_DATABASE_URL": f"sqlite:///{path}",
        "FHIR_SVC_SIGNING_KEY": SIGNING,
        "FHIR_SVC_AUDIT_KEY": "a" * 48,
    }
    with (place / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", RUN, f"127.0.0.1:{port}"], env=environment, stderr=log)
        try:
            until = time.monotonic() + 300
            while process.poll() is None and time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=60).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield port, place / "log"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(300)


def say(port, raw):
    """Send bytes, and give status, headers and body of what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as line:
        line.sendall(raw)
        return answer(line)


def answer(line):
    """Read one whole answer: status, headers and body."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = line.recv(65536)
        if not more:
            break
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        more = line.recv(65536)
        assert more
        body += more
    return int(head.split()[1]), head.lower(), body


SECRET = b"zqxj-patient"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /fhir/metadata HTTP/1.1\r\nHost: x\r\n" + SECRET + b"\r\n\r\n", 400),
        (b"\x16\x03\x01" + SECRET + b"\r\n\r\n", 400),
        (b"GET /" + SECRET * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + SECRET * 2000 + b"\r\n\r\n", 431),
        (b"GET /" + SECRET + b" HTTP/9.9\r\nHost: x\r\n\r\n", 400),
        (b"POST /fhir HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + SECRET + b"\r\n\r\n", 400),
        (b"ZQXJ /fhir/metadata HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ],
)
def test_what_is_not_http_is_answered_in_fhir_and_not_repeated(server, raw, status):
    port, log = server
    answered, head, body = say(port, raw)
    assert answered == status
    assert b"application/fhir+json" in head
    assert b"OperationOutcome" in body
    assert SECRET not in body + head + log.read_bytes()


def post(body, *, chunked):
    head = (
        b"POST /fhir/Observation HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer T\r\n"
        b"Content-Type: application/fhir+json\r\nConnection: close\r\n"
    )
    if not chunked:
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pieces = [body[start : start + 60_000] for start in range(0, len(body), 60_000)]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + sent + b"0\r\n\r\n"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_in_pieces_is_read_and_a_large_one_refused(server, chunked):
    port, _ = server
    good = json.dumps(observation(note=[{"text": str(chunked)}])).encode()
    assert say(port, post(good, chunked=chunked))[0] == 201
    status, head, _ = say(port, post(b'{"a": "' + b"x" * 3_000_000 + b'"}', chunked=chunked))
    assert status == 413
    assert b"application/fhir+json" in head


@pytest.mark.parametrize("path", [b"/fhir/Observation", b"/fhir", b"/fhir/$submit", b"/login", b"/auth/token"])
@pytest.mark.parametrize(
    "pieces", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", b"2\r\n{}zz0\r\n\r\n"]
)
def test_a_body_whose_pieces_can_not_be_told_apart_is_refused(server, path, pieces):
    port, _ = server
    kind = b"application/fhir+json" if path.startswith(b"/fhir") else b"application/x-www-form-urlencoded"
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer T\r\nContent-Type: " + kind
    if not path.startswith(b"/fhir"):
        head = head.replace(b"Authorization: Bearer T\r\n", b"")
    status, _, body = say(port, head + b"\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces)
    assert status == 400
    assert b"internal" not in body


FORMS = {b"/login", b"/auth/token", b"/fhir/Patient/_search"}
WRITES = [b"/fhir/Observation", b"/fhir", b"/fhir/$submit", b"/fhir/Observation/$validate", *sorted(FORMS)]


def headed(path, framing):
    """The head of a POST, framed as given."""
    kind = b"application/x-www-form-urlencoded" if path in FORMS else b"application/fhir+json"
    bearer = b"Authorization: Bearer T\r\n" if path.startswith(b"/fhir") else b""
    return b"POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Type: %s\r\n%s\r\n\r\n" % (path, bearer, kind, framing)


def stored(port):
    """How many Observations there are."""
    asked = b"GET /fhir/Observation?_summary=count HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer T\r\n"
    return json.loads(say(port, asked + b"Connection: close\r\n\r\n")[2])["total"]


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        (b"Content-Length: 5000", b"%s"),
        (b"Content-Length: 5000", b""),
        (b"Transfer-Encoding: chunked", b"1000\r\n%s"),
        (b"Transfer-Encoding: chunked", b"%%x\r\n%s\r\n"),
    ],
    ids=["shorter", "nothing", "in-a-piece", "before-the-last-piece"],
)
def test_a_body_that_was_cut_off_is_not_taken_for_a_whole_one(server, path, framing, sent):
    port, _ = server
    content = b"a=b" if path in FORMS else json.dumps(observation(note=[{"text": "cut"}])).encode()
    body = sent % content if b"%s" in sent else sent
    body = body % len(content) if b"%x" in body else body
    before = stored(port)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as line:
        line.sendall(headed(path, framing) + body)
        line.shutdown(socket.SHUT_WR)
        status, _, told = answer(line)
    assert status == 400
    assert b"invalid_request" in told or b"malformed" in told
    assert stored(port) == before


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"deflate,chunked", b"identity, chunked", b"compress, Chunked"])
@pytest.mark.parametrize("path", WRITES)
def test_a_body_that_claims_to_be_coded_otherwise_is_not_read_as_it_stands(server, path, coding):
    port, _ = server
    content = json.dumps(observation(note=[{"text": "coded"}])).encode()
    before = stored(port)
    head = headed(path, b"Connection: close\r\nTransfer-Encoding: " + coding)
    status, _, told = say(port, head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content))
    assert status == 400
    assert b"invalid_request" in told or b"malformed" in told
    assert stored(port) == before


ALIVE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"POST /fhir HTTP/1.1\r\nHost: x\r\nContent-Le"


def heard(line, many=1):
    """Read so many whole answers."""
    got = b""
    while got.count(b'{"status":"ok"}') < many:
        more = line.recv(65536)
        assert more
        got += more
    assert got.count(b"HTTP/1.1 200") == many
    return got


@pytest.mark.parametrize("said", [HALF, HALF[:1], ALIVE + HALF], ids=["half", "a-byte", "then-half"])
def test_connections_that_keep_everybody_waiting_do_not_stop_the_others(server, said):
    """The server has 8 threads, and nobody here gives up: 8 of these would be enough if each were given one."""
    port, _ = server
    waiting = [socket.create_connection(("127.0.0.1", port), timeout=120) for _ in range(50)]
    try:
        for line in waiting:
            line.sendall(said)
        for line in waiting:
            if said.startswith(ALIVE):
                heard(line)
        with socket.create_connection(("127.0.0.1", port), timeout=120) as line:
            for _ in range(5):
                line.sendall(ALIVE)
                heard(line)
    finally:
        for line in waiting:
            line.close()


def test_clients_that_send_half_a_body_and_no_more_are_told_and_do_not_stop_the_others(server):
    port, _ = server
    half = post(json.dumps(observation()).encode(), chunked=False)[:-10]
    waiting = [socket.create_connection(("127.0.0.1", port), timeout=120) for _ in range(16)]
    try:
        for line in waiting:
            line.sendall(half)
        assert say(port, ALIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))[0] == 200
        told = [answer(line) for line in waiting]
    finally:
        for line in waiting:
            line.close()
    assert {status for status, *_ in told} == {408}
    assert all(b"OperationOutcome" in body for *_, body in told)


def test_a_head_that_comes_in_pieces_is_answered_like_any_other(server):
    port, _ = server
    with socket.create_connection(("127.0.0.1", port), timeout=120) as line:
        for _ in range(2):
            for start in range(0, len(ALIVE), 7):
                line.sendall(ALIVE[start : start + 7])
                time.sleep(0.01)
            heard(line)


@pytest.mark.parametrize("cut", [1, 3, 20, len(ALIVE)])
def test_requests_that_are_sent_together_are_all_answered(server, cut):
    port, _ = server
    with socket.create_connection(("127.0.0.1", port), timeout=120) as line:
        line.sendall(ALIVE + ALIVE[:-cut])
        time.sleep(0.05)
        line.sendall(ALIVE[-cut:] + ALIVE)
        heard(line, 3)


def test_a_client_that_says_half_and_goes_leaves_nothing_behind(server):
    port, _ = server
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port), timeout=120) as line:
            line.sendall(HALF)
    assert say(port, ALIVE)[0] == 200


def test_counts_never_jump_back_whichever_process_is_asked(server):
    port, _ = server
    counted = []
    for _ in range(20):
        assert say(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0] == 200
        body = say(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[2].decode()
        found = re.findall(r'requests_total{(.*route="/healthz".*)} ([0-9.]+)', body)
        assert len(found) == 1
        assert not set(re.findall(r"(\w+)=", found[0][0])) - {"method", "route", "status"}
        counted.append(float(found[0][1]))
    assert counted == [counted[0] + number for number in range(20)]
