"""What every role of this room works with: settings, database, a name, and the audit of what it does by itself."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field

import structlog

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import Told, build
from fhir_svc.settings import Settings
from fhir_svc.store import audit
from fhir_svc.store.database import Connection, Database


@dataclass
class Desk:
    """`worker` is the name under which a worker, all its processes together, reports that it lives."""

    settings: Settings
    database: Database
    worker: str
    process: str = field(default="", init=False)
    trouble: str | None = field(default=None, init=False)  # the code of what an admin must know of this process

    @property
    def holder(self) -> str:
        """The name under which this process holds leases: its own where it signed in, else its worker's."""
        return self.process or self.worker

    def audit(self, tx: Connection, tenant: str, *told: Told) -> None:
        """Append what this service did of its own accord; the last write of a transaction."""
        who = Actor(Role.SYSTEM, tenant, "fhir-svc", "fhir-svc")
        key = self.settings.audit_key.get_secret_value()
        events = [build(one, tenant=tenant, actor=who, key=key) for one in told]
        audit.record_many(tx, tenant, events)

    @property
    def broker_url(self) -> str:
        """Where the broker is; without that setting these roles can't start."""
        if self.settings.broker_url is None:
            raise SystemExit("FHIR_SVC_BROKER_URL is needed here")
        return self.settings.broker_url.get_secret_value()


def configure_logs(level: str) -> None:
    """Log JSON lines to stderr: ids, codes and names of classes; never an exception's text."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    for name in ("celery.app.trace", "celery.worker.strategy", "celery.worker.request"):
        logging.getLogger(name).setLevel(logging.ERROR)  # one line per task says nothing that the table does not
