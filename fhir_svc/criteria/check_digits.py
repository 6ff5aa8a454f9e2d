"""PURE: check digits of codes: a mistyped LOINC or SNOMED CT code is another code, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
_LOINC_CODE = re.compile(r"(?:L[A-Z])?\d{1,7}-\d")
_SNOMED_CODE = re.compile(r"[1-9]\d{5,17}")
_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)  # Verhoeff's permutation; its powers are the rows of the table
_SIDES = 5  # of the dihedral group in which the digits are multiplied
_LETTER = ord("0")  # letters of answer and part codes count by their distance from "0"


def is_sound(system: str, code: str) -> bool:
    """Whether a code of LOINC or SNOMED CT carries its right check digit; codes of other systems have none."""
    if system == LOINC:
        return bool(_LOINC_CODE.fullmatch(code)) and _luhn(code[:-2]) == int(code[-1])
    if system == SNOMED:
        return bool(_SNOMED_CODE.fullmatch(code)) and _verhoeff(code)
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


def _verhoeff(code: str) -> bool:
    check = 0
    for index, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(index % 8):
            value = _TURN[value]
        check = _times(check, value)
    return check == 0


def _times(left: int, right: int) -> int:
    """Multiplication in the dihedral group of ten elements."""
    turned = left % _SIDES + (right if left < _SIDES else -right)
    flipped = (left >= _SIDES) != (right >= _SIDES)
    return turned % _SIDES + (_SIDES if flipped else 0)
