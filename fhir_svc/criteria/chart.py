"""PURE: a patient's record, indexed by type and code, so that a fact looks only at what concerns it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from fhir_svc.criteria.declarations import Code
from fhir_svc.record import Json, Record, Stored

Key = tuple[str, str]

CODE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ImagingStudy": ("procedureCode",),
    "Device": ("type",),
    "DeviceUseStatement": ("reasonCode",),
    "MedicationStatement": ("medicationCodeableConcept",),
    "MedicationRequest": ("medicationCodeableConcept",),
}


class Chart:
    """The current resources by type, and those with a code by (type, system, code)."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._types = {kind: sorted(found, key=_by_id) for kind, found in record.by_type.items()}

    def of(self, *types: str) -> Iterator[Stored]:
        """The resources of these types, each type in order of id."""
        for name in types:
            yield from self._types.get(name, ())

    @cached_property
    def _observations(self) -> Mapping[Key, Sequence[Stored]]:
        index: dict[Key, list[Stored]] = defaultdict(list)
        for stored in self._types.get("Observation", ()):
            if stored.ours:
                continue
            content = stored.content
            for element in (content, *content.get("component", ())):
                for coding in (element.get("code") or {}).get("coding", ()):
                    index[coding.get("system", ""), coding.get("code", "")].append(stored)
        return index

    def observations(self, codes: Sequence[Code]) -> list[Stored]:
        """What others observed under one of these codes, or one of whose components has one."""
        found: dict[str, Stored] = {}
        for code in codes:
            found.update((stored.id, stored) for stored in self._observations.get((code.system, code.code), ()))
        return sorted(found.values(), key=_by_id)

    @cached_property
    def _stated_here(self) -> Sequence[Stored]:
        return [
            held for held in self._types.get("Observation", ()) if held.ours and not held.content.get("derivedFrom")
        ]

    def stated_here(self, codes: Sequence[Code]) -> list[Stored]:
        """What physicians recorded in this service under one of these codes; not what was computed from sources."""
        return [held for held in self._stated_here if has_code([held.content.get("code") or {}], codes)]

    def concepts(self, stored: Stored) -> list[Json]:
        """The CodeableConcepts that say what a resource is of; a device's own where it is used by reference."""
        fields = CODE_FIELDS.get(stored.type, ("code",))
        found: list[Any] = []
        for name in fields:
            value = stored.content.get(name)
            found.extend(value if isinstance(value, list) else [value])
        if stored.type == "DeviceUseStatement":
            found.extend(self._device(stored))
        if stored.type.startswith("Medication"):
            found.extend(self._contained(stored, stored.content.get("medicationReference"), "code"))
        return [concept for concept in found if isinstance(concept, Mapping)]

    def _device(self, stored: Stored) -> Iterator[Json]:
        reference = stored.content.get("device") or {}
        yield from self._contained(stored, reference, "type")
        device = self.record.by_local.get(str(reference.get("reference", "")).partition("/_history")[0])
        if device is not None:
            yield from self.concepts(device)

    @staticmethod
    def _contained(stored: Stored, reference: Json | None, name: str) -> Iterator[Json]:
        if not reference:
            return
        if "display" in reference:
            yield {"text": reference["display"]}
        target = str(reference.get("reference", "")).lstrip("#")
        for inner in stored.content.get("contained", ()):
            if inner.get("id") == target and name in inner:
                yield inner[name]


def _by_id(stored: Stored) -> str:
    return stored.id


def has_code(concepts: Sequence[Json], codes: Sequence[Code]) -> bool:
    """Whether a coding of these concepts is one of the codes."""
    return any(
        coding.get("system") == code.system
        and (str(coding.get("code", "")).startswith(code.code) if code.prefix else coding.get("code") == code.code)
        for concept in concepts
        for coding in concept.get("coding", ())
        for code in codes
    )


def says(concepts: Sequence[Json], words: Sequence[str], unless: Sequence[str] = ()) -> bool:
    """Whether a text or display of these concepts contains one of the words, and none that makes it another thing."""
    texts = [
        str(text).lower()
        for concept in concepts
        for text in (concept.get("text"), *(coding.get("display") for coding in concept.get("coding", ())))
        if text
    ]
    return any(word in text for text in texts if not any(other in text for other in unless) for word in words)
