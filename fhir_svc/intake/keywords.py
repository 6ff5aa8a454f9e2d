"""PURE: the keywords of our R4 schema that JSON Schema lacks, as the validator's library wants them written."""

from __future__ import annotations

from typing import Any


class Whole:
    """Keyword `x-whole`: R4's integers are written without a fraction or exponent (1.0 is a decimal)."""

    def __init__(self, parent_schema: Any, value: Any, schema_path: Any) -> None:
        """Take what the keyword protocol gives; nothing of it is needed."""

    def validate(self, instance: Any) -> None:
        """Refuse everything that the parser did not read as an int."""
        if not isinstance(instance, int):
            raise ValueError  # noqa: TRY004 - the keyword protocol wants a ValueError


class Paired:
    """Keyword `x-paired`: a list of primitives and the list of their extensions lie side by side without a gap."""

    def __init__(self, parent_schema: Any, value: str, schema_path: Any) -> None:  # noqa: ARG002 - the keyword protocol
        """Take the name of the list."""
        self._names = value, f"_{value}"

    def validate(self, instance: Any) -> None:
        """Refuse lists of different lengths, and a place where neither has anything."""
        if type(instance) is not dict:
            return
        lists = [instance[name] for name in self._names if type(instance.get(name)) is list]
        places = zip(*lists, strict=True)  # raises the ValueError that the keyword protocol wants
        if any(all(part is None for part in place) for place in places):
            raise ValueError


KEYWORDS: dict[str, Any] = {"x-whole": Whole, "x-paired": Paired}
