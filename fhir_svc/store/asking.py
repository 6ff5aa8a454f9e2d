"""What a search asks for, before it is looked for: each value once, and no more of them than anybody means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fhir_svc.errors import Malformed
from fhir_svc.store.parameters import AUDITED, PARAMETERS

MOST_PARAMETERS: Final = 30
MOST_VALUES: Final = 100  # of one parameter
MOST_IN_ALL: Final = 200  # values of all of them: half a second's work
MOST_IDS: Final = 5000  # which cost little: each is looked up by itself
_KNOWN: Final = {**PARAMETERS, "AuditEvent": AUDITED}


def usable(kind: str, params: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """These parameters, each of their values once; Malformed for more than can be meant, and for what nothing can be.

    Looking for many values is no fault of form, but it would keep everybody else waiting.
    """
    read = dict.fromkeys((name, _each_once(kind, name, value)) for name, value in params)
    if len(read) > MOST_PARAMETERS:
        raise _too_many("http", f"{MOST_PARAMETERS} parameters")
    if sum(len(values) for name, values in read if name != "_id") > MOST_IN_ALL:
        raise _too_many("http", f"{MOST_IN_ALL} values of all parameters")
    return [(name, ",".join(values)) for name, values in read]


def _each_once(kind: str, name: str, value: str) -> tuple[str, ...]:
    if "\0" in name or "\0" in value:
        text = "A parameter to search by holds the character U+0000, which nothing here can hold."
        raise Malformed(text, error="bad-search-value", code="value", expression=place(kind, name))
    values = dict.fromkeys(one for one in split(value, ",") if one.strip())
    if not values:
        text = "A parameter to search by has no value."
        raise Malformed(text, error="bad-search-value", code="value", expression=place(kind, name))
    most = MOST_IDS if name == "_id" else MOST_VALUES
    if len(values) > most:
        raise _too_many(place(kind, name), f"{most} different values of this parameter")
    return tuple(values)


def _too_many(place: str, told: str) -> Malformed:
    text = f"At most {told} are looked for at once: search several times."
    return Malformed(text, error="bad-search-value", code="too-costly", expression=place)


def place(kind: str, name: str) -> str:
    """Where in a request a search parameter stands; a name that is not known is not repeated."""
    own = name.partition(":")[0]
    return f"http.{own}" if own in _KNOWN.get(kind, ()) else "http"


def is_empty(value: str) -> bool:
    """Whether a parameter's value asks for nothing at all: R4 has it ignored where it steers no write."""
    return not value.strip(" ,")


def bad_modifier(kind: str, name: str) -> Malformed:
    """What to say of a modifier that this parameter does not take here."""
    text = "This search modifier is not supported here."
    return Malformed(text, error="bad-modifier", code="not-supported", expression=place(kind, name))


def bad_sort() -> Malformed:
    """What to say of an order that this type can't be listed in."""
    text = "Results can't be sorted by this."
    return Malformed(text, error="bad-sort", code="not-supported", expression="http._sort")


def split(value: str, mark: str) -> list[str]:
    """The parts between such marks; one behind a backslash is part of a value."""
    return re.split(rf"(?<!\\){re.escape(mark)}", value)
