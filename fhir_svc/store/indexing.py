"""What a search can find a resource by: its tokens, references and dates, as rows of the table `search`.

What a resource's head row holds anyway (its status, its patient) is looked for there, and is not among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from fhir_svc.store.parameters import INDEXED, URGENCY
from fhir_svc.store.periods import EVER, FOREVER, interval

LONGEST: Final = 255  # bytes of a text in an index: PostgreSQL takes 2,700 in all columns of a row of it
_KEPT: Final = 40  # characters of a longer one that are kept, for what is sorted by it
_MARK: Final = "\x01"  # which no FHIR string holds: a stand-in equals no value
_SHORT: Final = LONGEST // 4  # so many characters are never too long


class Value(NamedTuple):
    """One searchable value: a token (`system`, `value`), a reference (`system` is its type) or an interval."""

    field: str
    value: str = ""
    system: str = ""
    low: int = 0
    high: int = 0


def values_of(resource: Mapping[str, Any]) -> set[Value]:
    """Everything by which this resource can be found, but what its head row holds."""
    found: set[Value] = set()
    for field, path, read in _PLAN.get(resource["resourceType"], ()):
        element: Any = resource
        for step in path:
            element = element.get(step) if isinstance(element, dict) else None
        if element is not None:
            for one in element if isinstance(element, list) else (element,):
                found.update(map(_indexed, read(field, one)))
    return found


def _indexed(value: Value) -> Value:
    if len(value.value) <= _SHORT and len(value.system) <= _SHORT:
        return value
    return value._replace(value=stand_in(value.value), system=stand_in(value.system))


def stand_in(text: str) -> str:
    """What is kept of a text in an index: all of it, or of a long one its beginning and its SHA-256."""
    if len(text) <= _SHORT or len(raw := text.encode("utf-8", "surrogatepass")) <= LONGEST:
        return text
    return f"{text[:_KEPT]}{_MARK}{hashlib.sha256(raw).hexdigest()}"


def forms(text: str) -> set[str]:
    """What may stand in the index for this text: what is kept of it, or all of it from before long ones were cut."""
    return {text, stand_in(text)}


def _token(field: str, element: Any) -> Iterator[Value]:
    if not isinstance(element, dict):
        return
    for coding in element.get("coding", [element]):  # a CodeableConcept, else an Identifier or a Coding
        value = coding.get("code") or coding.get("value")
        if value:
            yield Value(field, str(value), coding.get("system", ""))


def _code(field: str, element: Any) -> Iterator[Value]:
    yield Value(field, str(element), low=URGENCY.get(element, 0))


def _reference(field: str, element: Any) -> Iterator[Value]:
    text = element.get("reference", "") if isinstance(element, dict) else ""
    if text and not text.startswith("#"):
        yield Value(field, *split_reference(text))


def split_reference(text: str) -> tuple[str, str]:
    """(id, type) of `Type/id`, with or without version; (the text, "") of any other reference."""
    parts = text.split("/")
    if len(parts) >= 2 and parts[0].isalpha() and "://" not in text:  # noqa: PLR2004  a type and an id
        return parts[1], parts[0]
    return text, ""


def _canonical(field: str, element: Any) -> Iterator[Value]:
    url, _, version = str(element).partition("|")
    yield Value(field, url, version)


def _date(field: str, element: Any) -> Iterator[Value]:
    start, end = element, element
    if isinstance(element, dict):
        start, end = element.get("start"), element.get("end")
    first, last = interval(str(start)) if start else None, interval(str(end)) if end else None
    if first or last:
        yield Value(field, low=first[0] if first else EVER, high=last[1] if last else FOREVER)


_READ: dict[str, Callable[[str, Any], Iterator[Value]]] = {
    "token": _token,
    "code": _code,
    "reference": _reference,
    "canonical": _canonical,
    "date": _date,
}
_PLAN = {
    kind: [
        (f"{kind}.{name}", path.split("."), _READ[parameter.kind])
        for name, parameter in parameters.items()
        if parameter.head is None
        for path in parameter.paths
    ]
    for kind, parameters in INDEXED.items()
}
