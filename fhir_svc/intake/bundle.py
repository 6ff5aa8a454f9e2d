"""PURE: the entries of a Bundle: what each asks for, under which id, and which references mean which entry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fhir_svc.errors import Issue, TooLarge
from fhir_svc.intake import references
from fhir_svc.intake.accepted import TAKEN, Entry, Ignored, Reading
from fhir_svc.intake.faults import Fault, Faults
from fhir_svc.intake.invariants import Node

METHODS = ("POST", "PUT", "GET")
"""In the order in which a transaction carries them out."""
REFUSED_METHODS = frozenset(("DELETE", "PATCH", "HEAD"))
STUB = {"resourceType": "Basic"}
_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_UUID = "urn:uuid:"
_ID = re.compile(references.ID)


def entries_of(bundle: Node) -> list[Node]:
    """The entries, whatever they hold; none where the Bundle is malformed (conformance says so)."""
    entries = bundle.get("entry")
    return [one if isinstance(one, dict) else {} for one in entries] if isinstance(entries, list) else []


def check_size(entries: Sequence[Node], limit: int, path: str) -> None:
    """Refuse (413) more entries than `limit`."""
    if len(entries) > limit:
        text = f"Send at most {limit} entries in one Bundle."
        fault = Fault.TOO_MANY_ENTRIES
        raise TooLarge(text, issues=[Issue(fault.code, fault.error, text, f"{path}.entry")])


def type_of(entry: Node) -> str | None:
    """The type of the entry's resource, if it says one."""
    resource = entry.get("resource")
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    return name if isinstance(name, str) else None


def is_refused_type(entry: Node) -> bool:
    """Whether the entry holds a resource of a type that we do not take, known to R4 or not."""
    name = type_of(entry)
    return name is not None and name not in TAKEN


def stubbed(bundle: Node) -> Node:
    """The Bundle with a stub for every resource of a type that we do not take: those are not looked into."""
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return bundle
    kept = [one | {"resource": STUB} if isinstance(one, dict) and is_refused_type(one) else one for one in entries]
    return bundle | {"entry": kept}


def check_full_urls(entries: Sequence[Node], path: str, faults: Faults) -> None:
    """Refuse a fullUrl given twice, and one that says another id or type than its resource."""
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        url = entry.get("fullUrl")
        if not isinstance(url, str):
            continue
        where = f"{path}.entry[{index}].fullUrl"
        first = seen.setdefault(url, index)
        if first != index:
            text = f"Give each entry its own fullUrl; entry[{first}] and entry[{index}] have the same."
            faults.add(Fault.BUNDLE_DUPLICATE, text, where)
        found, resource = references.restful(url), entry.get("resource")
        if found and isinstance(resource, dict):
            same_type = resource.get("resourceType", found[1]) == found[1]
            if not same_type or resource.get("id", found[2]) != found[2]:
                text = "Let fullUrl end with the resource's type and id, or use urn:uuid."
                faults.add(Fault.FULL_URL_MISMATCH, text, where)


def requested(entries: Sequence[Node], path: str, reading: Reading, faults: Faults, *, first: int = 0) -> list[Entry]:
    """What the entries of a transaction or batch (from index `first` on) ask for; what can't be asked is a fault."""
    bases = references.Bases(reading.own_bases)
    return [
        entry
        for index, given in enumerate(entries, first)
        if (entry := _requested(given, index, f"{path}.entry[{index}]", reading, bases, faults))
    ]


def _requested(
    given: Node, index: int, where: str, reading: Reading, bases: references.Bases, faults: Faults
) -> Entry | None:
    request, resource = given.get("request"), given.get("resource")
    request = request if isinstance(request, dict) else {}
    method, url = str(request.get("method")), request.get("url")
    if not _is_for_us(given, method, where, faults) or not isinstance(url, str):
        return None
    url = bases.local(url) or url.removeprefix("/")
    kind, target, condition = _target(url)
    if not _may_be_asked(method, kind, target, condition, resource, where, faults):
        return None
    reads, full_url = method == "GET", given.get("fullUrl")
    own = None if reads else _own(method, target, resource, where, faults)
    return Entry(
        index=index,
        location=f"{where}.resource",
        method=method,
        type=kind,
        id=None if reads else own or reading.new_id(),
        resource=None if reads else _of_type(resource, kind, where, faults),
        url=url,
        full_url=full_url if isinstance(full_url, str) else None,
        condition=None if reads else condition,
        if_none_exist=_text(request, "ifNoneExist"),
        if_match=_text(request, "ifMatch"),
        if_none_match=_text(request, "ifNoneMatch"),
        minted=own is None and not reads,
    )


def _is_for_us(given: Node, method: str, where: str, faults: Faults) -> bool:
    """Whether method and type are ours to take; what is no method at all, conformance refuses."""
    if method in REFUSED_METHODS:
        faults.add(Fault.BUNDLE_METHOD, "Use GET, POST or PUT.", f"{where}.request.method")
    elif is_refused_type(given):
        text = "Leave this entry out: this service does not take its type ($submit ignores it)."
        faults.add(Fault.TYPE_NOT_TAKEN, text, f"{where}.resource")
    else:
        return method in METHODS
    return False


def _may_be_asked(
    method: str, kind: str, target: str | None, condition: str | None, resource: Any, where: str, faults: Faults
) -> bool:
    """Whether URL, method and resource go together."""
    given = sum(1 for one in (target, condition) if one)
    if not kind or (method == "POST" and given) or (method == "PUT" and given != 1):
        text = "Give request.url as Type for POST, Type/id or Type?query for PUT, relative to the base."
        faults.add(Fault.BUNDLE_URL, text, f"{where}.request.url")
    elif method == "GET":
        return True
    elif kind not in TAKEN:
        text = "Leave this entry out: this service does not take its type."
        faults.add(Fault.TYPE_NOT_TAKEN, text, f"{where}.request.url")
    elif not isinstance(resource, dict):
        faults.add(Fault.ELEMENT_MISSING, "Give the resource to store.", f"{where}.resource")
    else:
        return True
    return False


def _target(url: str) -> tuple[str, str | None, str | None]:
    """(type or "", id, condition) of a relative URL; the id may carry more for GET."""
    address, _, condition = url.partition("?")
    kind, _, target = address.partition("/")
    return (kind if _TYPE.fullmatch(kind) else ""), target or None, condition or None


def _own(method: str, target: str | None, resource: Any, where: str, faults: Faults) -> str | None:
    """The id that the caller gives the resource; None where it is ours to make."""
    if method == "POST" or target is None:
        return named(resource) if method == "PUT" else None
    if isinstance(resource, dict) and resource.get("id") != target:
        text = "Give the resource the id of request.url."
        faults.add(Fault.RESOURCE_ID_MISMATCH, text, f"{where}.resource.id")
    return target


def named(resource: Any) -> str | None:
    """The id that a resource brings itself."""
    own = resource.get("id") if isinstance(resource, dict) else None
    return own if isinstance(own, str) else None


def _of_type(resource: Any, kind: str, where: str, faults: Faults) -> Node | None:
    if isinstance(resource, dict) and resource.get("resourceType") not in (kind, None):
        faults.add(Fault.RESOURCE_TYPE_MISMATCH, "Send a resource of the type in request.url.", f"{where}.resource")
    return resource if isinstance(resource, dict) else None


def _text(request: Node, name: str) -> str | None:
    value = request.get(name)
    return value if isinstance(value, str) else None


def submitted(entries: Sequence[Node], path: str, reading: Reading) -> tuple[list[Entry], list[Ignored]]:
    """What `$submit` stores, each as by PUT under the EHR's id, and what it ignores and why."""
    kept: list[Entry] = []
    ignored: list[Ignored] = []
    for index, given in enumerate(entries):
        where = f"{path}.entry[{index}]"
        resource, full_url = given.get("resource"), given.get("fullUrl")
        reason = _reason_to_ignore(given)
        if reason:
            fault = Fault.ENTRY_IGNORED
            issue = Issue(fault.code, fault.error, reason, f"{where}.resource", "information")
            ignored.append(Ignored(index, type_of(given) or "", issue))
        elif isinstance(resource, dict):
            full_url = full_url if isinstance(full_url, str) else None
            kind = str(resource.get("resourceType"))
            own = _own_id(resource, full_url)
            one = own or reading.new_id()
            url = f"{kind}/{one}"
            kept.append(
                Entry(index, f"{where}.resource", "PUT", kind, one, resource, url, full_url, minted=own is None)
            )
    return kept, ignored


def _reason_to_ignore(given: Node) -> str | None:
    request = given.get("request")
    if isinstance(request, dict) and str(request.get("method")) in REFUSED_METHODS:
        return "Ignored: this service stores, it does not delete or patch."
    if given.get("resource") is None:
        return "Ignored: there is no resource in this entry."
    return "Ignored: this service does not use this type." if is_refused_type(given) else None


def _own_id(resource: Node, full_url: str | None) -> str | None:
    """The id that the EHR gave: the resource's, else the one its fullUrl tells."""
    own = resource.get("id")
    if isinstance(own, str):
        return own
    if full_url is None:
        return None
    found = references.restful(full_url)
    if found:
        return found[2]
    named = full_url.removeprefix(_UUID) if full_url.startswith(_UUID) else ""
    return named if _ID.fullmatch(named) else None


def check_identities(entries: Sequence[Entry], faults: Faults) -> None:
    """Refuse two entries that would write the same resource."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        for identity in _identities(entry):
            first = seen.setdefault(identity, entry)
            if first is not entry:
                text = f"Write each resource once; entry[{first.index}] and entry[{entry.index}] write the same."
                faults.add(Fault.BUNDLE_DUPLICATE, text, entry.location)


def _identities(entry: Entry) -> Iterator[str]:
    if entry.method == "PUT":
        yield f"{entry.type}?{entry.condition}" if entry.condition else f"{entry.type}/{entry.id}"
    elif entry.if_none_exist:
        yield f"{entry.type}?{entry.if_none_exist}"
