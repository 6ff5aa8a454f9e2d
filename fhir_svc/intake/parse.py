"""PURE: bytes to a dict, strictly, and back.

Refuses what two readers could read differently: duplicate keys, NaN, byte order marks, bad UTF-8, lone surrogates,
control characters. Depth is counted on the bytes, before any parser recurses. Numbers are exact (int or Decimal).
"""

from __future__ import annotations

import re
from decimal import Decimal, DecimalException
from typing import Any

import msgspec

from fhir_svc.errors import Malformed, Rejected, TooLarge
from fhir_svc.intake.faults import Fault, Faults

DEPTH_LIMIT = 40
STRING_LIMIT = 1024 * 1024
DIGIT_LIMIT = 100
EXPONENT_LIMIT = 300

_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS_NOR_QUOTES = bytes(set(range(256)) - set(b'[]{}"'))
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_NOT_CONTROLS = bytes(set(range(256)) - (set(range(32)) - set(b"\t\n\r")))
_BYTE = re.compile(r"\(byte (\d+)\)")
_ESCAPED_CONTROL = re.compile(rb"\\(?:u00|[bf])")


def read_json(raw: bytes, *, limit: int, root: str = "Resource") -> dict[str, Any]:
    """Parse one JSON object of at most `limit` bytes; Malformed (400) or TooLarge (413) otherwise.

    `root` is the type that is to be read: what is not JSON has no closer place in FHIRPath.
    """
    try:
        return _read(raw, limit)
    except Rejected as refused:
        raise refused.at(root) from refused.__cause__


def _read(raw: bytes, limit: int) -> dict[str, Any]:
    if len(raw) > limit:
        raise _refused(Fault.BODY_TOO_LARGE, f"Send at most {limit} bytes.")
    _check_text(raw)
    unescaped = _without_escapes(raw)
    _check_strings(unescaped)
    # what closes a string right before another opens says nothing of brackets: most strings hold none and go
    _check_depth(_outside_strings(unescaped.translate(None, _NOT_BRACKETS_NOR_QUOTES).replace(b'""', b"")))
    if _has_long_number(unescaped) and _has_long_number(_outside_strings(unescaped)):
        raise _refused(Fault.JSON_NUMBER, f"Write numbers with at most {DIGIT_LIMIT} digits.")
    body = _decode(raw)
    written = encode(body)
    _check_characters(_without_escaped_backslashes(written))
    if _has_lost_quotes(raw, unescaped, written):  # a member that was dropped took its own along
        raise _refused(Fault.JSON_DUPLICATE_KEY, "Name every member of an object once; one object names one twice.")
    if not isinstance(body, dict):
        raise _refused(Fault.JSON_MALFORMED, "Send a JSON object: a FHIR resource.")
    return body


def encode(resource: Any) -> bytes:
    """Write JSON; decimals keep their digits (`82.50` stays `82.50`)."""
    return _ENCODER.encode(resource)


def _number(text: str) -> Decimal:
    """Make an exact decimal of a number with a fraction or an exponent."""
    try:
        number = Decimal(text)
    except DecimalException as fault:
        raise ValueError from fault
    if abs(number.adjusted()) > EXPONENT_LIMIT:
        raise ValueError
    return number


_DECODER = msgspec.json.Decoder(float_hook=_number)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _decode(raw: bytes) -> Any:
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as fault:  # the only value that msgspec or `_number` refuses here is a number
        raise _refused(Fault.JSON_NUMBER, "Write numbers of a size that FHIR's decimal can hold.") from fault
    except (msgspec.DecodeError, RecursionError) as fault:
        if _has_lone_surrogate(raw):
            raise _refused(Fault.JSON_CHARACTER, "Write characters beyond U+FFFF as a pair of surrogates.") from fault
        found = _BYTE.search(str(fault))
        where = f"; reading stopped at byte {found[1]}" if found else ""
        raise _refused(Fault.JSON_MALFORMED, f"Send strict JSON (RFC 8259){where}.") from fault


def _check_text(raw: bytes) -> None:
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _refused(Fault.JSON_ENCODING, "Send UTF-8 without a byte order mark.")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise _refused(Fault.JSON_ENCODING, "Send UTF-8.") from fault
    if raw[:2].count(0) == 1:  # a JSON text starts with an ASCII character: a zero beside it means UTF-16
        raise _refused(Fault.JSON_ENCODING, "Send UTF-8.")
    if raw.translate(None, _NOT_CONTROLS):
        raise _refused(Fault.JSON_CHARACTER, "Leave control characters out.")


def _without_escaped_backslashes(text: bytes) -> bytes:
    return text.replace(b"\\\\", b"") if b"\\" in text else text


def _without_escapes(text: bytes) -> bytes:
    """Leave only the quotes that open or close a string."""
    return _without_escaped_backslashes(text).replace(b'\\"', b"") if b"\\" in text else text


def _outside_strings(unescaped: bytes) -> bytes:
    """Everything but the content of strings; up to the first error of a text this is what a parser sees too."""
    return b"".join(unescaped.split(b'"')[::2])


def _has_lost_quotes(raw: bytes, unescaped: bytes, written: bytes) -> bool:
    """Whether fewer strings were read than stand in the text."""
    # nothing but \u0022 is written back as a quote that was none, and could make up for those lost
    if raw.count(b'"') == written.count(b'"') and b"\\u0022" not in raw:
        return False
    return _without_escapes(written).count(b'"') != unescaped.count(b'"')


def _check_strings(unescaped: bytes) -> None:
    if len(unescaped) > STRING_LIMIT and max(map(len, unescaped.split(b'"')[1::2]), default=0) > STRING_LIMIT:
        raise _refused(Fault.STRING_TOO_LONG, f"Send strings of at most {STRING_LIMIT} bytes.")


def _has_long_number(text: bytes) -> bool:
    return b"0" * (DIGIT_LIMIT + 1) in text.translate(_DIGITS)


def _check_depth(outside: bytes) -> None:
    """Take the innermost brackets away, level by level; what is left after the last level was deeper."""
    brackets = outside.translate(_BRACKETS)
    for _ in range(DEPTH_LIMIT):
        if b"[]" not in brackets:
            break
        brackets = brackets.replace(b"[]", b"")
    if b"[]" in brackets or brackets.count(b"[") > DEPTH_LIMIT:
        raise _refused(Fault.TOO_DEEP, f"Nest objects and arrays at most {DEPTH_LIMIT} deep.")


def _check_characters(written: bytes) -> None:
    """Refuse escaped control characters; our own encoder escapes only those, quotes, backslashes and white space."""
    if b"\\" in written and _ESCAPED_CONTROL.search(written):
        raise _refused(Fault.JSON_CHARACTER, "Leave control characters out.")


def _has_lone_surrogate(raw: bytes) -> bool:
    text = raw.replace(b"\\\\", b"").lower()
    high, pair = re.compile(rb"\\ud[89ab]"), re.compile(rb"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")
    low = re.compile(rb"\\ud[c-f]")
    return len(high.findall(text)) != len(low.findall(text)) or len(high.findall(text)) != len(pair.findall(text))


def _refused(fault: Fault, text: str) -> Malformed | TooLarge:
    faults = Faults()
    faults.add(fault, text)
    error = TooLarge if fault is Fault.BODY_TOO_LARGE else Malformed
    return error(text, issues=faults.issues)
