"""Answers what is not even HTTP: gunicorn's threads, but an OperationOutcome instead of its HTML, and silent logs.

gunicorn's own answer and its log would repeat the request line, which may name a patient.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import structlog
from gunicorn.http import errors
from gunicorn.util import write_nonblock

from fhir_svc.errors import Issue
from fhir_svc.web.arrivals import Arrivals
from fhir_svc.web.outcomes import HTTP, INTERNAL, outcome
from fhir_svc.web.wire import FHIR_JSON, encode

log = structlog.get_logger("fhir_svc.web")
STATUSES: Final = {errors.LimitRequestLine: 414, errors.LimitRequestHeaders: 431}


class Doorkeeper(Arrivals):
    """A thread worker that says what is wrong in FHIR JSON."""

    def too_late(self) -> bytes:
        """Say that the head of a request was not sent in time."""
        return answer(HTTPStatus.REQUEST_TIMEOUT)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that could not be parsed, or an application that failed outside of its own handler."""
        del req, addr
        status = status_of(exc)
        log.warning("request.unreadable", kind=type(exc).__name__, status=status)
        try:
            write_nonblock(client, answer(status))
        except OSError:
            log.debug("answer.unsent", status=status)


def status_of(failure: BaseException) -> int:
    """Give the status that says best what is wrong."""
    if isinstance(failure, errors.ParseException):
        return STATUSES.get(type(failure), 400)
    return 500


def answer(status: int) -> bytes:
    """Write a whole HTTP answer."""
    code, error, text = HTTP.get(status, ("exception", "internal", INTERNAL))
    body = encode(outcome([Issue(code, error, text)]))
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {FHIR_JSON}; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
