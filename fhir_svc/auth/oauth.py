"""Systems: the SMART Backend Services authorization server, and who a bearer token belongs to.

A client proves itself with a JWT signed by its registered key, once per `jti`, and gets an opaque random token for five
minutes; the database keeps its hash. Tokens of one outside authorization server are taken where the settings name it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fhir_svc.auth import assertion, scopes
from fhir_svc.auth.actor import Actor, Role
from fhir_svc.auth.assertion import Claims, NotTrusted
from fhir_svc.errors import Unauthenticated, Unavailable
from fhir_svc.settings import Settings
from fhir_svc.store import clients, tenants, tokens
from fhir_svc.store.clients import Client
from fhir_svc.store.database import Connection, Database, now
from fhir_svc.store.tenants import Tenant

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME: Final = timedelta(seconds=300)
ONCE: Final = ("grant_type", "client_assertion_type", "client_assertion", "scope", "client_id")
LONGEST_SCOPE: Final = 4096
NO_KEYS: Final = "key-set-unavailable"
CHALLENGE: Final = 'Bearer realm="fhir-svc", error="invalid_token"'


class Refused(Exception):  # noqa: N818 - RFC 6749 calls it an error response
    """The token request is refused: `error` of RFC 6749, a text that says what to do, and who asked, if known."""

    def __init__(self, error: str, text: str, *, reason: str, client: Client | None = None) -> None:
        super().__init__(text)
        self.error = error
        self.text = text
        self.reason = reason
        self.client = client


@dataclass(frozen=True, slots=True)
class Granted:
    """An access token, and what it may do."""

    token: str
    scope: str
    client: Client


@dataclass(frozen=True, slots=True)
class Authority:
    """What checking systems needs: the settings, and how to get the key set that a registered URL publishes.

    `types` are the resource types that are served: scopes for others are not granted.
    `published(url, newer)` gives a JWKS; `newer` asks again although one is kept. It raises Unavailable, with the error
    `key-set-unavailable` where there is none to be had.
    """

    settings: Settings
    published: Callable[[str, bool], Mapping[str, Any]]
    types: frozenset[str]

    def authenticate(self, database: Database, form: dict[str, list[str]]) -> tuple[Claims, Client, str]:
        """Check a token request up to its signature, outside any write; gives claims, client and scopes granted."""
        asked = _fields(form)
        try:
            claims = assertion.peek(asked["client_assertion"])
            name = claims.text("iss")
        except NotTrusted as failure:
            raise _invalid_client(str(failure)) from failure
        with database.reading() as tx:
            client, at = clients.find(tx, name), now(tx)
        if client is None or client.revoked or (client.demo and not self.settings.demo):
            raise _invalid_client("client-unknown")
        if asked["client_id"] not in {"", client.id}:
            raise _invalid_client("client-id")
        try:
            self._check(claims, client, asked["client_assertion"], at)
        except NotTrusted as failure:
            raise _invalid_client(str(failure), client) from failure
        granted = scopes.grant(asked["scope"], client.scope, self.types)
        if not granted:
            raise Refused(
                "invalid_scope",
                "None of these scopes is registered and of a served type.",
                reason="scope",
                client=client,
            )
        return claims, client, granted

    def _check(self, claims: Claims, client: Client, token: str, at: datetime) -> None:
        if claims.text("sub") != claims.text("iss"):
            raise NotTrusted("sub")
        if claims.header.get("jku", client.jwks_url) != client.jwks_url:
            raise NotTrusted("jku")
        assertion.check_audience(claims, self.settings.token_url)
        assertion.token_id(claims)
        assertion.check_times(claims, at)
        assertion.verify(token, claims, lambda newer: self._keys(client.jwks_url, newer, client.jwks))

    def _keys(self, url: str | None, newer: bool, own: Mapping[str, Any] | None = None) -> Mapping[str, Any]:  # noqa: FBT001 - as KeySource has it
        """Give a key set. What could not be fetched proves nobody; what was not tried says nothing of the client."""
        if url is None:
            return own or {}
        try:
            return self.published(url, newer)
        except Unavailable as failure:
            if failure.issues[0].error != NO_KEYS:
                raise
            raise NotTrusted(NO_KEYS) from failure

    def outside(self, tx: Connection, token: str, at: datetime) -> Actor | None:
        """Give the actor of a token that the outside authorization server signed; None if it did not."""
        if self.settings.issuer is None or self.settings.issuer_jwks_url is None:
            return None
        url = self.settings.issuer_jwks_url
        try:
            claims = assertion.peek(token)
            if claims.text("iss") != self.settings.issuer:
                return None
            assertion.check_audience(claims, self.settings.fhir_base)
            assertion.check_times(claims, at, lifetime=None)
            assertion.verify(token, claims, lambda newer: self._keys(url, newer))
            name = claims.text(next((one for one in ("client_id", "azp") if claims.body.get(one)), "sub"))
        except NotTrusted:
            return None
        client = clients.find(tx, name)
        asked = claims.body.get("scope", "")
        if client is None or not isinstance(asked, str):
            return None
        return _actor(client, scopes.grant(asked, client.scope, self.types), self.settings)


def issue(tx: Connection, claims: Claims, client: Client, scope: str) -> Granted:
    """Use up the `jti` and issue an access token; Refused for a `jti` that was used before."""
    at = now(tx)
    until = datetime.fromtimestamp(assertion.check_times(claims, at), UTC)
    if not tokens.use_jti(tx, client.id, assertion.token_id(claims), until):
        raise _invalid_client("jti-replayed", client)
    token = secrets.token_urlsafe(32)
    tokens.issue(tx, token, client=client.id, tenant=client.tenant, scope=scope, lifetime=LIFETIME)
    return Granted(token, scope, client)


def admit(tx: Connection, token: str, authority: Authority) -> tuple[Actor, Tenant | None, datetime]:
    """Give the system that a bearer token belongs to, its tenant and the moment.

    Unauthenticated if the token belongs to nobody, or no longer.
    """
    found = tokens.find(tx, token)
    actor: Actor | None = None
    if found is None:
        at = now(tx)
        actor = authority.outside(tx, token, at)
        tenant = tenants.find(tx, actor.tenant) if actor else None
    else:
        tenant, at = found.tenant, found.found
        scope = frozenset(found.scope.split())
        if authority.settings.demo or not found.demo:
            actor = Actor(Role.SYSTEM, tenant.name, found.client, found.client, scopes=scope, demo=found.demo)
    if actor is None:
        raise Unauthenticated(
            "The access token is not valid, or no longer: get a new one.", headers={"WWW-Authenticate": CHALLENGE}
        )
    return actor, tenant, at


def _actor(client: Client, scope: str, settings: Settings) -> Actor | None:
    if client.revoked or (client.demo and not settings.demo):
        return None
    return Actor(Role.SYSTEM, client.tenant, client.id, client.id, scopes=frozenset(scope.split()), demo=client.demo)


def _fields(form: dict[str, list[str]]) -> dict[str, str]:
    """Take the fields, each given once; `client_id` is optional and may only repeat who asserts."""
    if any(len(form.get(name, [])) > 1 for name in ONCE):
        raise Refused("invalid_request", "Each parameter is given once.", reason="repeated")
    asked = {name: form.get(name, [""])[0] for name in ONCE}
    if not asked["grant_type"]:
        raise Refused("invalid_request", "grant_type is missing.", reason="grant-type")
    if asked["grant_type"] != "client_credentials":
        raise Refused("unsupported_grant_type", "Use client_credentials.", reason="grant-type")
    if asked["client_assertion_type"] != ASSERTION_TYPE or not asked["client_assertion"]:
        raise _invalid_client("no-assertion")
    if not asked["scope"].strip() or len(asked["scope"]) > LONGEST_SCOPE:
        raise Refused("invalid_scope", "Say which system/ scopes are needed.", reason="scope")
    return asked


def _invalid_client(reason: str, client: Client | None = None) -> Refused:
    text = "The client is not known, or its assertion is not valid: check key id, algorithm, audience, times and jti."
    return Refused("invalid_client", text, reason=reason, client=client)
