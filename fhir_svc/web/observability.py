"""What operators see: `/healthz`, `/readyz`, `/metrics`, and one log line per request. No content, no identity.

A log line and a metric name the route's pattern, never the path or the query: both can identify a patient.
"""

from __future__ import annotations

import hmac
import logging
import os
import sys
import time
from datetime import timedelta
from typing import Any, Final

import structlog
from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fhir_svc.errors import Forbidden
from fhir_svc.loopback import LOOPBACK
from fhir_svc.settings import Settings
from fhir_svc.store import work_watch
from fhir_svc.store.database import Database
from fhir_svc.web.services import services
from fhir_svc.web.wire import encode

blueprint = Blueprint("metrics", __name__)
log = structlog.get_logger("fhir_svc.web")
OWN: Final = CollectorRegistry()
REQUESTS: Final = Counter("fhir_svc_http_requests", "Requests answered", ("method", "route", "status"), registry=OWN)
SECONDS: Final = Histogram(
    "fhir_svc_http_request_seconds",
    "Time to answer",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=OWN,
)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REPORTING: Final = timedelta(seconds=60)  # a worker reports every few seconds
SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name for the directory its processes share


class WorkNumbers(Collector):
    """The work table's counts and ages, asked of the database at each scrape: the same numbers as the queue page."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> list[GaugeMetricFamily]:
        """Read the numbers; kinds and states are the only labels."""
        rows = GaugeMetricFamily("fhir_svc_work_rows", "Work rows", labels=("kind", "state"))
        oldest = GaugeMetricFamily("fhir_svc_work_oldest_seconds", "Age of the oldest", labels=("kind", "state"))
        trouble = GaugeMetricFamily("fhir_svc_worker_trouble", "Workers with a trouble of their own", labels=("code",))
        with self._database.reading() as tx:
            for line in work_watch.summary(tx):
                rows.add_metric((line.kind, line.state), line.count)
                oldest.add_metric((line.kind, line.state), line.oldest)
            for code, count in sorted(work_watch.troubles(tx, within=REPORTING).items()):
                trouble.add_metric((code,), count)
        return [rows, oldest, trouble]


@blueprint.get("/healthz")
def alive() -> Response:
    """Say that this process answers."""
    return _json({"status": "ok"})


@blueprint.get("/readyz")
def ready() -> Response:
    """Say that the database answers too; 503 while it does not."""
    services().database.ready()
    return _json({"status": "ready"})


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give the numbers to whoever may scrape: loopback, or the holder of the token where one is set."""
    _may_scrape(services().settings)
    registry = CollectorRegistry()
    if os.environ.get(SHARED):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = generate_latest(registry)
    else:
        text = generate_latest(OWN)
    work_numbers = CollectorRegistry()
    work_numbers.register(WorkNumbers(services().database))
    return Response(text + generate_latest(work_numbers), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(settings: Settings) -> None:
    if settings.metrics_token is not None:
        given = request.headers.get("Authorization", "")
        wanted = f"Bearer {settings.metrics_token.get_secret_value()}"
        if hmac.compare_digest(given.encode(), wanted.encode()):
            return
        raise Forbidden("The metrics need their bearer token.")
    forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-Ip"))
    if forwarded or request.remote_addr not in LOOPBACK:
        raise Forbidden("Without a token the metrics are for loopback only.")


def _json(body: dict[str, Any]) -> Response:
    return Response(encode(body), content_type="application/json")


class _Lines:
    """Writes each line to whatever stderr is at that moment, in one piece."""

    def __init__(self, *_: Any) -> None:
        """Take, and ignore, what structlog hands to every logger."""

    def msg(self, line: str) -> None:
        """Write a line."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = msg


def configure_logs(level: str) -> None:
    """Log JSON lines to stderr, from `level` up."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.EventRenamer("event"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,
    )


def register(app: Flask) -> None:
    """Count, time and log every request of the app."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def note(answer: Response) -> Response:
        route = str(request.url_rule) if request.url_rule else "unmatched"
        method = request.method if request.method in METHODS else "other"
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        REQUESTS.labels(method, route, str(answer.status_code)).inc()
        SECONDS.labels(method, route).observe(seconds)
        log.info(
            "request",
            method=method,
            route=route,
            status=answer.status_code,
            ms=round(seconds * 1000, 1),
            request_id=g.get("request_id"),
            refused=g.get("refused"),
        )
        return answer
