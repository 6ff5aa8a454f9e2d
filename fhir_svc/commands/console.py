"""What every command works with: the settings, the database, and the trail that an operator's act leaves."""

from __future__ import annotations

import getpass

from fhir_svc import settings as configuration
from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.audit_event import BASE, Told, build
from fhir_svc.store import audit
from fhir_svc.store.database import Connection, Database


def open_database() -> Database:
    """The database of the settings; nothing else of them is needed."""
    return Database(configuration.database_url())


def note(tx: Connection, act: str, tenant: str, subject: str) -> None:
    """Append an AuditEvent for an operator's act on a tenant, a client or a user; the last write of a transaction."""
    operator = f"operator/{_login()}"
    actor = Actor(Role.ADMIN, tenant, operator, operator)
    event = build(Told(act), tenant=tenant, actor=actor, key="")
    event["entity"] = [{"what": {"identifier": {"system": f"{BASE}/{act.partition('-')[0]}", "value": subject}}}]
    audit.record(tx, tenant, event)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
