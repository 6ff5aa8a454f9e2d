"""Which addresses may be called at all: those that somebody registered, and of these only public ones.

A name is resolved once, every address it has must be public, and the connection goes to exactly the address that was
checked. Addresses are compared after parsing and in a strict spelling, so that no two parsers read them differently.
In a demonstration a loopback address, http included, is taken.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from fhir_svc.loopback import LOOPBACK

PORTS: Final = {"https": 443, "http": 80}
_SPELLING: Final = re.compile(
    r"https?://(?:[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?"
    r"(?:/[a-z0-9\-._~!$&'()*+,;=:@%/]*)?(?:\?[a-z0-9\-._~!$&'()*+,;=:@%/?]*)?",
    re.IGNORECASE,
)
_STEPS: Final = frozenset({".", ".."})


class NotPublic(Exception):  # noqa: N818 - it says what the address is
    """This address is not one that may be called."""


class NotFound(Exception):  # noqa: N818 - it says what became of the name
    """The name has no address now."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `url` holds the address that was checked; `host` is the name its certificate must have."""

    url: str
    host: str
    header: str


def registered(url: str, allowed: Iterable[str]) -> bool:
    """Whether an address is below one of the registered ones: same scheme, host and port, path inside theirs."""
    wanted = _parts(url)
    return wanted is not None and any(_inside(wanted, one) for one in map(_parts, allowed) if one is not None)


def _parts(url: str) -> SplitResult | None:
    if _SPELLING.fullmatch(url) is None:
        return None
    parts = urlsplit(url)
    try:
        usable = parts.port is None or parts.port > 0
    except ValueError:
        usable = False
    path = unquote(parts.path)
    walks = "%" in path or "\\" in path or "//" in path or not _STEPS.isdisjoint(re.split(r"[/;]", path))
    return parts if usable and not walks else None


def _inside(wanted: SplitResult, allowed: SplitResult) -> bool:
    folder = allowed.path.rstrip("/")
    inside = wanted.path in {folder, allowed.path} or wanted.path.startswith(f"{folder}/")
    return _origin(wanted) == _origin(allowed) and inside


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme.lower(), (parts.hostname or "").rstrip("."), _port(parts)


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS.get(parts.scheme, 0)


def usable(url: str, *, loopback: bool) -> bool:
    """Whether an address is of a kind that is called: https, or with `loopback` one on this machine."""
    parts = _parts(url)
    return parts is not None and parts.scheme.lower() in _schemes(parts, loopback=loopback)


def target(url: str, *, loopback: bool = False) -> Target:
    """Resolve an address and choose where to connect; NotPublic or NotFound where that can't be."""
    parts = urlsplit(url)
    address = checked(parts, loopback=loopback)
    host = parts.hostname or ""
    literal = f"[{address}]" if ":" in address else address
    query = f"?{parts.query}" if parts.query else ""
    shown = f"[{host}]" if ":" in host else host
    return Target(
        url=f"{parts.scheme}://{literal}:{_port(parts)}{parts.path or '/'}{query}",
        host=host,
        header=shown if parts.port is None else f"{shown}:{parts.port}",
    )


def checked(parts: SplitResult, *, loopback: bool) -> str:
    """Resolve the name and give one address of it, if every address may be called."""
    host = parts.hostname or ""
    if parts.username or not host or parts.scheme not in _schemes(parts, loopback=loopback):
        raise NotPublic
    try:
        port = parts.port or 443
    except ValueError:
        raise NotPublic from None
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError, ValueError):
        raise NotFound from None
    if not found:
        raise NotFound
    local = loopback and host in LOOPBACK
    if not all(_may_call(ipaddress.ip_address(one), local=local) for one in found):
        raise NotPublic
    return min(found)


def _schemes(parts: SplitResult, *, loopback: bool) -> frozenset[str]:
    return frozenset(PORTS) if loopback and parts.hostname in LOOPBACK else frozenset({"https"})


def _may_call(address: ipaddress.IPv4Address | ipaddress.IPv6Address, *, local: bool) -> bool:
    return address.is_loopback if local else address.is_global and not address.is_multicast
