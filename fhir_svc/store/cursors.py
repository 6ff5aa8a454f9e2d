"""Opaque places in a list of results, and one page of it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from fhir_svc.errors import Malformed
from fhir_svc.record import Stored
from fhir_svc.store.periods import EVER, FOREVER


@dataclass(frozen=True, slots=True)
class Page:
    """Some results; `next` is the cursor of the following page, None at the end; `total` counts all matches.

    `complete` is the moment from which on there may be more to come: to ask on from. `damaged` are those that can't be
    read, as `Type/id`, where that was asked for.
    """

    entries: list[Stored] = field(default_factory=list)
    next: str | None = None
    total: int = 0
    complete: datetime | None = None
    damaged: list[str] = field(default_factory=list)


def write(*place: int | str) -> str:
    """A cursor for this place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read(cursor: str, *kinds: Any) -> list[Any]:
    """The place that `write` was given, its values of these types; Malformed for anything else."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place: list[Any] = msgspec.json.decode(raw, type=list[int | str])
    except (msgspec.DecodeError, msgspec.ValidationError, binascii.Error, ValueError):
        place = []
    fits = len(place) == len(kinds) and all(isinstance(one, kind) for one, kind in zip(place, kinds, strict=True))
    if not fits or any(isinstance(one, int) and not EVER <= one <= FOREVER for one in place):
        raise not_ours()
    return place


def not_ours() -> Malformed:
    """What to say of a place that `write` did not make."""
    return Malformed(
        "This page link is not one of ours: start the search again.",
        error="bad-cursor",
        code="value",
        expression="http._page",
    )
