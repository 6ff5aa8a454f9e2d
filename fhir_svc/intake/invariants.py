"""PURE: the rules of R4 that a JSON schema can't say, and what our profile refuses; one walk over a resource.

The walk itself keeps no paths: an element that breaks a rule is located afterwards, so that good input pays nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from fhir_svc.intake import narrative, times
from fhir_svc.intake.accepted import TAKEN
from fhir_svc.intake.faults import Fault, Faults

ITEM_LIMIT = 2_000
CODES_NEEDED = ("status", "intent")
OURS = "https://example.org/fhir-svc/"

CONCERNED = frozenset(
    {
        *("modifierExtension", "implicitRules", "_implicitRules", "start", "low", "contained", "div", "component"),
        *("profile", *(f"_{name}" for name in CODES_NEEDED)),
    }
)
"""Members without which, short of many items and #references, no rule of this module can concern a resource."""

Node = dict[str, Any]


def nodes(root: Any) -> Iterator[Node]:
    """Every object inside `root`, itself included."""
    stack = [root]
    while stack:
        node = stack.pop()
        if type(node) is dict:
            yield node
            stack += node.values()
        elif type(node) is list:
            stack += node


def locate(root: Any, wanted: Any, path: str) -> str:
    """FHIRPath of the object `wanted` (by identity) inside `root`, which stands at `path`."""
    direct = (name for name, value in root.items() if value is wanted) if type(root) is dict else ()
    near = next(iter(direct), None)  # most stand right here; the rest is looked through only for what does not
    return f"{path}.{near}" if near else next(_paths(root, wanted, path), path)


def _paths(node: Any, wanted: Any, path: str) -> Iterator[str]:
    if node is wanted:
        yield path
    elif type(node) is dict:
        for name, value in node.items():
            if type(value) is dict or type(value) is list:
                yield from _paths(value, wanted, f"{path}.{name}")
    elif type(node) is list:
        for index, value in enumerate(node):
            yield from _paths(value, wanted, f"{path}[{index}]")


def check_r4(resource: Node, parts: Sequence[Node], path: str, faults: Faults) -> None:
    """The invariants of one resource with what it contains; `parts` are its `nodes`."""
    for part in parts:
        if "start" in part and "end" in part:
            _period(resource, part, path, faults)
        elif "low" in part and "high" in part:
            _range(resource, part, path, faults)
    for one, place in _with_contained(resource, path):
        _narrative(one, place, faults)
    _dangling(resource, parts, path, faults)
    if "contained" in resource:
        _contained(resource, path, faults)
    if resource.get("resourceType") == "Observation":
        _component_codes(resource, path, faults)
    elif resource.get("resourceType") == "QuestionnaireResponse":
        _item_count(parts, path, faults)


def check_profile(resource: Node, parts: Sequence[Node], path: str, profiles: Collection[str], faults: Faults) -> None:
    """What our profile refuses in valid R4: meaning-changing extensions, absent codes, profiles we don't have."""
    for part in parts:
        if "modifierExtension" in part:
            where = f"{locate(resource, part, path)}.modifierExtension"
            text = "Send no modifierExtension: this service knows none, and each may change what the resource means."
            faults.add(Fault.MODIFIER_EXTENSION, text, where)
        if "implicitRules" in part or "_implicitRules" in part:
            where = f"{locate(resource, part, path)}.implicitRules"
            faults.add(Fault.IMPLICIT_RULES, "Send no implicitRules: this service knows none.", where)
        if faults.full:
            return
    if str(resource.get("resourceType")) in TAKEN:
        for name in CODES_NEEDED:
            if f"_{name}" in resource and name not in resource:
                faults.add(
                    Fault.VALUE_REQUIRED, f"Give {name} a value; an extension alone is not one.", f"{path}.{name}"
                )
    _profiles(resource, path, profiles, faults)


def _profiles(resource: Node, path: str, profiles: Collection[str], faults: Faults) -> None:
    meta = resource.get("meta")
    claimed = meta.get("profile") if isinstance(meta, dict) else None
    for index, url in enumerate(claimed if isinstance(claimed, list) else ()):
        if isinstance(url, str) and url.startswith(OURS) and url.partition("|")[0] not in profiles:
            text = "Name only profiles of this service that exist, or none; see /fhir/StructureDefinition."
            faults.add(Fault.PROFILE_UNKNOWN, text, f"{path}.meta.profile[{index}]")


def _with_contained(resource: Node, path: str) -> Iterator[tuple[Node, str]]:
    yield resource, path
    contained = resource.get("contained")
    for index, one in enumerate(contained if isinstance(contained, list) else ()):
        if isinstance(one, dict):
            yield one, f"{path}.contained[{index}]"


def _period(resource: Node, period: Node, path: str, faults: Faults) -> None:
    start, end = period["start"], period["end"]
    if isinstance(start, str) and isinstance(end, str) and times.is_backwards(start, end):
        where = locate(resource, period, path)
        faults.add(Fault.INVARIANT, "per-1: let a period end no earlier than it starts.", where)


def _range(resource: Node, found: Node, path: str, faults: Faults) -> None:
    low, high = found["low"], found["high"]
    if isinstance(low, dict) and isinstance(high, dict) and low.get("code") == high.get("code"):
        least, most = low.get("value"), high.get("value")
        if isinstance(least, int | Decimal) and isinstance(most, int | Decimal) and least > most:
            where = locate(resource, found, path)
            faults.add(Fault.INVARIANT, "rng-2: give a range whose low is not above its high.", where)


def _narrative(resource: Node, path: str, faults: Faults) -> None:
    text = resource.get("text")
    div = text.get("div") if isinstance(text, dict) else None
    wrong = narrative.fault(div) if isinstance(div, str) else None
    if wrong:
        faults.add(Fault.NARRATIVE, wrong, f"{path}.text.div")


def _local_targets(part: Any) -> Iterator[str]:
    """The id of everything contained that a reference, canonical or URI in `part` points to."""
    for node in nodes(part):
        for value in node.values():
            for one in value if type(value) is list else (value,):
                if type(one) is str and one[:1] == "#":
                    yield one[1:]


def _dangling(resource: Node, parts: Sequence[Node], path: str, faults: Faults) -> None:
    """ref-1: a #reference to what is not contained."""
    contained = {str(one.get("id")) for one, _ in _with_contained(resource, path) if one is not resource}
    for part in parts:
        target = part.get("reference")
        if type(target) is str and target[:1] == "#" and target != "#" and target[1:] not in contained:
            where = f"{locate(resource, part, path)}.reference"
            faults.add(Fault.CONTAINED_MISSING, "ref-1: contain what #references point to.", where)


def _contained(resource: Node, path: str, faults: Faults) -> None:
    """dom-3, ids that differ, no circles among contained resources."""
    inside = {place: one for one, place in _with_contained(resource, path) if one is not resource}
    links = {str(one.get("id")): set(_local_targets(one)) for one in inside.values()}
    if len(links) < len(inside):
        faults.add(Fault.INVARIANT, "Give contained resources ids that differ.", f"{path}.contained")
    named = set(_local_targets({name: value for name, value in resource.items() if name != "contained"}))
    named.update(target for name, targets in links.items() for target in targets if target != name)
    circle = _in_circles(links)
    for place, one in inside.items():
        name = str(one.get("id"))
        if name not in named and "" not in links[name]:
            faults.add(Fault.INVARIANT, "dom-3: contain only what the resource refers to.", place)
        if name in circle:
            text = "Let contained resources not refer to each other in a circle."
            faults.add(Fault.CONTAINED_CIRCULAR, text, place)


def _in_circles(links: Mapping[str, set[str]]) -> set[str]:
    """Give the names from which following the links comes to no end."""
    sources: dict[str, list[str]] = {}
    for name, targets in links.items():
        for target in targets & links.keys():
            sources.setdefault(target, []).append(name)
    open_links = {name: len(targets & links.keys()) for name, targets in links.items()}
    ended = [name for name, count in open_links.items() if not count]
    for name in ended:
        for source in sources.get(name, ()):
            open_links[source] -= 1
            if not open_links[source]:
                ended.append(source)  # the loop comes to it
    return links.keys() - set(ended)


def _codings(concept: Any) -> list[Any]:
    coding = concept.get("coding") if isinstance(concept, dict) else None
    return coding if isinstance(coding, list) else []


def _comparable(coding: Any) -> str:
    return repr(sorted(coding.items(), key=repr)) if isinstance(coding, dict) else repr(coding)


def _component_codes(observation: Node, path: str, faults: Faults) -> None:
    """obs-7: a component with the Observation's own code, where the Observation has a value too."""
    components = observation.get("component")
    if not isinstance(components, list) or not any(name.startswith("value") for name in observation):
        return
    own = set(map(_comparable, _codings(observation.get("code"))))
    for index, component in enumerate(components):
        if isinstance(component, dict) and not own.isdisjoint(map(_comparable, _codings(component.get("code")))):
            text = "obs-7: give the value once, in value[x] or in the component with the same code."
            faults.add(Fault.INVARIANT, text, f"{path}.component[{index}].code")


def _item_count(parts: Sequence[Node], path: str, faults: Faults) -> None:
    items = sum(len(part["item"]) for part in parts if isinstance(part.get("item"), list))
    if items > ITEM_LIMIT:
        faults.add(Fault.TOO_MANY_ITEMS, f"Send at most {ITEM_LIMIT} items.", f"{path}.item")
