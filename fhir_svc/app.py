"""The one place where the web is wired: settings in, a Flask application out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from flask import Flask, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from fhir_svc.auth import oauth, sessions
from fhir_svc.auth.actor import Actor
from fhir_svc.errors import Unauthenticated
from fhir_svc.intake.accepted import BYTE_LIMIT
from fhir_svc.settings import Settings
from fhir_svc.store.database import Database
from fhir_svc.web import (
    acts_api,
    capabilities,
    criteria_page,
    fhir_api,
    headers,
    inbox,
    login,
    negotiation,
    observability,
    operations,
    outcomes,
    queue_console,
    subscription_reports,
    subscriptions,
    token,
)
from fhir_svc.web.limits import payer, price
from fhir_svc.web.origin import refuse_foreign
from fhir_svc.web.rights import TypeName
from fhir_svc.web.services import EXTENSION, Services, build, services

BLUEPRINTS: Final = (
    capabilities.blueprint,
    operations.blueprint,
    acts_api.blueprint,
    subscription_reports.blueprint,
    subscriptions.blueprint,
    fhir_api.blueprint,
    token.blueprint,
    login.blueprint,
    inbox.blueprint,
    queue_console.blueprint,
    criteria_page.blueprint,
    observability.blueprint,
)
_ROOM: Final = Path(__file__).resolve().parent / "web"
OPEN: Final = frozenset({"/fhir/metadata", "/fhir/.well-known/smart-configuration"})
UNLIMITED: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class Web(Flask):
    """A Flask that leaves the logging of failures to `outcomes`: its own would write addresses and stacks."""

    def log_exception(self, exc_info: Any) -> None:
        """Say nothing."""


def create_app(settings: Settings, *, database: Database | None = None, built: Services | None = None) -> Flask:
    """Wire the web. `database` replaces the one that the settings name; `built` lends its knowledge and rules."""
    observability.configure_logs(settings.log_level)
    app = Web("fhir_svc.web", static_folder="static", template_folder="templates", root_path=str(_ROOM))
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a redirect would answer in HTML
    app.config["MAX_CONTENT_LENGTH"] = BYTE_LIMIT
    app.config["MAX_FORM_MEMORY_SIZE"] = 256 * 1024
    app.config["PROPAGATE_EXCEPTIONS"] = False  # every failure is answered by the one handler
    app.url_map.converters["type"] = TypeName
    app.extensions[EXTENSION] = build(settings, database, like=built)
    if settings.trusted_proxies:  # the address alone: scheme and host are those of the base URL, whatever a proxy says
        known = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)
        app.wsgi_app = known  # type: ignore[method-assign]  # as Flask wants it
    observability.register(app)
    headers.register(app, settings)
    outcomes.register(app)
    app.before_request(_admit)
    negotiation.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def _admit() -> None:
    """Find out who calls, refuse forged and unknown callers, and take the price from the caller's budget."""
    g.actor = None
    if request.method == "OPTIONS":
        return
    given = services()
    refuse_foreign(request, base_url=given.settings.base_url, cors_origins=given.settings.cors_origins)
    try:
        g.actor = _actor(given)
    finally:
        _charge(given)  # whoever can't say who they are pays for the address they come from
    if g.actor is None and _is_fhir(request.path) and request.path not in OPEN:
        raise Unauthenticated("Send an access token as Authorization: Bearer, or log in.")


def _is_fhir(path: str) -> bool:
    return path == "/fhir" or path.startswith("/fhir/")


def _actor(given: Services) -> Actor | None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if request.path == "/metrics":
        return None  # its token is of another kind
    if scheme:
        if scheme.lower() != "bearer" or not credentials:
            raise Unauthenticated("Only bearer tokens are taken.")
        with given.database.reading() as tx:
            actor, g.tenant, g.at = oauth.admit(tx, credentials.strip(), given.authority)
        return actor
    return sessions.actor_of(request, given.database, given.settings)


def _charge(given: Services) -> None:
    if request.path in UNLIMITED:
        return
    purse, weight = price(request.method, request.path)
    g.spent = given.budgets.spend(payer(g.actor, request.remote_addr), purse, weight, time.monotonic())
    g.spent.insist()
