"""PURE: whether a resource is valid FHIR R4 (else 400) and keeps to our profile (else 422).

    conformance = Conformance(schema)        # the schema of profiles/schema, read by an edge; compiled once
    conformance.require(resource)            # raises Malformed or Unprocessable with every issue
    issues = conformance.check(resource)     # the same, as a list; empty for a good resource

Good input is told from bad by the compiled schema alone; only for bad input is it worked out what is wrong, and where.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import jsonschema_rs

from fhir_svc.errors import Issue
from fhir_svc.intake import contained, invariants
from fhir_svc.intake.faults import ISSUE_LIMIT, MALFORMED, Fault, Faults
from fhir_svc.intake.invariants import Node
from fhir_svc.intake.keywords import KEYWORDS
from fhir_svc.intake.references import Spots
from fhir_svc.intake.violations import Explainer

_WITH_RESOURCES = {"Bundle": "entry", "Parameters": "parameter"}
_USUAL = {"fullUrl", "resource", "request"}
_USUAL_REQUEST = {"method", "url"}
SIZE_LIMIT = 20_000
"""Members and list elements up to which every fault is reported."""


class Conformance:
    """The compiled R4 schema and the rules beside it. Compile once: it takes about 0.15 s and 35 MB."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = jsonschema_rs.Draft202012Validator(dict(schema), keywords=KEYWORDS)
        self._explainer = Explainer(schema)
        self.names: frozenset[str] = self._explainer.types
        """Every resource type of R4."""
        self.types: frozenset[str] = frozenset(
            part["if"]["properties"]["resourceType"]["const"] for part in schema["$defs"]["Resource"]["allOf"]
        )
        """Those that this schema knows in full."""
        inside = schema["$defs"]["Inside"]["allOf"][-1]["if"]["properties"]["resourceType"]["enum"]
        self._unlisted = self.names - frozenset(inside)

    def require(self, resource: dict[str, Any], *, profiles: Collection[str] = ()) -> None:
        """Raise Malformed (400) or Unprocessable (422) with every issue; `profiles` are those of ours that exist."""
        self.faults(resource, profiles=profiles).refuse()

    def check(self, resource: dict[str, Any], *, profiles: Collection[str] = ()) -> list[Issue]:
        """Everything wrong with the resource, R4's rules and ours; then what is only told."""
        found = self.faults(resource, profiles=profiles).issues
        return sorted(found, key=lambda issue: issue.severity == "warning")[:ISSUE_LIMIT]

    def check_r4(self, resource: dict[str, Any]) -> list[Issue]:
        """What makes the resource no valid FHIR R4."""
        found = self.faults(resource).found
        return [issue for fault, issue in found if fault.status == MALFORMED][:ISSUE_LIMIT]

    def faults(
        self,
        resource: dict[str, Any],
        *,
        root: str | None = None,
        profiles: Collection[str] = (),
        plain: Collection[int] = (),
    ) -> Faults:
        """Everything wrong with the resource, which stands at `root` (its type, unless it is inside a Bundle).

        `plain` are the `id()` of resources inside that are known to be so: they are not walked through again.
        """
        faults = Faults()
        root = root or self._root(resource)
        for error in self._errors(resource):
            self._explainer.explain(error, resource, root, faults)
        for one, place in resources(resource, root):
            if faults.full:
                break
            if id(one) in plain or (spots := Spots.of(one)).plain:
                continue
            parts = list(invariants.nodes(one))
            invariants.check_r4(one, parts, place, faults)
            invariants.check_profile(one, parts, place, profiles, faults)
            if contained.is_pointed_at(spots):
                self._check_pointers(one, place, faults)
            if "contained" in one:
                self._say_unchecked(one, place, faults)
        return faults

    def _check_pointers(self, resource: Node, path: str, faults: Faults) -> None:
        """The types of what #references point to."""
        named = contained.named_by_type(resource, self.names)
        for error in self._errors(named):
            if contained.points_at(resource, error.instance_path):
                self._explainer.explain(error, named, path, faults)

    def _say_unchecked(self, resource: Node, path: str, faults: Faults) -> None:
        """Tell of what is contained and of a type that is not known in full."""
        for index, one in contained.resources(resource):
            if contained.kind(one) in self._unlisted and len(faults.found) < ISSUE_LIMIT:
                text = "Taken; of a contained resource of this type, only what all types share is checked."
                faults.add(Fault.CONTAINED_UNCHECKED, text, f"{path}.contained[{index}]")

    def _errors(self, resource: dict[str, Any]) -> Sequence[jsonschema_rs.ValidationError]:
        """Give what the schema says: everything of a body of usual size, the first fault of a huge one."""
        if self._validator.is_valid(resource):
            return ()
        if _is_small(resource):
            return list(islice(self._validator.iter_errors(resource), ISSUE_LIMIT))
        try:  # all errors are made before the first is given: 600,000 of them take half a minute
            self._validator.validate(resource)
        except jsonschema_rs.ValidationError as error:
            return (error,)
        return ()  # pragma: no cover - is_valid and validate agree

    def _root(self, resource: dict[str, Any]) -> str:
        """Give the resource's type if R4 has it; a made-up name is not repeated."""
        name = resource.get("resourceType")
        return name if isinstance(name, str) and name in self._explainer.types else "Resource"


def _is_small(resource: dict[str, Any]) -> bool:
    """Whether all faults that it can have may be looked for."""
    seen = 0
    stack: list[Any] = [resource]
    while stack and seen <= SIZE_LIMIT:
        node = stack.pop()
        if type(node) is dict:
            seen += len(node)
            stack += node.values()
        elif type(node) is list:
            seen += len(node)
            stack += node
    return seen <= SIZE_LIMIT


def resources(resource: dict[str, Any], root: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The resource and, for a Bundle or Parameters, those inside it, each with its place and none inside another."""
    inner = _WITH_RESOURCES.get(str(resource.get("resourceType")))
    if inner is None:
        yield resource, root
        return
    parts = resource.get(inner)
    yield (resource | {inner: [_emptied(part) for part in parts]} if isinstance(parts, list) else resource), root
    for one, place in _inside(parts, f"{root}.{inner}"):
        if str(one.get("resourceType")) in _WITH_RESOURCES:
            yield from resources(one, place)
        else:
            yield one, place


def _inside(parts: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    for index, part in enumerate(parts if isinstance(parts, list) else ()):
        if isinstance(part, dict):
            if isinstance(part.get("resource"), dict):
                yield part["resource"], f"{path}[{index}].resource"
            yield from _inside(part.get("part"), f"{path}[{index}].part")


def _emptied(part: Any) -> Any:
    """Leave the resource inside out, and everything of the usual entry of a transaction: no invariant concerns it."""
    if not isinstance(part, dict):
        return part
    if part.keys() <= _USUAL and type(request := part.get("request")) is dict and request.keys() <= _USUAL_REQUEST:
        return {}
    kept = {name: value for name, value in part.items() if name != "resource"}
    return kept | {"part": [_emptied(one) for one in part["part"]]} if isinstance(part.get("part"), list) else kept
