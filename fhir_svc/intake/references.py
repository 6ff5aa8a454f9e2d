"""PURE: literal, absolute, conditional and urn: references; reading them and rewriting them to ids of the tenant.

Nothing is ever dereferenced: a URL is compared, after parsing, with the base URLs that are registered, and is otherwise
opaque text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec import Struct

from fhir_svc.intake.invariants import CONCERNED, ITEM_LIMIT, Node

ID = r"[A-Za-z0-9\-.]{1,64}"
_LOCAL = re.compile(rf"([A-Z][A-Za-z]+)/({ID})(?:/_history/{ID})?")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?\S+")
_RESTFUL = re.compile(rf"(https?://\S+)/([A-Z][A-Za-z]+)/({ID})(?:/_history/{ID})?")
_URI_MEMBERS = ("valueUri", "valueUrl", "valueUuid", "valueOid", "valueCanonical")
_PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str], str]


def parts(reference: str) -> tuple[str, str] | None:
    """Type and id of `Type/id`, versioned or not; None for every other form."""
    found = _LOCAL.fullmatch(reference)
    return (found[1], found[2]) if found else None


def unversioned(reference: str) -> str:
    """The reference without `/_history/n`."""
    return reference.partition("/_history/")[0]


def is_conditional(reference: str) -> bool:
    """Whether this is `Type?query`."""
    return "?" in reference and _CONDITIONAL.fullmatch(reference) is not None


def restful(url: str) -> tuple[str, str, str] | None:
    """(base, type, id) of an absolute RESTful URL."""
    found = _RESTFUL.fullmatch(url)
    return (found[1], found[2], found[3]) if found else None


def by_identifier(identifier: Any) -> str | None:
    """Write the conditional reference that means a Patient with this identifier; None without system and value."""
    if not isinstance(identifier, dict):
        return None
    system, value = identifier.get("system"), identifier.get("value")
    if not isinstance(system, str) or not isinstance(value, str):
        return None
    return f"Patient?identifier={quote(system, safe='/:')}|{quote(value, safe='')}"


class Bases:
    """The base URLs under which an absolute reference means an id of this tenant."""

    def __init__(self, urls: Collection[str]) -> None:
        self._bases = _normals(tuple(urls))

    def local(self, url: str) -> str | None:
        """What follows one of the bases (`Patient/1`, `Patient?...`); None for any other URL."""
        if "://" not in url or not self._bases:
            return None
        address, mark, query = url.partition("?")
        parts_of_path = address.split("/")
        for kept in (1, 2, 4):  # Patient?..., Patient/1, Patient/1/_history/2
            if _normal("/".join(parts_of_path[:-kept])) in self._bases:
                return "/".join(parts_of_path[-kept:]) + mark + query
        return None


@lru_cache(maxsize=64)
def _normals(urls: tuple[str, ...]) -> frozenset[tuple[str, str, int | None, str]]:
    """The registered bases as they compare; they are the same for every request of a tenant."""
    return frozenset(map(_normal, urls))


def _normal(url: str) -> tuple[str, str, int | None, str]:
    """Scheme, host, port and path as they compare."""
    try:
        split = urlsplit(url)
        return split.scheme, split.hostname or "", split.port or _PORTS.get(split.scheme), split.path.rstrip("/")
    except ValueError:
        return "", "", None, url


class Spots(Struct, frozen=True):
    """Where a resource refers to something: every Reference in it, and every extension that holds a `urn:`.

    `plain`: none of the rules in `invariants` can concern the resource, which is true of most.
    """

    references: list[Node]
    extensions: list[tuple[Node, str]]
    plain: bool

    @classmethod
    def of(cls, resource: Node | None) -> Spots:
        """Find them, contained resources and extensions included, in one walk."""
        found: list[Node] = []
        extensions: list[tuple[Node, str]] = []
        plain = True
        parts: list[Any] = [resource]
        for part in parts:  # which grows on the way
            if type(part) is dict:
                plain = plain and CONCERNED.isdisjoint(part)
                if type(part.get("reference")) is str:
                    found.append(part)
                    plain = plain and part["reference"][:1] != "#"
                elif "url" in part:
                    urns = (name for name in _URI_MEMBERS if str(part.get(name))[:4] == "urn:")
                    extensions.extend((part, name) for name in urns)
            for one in part.values() if type(part) is dict else part or ():
                if type(one) is dict or type(one) is list:
                    parts.append(one)  # noqa: PERF401 - a comprehension for each part takes half as long again
        return cls(found, extensions, plain and len(parts) <= ITEM_LIMIT)

    def rewrite(self, resolve: Resolve) -> None:
        """Put everything found through `resolve`, in place."""
        for node in self.references:
            node["reference"] = resolve(node["reference"])
        for node, name in self.extensions:
            node[name] = resolve(node[name])
