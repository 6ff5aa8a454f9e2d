"""Browser sessions of people: kept by the server, named by a random cookie of which only the hash is stored.

A session gets a new id at every log-in (nobody can plant one), ends after 15 minutes of rest or 12 hours, or with its
account, and remembers when the password was last typed for signing.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from flask import Request, Response

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.loopback import LOOPBACK
from fhir_svc.settings import Settings
from fhir_svc.store import accounts, sessions
from fhir_svc.store.accounts import Account
from fhir_svc.store.database import Connection, Database, now
from fhir_svc.store.sessions import Session

IDLE: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(hours=12)
SEEN_EVERY: Final = timedelta(seconds=15)  # a page is not worth a write each time
PLAIN_COOKIE: Final = "fhir-svc-session"
COOKIE: Final = f"__Host-{PLAIN_COOKIE}"  # browsers take this name only with Secure, Path=/ and without Domain
LONGEST_COOKIE: Final = 200


def open_session(tx: Connection, account: Account, *, former: str | None = None) -> str:
    """Open a session and give its secret; `former`, the cookie that came with the log-in, ends."""
    if former:
        sessions.end(tx, _digest(former))
    sessions.forget_expired(tx, idle=IDLE, longest=LONGEST)
    secret = secrets.token_urlsafe(32)
    sessions.add(tx, _digest(secret), account.id, confirmed=False)
    return secret


def actor_of(request: Request, database: Database, settings: Settings) -> Actor | None:
    """Who a request's cookie belongs to; None without one, or if its session is over or its account disabled."""
    secret = secret_of(request, settings)
    if secret is None:
        return None
    digest = _digest(secret)
    with database.reading() as tx:
        session = sessions.find(tx, digest, idle=IDLE, longest=LONGEST)
        account = accounts.find(tx, session.account) if session else None
        at = now(tx)
    if session is None or account is None or account.disabled or (account.demo and not settings.demo):
        return None
    if at - session.seen >= SEEN_EVERY:
        with database.transaction() as tx:
            sessions.seen(tx, digest)
    return actor_from(account, session)


def actor_from(account: Account, session: Session | None = None) -> Actor:
    """The actor that an account is, in a session or outside of any."""
    return Actor(
        Role(account.role),
        account.tenant,
        account.id,
        account.name,
        practitioner=account.practitioner,
        licence=account.licence,
        confirmed_at=session.confirmed if session else None,
        session=session.digest if session else None,
        username=account.username,
        demo=account.demo,
    )


def confirm(tx: Connection, who: Actor) -> None:
    """Stamp the session: the password was typed again just now."""
    if who.session:
        sessions.confirm(tx, who.session)


def close(tx: Connection, who: Actor) -> None:
    """End the session."""
    if who.session:
        sessions.end(tx, who.session)


def secret_of(request: Request, settings: Settings) -> str | None:
    """The session cookie of a request, if it has one of a believable length."""
    secret = request.cookies.get(_name(request, settings))
    return secret if secret and len(secret) <= LONGEST_COOKIE else None


def give_cookie(answer: Response, request: Request, settings: Settings, secret: str) -> None:
    """Set the session cookie: of this host alone, unreadable for scripts, never sent along from other sites."""
    name = _name(request, settings)
    answer.set_cookie(name, secret, path="/", secure=name == COOKIE, httponly=True, samesite="Strict")


def take_cookie(answer: Response, request: Request, settings: Settings) -> None:
    """Make the browser forget the session cookie."""
    name = _name(request, settings)
    answer.delete_cookie(name, path="/", secure=name == COOKIE, httponly=True, samesite="Strict")


def _name(request: Request, settings: Settings) -> str:
    """Plain http is for loopback only: everywhere else the cookie needs TLS, or the browser keeps it to itself."""
    plain = settings.base_url.startswith("http:") and settings.on_loopback
    return PLAIN_COOKIE if plain and urlsplit(request.host_url).hostname in LOOPBACK else COOKIE


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
