"""PURE: what is known of one patient, as the store hands it to the criteria. Shapes only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one resource, as served.

    `content` is the decoded JSON (numbers as int or Decimal); `received` the database's clock when this version was
    stored; `ours` is true for what this service wrote itself. `body` holds the served bytes where the store read them.
    """

    type: str
    id: str
    version: int
    content: Json
    received: datetime
    ours: bool = False
    body: bytes = b""

    @property
    def reference(self) -> str:
        """Versioned literal reference, `Type/id/_history/n`."""
        return f"{self.type}/{self.id}/_history/{self.version}"

    @property
    def local(self) -> str:
        """Unversioned literal reference, `Type/id`."""
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Record:
    """Everything known of one patient at one moment.

    `current`: the newest version of every resource (newest by the source's `meta.lastUpdated`, else by receipt), the
    Patient included where one was received. `earlier`: the older versions of QuestionnaireResponses, newest first.
    """

    patient_id: str
    current: tuple[Stored, ...]
    earlier: tuple[Stored, ...] = ()

    def of(self, *types: str, ours: bool | None = None) -> Iterator[Stored]:
        """The current resources of these types; `ours` narrows to what the service wrote, or to what it did not."""
        return (stored for stored in self.current if stored.type in types and (ours is None or stored.ours is ours))

    @property
    def patient(self) -> Stored | None:
        """The Patient resource itself, if one was ever received."""
        return next((stored for stored in self.of("Patient") if stored.id == self.patient_id), None)


@dataclass(frozen=True, slots=True)
class Site:
    """A tenant's own choices: `timezone` (IANA name, None = the offset of T) and values of the Library's parameters."""

    timezone: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
