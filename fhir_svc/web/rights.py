"""Who may do what with which type: roles times scopes. Roles are disjoint.

A system does what its scopes say, on what is served to systems. A physician reads everything clinical of the own tenant
and writes nothing here (signing is an act, not a write). An admin reads the audit and the published artefacts, nothing
clinical.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, cast

from flask import g
from werkzeug.routing import BaseConverter

from fhir_svc.auth import scopes
from fhir_svc.auth.actor import Actor, Role
from fhir_svc.errors import Forbidden, NotFound, Unauthenticated
from fhir_svc.intake.accepted import TAKEN
from fhir_svc.subscriptions.terms import SUBSCRIPTION

ARTEFACTS: Final = frozenset(
    {
        "PlanDefinition",
        "ActivityDefinition",
        "Library",
        "Questionnaire",
        "ValueSet",
        "CodeSystem",
        "StructureDefinition",
        "OperationDefinition",
        "Basic",
    }
)
WRITTEN: Final = frozenset(
    {"GuidanceResponse", "RequestGroup", "DetectedIssue", "Flag", "Provenance", "CommunicationRequest", "Task"}
)
AUDIT: Final = "AuditEvent"
SERVED: Final = TAKEN | WRITTEN | ARTEFACTS | {AUDIT}
GRANTED: Final = (SERVED - {AUDIT}) | {SUBSCRIPTION}  # of which systems get scopes
READING: Final = frozenset("rs")
WRITING: Final = frozenset({"POST", "PUT"})
PLACE: Final = re.compile(r"/fhir/([A-Z][A-Za-z]*)(?:/[^/_][^/]*)?/?")


class TypeName(BaseConverter):
    """A type's name in an address: `metadata` and `$submit` are none."""

    regex = "[A-Z][A-Za-z]*"


def caller() -> Actor:
    """Give the actor of this request."""
    actor = cast("Actor | None", g.get("actor"))
    if actor is None:
        raise Unauthenticated("Send an access token as Authorization: Bearer, or log in.")
    return actor


def served(kind: str) -> None:
    """Refuse (404) a type that this service does not serve."""
    if kind not in SERVED:
        raise NotFound("This type is not served here; see /fhir/metadata.", error="unknown-type", code="not-supported")


def check(actor: Actor, kind: str, letter: str) -> None:
    """Refuse (403) an interaction (`c r u s`) on a type that the actor may not have."""
    if actor.role is Role.SYSTEM:
        if kind == AUDIT:
            raise Forbidden("The audit is for admins.")
        if not scopes.permits(actor.scopes, kind, letter):
            raise insufficient_scope()
        return
    readable = kind in ARTEFACTS or (kind == AUDIT) is (actor.role is Role.ADMIN)
    if letter not in READING or not readable:
        raise Forbidden("Your role may not do this.")


def may(actor: Actor, kind: str, letters: str) -> bool:
    """Whether the actor may have one of these interactions on a type; `*` is every type."""
    for letter in letters:
        try:
            check(actor, kind, letter)
        except Forbidden:
            continue
        return True
    return False


def methods(path: str, allowed: Iterable[str]) -> list[str]:
    """Give the methods that an address takes, of those that its routes know: nobody writes what is only read here."""
    place = PLACE.fullmatch(path)
    only_read = place is not None and place[1] in SERVED - TAKEN
    return sorted(set(allowed) - WRITING if only_read else allowed)


def insufficient_scope() -> Forbidden:
    """Make the refusal of a token whose scopes do not cover the request."""
    header = {"WWW-Authenticate": 'Bearer realm="fhir-svc", error="insufficient_scope"'}
    return Forbidden("The scopes of the access token do not cover this.", error="insufficient-scope", headers=header)
