"""Whose Subscription it is: only the client that made it sees and changes it; to all others it does not exist."""

from __future__ import annotations

from typing import Any, Final

from fhir_svc.auth import scopes
from fhir_svc.auth.actor import Actor, Role
from fhir_svc.ehr import addresses
from fhir_svc.errors import Forbidden, NotFound, Unprocessable
from fhir_svc.store import clients, subscriptions
from fhir_svc.store.database import Connection
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.subscriptions.terms import SUBSCRIPTION
from fhir_svc.subscriptions.topics import Topic, read_topics
from fhir_svc.subscriptions.wish import Wish
from fhir_svc.web.rights import caller, check, insufficient_scope
from fhir_svc.web.services import Services

NOTHING: Final = "There is no such resource."


def subscriber(letter: str) -> Actor:
    """Give the system that calls, if its scopes allow this (`c r u d s`) with Subscriptions."""
    actor = caller()
    if actor.role is not Role.SYSTEM:
        raise Forbidden("Only systems subscribe.")
    check(actor, SUBSCRIPTION, letter)
    return actor


def own(tx: Connection, actor: Actor, subscription: str, *, lock: bool = False) -> Subscription:
    """Give the actor's own subscription; NotFound for everybody else's."""
    found = subscriptions.find(tx, actor.tenant, subscription, lock=lock)
    if found is None or found.client != actor.id:
        raise NotFound(NOTHING)
    return found


def offered(given: Services) -> list[Topic]:
    """Give the topics that can be subscribed to."""
    return read_topics(given.knowledge.all("Basic"))


def require(tx: Connection, actor: Actor, wish: Wish, given: Services) -> None:
    """Refuse a topic about what the actor may not read, and an endpoint that is not registered for its client."""
    if not scopes.permits(actor.scopes, wish.topic.focus, "r"):
        raise insufficient_scope()
    client = clients.find(tx, actor.id)
    allowed: Any = client.endpoints if client is not None and client.tenant == actor.tenant else ()
    loopback = given.settings.demo
    if not addresses.registered(wish.endpoint, allowed) or not addresses.usable(wish.endpoint, loopback=loopback):
        raise Unprocessable(
            "The endpoint must be https and below an address that is registered for this client.",
            error="endpoint-not-allowed",
            expression="Subscription.channel.endpoint",
        )
