"""Leaves an AuditEvent for what a request did: last write of its transaction, or alone for what was refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from flask import g

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import REFUSED, Told, build
from fhir_svc.errors import FhirSvcError
from fhir_svc.store import audit
from fhir_svc.store.database import Connection
from fhir_svc.web.services import services

log = structlog.get_logger("fhir_svc.web")
INTERACTIONS: Final = {  # what our routes are called -> what FHIR calls it
    "history": "history-instance",
    "search": "search-type",
    "search_by_form": "search-type",
    "update_where": "update",
    "subscription_status_of_all": "subscription-status",
    "bundle": "transaction",
    "how_it_went": "read",
    "log_in": "login",
    "log_out": "logout",
}


def act_of(endpoint: str | None) -> str:
    """Name what a route does, in the audit's words."""
    name = (endpoint or "unmatched").rpartition(".")[2]
    return INTERACTIONS.get(name, name.replace("_", "-"))


def leave(tx: Connection, told: Told, actor: Actor | None) -> None:
    """Append the event of what `actor` (None: somebody unknown) did here; call it last in the transaction."""
    tenant = actor.tenant if actor else audit.NOBODY
    key = services().settings.audit_key.get_secret_value()
    event = build(told, tenant=tenant, actor=actor, key=key, request_id=g.get("request_id"))
    if "held_back" in g:
        g.held_back.setdefault(tenant, []).append(event)
    else:
        audit.record(tx, tenant, event)


@contextmanager
def last(tx: Connection) -> Iterator[None]:
    """Hold back what is left in this block until it ends: to append the first event locks a tenant's chain."""
    g.held_back = {}
    try:
        yield
    finally:
        held = g.pop("held_back")
    for tenant, events in sorted(held.items()):
        audit.record_many(tx, tenant, events)


def leave_alone(told: Told, actor: Actor | None) -> None:
    """Append the event in a transaction of its own; if the database can't, the log says so and the answer goes out."""
    try:
        with services().database.transaction() as tx:
            leave(tx, told, actor)
    except FhirSvcError as failure:
        log.error("audit.lost", kind=type(failure).__name__, act=told.act)  # noqa: TRY400 - a stack may hold values


def refused(act: str, reason: str, *, by: Actor | None = None) -> None:
    """Keep a refusal, once a request; `by` is whom the request names where nobody has proved who they are.

    Of somebody unknown as much is kept as the budget for that allows; the log has all of it.
    """
    if g.get("refusal_kept"):
        return
    g.refusal_kept = True
    actor: Actor | None = g.get("actor") or by
    if actor is not None or services().strangers.spend("", act, 1.0, time.monotonic()).allowed:
        leave_alone(Told(act, outcome=REFUSED, reason=reason), actor)
