"""PURE: what an evaluation asks the store to write. Shapes only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Write:
    """One resource of ours. `version` None: create it unless the id exists; n: it follows our version n."""

    resource: dict[str, Any]
    version: int | None = None

    @property
    def local(self) -> str:
        """Unversioned literal reference, `Type/id`."""
        return f"{self.resource['resourceType']}/{self.resource['id']}"


@dataclass(frozen=True, slots=True)
class Writes:
    """`guidance`: the finished GuidanceResponses, one per submission; `writes`: everything else, in order."""

    guidance: tuple[dict[str, Any], ...]
    writes: tuple[Write, ...]
