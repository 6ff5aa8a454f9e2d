"""What the sandbox EHR keeps: every version of every resource, in memory and, when given a file, on disk as well.

It checks nothing clinical and is no FHIR server to rely on; it is just honest about versions and conditions.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

Json = dict[str, Any]

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(raw: bytes) -> Any:
    """JSON with exact decimals; msgspec.DecodeError where it is none."""
    return _decoder.decode(raw)


def encode(value: Any) -> bytes:
    """Encode a value as JSON."""
    return _encoder.encode(value)


def references(value: Any) -> list[str]:
    """Every literal reference inside a resource."""
    if isinstance(value, Mapping):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in references(inner)]
    return []


def _token(value: Any, wanted: str) -> bool:
    """Tell whether a code, Identifier, Coding or CodeableConcept matches `system|value`, `|value` or `value`."""
    if isinstance(value, list):
        return any(_token(one, wanted) for one in value)
    if isinstance(value, str):
        return value == wanted
    if not isinstance(value, Mapping):
        return False
    if "coding" in value:
        return _token(value["coding"], wanted)
    system, bar, tail = wanted.rpartition("|")
    same_system = not bar or value.get("system", "") == system
    return same_system and tail in {value.get("value"), value.get("code")}


def _reference(value: Any, wanted: str) -> bool:
    """Tell whether a Reference (or one of several) points to `Type/id` or `id`."""
    if isinstance(value, list):
        return any(_reference(one, wanted) for one in value)
    literal = value.get("reference", "") if isinstance(value, Mapping) else ""
    plain = literal.partition("/_history/")[0]
    return plain == wanted or plain.endswith("/" + wanted)


def _starts(value: Any, wanted: str) -> bool:
    return isinstance(value, str) and value.startswith(wanted)


_Match = Callable[[Any, str], bool]
_SEARCHES: Mapping[str, tuple[_Match, tuple[str, ...]]] = {
    "_id": (_token, ("id",)),
    "identifier": (_token, ("identifier",)),
    "code": (_token, ("code",)),
    "status": (_token, ("status",)),
    "intent": (_token, ("intent",)),
    "subject": (_reference, ("subject",)),
    "patient": (_reference, ("subject", "patient", "for")),
    "focus": (_reference, ("focus",)),
    "based-on": (_reference, ("basedOn",)),
    "target": (_reference, ("target",)),
    "recorded": (_starts, ("recorded",)),
    "family": (_starts, ("family",)),
}


def _matches(resource: Json, params: Sequence[tuple[str, str]]) -> bool:
    for name, wanted in params:
        if name not in _SEARCHES:
            continue
        match, elements = _SEARCHES[name]
        if not any(match(resource.get(element), one) for element in elements for one in wanted.split(",")):
            return False
    return True


@dataclass
class Records:
    """Versions by (type, id). `lock` makes a condition and the write that hangs on it one step."""

    path: Path | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    _versions: dict[tuple[str, str], list[Json]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            for line in self.path.read_bytes().splitlines():
                self._keep(decode(line))

    def _keep(self, resource: Json) -> None:
        self._versions.setdefault((resource["resourceType"], resource["id"]), []).append(resource)

    def write(self, resource: Json, id_: str | None = None) -> Json:
        """Store the next version under `id_`, or the first under a new id."""
        with self.lock:
            key = (resource["resourceType"], id_ or str(uuid.uuid4()))
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            number = len(self._versions.get(key, ())) + 1
            meta = {**resource.get("meta", {}), "versionId": str(number), "lastUpdated": stamp}
            stored = {**resource, "id": key[1], "meta": meta}
            self._keep(stored)
            if self.path is not None:
                with self.path.open("ab") as file:
                    file.write(encode(stored) + b"\n")
            return stored

    def versions(self, type_: str, id_: str) -> list[Json]:
        """All versions, oldest first; empty where there is none."""
        with self.lock:
            return list(self._versions.get((type_, id_), ()))

    def current(self, type_: str, id_: str) -> Json | None:
        """Return the newest version."""
        found = self.versions(type_, id_)
        return found[-1] if found else None

    def search(self, type_: str, params: Sequence[tuple[str, str]]) -> list[Json]:
        """Find current resources of a type that match every parameter known here; others are ignored."""
        with self.lock:
            newest = [versions[-1] for (kind, _), versions in self._versions.items() if kind == type_]
        return [resource for resource in newest if _matches(resource, params)]

    def missing(self, resource: Json) -> list[str]:
        """Literal references to resources that are not here."""
        literal = [ref.partition("/_history/")[0] for ref in references(resource) if not ref.startswith("#")]
        absent = []
        for ref in literal:
            type_, _, id_ = ref.rpartition("/")
            if self.current(type_.rpartition("/")[2], id_) is None:
                absent.append(ref)
        return absent
