"""A tenant's own choices, read from an operator's words and checked before they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from fhir_svc.artefacts import load_artefacts
from fhir_svc.errors import Unprocessable
from fhir_svc.knowledge import Knowledge


def read_zone(name: str) -> str:
    """The IANA name of a time zone; Unprocessable for one that does not exist."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as failure:
        raise Unprocessable("There is no time zone of this name.", error="unknown-timezone") from failure


def read_values(profiles: Path, words: Iterable[str]) -> Mapping[str, bool | int | str]:
    """Values for the criteria's parameters from NAME=VALUE words (JSON booleans and numbers).

    Broken for a value out of range, Unprocessable for a parameter that no pathway has. Decimals stay text, exact.
    """
    given = dict(_split(word) for word in words)
    pathways = Knowledge(load_artefacts(profiles)).pathways.values()
    declared = {name: one for pathway in pathways for name, one in pathway.declarations.parameters.items()}
    unknown = given.keys() - declared.keys()
    if unknown:
        raise Unprocessable(f"The criteria have no such parameter. They have: {', '.join(sorted(declared))}.")
    for name, value in given.items():
        declared[name].take(value)
    return given


def _split(word: str) -> tuple[str, bool | int | str]:
    name, sign, text = word.partition("=")
    if not sign:
        raise Unprocessable("A parameter is set as NAME=VALUE.")
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = text
    return name, value if isinstance(value, bool | int) else text
