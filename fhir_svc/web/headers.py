"""The headers around every answer: security, CORS by allow-list, the request's id, gzip.

Pages get a policy that allows only this service's own style, script and forms; everything else is data and may do
nothing in a browser at all. Answers hold patients' data: no cache keeps them.
"""

from __future__ import annotations

import gzip
import math
import re
from typing import Final
from uuid import uuid4

from flask import Flask, Response, g, request

from fhir_svc.settings import Settings

WORTH_PACKING: Final = 1024  # bytes; below it gzip gains nothing
PACKED: Final = ("application/fhir+json", "application/json", "application/openapi+json")
LEVEL: Final = 4
GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
CORS_METHODS: Final = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
CORS_TAKES: Final = (
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Exist, If-None-Match, Prefer, "
    "X-Correlation-Id"
)
CORS_SHOWS: Final = (
    "Content-Location, ETag, Last-Modified, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    "WWW-Authenticate, X-Request-Id"
)


def register(app: Flask, settings: Settings) -> None:
    """Put the headers around every answer of the app."""
    secure = settings.base_url.startswith("https:")

    @app.before_request
    def name_the_request() -> None:
        g.request_id = str(uuid4())

    @app.after_request
    def surround(answer: Response) -> Response:
        for name, value in ALWAYS.items():
            answer.headers.setdefault(name, value)
        page = answer.mimetype == "text/html"
        answer.headers.setdefault("Content-Security-Policy", PAGE_POLICY if page else DATA_POLICY)
        if secure:
            answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        answer.headers["X-Request-Id"] = g.get("request_id") or str(uuid4())
        given = request.headers.get("X-Correlation-Id", "")
        if GIVEN_ID.fullmatch(given):
            answer.headers["X-Correlation-Id"] = given
        if request.method == "OPTIONS":
            del answer.headers["Content-Type"]  # an answer without a body is of no type
        _budget(answer, settings)
        _cross_origin(answer, settings.cors_origins)
        return _packed(answer)


def _budget(answer: Response, settings: Settings) -> None:
    spent = g.get("spent")
    if spent is not None:
        window = max(1, math.ceil(settings.rate_burst / settings.rate_per_second))
        answer.headers["RateLimit-Policy"] = f'"client";q={spent.burst};w={window}'
        answer.headers["RateLimit"] = f'"client";r={spent.remaining};t={spent.refill}'


def _cross_origin(answer: Response, allowed: tuple[str, ...]) -> None:
    if not allowed:
        return
    answer.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin not in allowed:
        return
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Access-Control-Expose-Headers"] = CORS_SHOWS
    if request.method == "OPTIONS":
        answer.headers["Access-Control-Allow-Methods"] = CORS_METHODS
        answer.headers["Access-Control-Allow-Headers"] = CORS_TAKES
        answer.headers["Access-Control-Max-Age"] = "600"


def _packed(answer: Response) -> Response:
    if answer.mimetype not in PACKED or answer.is_streamed or "Content-Encoding" in answer.headers:
        return answer
    answer.vary.add("Accept-Encoding")
    wanted = request.accept_encodings.quality("gzip") > 0
    if wanted and (answer.content_length or 0) >= WORTH_PACKING:
        answer.set_data(gzip.compress(answer.get_data(), LEVEL, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
    return answer
