"""What a search can find a resource by: its tokens, references and dates, as rows of the table `search`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fhir_svc.store.parameters import INDEXED, URGENCY, Parameter
from fhir_svc.store.periods import EVER, FOREVER, interval


class Value(NamedTuple):
    """One searchable value: a token (`system`, `value`), a reference (`system` is its type) or an interval."""

    field: str
    value: str = ""
    system: str = ""
    low: int = 0
    high: int = 0


def values_of(resource: Mapping[str, Any]) -> set[Value]:
    """Everything by which this resource can be found."""
    kind = resource["resourceType"]
    found: set[Value] = set()
    for name, parameter in INDEXED.get(kind, {}).items():
        field = f"{kind}.{name}"
        for element in _elements(resource, parameter):
            found.update(_READ[parameter.kind](field, element))
    return found


def _elements(resource: Mapping[str, Any], parameter: Parameter) -> Iterator[Any]:
    for path in parameter.paths:
        element: Any = resource
        for step in path.split("."):
            element = element.get(step) if isinstance(element, Mapping) else None
        if isinstance(element, list):
            yield from element
        elif element is not None:
            yield element


def _token(field: str, element: Any) -> Iterator[Value]:
    if not isinstance(element, Mapping):
        return
    for coding in element.get("coding", [element]):  # a CodeableConcept, else an Identifier or a Coding
        value = coding.get("code") or coding.get("value")
        if value:
            yield Value(field, str(value), coding.get("system", ""))


def _code(field: str, element: Any) -> Iterator[Value]:
    yield Value(field, str(element), low=URGENCY.get(element, 0))


def _reference(field: str, element: Any) -> Iterator[Value]:
    text = element.get("reference", "") if isinstance(element, Mapping) else ""
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
    if isinstance(element, Mapping):
        start, end = element.get("start"), element.get("end")
    first, last = interval(str(start)) if start else None, interval(str(end)) if end else None
    if first or last:
        yield Value(field, low=first[0] if first else EVER, high=last[1] if last else FOREVER)


_READ = {"token": _token, "code": _code, "reference": _reference, "canonical": _canonical, "date": _date}
