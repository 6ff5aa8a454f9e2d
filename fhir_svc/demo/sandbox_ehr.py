"""The sandbox EHR: real HTTP, keeps versions, honours conditions, and misbehaves when told to.

Faults: `PUT {base}/_faults` with the fields of `sandbox_faults.Fault` (an object or a list; `{}` heals) and the
switches `update_create`, `check_references`, `task`, `provenance`. `GET {base}/_faults` shows them, `GET {base}/_log`
the counts.
Run: `python -m fhir_svc.demo.sandbox_ehr --port 8090 --data DIR`. For demonstrations and tests on loopback only.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from fhir_svc.demo.sandbox_faults import Fault
from fhir_svc.demo.sandbox_interactions import Refusal, Sandbox, answer, names_of, outcome
from fhir_svc.demo.sandbox_records import Records, decode, encode


def _drop() -> None:
    """Close the connection under the answer."""
    line = request.environ.get("werkzeug.socket")
    if isinstance(line, socket.socket):
        line.shutdown(socket.SHUT_RDWR)


def _slowly(body: bytes, pause: float) -> Iterator[bytes]:
    for byte in body:
        time.sleep(pause)
        yield bytes((byte,))


def _spoil(reply: Response, fault: Fault) -> Response:
    """Apply what a fault does to an answer that is ready."""
    if fault.half_open:
        time.sleep(fault.hold)
    if fault.lose_answer or fault.half_open:
        _drop()
        return reply
    if fault.html_body:
        reply.set_data(b"<html><body>Welcome</body></html>")
        reply.mimetype = "text/html"
    if fault.no_location:
        reply.headers.remove("Location")
        reply.headers.remove("ETag")
        reply.set_data(b"")
    if fault.wrong_length:
        reply.headers["Content-Length"] = str(len(reply.get_data()) + 10)
        reply.headers["Connection"] = "close"
        reply.automatically_set_content_length = False
    if fault.drip:
        body = reply.get_data()
        reply.headers["Content-Length"] = str(len(body))
        reply.response = _slowly(body, fault.drip)
    return reply


def behave(box: Sandbox, parts: list[str]) -> Response:
    """Do what was asked, with the fault in force."""
    fault = box.faults.take(request.method, parts[0])
    time.sleep(fault.delay)
    if fault.half_open and not fault.lose_answer:
        return _spoil(answer(200, None), fault)
    if fault.status is not None:
        reply = outcome(fault.status, "exception", "told to fail")
        if fault.retry_after is not None:
            reply.headers["Retry-After"] = f"{fault.retry_after:g}"
        return _spoil(reply, fault)
    return _spoil(box.dispatch(parts, fault), fault)


def create_app(data: Path | None = None) -> Flask:
    """Build the sandbox EHR as a Flask application; `data` is where it keeps its file."""
    app = Flask("sandbox_ehr")
    box = Sandbox(Records(data / "sandbox-ehr.jsonl" if data else None))
    app.extensions["sandbox"] = box

    @app.route("/fhir/_faults", methods=["GET", "PUT"])
    def faults() -> Response:
        if request.method == "PUT":
            try:
                box.faults.replace(json.loads(request.get_data()))
            except (TypeError, AttributeError, ValueError):
                return outcome(400, "invalid", "unknown fault")
        return Response(encode(box.faults.shown()), mimetype="application/json")

    @app.get("/fhir/_log")
    def log() -> Response:
        return Response(encode(box.tally.shown()), mimetype="application/json")

    @app.route("/fhir/<path:path>", methods=["GET", "POST", "PUT"])
    def interact(path: str) -> Response:
        parts = path.split("/")
        writing = request.method != "GET" and parts[-1] != "_search"
        with box.tally.flight(_subjects(parts) if writing else []):
            try:
                reply = behave(box, parts)
            except Refusal as refusal:
                reply = outcome(refusal.status, refusal.code, refusal.text)
        box.tally.request(request.method, parts[0], reply.status_code)
        return reply

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return outcome(error.code or 500, "processing", error.name)

    return app


def _subjects(parts: list[str]) -> list[str]:
    """Name what a write is about: its address, or the identifiers inside."""
    if len(parts) > 1:
        return ["/".join(parts[:2])]
    try:
        resource: Any = decode(request.get_data())
    except msgspec.DecodeError:
        return []
    return [f"{parts[0]} {name}" for name in names_of(resource)] if isinstance(resource, dict) else []


class _Quiet(WSGIRequestHandler):
    """Keeps connections open and logs no addresses."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: an address can name a patient."""


def serve(host: str, port: int, data: Path | None = None) -> BaseWSGIServer:
    """Make a server with a thread for every connection, listening already; `serve_forever()` runs it."""
    return make_server(host, port, create_app(data), threaded=True, request_handler=_Quiet)


def main() -> None:
    """Run it until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m fhir_svc.demo.sandbox_ehr")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    if given.data:
        given.data.mkdir(parents=True, exist_ok=True)
    server = serve(given.host, given.port, given.data)
    signal.signal(signal.SIGTERM, lambda *_: _stop())
    print(f"sandbox EHR ready: http://{given.host}:{server.server_port}/fhir", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def _stop() -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
