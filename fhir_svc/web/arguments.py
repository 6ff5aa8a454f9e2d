"""Reads the Parameters that an operation is called with: which names, how often, of which type.

Every fault is located (`Parameters.parameter[1].value`) and told at once. A code may come as valueCode, valueString or
valueCoding: callers' libraries differ, the meaning does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhir_svc.errors import Issues, Malformed, Unprocessable

Parameter = Mapping[str, Any]
WORDS: Final = ("valueCode", "valueString", "valueId", "valueUri", "valueMarkdown")
MOMENTS: Final = ("valueDateTime", "valueInstant", "valueDate", "valueString")
LONGEST_TEXT: Final = 4000
YEARS: Final = range(1900, 2201)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The parameters of one call, by name, in the order in which they came."""

    given: Mapping[str, Sequence[tuple[int, Parameter]]]

    def word(self, name: str, *, required: bool = False) -> str | None:
        """One code or short string; None if absent; Unprocessable if it is required or of another type."""
        words = self.words(name)
        if required and not words:
            raise Unprocessable(f"The parameter {name} is needed.", error="parameter-missing", expression="Parameters")
        return words[0] if words else None

    def words(self, name: str) -> list[str]:
        """All codes or strings of that name."""
        return [_word(parameter, index) for index, parameter in self.given.get(name, ())]

    def moment(self, name: str) -> datetime:
        """One instant with a time zone; Unprocessable if absent or without one."""
        for index, parameter in self.given.get(name, ()):
            text = next((parameter[key] for key in MOMENTS if isinstance(parameter.get(key), str)), "")
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                moment = None
            if moment is None or moment.tzinfo is None:
                raise Unprocessable(
                    f"The parameter {name} must be a dateTime with a time zone.",
                    error="parameter-value",
                    expression=_at(index),
                )
            in_range(moment, f"{_at(index)}.value")
            return moment
        raise Unprocessable(f"The parameter {name} is needed.", error="parameter-missing", expression="Parameters")

    def resource(self, name: str, kind: str) -> Mapping[str, Any]:
        """One resource of that type; Unprocessable if absent or of another type."""
        for index, parameter in self.given.get(name, ()):
            resource = parameter.get("resource")
            if isinstance(resource, Mapping) and resource.get("resourceType") == kind:
                return resource
            raise Unprocessable(
                f"The parameter {name} must hold a {kind}.",
                error="parameter-value",
                expression=f"Parameters.parameter[{index}].resource",
            )
        raise Unprocessable(f"The parameter {name} is needed.", error="parameter-missing", expression="Parameters")

    def parts(self, name: str, known: Collection[str]) -> list[Arguments]:
        """The parts of every parameter of that name, each read like Parameters of its own."""
        return [_sorted(parameter.get("part"), known, known) for _, parameter in self.given.get(name, ())]


def read(body: Mapping[str, Any] | None, *, once: Collection[str] = (), many: Collection[str] = ()) -> Arguments:
    """Sort Parameters by name; None is a call without any. Malformed or Unprocessable for what is wrong."""
    if body is None:
        return Arguments({})
    if body.get("resourceType") != "Parameters":
        raise Malformed("The body of an operation is a Parameters resource.", expression="Parameters")
    return _sorted(body.get("parameter", []), {*once, *many}, once)


def _sorted(listed: Any, known: Collection[str], once: Collection[str]) -> Arguments:
    if not isinstance(listed, list) or not all(isinstance(item, Mapping) for item in listed):
        raise Malformed("Parameters are a list of objects.", expression="Parameters.parameter")
    given: dict[str, list[tuple[int, Parameter]]] = {}
    problems = Issues()
    for index, parameter in enumerate(listed):
        name = parameter.get("name")
        if not isinstance(name, str) or name not in known:
            problems.add(
                "not-supported", "parameter-unknown", f"Parameters here: {', '.join(sorted(known))}.", _at(index)
            )
        elif name in once and name in given:
            problems.add("business-rule", "parameter-repeated", "This parameter may be given once.", _at(index))
        else:
            given.setdefault(name, []).append((index, parameter))
    if problems.found:
        raise Unprocessable("The parameters can't be taken.", issues=problems.found)
    return Arguments(given)


def _word(parameter: Parameter, index: int) -> str:
    found: Any = next((parameter[key] for key in WORDS if key in parameter), None)
    if found is None and isinstance(coding := parameter.get("valueCoding"), Mapping):
        found = coding.get("code")
    if found is None and isinstance(reference := parameter.get("valueReference"), Mapping):
        found = reference.get("reference")
    if not isinstance(found, str) or not found.strip() or len(found) > LONGEST_TEXT:
        raise Unprocessable(
            "The parameter's value must be a code or a short text.", error="parameter-value", expression=_at(index)
        )
    return found.strip()


def in_range(moment: datetime, expression: str) -> None:
    """Unprocessable for a moment that nobody means, near which no arithmetic is possible."""
    if moment.year not in YEARS:
        text = f"Give a moment of the years {YEARS[0]} to {YEARS[-1]}."
        raise Unprocessable(text, error="parameter-value", code="value", expression=expression)


def _at(index: int) -> str:
    return f"Parameters.parameter[{index}]"
