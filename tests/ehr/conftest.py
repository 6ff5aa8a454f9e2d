"""A sandbox EHR on loopback, and raw servers that answer (or don't) byte for byte."""

import socket
import threading
from contextlib import contextmanager

import pytest
import requests

from fhir_svc.demo.sandbox_ehr import serve


class Ehr:
    """The sandbox EHR as a test sees it."""

    def __init__(self, server):
        self.base = f"http://127.0.0.1:{server.server_port}/fhir"
        self.records = server.app.extensions["sandbox"].records

    def fault(self, *faults, **wanted):
        body = list(faults) or wanted
        assert requests.put(f"{self.base}/_faults", json=body, timeout=60).status_code == 200

    def log(self):
        return requests.get(f"{self.base}/_log", timeout=60).json()

    def all(self, type_):
        return self.records.search(type_, [])


@pytest.fixture
def ehr():
    server = serve("127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield Ehr(server)
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def raw_server():
    """`with raw_server(handler) as base`: the handler gets each accepted socket after the request was read."""
    stop = threading.Event()
    threads = []

    @contextmanager
    def start(handler):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(0.1)

        def one(line):
            with line:
                line.settimeout(60)
                try:
                    line.recv(65536)
                    handler(line, stop)
                except OSError:
                    return

        def loop():
            while not stop.is_set():
                try:
                    line, _ = listener.accept()
                except TimeoutError:
                    continue
                threads.append(threading.Thread(target=one, args=(line,), daemon=True))
                threads[-1].start()

        threads.append(threading.Thread(target=loop, daemon=True))
        threads[-1].start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
        stop.set()
        threads[0].join(2)
        listener.close()

    yield start
    stop.set()
    for thread in threads:
        thread.join(6)
