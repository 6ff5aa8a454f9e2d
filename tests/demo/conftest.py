"""A sandbox EHR on loopback."""

import threading

import pytest

from fhir_svc.demo.sandbox_ehr import serve


@pytest.fixture
def base(tmp_path):
    server = serve("127.0.0.1", 0, tmp_path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fhir"
    server.shutdown()
    server.server_close()
    thread.join(5)
