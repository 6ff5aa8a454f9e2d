"""PURE: how one of our resources is told to an EHR, and whether what the EHR holds is still what we told it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fhir_svc.ehr.replies import Json
from fhir_svc.orders.terms import namespace

ORDER = namespace("order")
_PROVENANCE = "Provenance"
_SERVERS_OWN = frozenset({"id", "meta", "text"})  # an EHR may set or make these anew


def references(resource: Any) -> Iterator[str]:
    """Every literal reference inside, without versions; `#fragment` and `urn:` are none."""
    if isinstance(resource, Mapping):
        literal = resource.get("reference")
        if isinstance(literal, str) and not literal.startswith(("#", "urn:")):
            yield plain(literal)
        for inner in resource.values():
            yield from references(inner)
    elif isinstance(resource, list | tuple):
        for inner in resource:
            yield from references(inner)


def plain(reference: str) -> str:
    """A literal reference without its version: ours mean nothing to the EHR."""
    return reference.partition("/_history/")[0]


def logical(resource_type: str, id_: str, resource: Mapping[str, Any] | None = None) -> Json:
    """A Reference for what the EHR does not have: an identifier and a word to show."""
    own = (resource or {}).get("identifier", [])
    given = own if isinstance(own, list) else [own]
    named = [{name: one[name] for name in ("system", "value")} for one in given if "system" in one and "value" in one]
    identifier = named[0] if named else {"system": namespace(resource_type), "value": id_}
    return {"type": resource_type, "identifier": identifier, "display": resource_type}


def shape(resource: Mapping[str, Any], names: Mapping[str, Mapping[str, Any]]) -> Json:
    """The resource as the EHR shall hold it: `names` says, by local reference, what stands there instead.

    It carries an identifier of ours, by which it is found again; our version and time of change are left out.
    """
    made: Json = _renamed(resource, names)
    if made["resourceType"] == _PROVENANCE:
        made |= {name: _once(made[name]) for name in ("target", "entity") if name in made}
    meta = {name: value for name, value in made.pop("meta", {}).items() if name not in {"versionId", "lastUpdated"}}
    made = {"resourceType": made.pop("resourceType"), "id": made.pop("id"), **({"meta": meta} if meta else {}), **made}
    if identified(made) and not _own(made):
        ours = {"system": namespace(made["resourceType"]), "value": made["id"]}
        made["identifier"] = [*made.get("identifier", []), ours]
    return made


def _once(listed: Iterable[Any]) -> list[Any]:
    """The same without what has become alike: two versions of ours are one resource there."""
    kept: list[Any] = []
    kept.extend(one for one in listed if one not in kept)
    return kept


def _renamed(value: Any, names: Mapping[str, Mapping[str, Any]]) -> Any:
    if isinstance(value, list | tuple):
        return [_renamed(inner, names) for inner in value]
    if not isinstance(value, Mapping):
        return value
    kept = {name: _renamed(inner, names) for name, inner in value.items()}
    literal = value.get("reference")
    if not isinstance(literal, str) or literal.startswith(("#", "urn:")):
        return kept
    instead = dict(names.get(plain(literal), {"reference": plain(literal)}))
    return {**{name: inner for name, inner in kept.items() if name != "reference"}, **instead, **_shown(kept)}


def _shown(reference: Mapping[str, Any]) -> Json:
    return {"display": reference["display"]} if "display" in reference else {}


def _own(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    systems = {ORDER, namespace(resource["resourceType"])}
    return [one for one in resource.get("identifier", []) if one.get("system") in systems]


def identified(resource: Mapping[str, Any]) -> bool:
    """Can it carry an identifier of ours? A Provenance has none in R4."""
    return bool(resource["resourceType"] != _PROVENANCE)


def concerns_them(resource: Mapping[str, Any]) -> bool:
    """Is it about anything that the EHR has? A Provenance of what stays here is not."""
    return identified(resource) or any("reference" in one for one in resource["target"])


def condition(resource: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The search that finds this resource in the EHR, whoever wrote it there: by our identifier.

    Without one: what it is about and when it was recorded, which others may have in common with it.
    """
    if not identified(resource):
        target = next((one["reference"] for one in resource["target"] if "reference" in one), "")
        return [("target", target), ("recorded", resource["recorded"])]
    one = _own(resource)[0]
    return [("identifier", f"{one['system']}|{one['value']}")]


def holds(copy: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Does the EHR's copy say everything that we want it to say? It may say more."""
    return all(
        name in copy and _covers(copy[name], value) for name, value in wanted.items() if name not in _SERVERS_OWN
    )


def agrees(copy: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Could the EHR's copy be what we told it? An EHR may drop elements; another or a new one is somebody's change."""
    held = copy.keys() - _SERVERS_OWN
    return {"status"} & told.keys() <= held <= told.keys() and all(_covers(copy[name], told[name]) for name in held)


def _covers(held: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if not isinstance(held, Mapping):
            return False
        if isinstance(wanted.get("reference"), str):
            return str(held.get("reference", "")).endswith(plain(wanted["reference"]))
        return all(name in held and _covers(held[name], value) for name, value in wanted.items())
    if isinstance(wanted, list | tuple):
        return isinstance(held, list) and len(held) == len(wanted) and all(map(_covers, held, wanted))
    return isinstance(held, bool) is isinstance(wanted, bool) and bool(held == wanted)
