"""PURE: SMART v2 scopes of systems: which types, which interactions. v1 `read` and `write` forms are understood.

Only `system/` scopes are ever granted. A scope with a search restriction (`?category=...`) is never granted: granting
it without the restriction would widen it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

LETTERS: Final = "cruds"
V1: Final = {"read": "rs", "write": "cud", "*": "cruds"}
FORM: Final = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?|read|write|\*)")


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope: a resource type (or `*`) and the interactions c, r, u, d, s."""

    type: str
    letters: str
    text: str

    def covers(self, kind: str, letter: str) -> bool:
        """Whether this scope allows the interaction on the type."""
        return self.type in {"*", kind} and letter in self.letters


def parse(text: str) -> Scope | None:
    """Read one scope; None for whatever we never grant."""
    found = FORM.fullmatch(text)
    if found is None or not found[2]:
        return None
    return Scope(found[1], V1.get(found[2], found[2]), text)


def permits(granted: Iterable[str], kind: str, letter: str) -> bool:
    """Whether any of the granted scopes allows the interaction (`c r u d s`) on the type."""
    return any(scope.covers(kind, letter) for scope in map(parse, granted) if scope is not None)


def grant(requested: str, registered: str, types: Collection[str]) -> str:
    """Give what of `requested` is also in `registered` (both space-separated) and names `types`, narrowed as needed."""
    ours = _read(registered, types)
    granted: dict[str, None] = {}
    for wanted in _read(requested, types):
        for narrowed in _narrowed(wanted, ours):
            granted[narrowed] = None
    return " ".join(granted)


def _read(text: str, types: Collection[str]) -> list[Scope]:
    """The scopes that name one of these types, or all."""
    return [scope for scope in map(parse, text.split()) if scope is not None and scope.type in {"*", *types}]


def _narrowed(wanted: Scope, ours: list[Scope]) -> list[str]:
    by_type: dict[str, set[str]] = {}
    for own in ours:
        if "*" in {wanted.type, own.type} or wanted.type == own.type:
            kind = own.type if wanted.type == "*" else wanted.type
            by_type.setdefault(kind, set()).update(set(own.letters) & set(wanted.letters))
    whole = by_type.get(wanted.type, set())
    if whole == set(wanted.letters):
        return [wanted.text]
    return [
        f"system/{kind}.{''.join(letter for letter in LETTERS if letter in letters)}"
        for kind, letters in by_type.items()
        if letters and (kind == wanted.type or not letters <= whole)
    ]
