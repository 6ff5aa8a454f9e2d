"""A sandbox EHR on loopback, and raw servers that answer (or don't) byte for byte."""

import socket
import threading
from contextlib import contextmanager

import pytest

from tests import sandbox


@pytest.fixture
def ehr():
    with sandbox.running() as found:
        yield found


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
