"""PURE: the addresses that name things on the wire. Codes and wording with clinical meaning live in `profiles/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

BASE = "https://example.org/fhir-svc"
STATUS_REASON_EXTENSION = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"
AIAST = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "AIAST"}
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"


def system(name: str) -> str:
    """Canonical address of one of our CodeSystems."""
    return f"{BASE}/CodeSystem/{name}"


def namespace(name: str) -> str:
    """System of one of our identifiers, such as `B/order`."""
    return f"{BASE}/{name}"


def extension(name: str) -> str:
    """Canonical address of one of our extensions."""
    return f"{BASE}/StructureDefinition/{name}"


def concept(name: str, code: str, text: str | None = None) -> dict[str, Any]:
    """A CodeableConcept with one code of one of our CodeSystems."""
    made: dict[str, Any] = {"coding": [{"system": system(name), "code": code}]}
    return made | {"text": text} if text else made


def extensions(element: Mapping[str, Any], name: str) -> Iterator[Any]:
    """The values of every extension `name` of an element; a complex one gives its own element."""
    for found in element.get("extension", ()):
        if found.get("url") == extension(name):
            value = next((held for key, held in found.items() if key.startswith("value")), None)
            yield found if value is None else value


def parts(element: Mapping[str, Any], name: str) -> list[Any]:
    """The values of the sub-extensions `name` of a complex extension (these have short names as `url`)."""
    return [
        held
        for found in element.get("extension", ())
        if found.get("url") == name
        for key, held in found.items()
        if key.startswith("value")
    ]


def codes(concepts: Any, wanted: str) -> Iterator[str]:
    """The codes of one system inside a CodeableConcept."""
    for coding in (concepts or {}).get("coding", ()):
        if coding.get("system") == wanted and coding.get("code"):
            yield coding["code"]
