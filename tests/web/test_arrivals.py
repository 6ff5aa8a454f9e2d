"""A head that does not come to its end is refused in FHIR, and the connection counts no more."""

import selectors
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from gunicorn.workers.gthread import ThreadWorker

from fhir_svc.web import arrivals
from fhir_svc.web.unreadable import Doorkeeper

HALF = b"GET /healthz HTTP/1.1\r\nHost: x"


def threads(given):
    """A pool that notes what it is given."""
    future = SimpleNamespace(add_done_callback=lambda _: None)
    return SimpleNamespace(submit=lambda _handle, conn: given.append(conn) or future)


@pytest.fixture
def door():
    """A worker in the middle of its loop, without threads: what would be given one is noted."""
    made = Doorkeeper.__new__(Doorkeeper)
    made.alive, made.nr_conns, made._halves = True, 1, {}
    made.poller, made.pending_conns = selectors.DefaultSelector(), []
    served, bundles = [], []
    made.tpool, made.bundles = map(threads, (served, bundles))
    made.bundles.given = bundles
    yield made, served
    made.poller.close()


class Conn:
    """What gunicorn keeps of a connection, as far as it is looked at before a thread has it."""

    parser, data_ready = None, False

    def __init__(self, sock):
        self.sock = sock

    def set_timeout(self):
        self.timeout = 0.0

    def close(self):
        self.sock.close()


@pytest.fixture
def line():
    client, server = socket.socketpair()
    client.settimeout(60)
    yield client, Conn(server)
    client.close()
    server.close()


def test_a_half_sent_head_is_refused_when_its_time_is_over(door, line, monkeypatch):
    (door, served), (client, conn) = door, line
    monkeypatch.setattr(arrivals, "HEAD_WITHIN", 600.0)
    client.sendall(HALF)
    door.enqueue_req(conn)
    door.wait_for_and_dispatch_events(0)
    assert (served, door.nr_conns) == ([], 1)
    door._halves[conn] = 0.0
    door.wait_for_and_dispatch_events(0)
    assert (served, door.nr_conns) == ([], 0)
    answered = client.recv(65536)
    assert answered.startswith(b"HTTP/1.1 408 Request Timeout")
    assert b"OperationOutcome" in answered
    assert client.recv(65536) == b""


def test_a_head_gets_a_thread_when_it_is_whole_and_not_before(door, line):
    (door, served), (client, conn) = door, line
    door.enqueue_req(conn)
    assert door.pending_conns == [conn]
    client.sendall(HALF)
    door.wait_for_and_dispatch_events(1)
    assert (served, door.pending_conns) == ([], [])
    client.sendall(b"\r\n\r\n")
    door.wait_for_and_dispatch_events(0)
    assert served == [conn]


def test_a_head_that_is_too_long_is_a_threads_to_refuse(door, line):
    (door, served), (client, conn) = door, line
    client.sendall(HALF)
    door.enqueue_req(conn)
    client.sendall(b"x" * 70_000)
    door.wait_for_and_dispatch_events(0)
    assert served == [conn]


def test_a_line_that_ends_without_a_word_is_a_threads_to_close(door, line):
    (door, served), (client, conn) = door, line
    door.enqueue_req(conn)
    client.close()
    door.wait_for_and_dispatch_events(1)
    assert served == [conn]


@pytest.fixture
def served(door, line, monkeypatch):
    """Serve by a function of the server's end of the line."""
    (door, _), (_, conn) = door, line
    monkeypatch.setattr(arrivals, "STILL_WITHIN", 0.5)

    def serve(work):
        monkeypatch.setattr(ThreadWorker, "handle_request", lambda _worker, _req, conn: work(conn.sock))
        return door.handle_request(None, conn)

    return serve


def test_an_answer_that_is_taken_slowly_is_taken_whole(served, line):
    client, answer = line[0], b"x" * 4_000_000

    def read():
        got = 0
        while got < len(answer):
            got += len(client.recv(400_000))
            time.sleep(0.1)
        return got

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read)
        served(lambda sock: sock.sendall(answer))
        assert reading.result(60) == len(answer)


def test_an_answer_that_nobody_takes_is_given_up(served):
    with pytest.raises(ConnectionResetError):
        served(lambda sock: sock.sendall(b"x" * 40_000_000))


def test_a_body_that_comes_no_further_is_given_up(served, line):
    line[0].sendall(b"half")
    got = []
    with pytest.raises(ConnectionResetError):
        served(lambda sock: got.extend(sock.recv(4) for _ in range(2)))
    assert got == [b"half"]


def test_a_worker_that_stops_waits_for_no_half(door, line):
    (door, served), (client, conn) = door, line
    client.sendall(HALF)
    door.enqueue_req(conn)
    door.alive = False
    door.wait_for_and_dispatch_events(0)
    assert (served, door.nr_conns) == ([], 0)


BUNDLES = ["/fhir", "/fhir/", "/fhir?x=1", "/fhir/$submit", "/fhir/%24submit?_format=json", "/under/fhir/$submit"]
OTHERS = ["/fhir/Observation", "/fhir/QuestionnaireResponse", "/fhir/Bundle/$validate", "/auth/token", "/x?/fhir/y"]


@pytest.mark.parametrize(
    ("method", "path", "apart"),
    [
        *[("POST", path, True) for path in BUNDLES],
        *[("POST", path, False) for path in OTHERS],
        ("GET", "/fhir/metadata", False),
        ("GET", "/fhir", False),
    ],
)
@pytest.mark.parametrize("halved", [False, True])
def test_bundles_have_threads_of_their_own(door, line, method, path, apart, halved):
    (door, served), (client, conn) = door, line
    first, rest = f"{method} {path} HTTP/1.1\r\nHost: x".encode(), b"\r\n\r\n{}"
    client.sendall(first if halved else first + rest)
    door.enqueue_req(conn)
    if halved:
        client.sendall(rest)
        door.wait_for_and_dispatch_events(0)
    assert (served, door.bundles.given) == (([], [conn]) if apart else ([conn], []))
