"""The EHR as a FHIR server: what it can do, read, search, put, create.

One client is one conversation: everything it asks shares one deadline.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec

from fhir_svc.ehr.line import Line
from fhir_svc.ehr.replies import THROTTLED, Changed, Copy, Json, NotNow, Raw, check, copy_of, receipt
from fhir_svc.ehr.token import Anonymous, Authorization

DEADLINE = 20.0  # seconds for a whole delivery; below the task's limit of 25 and the lease of 30
_KEEP_CAPABILITIES = 600.0  # seconds
_JSON = "application/fhir+json"
_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the EHR says of itself: types it takes writes of, and those that take ids of ours."""

    writable: frozenset[str]
    update_create: frozenset[str]

    @classmethod
    def of(cls, statement: Mapping[str, Any]) -> Capabilities:
        """Read a CapabilityStatement."""
        servers = [rest for rest in statement.get("rest", []) if rest.get("mode") == "server"]
        offered = [resource for rest in servers for resource in rest.get("resource", [])]
        named = {
            resource.get("type"): {one.get("code") for one in resource.get("interaction", [])} for resource in offered
        }
        own_ids = {resource.get("type") for resource in offered if resource.get("updateCreate") is True}
        writable = frozenset(type_ for type_, codes in named.items() if type_ and codes & {"create", "update"})
        return cls(writable, frozenset(type_ for type_ in own_ids if "update" in named.get(type_, set())) & writable)


@dataclass
class CapabilityCache:
    """CapabilityStatements of this process's EHRs, read again after ten minutes."""

    _kept: dict[str, tuple[float, Capabilities]] = field(default_factory=dict)

    def get(self, client: EhrClient) -> Capabilities:
        """Return what the client's EHR can do, asking it only when that is not fresh."""
        until, found = self._kept.get(client.base, (0.0, None))
        if found is None or until < time.monotonic():
            found = client.capabilities()
            self._kept[client.base] = (time.monotonic() + _KEEP_CAPABILITIES, found)
        return found

    def forget(self, base: str) -> None:
        """Ask again next time: the EHR did not act as it said."""
        self._kept.pop(base, None)


class EhrClient:
    """Speaks FHIR R4 JSON to one EHR. Errors are those of `fhir_svc.ehr.replies`."""

    def __init__(self, base: str, authorization: Authorization | None = None, *, deadline: float = DEADLINE) -> None:
        self.base = base.rstrip("/")
        self._authorization: Authorization = authorization or Anonymous()
        self._line = Line(deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.__exit__(kind, error, trace)

    def capabilities(self) -> Capabilities:
        """Read the CapabilityStatement, which needs no token."""
        raw = check(self._line.exchange("GET", f"{self.base}/metadata"), writing=False)
        return Capabilities.of(_shown(raw, "CapabilityStatement"))

    def read(self, type_: str, id_: str) -> Copy | None:
        """Read a resource; None where there is none (any more)."""
        raw = self._send("GET", f"{type_}/{quote(id_, safe='')}", type_, "r")
        if raw.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return None
        seen = copy_of(_shown(check(raw, writing=False), type_))
        etag = raw.headers.get("etag", "").removeprefix("W/").strip('"')
        return Copy(seen.id, etag or seen.version, seen.content)

    def search(self, type_: str, params: Sequence[tuple[str, str]]) -> list[Copy]:
        """Find resources; the first page is enough to tell none, one and several apart."""
        return _copies(self._send("GET", type_, type_, "s", params=params), type_)

    def search_unseen(self, type_: str, params: Sequence[tuple[str, str]]) -> list[Copy]:
        """The same by POST, so that what names a person stands in no address; by GET where the EHR knows no other."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        raw = self._send("POST", f"{type_}/_search", type_, "s", headers=form, body=urlencode(params).encode())
        if raw.status == HTTPStatus.OK or raw.status in THROTTLED:
            return _copies(raw, type_)
        return self.search(type_, params)

    def put(self, resource: Json, *, version: str | None) -> Copy:
        """Write to a known id: over `version` only, or, with None, only where nothing is yet."""
        type_, id_ = resource["resourceType"], resource["id"]
        condition = {"If-None-Match": "*"} if version is None else {"If-Match": f'W/"{version}"'}
        path = f"{type_}/{quote(id_, safe='')}"
        raw = self._send("PUT", path, type_, "u", headers=condition, body=_encoder.encode(resource))
        return receipt(check(raw, writing=True), type_, id_)

    def create(self, resource: Json, condition: Sequence[tuple[str, str]]) -> Copy:
        """POST under a condition (If-None-Exist), if any; Changed where the EHR finds that there is one already."""
        type_ = resource["resourceType"]
        headers = {"If-None-Exist": urlencode(condition)} if condition else {}
        raw = self._send("POST", type_, type_, "c", headers=headers, body=_encoder.encode(resource))
        made = receipt(check(raw, writing=True), type_, None)
        if condition and raw.status == HTTPStatus.OK:
            raise Changed("the EHR has one already")
        return made

    def _send(
        self,
        method: str,
        path: str,
        type_: str,
        interaction: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Raw:
        kind = {"Content-Type": _JSON, "Prefer": "return=minimal"} if interaction in {"c", "u"} else {}
        url = f"{self.base}/{path}"

        def once() -> Raw:
            who = self._authorization.header(self._line, type_, interaction)
            return self._line.exchange(
                method, url, headers={**kind, **(headers or {}), **who}, params=params, body=body
            )

        raw = once()
        return once() if raw.status == HTTPStatus.UNAUTHORIZED and self._authorization.renew() else raw


def _copies(raw: Raw, type_: str) -> list[Copy]:
    entries = _shown(check(raw, writing=False), "Bundle").get("entry", [])
    found = [entry.get("resource", {}) for entry in entries]
    return [copy_of(resource) for resource in found if resource.get("resourceType") == type_]


def _shown(raw: Raw, type_: str) -> Json:
    shown = raw.json()
    if shown is None or shown.get("resourceType") != type_:
        raise NotNow("the EHR's answer is not the resource asked for", error="ehr-not-fhir")
    return shown
