"""PURE: what `#references` point to, said in a form that the schema can compare with what the element allows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from fhir_svc.intake.invariants import Node
from fhir_svc.intake.references import Spots


def resources(resource: Node) -> Iterator[tuple[int, Node]]:
    """Everything contained, each with its position."""
    held = resource.get("contained")
    for index, one in enumerate(held if isinstance(held, list) else ()):
        if isinstance(one, dict):
            yield index, one


def kind(resource: Node) -> str:
    """The type that a resource says it is."""
    said = resource.get("resourceType")
    return said if isinstance(said, str) else ""


def is_pointed_at(spots: Spots) -> bool:
    """Whether any of these references means what is contained, or what contains it."""
    return any(_points(node["reference"]) for node in spots.references)


def points_at(resource: Node, path: Sequence[str | int]) -> bool:
    """Whether a `#reference` stands there."""
    found: Any = resource
    for step in path:
        found = found[step]
    return _points(found)


def named_by_type(resource: Node, types: Collection[str]) -> Node:
    """A copy in which each `#id` is written as `Type/id`, so that a wrong target shows as in a literal reference."""
    targets = {f"#{one.get('id')}": kind(one) for _, one in resources(resource)} | {"#": kind(resource)}
    copied: Node = _renamed(resource, {name: f"{one}/1" for name, one in targets.items() if one in types})
    return copied


def _points(reference: Any) -> bool:
    return type(reference) is str and reference[:1] == "#"


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if type(node) is list:
        return [_renamed(one, names) for one in node]
    if type(node) is not dict:
        return node
    made = {name: _renamed(value, names) for name, value in node.items()}
    if _points(node.get("reference")):
        made["reference"] = names.get(node["reference"], node["reference"])
    return made
