"""A stored record that is damaged, so that it is no JSON object any more: what is said of it, and that it is logged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from flask import Blueprint, Response
from msgspec import MsgspecError

from fhir_svc.errors import Broken
from fhir_svc.record import Stored
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.web import outcomes

UNREADABLE: Final = (MsgspecError, UnicodeDecodeError)  # what decoding such a body raises


class Spoilt(Broken):
    """500: what is stored can't be read. Nothing can be decided on it."""

    text: Final = (
        "What is stored of this, or of something that belongs to it, is damaged and can't be read: "
        "nothing can be signed, changed or declined. Tell your administrator."
    )

    @classmethod
    def after(cls, failure: Exception) -> Self:
        """The failure to read it as one of the house, for the log with the same place."""
        return failure if isinstance(failure, cls) else cls(cls.text).with_traceback(failure.__traceback__)


def current(tx: Connection, tenant: str, kind: str, resource_id: str) -> Stored | None:
    """The current version of a resource; Spoilt where it can't be read."""
    try:
        found = resources.read(tx, tenant, kind, resource_id)
    except ValueError as failure:  # an empty body is no JSON either, and raises neither of the others
        raise Spoilt.after(failure) from None
    content: Any = found.content if found else {}
    if not isinstance(content, Mapping):
        raise Spoilt(Spoilt.text)
    return found


def answer(failure: Exception) -> Response:
    """Answer and log it as FHIR has it."""
    return outcomes.answer(Spoilt.after(failure))


def register(blueprint: Blueprint, handler: Any = answer) -> None:
    """Have a blueprint answer so wherever a record can't be read."""
    for kind in (*UNREADABLE, Spoilt):
        blueprint.register_error_handler(kind, handler)
