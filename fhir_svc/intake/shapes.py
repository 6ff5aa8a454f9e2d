"""PURE: whether a resource has the shape of the profile of ours that it claims, or that its code calls for.

A claimed profile that is broken is refused. A resource that no profile was claimed for, but whose code says what it is,
is taken with a warning: the criteria could not read what is missing, and nobody would notice. What is checked stands in
the StructureDefinitions: presence, types of choices, fixed values, codes, slices by code, ranges, two forms of
constraint. Values that are merely unknown (a unit, a partial date) are no matter of shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_svc.intake.faults import Fault, Faults

_ADDRESSED = frozenset({"Communication"})  # without a code: a patient's message, unless somebody else is its sender
_WITHDRAWN = "entered-in-error"
_SAME = re.compile(r"(\w+)\.reference = (\w+)\.reference")
_ONE_OF = re.compile(r"(\w+) = '[\w-]+'(?: or \1 = '[\w-]+')*")
_CHOICE = "[x]"

Node = dict[str, Any]
Wrong = tuple[str, str]  # the element, what to do


@dataclass(frozen=True, slots=True)
class Step:
    """One element on the way: its name, and the code that its slice goes by (None: all of them)."""

    name: str
    code: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a profile: the way to it and what the profile says of it."""

    way: tuple[Step, ...]
    rules: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The element's own name, without the mark of a choice."""
        return self.way[-1].name.removesuffix(_CHOICE)

    @property
    def place(self) -> str:
        """The way as FHIRPath writes it."""
        return ".".join(step.name.removesuffix(_CHOICE) for step in self.way)

    def wrong(self, resource: Node, *, claimed: bool) -> Iterator[Wrong]:
        """What breaks this part; fixed values bind only what claims the profile."""
        for holder in _holders(resource, self.way[:-1]):
            if self.way[-1].name.endswith(_CHOICE):
                yield from self._of_choice(holder)
            else:
                yield from self._of_values(_values(holder, self.way[-1]), claimed=claimed)

    def _of_choice(self, holder: Node) -> Iterator[Wrong]:
        given = [key for key in holder if key.startswith(self.name) and key[len(self.name) :][:1].isupper()]
        types = {f"{self.name}{one['code'][0].upper()}{one['code'][1:]}" for one in self.rules.get("type", ())}
        if not given and self.rules.get("min") and "dataAbsentReason" not in holder:
            yield self.place, f"Give {' or '.join(sorted(types)) or self.name}."
        if types and set(given) - types:
            yield self.place, f"Give it as {' or '.join(sorted(types))}."
        for value in (holder[key] for key in given if key in types):
            low, high = self.rules.get("minValueInteger"), self.rules.get("maxValueInteger")
            if low is not None and high is not None and isinstance(value, int) and not low <= value <= high:
                yield self.place, f"Give a value from {low} to {high}."

    def _of_values(self, values: Sequence[Any], *, claimed: bool) -> Iterator[Wrong]:
        if len(values) < self.rules.get("min", 0):
            yield self.place, f"Give {self.place}, at least {self.rules['min']}."
        fixed = next((held for key, held in self.rules.items() if key.startswith("fixed")), None)
        pattern = _codings(self.rules.get("patternCodeableConcept"))
        targets = {
            one.rpartition("/")[2] for held in self.rules.get("type", ()) for one in held.get("targetProfile", ())
        }
        for value in values:
            if claimed and fixed is not None and value != fixed:
                yield self.place, "Give the value that the profile fixes."
            if not pattern <= _codings(value):
                yield self.place, "Give the code that the profile fixes."
            if targets and _target(value) not in {*targets, ""}:
                yield self.place, f"Refer to {' or '.join(sorted(targets))}."


@dataclass(frozen=True, slots=True)
class Shape:
    """One profile of ours: its type, its parts, and the codes by which a resource is known to be meant."""

    type: str
    title: str
    parts: tuple[Part, ...]
    constraints: tuple[str, ...]
    marks: frozenset[tuple[str, str]]

    def wrong(self, resource: Node, *, claimed: bool) -> Iterator[Wrong]:
        """What breaks the profile; nothing in what was entered in error."""
        if resource.get("status") == _WITHDRAWN:
            return
        for part in self.parts:
            yield from part.wrong(resource, claimed=claimed)
        for constraint in self.constraints:
            yield from _constrained(resource, constraint)

    def is_meant(self, resource: Node, codings: set[tuple[str, str]]) -> bool:
        """Whether the resource, whose `code` has these `codings`, is one of these although it claims nothing."""
        if self.marks:
            return self.marks <= codings
        return self.type in _ADDRESSED and _target(resource.get("sender")) in {"Patient", ""}


class Shapes:
    """The profiles of ours for whole resources, read once."""

    def __init__(self, artefacts: Iterable[Mapping[str, Any]] = ()) -> None:
        ours = [one for one in artefacts if one["resourceType"] == "StructureDefinition" and one["kind"] == "resource"]
        self._by_url = {one["url"]: _shape(one) for one in ours}
        self._by_type: dict[str, list[Shape]] = {}
        for shape in self._by_url.values():
            self._by_type.setdefault(shape.type, []).append(shape)

    def check(self, resource: Node, path: str, faults: Faults) -> None:
        """Note what is wrong with the resource, which stands at `path`."""
        claimed = self._claimed(resource)
        for shape in claimed:
            if shape.type != resource.get("resourceType"):
                faults.add(Fault.PROFILE_BROKEN, "This profile is for another type.", f"{path}.meta.profile")
                continue
            _note(shape, resource, path, Fault.PROFILE_BROKEN, faults)
        codings = _codings(resource.get("code"))
        for shape in self._by_type.get(str(resource.get("resourceType")), ()):
            if shape not in claimed and shape.is_meant(resource, codings):
                _note(shape, resource, path, Fault.SHAPE_UNREADABLE, faults)

    def _claimed(self, resource: Node) -> list[Shape]:
        meta = resource.get("meta")
        named = meta.get("profile") if isinstance(meta, dict) else None
        urls = [one.partition("|")[0] for one in named if isinstance(one, str)] if isinstance(named, list) else []
        return [self._by_url[url] for url in urls if url in self._by_url]


def _note(shape: Shape, resource: Node, path: str, fault: Fault, faults: Faults) -> None:
    for place, text in dict.fromkeys(shape.wrong(resource, claimed=fault is Fault.PROFILE_BROKEN)):
        faults.add(fault, f"{shape.title}: {text}", f"{path}.{place}")


def _shape(artefact: Mapping[str, Any]) -> Shape:
    elements = artefact["differential"]["element"]
    slices = {
        one["id"].removesuffix(".code"): code
        for one in elements
        if ":" in one["id"] and one["id"].endswith(".code")
        for code in _codings(one.get("patternCodeableConcept"))
    }
    parts = tuple(Part(_way(one["id"], slices), one) for one in elements if "." in one["id"])
    marks = next((part.rules.get("patternCodeableConcept") for part in parts if part.place == "code"), None)
    said = [held["expression"] for one in elements for held in one.get("constraint", ())]
    return Shape(artefact["type"], artefact["title"], parts, tuple(said), frozenset(_codings(marks)))


def _way(identity: str, slices: Mapping[str, tuple[str, str]]) -> tuple[Step, ...]:
    names = identity.split(".")
    ends = range(2, len(names) + 1)
    return tuple(Step(names[end - 1].partition(":")[0], slices.get(".".join(names[:end]))) for end in ends)


def _holders(resource: Node, way: Sequence[Step]) -> list[Node]:
    found: list[Any] = [resource]
    for step in way:
        found = [value for holder in found for value in _values(holder, step) if isinstance(value, dict)]
    return found


def _values(holder: Node, step: Step) -> list[Any]:
    given = holder.get(step.name)
    values = given if isinstance(given, list) else [] if given is None else [given]
    if step.code is None:
        return values
    return [one for one in values if isinstance(one, dict) and step.code in _codings(one.get("code"))]


def _codings(concept: Any) -> set[tuple[str, str]]:
    listed = concept.get("coding") if isinstance(concept, dict) else None
    return {
        (str(one.get("system")), str(one.get("code")))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    }


def _target(reference: Any) -> str:
    """The type that a literal reference names; '' where it names none."""
    parts = (_literal(reference) or "").partition("/_history/")[0].split("/")
    return parts[-2] if len(parts) > 1 and parts[-2][:1].isupper() else ""


def _literal(reference: Any) -> str | None:
    written = reference.get("reference") if isinstance(reference, dict) else None
    return written if isinstance(written, str) else None


def _constrained(resource: Node, constraint: str) -> Iterator[Wrong]:
    if same := _SAME.fullmatch(constraint):
        one, other = (_literal(resource.get(name)) for name in same.groups())
        if one is not None and other is not None and one != other:
            yield same[1], f"Let {same[1]} and {same[2]} be the same."
    elif one_of := _ONE_OF.fullmatch(constraint):
        allowed = re.findall(r"'([\w-]+)'", constraint)
        if resource.get(one_of[1]) not in allowed:
            yield one_of[1], f"Give {' or '.join(allowed)}."
