"""Reads the Parameters that an operation is called with: valid R4 first (400), then which names, how often, which type.

Every fault is located (`Parameters.parameter[1].value`) and told at once. Where the contract names a type, that type is
taken and no other; where it says no more than "a code" or "a text", the types in which callers' libraries write one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from msgspec import structs

from fhir_svc.errors import Issue, Issues, Malformed, Rejected, Unprocessable
from fhir_svc.intake import times
from fhir_svc.intake.bundle import STUB
from fhir_svc.intake.faults import Fault
from fhir_svc.web.services import Intake

Parameter = Mapping[str, Any]
CODE: Final = ("valueCode",)
WORD: Final = ("valueCode", "valueString", "valueCoding")
TEXT: Final = ("valueString", "valueMarkdown")
NAME: Final = ("valueString", "valueReference", "valueId", "valueCode")
MOMENTS: Final = ("valueDateTime", "valueInstant")
LONGEST_TEXT: Final = 4000
YEARS: Final = range(1900, 2201)
ROOT: Final = "Parameters.parameter"
# a change may be sent in part: what R4 requires of a whole order is lent to it while it is checked
LENT: Final = {"status": "draft", "intent": "order", "subject": {"reference": "Patient/0"}}
_ABOUT: Final = re.compile(r"parameter\.where\(name='([\w-]+)'\)(?:\[(\d+)\])?")


def about(name: str, number: int = 0, rest: str = ".value") -> str:
    """Where a parameter stands, for an act that does not know its place; `Arguments.placing` puts the place in."""
    return f"{ROOT}.where(name='{name}')[{number}]{rest}"


@dataclass(frozen=True, slots=True)
class Arguments:
    """The parameters of one call, by name, in the order in which they came; `root` is where they are listed."""

    given: Mapping[str, Sequence[tuple[int, Parameter]]]
    root: str = ROOT

    def word(self, name: str, kinds: Sequence[str] = WORD, *, required: bool = False) -> str | None:
        """One code or short text; None if absent; Unprocessable if it is required or of another type."""
        words = self.words(name, kinds)
        if required and not words:
            raise self._missing(name)
        return words[0] if words else None

    def words(self, name: str, kinds: Sequence[str] = WORD) -> list[str]:
        """All codes or texts of that name."""
        return [_word(parameter, kinds, self._at(index)) for index, parameter in self.given.get(name, ())]

    def moment(self, name: str, kinds: Sequence[str] = MOMENTS) -> datetime:
        """One instant with a time zone; Unprocessable if absent or without one."""
        for index, parameter in self.given.get(name, ()):
            text = next((parameter[key] for key in kinds if isinstance(parameter.get(key), str)), "")
            span, place = times.span(text), f"{self._at(index)}.value"
            if span is None or span[0] != span[1]:
                told = f"The parameter {name} must be a dateTime with a time and its zone."
                raise Unprocessable(told, error="parameter-value", code="value", expression=place)
            in_range(span[0], place)
            return span[0]
        raise self._missing(name)

    def resource(self, name: str, kind: str) -> Mapping[str, Any]:
        """One resource of that type; Unprocessable if absent or of another type."""
        for index, parameter in self.given.get(name, ()):
            resource = parameter.get("resource")
            if isinstance(resource, Mapping) and resource.get("resourceType") == kind:
                return resource
            told = f"The parameter {name} must hold a {kind}."
            raise Unprocessable(told, error="parameter-value", expression=f"{self._at(index)}.resource")
        raise self._missing(name)

    def parts(self, name: str, known: Collection[str]) -> list[Arguments]:
        """The parts of every parameter of that name, each read like Parameters of its own."""
        found = self.given.get(name, ())
        return [
            _sorted(parameter.get("part", []), known, known, f"{self._at(index)}.part") for index, parameter in found
        ]

    def place(self, name: str, number: int = 0) -> str:
        """Where the parameter of that name stands; where parameters stand at all if there is none."""
        places = [index for index, _ in self.given.get(name, ())]
        return self._at(places[number]) if number < len(places) else self.root.rpartition(".")[0]

    @contextmanager
    def placing(self, **resources: str) -> Iterator[None]:
        """Locate what an act refuses in the call; `draft="ServiceRequest"` says which parameter is which resource."""
        try:
            yield
        except Rejected as refused:
            refused.issues = tuple(self._placed(issue, resources) for issue in refused.issues)
            raise

    def _placed(self, issue: Issue, resources: Mapping[str, str]) -> Issue:
        place = issue.expression or ""
        for name, kind in resources.items():
            if place.partition(".")[0] == kind:
                place = f"{self.place(name)}.resource{place.removeprefix(kind)}"
        found = _ABOUT.search(place)
        if found:
            rest = place[found.end() :]
            place = self.place(found[1], int(found[2] or 0))
            place += rest if place != "Parameters" else ""
        return structs.replace(issue, expression=place or None)

    def _at(self, index: int) -> str:
        return f"{self.root}[{index}]"

    def _missing(self, name: str) -> Unprocessable:
        place = "Parameters" if self.root == ROOT else self.root
        return Unprocessable(
            f"The parameter {name} is needed.", error="parameter-missing", code="required", expression=place
        )


def require_valid(body: Mapping[str, Any], intake: Intake, *, apart: Callable[[Parameter], bool] | None = None) -> None:
    """Refuse (400) what is no Parameters of R4, the resources in it included, and (422) what intake refuses.

    `apart` says of which parameters the resource is checked elsewhere, by whoever reads it.
    """
    if body.get("resourceType") != "Parameters":
        raise Malformed("The body of an operation is a Parameters resource.", expression="Parameters")
    listed = body.get("parameter")
    whole = dict(body)
    if isinstance(listed, list):
        whole["parameter"] = [_shown(one, apart) for one in listed]
    if listed == []:  # R4 wants the list left out; many a caller means the same by an empty one
        del whole["parameter"]
    faults = intake.conformance.faults(whole, profiles=intake.profiles)
    for place in _crowded(listed, ROOT):
        faults.add(Fault.INVARIANT, "Give a parameter a value, a resource or parts (R4's inv-1).", place)
    faults.refuse()


def _shown(parameter: Any, apart: Callable[[Parameter], bool] | None) -> Any:
    """The parameter as it is checked: a stub for a resource that is checked elsewhere, a change made whole."""
    resource = parameter.get("resource") if isinstance(parameter, dict) else None
    if not isinstance(resource, dict):
        return parameter
    if apart is not None and apart(parameter):
        return parameter | {"resource": STUB}
    return parameter | {"resource": LENT | resource} if resource.get("resourceType") == "ServiceRequest" else parameter


def _crowded(listed: Any, root: str) -> Iterator[str]:
    """Where parameters stand that hold more than one of value, resource and parts."""
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            held = {"value" if name.lstrip("_").startswith("value") else name for name in one}
            if len(held & {"value", "resource", "part"}) > 1:
                yield f"{root}[{index}]"
            yield from _crowded(one.get("part"), f"{root}[{index}].part")


def read(body: Mapping[str, Any] | None, *, once: Collection[str] = (), many: Collection[str] = ()) -> Arguments:
    """Sort valid Parameters by name; None is a call without any. Unprocessable for what is wrong."""
    return _sorted([] if body is None else body.get("parameter", []), {*once, *many}, once, ROOT)


def _sorted(listed: Sequence[Parameter], known: Collection[str], once: Collection[str], root: str) -> Arguments:
    given: dict[str, list[tuple[int, Parameter]]] = {}
    problems = Issues()
    for index, parameter in enumerate(listed):
        name, place = parameter.get("name"), f"{root}[{index}]"
        if not isinstance(name, str) or name not in known:
            told = f"Parameters here: {', '.join(sorted(known)) or 'none'}."
            problems.add("not-supported", "parameter-unknown", told, place)
        elif name in once and name in given:
            problems.add("business-rule", "parameter-repeated", "This parameter may be given once.", place)
        else:
            given.setdefault(name, []).append((index, parameter))
    if problems.found:
        raise Unprocessable("The parameters can't be taken.", issues=problems.found)
    return Arguments(given, root)


def _word(parameter: Parameter, kinds: Sequence[str], place: str) -> str:
    found: Any = next((parameter[key] for key in kinds if key in parameter), None)
    if isinstance(found, Mapping):
        found = found.get("code", found.get("reference"))
    if not isinstance(found, str) or not found.strip() or len(found) > LONGEST_TEXT:
        told = f"Give the value as {' or '.join(kinds)}, at most {LONGEST_TEXT} characters."
        raise Unprocessable(told, error="parameter-value", code="value", expression=f"{place}.value")
    return found.strip()


def in_range(moment: datetime, expression: str) -> None:
    """Unprocessable for a moment that nobody means, near which no arithmetic is possible."""
    if moment.year not in YEARS:
        text = f"Give a moment of the years {YEARS[0]} to {YEARS[-1]}."
        raise Unprocessable(text, error="parameter-value", code="value", expression=expression)
