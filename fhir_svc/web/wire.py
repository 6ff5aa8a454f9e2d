"""How FHIR leaves: JSON with exact decimals, the headers of a version, times as FHIR writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from flask import Response

FHIR_JSON: Final = "application/fhir+json"
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def encode(resource: Mapping[str, Any]) -> bytes:
    """Write JSON in which a Decimal keeps every digit that it came with."""
    return _ENCODER.encode(resource)


def fhir(
    body: Mapping[str, Any] | bytes | None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer in FHIR JSON; None is an empty body."""
    content = b"" if body is None else body if isinstance(body, bytes) else encode(body)
    answer = Response(content, status=status, content_type=f"{FHIR_JSON}; charset=utf-8" if content else None)
    if not content:
        answer.headers.pop("Content-Type", None)
    for name, value in (headers or {}).items():
        answer.headers[name] = value
    return answer


def version_headers(version: int, updated: datetime) -> dict[str, str]:
    """Give the `ETag` and `Last-Modified` of one version."""
    return {"ETag": f'W/"{version}"', "Last-Modified": format_datetime(updated.astimezone(UTC), usegmt=True)}


@lru_cache(maxsize=16)
def instant(moment: datetime) -> str:
    """Write a FHIR instant in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
