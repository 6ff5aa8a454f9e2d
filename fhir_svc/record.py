"""PURE: what is known of one patient, as the store hands it to the criteria. Shapes only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
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


@dataclass(frozen=True)
class Record:
    """Everything known of one patient at one moment.

    `current`: the newest version of every resource (newest by the source's `meta.lastUpdated`, else by receipt), the
    Patient included where one was received. `earlier`: the older versions of QuestionnaireResponses, newest first.
    Without slots, for its indexes are made when first asked for.
    """

    patient_id: str
    current: tuple[Stored, ...]
    earlier: tuple[Stored, ...] = ()

    def of(self, *types: str, ours: bool | None = None) -> Iterator[Stored]:
        """The current resources of these types; `ours` narrows to what the service wrote, or to what it did not."""
        held = self.by_type.get(types[0], ()) if len(types) == 1 else self._of_several(types)
        return (stored for stored in held if ours is None or stored.ours is ours)

    def _of_several(self, types: tuple[str, ...]) -> Iterator[Stored]:
        """In the order of the record, whatever the order of the types."""
        return (stored for stored in self.current if stored.type in types)

    @cached_property
    def by_type(self) -> Mapping[str, Sequence[Stored]]:
        """The current resources of each type, in the order of the record."""
        index: dict[str, list[Stored]] = defaultdict(list)
        for stored in self.current:
            index[stored.type].append(stored)
        return dict(index)

    @cached_property
    def by_local(self) -> Mapping[str, Stored]:
        """The current resources by their unversioned reference."""
        return {stored.local: stored for stored in self.current}

    @property
    def patient(self) -> Stored | None:
        """The Patient resource itself, if one was ever received."""
        return next((stored for stored in self.of("Patient") if stored.id == self.patient_id), None)


@dataclass(frozen=True, slots=True)
class Site:
    """A tenant's own choices: `timezone` (IANA name, None = the offset of T) and values of the Library's parameters."""

    timezone: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
