"""Who is calling. Every request, page and command acts as exactly one Actor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """Disjoint: nobody holds two."""

    SYSTEM = "system"
    PHYSICIAN = "physician"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated caller.

    `id` is the client id of a system or the account id of a person. `scopes` (SMART v2, `system/Observation.cruds`)
    belong to systems only. The other fields belong to persons: `username` is what they log in with, `practitioner` the
    id of their Practitioner in the EHR, `confirmed_at` when the password was last typed in this session, `session` the
    session's id (hashed).
    """

    role: Role
    tenant: str
    id: str
    name: str
    scopes: frozenset[str] = frozenset()
    practitioner: str | None = None
    licence: str | None = None
    confirmed_at: datetime | None = None
    session: str | None = None
    username: str | None = None
    demo: bool = False
