"""JSON of resources to bytes and back, decimals exact, and the digest by which two contents are called equal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from fhir_svc.intake.parse import encode

__all__ = ["canonical", "decode", "decode_all", "digest", "encode", "instant", "served"]

_canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def canonical(content: Mapping[str, Any]) -> bytes:
    """The bytes of this content with sorted keys: equal content, equal bytes."""
    return _canonical.encode(content)


def decode(body: bytes) -> dict[str, Any]:
    """The content of stored bytes; numbers are int or Decimal."""
    content: dict[str, Any] = _decoder.decode(body)
    return content


def decode_all(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """The contents of many stored bytes, decoded in one go."""
    contents: list[dict[str, Any]] = _decoder.decode(b"[" + b",".join(bodies) + b"]")
    return contents


def instant(moment: datetime) -> str:
    """FHIR's instant in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def served(resource: Mapping[str, Any], version: int, updated: str) -> bytes:
    """The bytes that are served for this version: the resource with our `versionId` and `lastUpdated` (an instant)."""
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": updated}
    head = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta}
    return encode({**head, **resource, **head})  # first for the order, last for the values


def digest(resource: Mapping[str, Any]) -> str:
    """What makes two contents equal: everything but `id`, `meta.versionId` and `meta.lastUpdated`."""
    content, meta = dict(resource), dict(resource.get("meta", ()))
    for name, holder in (("id", content), ("meta", content), ("versionId", meta), ("lastUpdated", meta)):
        holder.pop(name, None)
    if meta:
        content["meta"] = meta
    return hashlib.sha256(canonical(content)).hexdigest()
