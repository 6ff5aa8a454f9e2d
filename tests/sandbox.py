"""The sandbox EHR on loopback, as tests see it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from fhir_svc.demo.sandbox_ehr import serve


class Ehr:
    """The EHR whose faults are chosen, and whose records and log are read."""

    def __init__(self, server: Any) -> None:
        self.base = f"http://127.0.0.1:{server.server_port}/fhir"
        self.records = server.app.extensions["sandbox"].records

    def fault(self, *faults: Any, **wanted: Any) -> None:
        body = list(faults) or wanted
        assert requests.put(f"{self.base}/_faults", json=body, timeout=60).status_code == 200

    def log(self) -> Any:
        return requests.get(f"{self.base}/_log", timeout=60).json()

    def all(self, type_: str) -> Any:
        return self.records.search(type_, [])


@contextmanager
def running(folder: Path | None = None) -> Iterator[Ehr]:
    """One that answers until the block ends, and keeps its records in the folder if there is one."""
    server = serve("127.0.0.1", 0, folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Ehr(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
