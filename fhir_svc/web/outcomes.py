"""Every failure as an OperationOutcome: the one error handler of the service.

Nothing of the input, no stack and no word of the server's inside goes out: an unexpected failure names only the
correlation id under which the log has it. The token endpoint answers as RFC 6749 wants and registers its own handler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog
from flask import Flask, Response, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

from fhir_svc.errors import FhirSvcError, Forbidden, Issue, TooManyRequests, Unauthenticated
from fhir_svc.web import rights, trail
from fhir_svc.web.wire import fhir

ERROR_SYSTEM: Final = "https://example.org/fhir-svc/CodeSystem/error"
SERVER_ERRORS: Final = 500
INTERNAL: Final = "Something failed inside the service; the log has it under the id in X-Request-Id."
# What Flask and Werkzeug raise themselves: status -> (issue type, our code, what to do)
HTTP: Final[dict[int, tuple[str, str, str]]] = {
    400: ("structure", "malformed", "The request could not be read."),
    401: ("login", "unauthenticated", "Say who you are."),
    403: ("forbidden", "forbidden", "You may not do this."),
    404: ("not-found", "not-found", "There is nothing here."),
    405: ("not-supported", "method-not-allowed", "This address does not take this method; see Allow."),
    406: ("not-supported", "not-acceptable", "Only FHIR JSON is answered; ask for application/fhir+json."),
    408: ("timeout", "timeout", "The request did not arrive in time; send it again."),
    411: ("structure", "length-required", "Send Content-Length."),
    413: ("too-long", "too-large", "The request is larger than this address takes."),
    414: ("too-long", "too-large", "The address is too long; use POST with _search."),
    415: ("not-supported", "unsupported-media-type", "Only FHIR JSON is read; send application/fhir+json."),
    429: ("throttled", "throttled", "Too many requests; see Retry-After."),
    431: ("too-long", "too-large", "The headers are too large."),
    503: ("transient", "unavailable", "Not now; try again later."),
}

log = structlog.get_logger("fhir_svc.web")


def outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """Write issues as an OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def _issue(issue: Issue) -> dict[str, Any]:
    written: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": {"coding": [{"system": ERROR_SYSTEM, "code": issue.error}], "text": issue.text},
    }
    if issue.severity != "information":
        written["diagnostics"] = issue.text  # where many clients look first
    if issue.expression:
        written["expression"] = [issue.expression]
    return written


def refusal(failure: Exception) -> tuple[int, tuple[Issue, ...], Mapping[str, str]]:
    """Give status, issues and headers with which any failure is answered."""
    if isinstance(failure, FhirSvcError):
        headers = dict(failure.headers)
        if isinstance(failure, Unauthenticated):
            headers.setdefault("WWW-Authenticate", 'Bearer realm="fhir-svc"')
        return failure.status, failure.issues, headers
    if isinstance(failure, HTTPException):
        return _of_http(failure)
    if isinstance(failure, ParseException):  # of a body in pieces, which is read when it is asked for
        return 400, (Issue(*HTTP[400]),), {}
    return 500, (Issue("exception", "internal", INTERNAL),), {}


def _of_http(failure: HTTPException) -> tuple[int, tuple[Issue, ...], Mapping[str, str]]:
    status = 408 if isinstance(failure, ClientDisconnected) else failure.code or 500  # its body came no further
    headers: dict[str, str] = {}
    if isinstance(failure, MethodNotAllowed) and failure.valid_methods:
        headers["Allow"] = ", ".join(rights.methods(request.path, failure.valid_methods))
    code, error, text = HTTP.get(status, ("processing", f"http-{status}", "The request could not be handled."))
    return status, (Issue(code, error, text),), headers


def answer(failure: Exception) -> Response:
    """Answer a failure, and log that it happened (its kind, never its content)."""
    status, issues, headers = refusal(failure)
    g.refused = issues[0].error
    if status >= SERVER_ERRORS:
        _log(failure, status)
    elif status != TooManyRequests.status and _is_worth_keeping(status):  # a flood must not become a flood of writes
        trail.refused(trail.act_of(request.endpoint), issues[0].error)
    return fhir(outcome(issues), status, headers)


def _is_worth_keeping(status: int) -> bool:
    """Whatever somebody known was refused; of somebody unknown, what they have no right to."""
    return g.get("actor") is not None or status in {Unauthenticated.status, Forbidden.status}


def _log(failure: Exception, status: int) -> None:
    """Log where it failed (files and lines), not what: messages of libraries may repeat what they were given."""
    failure = getattr(failure, "original_exception", None) or failure
    where = []
    trace = failure.__traceback__
    while trace is not None:
        where.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    log.error(
        "request.failed",
        request_id=g.get("request_id"),
        kind=type(failure).__name__,
        cause=type(failure.__cause__).__name__ if failure.__cause__ else None,
        where=where[-12:],
        status=status,
        route=str(request.url_rule) if request.url_rule else None,
    )


def register(app: Flask) -> None:
    """Make `answer` the one error handler of the app."""
    app.register_error_handler(Exception, answer)
