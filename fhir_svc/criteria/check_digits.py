"""PURE: every coded value of an artefact with its place, and whether its check digit is right.

Wider than `checks.code_faults`: the codes that a ValueSet lists, and LOINC's answer codes, have one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fhir_svc.criteria.checks import LOINC, SNOMED, is_snomed

_LOINC_CODE = re.compile(r"(?:L[A-Z])?\d{1,7}-\d")
_LETTER = ord("0")  # letters of answer and part codes count by their distance from "0"


def is_sound(system: str, code: str) -> bool:
    """Whether a code of LOINC or SNOMED CT carries its right check digit; codes of other systems have none."""
    if system == LOINC:
        return bool(_LOINC_CODE.fullmatch(code)) and _luhn(code[:-2]) == int(code[-1])
    if system == SNOMED:
        return is_snomed(code)
    return True


def codings(node: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Every coded value in an artefact: where it stands, its system, its code; compositions of ValueSets included."""
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield from codings(value, f"{path}[{index}]")
    elif isinstance(node, dict):
        system, code = node.get("system"), node.get("code")
        if isinstance(system, str) and isinstance(code, str):
            yield path, system, code
        for name, value in node.items():
            if name == "concept" and isinstance(system, str) and isinstance(value, list):
                yield from ((f"{path}.concept[{at}]", system, one["code"]) for at, one in enumerate(value))
            yield from codings(value, f"{path}.{name}" if path else name)


def _luhn(body: str) -> int:
    """The modulus-10 digit that follows a body."""
    total = 0
    for index, letter in enumerate(reversed(body)):
        value = ord(letter) - _LETTER
        total += value if index % 2 else 2 * value - value // 5 * 9
    return -total % 10
