"""What an EHR's answer means: done (a value is returned), not now, unclear, never, or changed (these are raised).

Messages hold a status at most, never a word of what the EHR said or was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import msgspec

from fhir_svc.errors import Broken, Unavailable

Json = dict[str, Any]

_LONGEST_WAIT = 86400.0  # a Retry-After beyond a day is a mistake
THROTTLED = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNAUTHORIZED}
_JSON_TYPES = {"application/fhir+json", "application/json"}
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class _Later(Unavailable):
    """`retry_after` is what the EHR asked for, 0 where it asked for nothing."""

    def __init__(self, text: str, *, retry_after: float = 0.0, error: str | None = None) -> None:
        super().__init__(text, retry_after=retry_after, error=error)


class NotNow(_Later):
    """Nothing was done; try later. It uses up no attempt (`counted`): the work waits as long as its EHR does."""

    error = "ehr-not-now"
    counted = False


class Unclear(_Later):
    """It may have been done: no answer, or one that can't be believed. Look before trying again."""

    error = "ehr-unclear"


class Never(Broken):
    """The EHR refuses for good; `error` is `ehr-` and its status, or a word for the reason."""

    error = "ehr-refused"


class Changed(Broken):
    """The EHR's copy is another than the one we wrote: a person must look, nothing is overwritten."""

    error = "ehr-copy-changed"


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as it came over the line. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, from `Retry-After` as a number or a date."""
        given = self.headers.get("retry-after", "").strip()
        if given.replace(".", "", 1).isdigit():
            return min(float(given), _LONGEST_WAIT)
        try:
            until = parsedate_to_datetime(given)
        except ValueError:
            return None
        return min(
            max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT
        )

    def json(self) -> Json | None:
        """Decode the body; None where it is not a JSON object of a JSON media type."""
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() not in _JSON_TYPES:
            return None
        try:
            found = _decoder.decode(self.body)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return None
        return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class Copy:
    """A resource in the EHR. `version` None: the EHR did not say. `content` None: it was not shown."""

    id: str
    version: str | None
    content: Json | None = None


def check(raw: Raw, *, writing: bool) -> Raw:
    """Return a 2xx; raise what any other status means."""
    status = raw.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return raw
    if status == HTTPStatus.PRECONDITION_FAILED:
        raise Changed("the EHR's copy is not the one expected")
    if status in THROTTLED:
        raise NotNow(f"the EHR answered {status}", retry_after=raw.retry_after or 0.0, error=f"ehr-{status}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
        raise _later(raw, writing=writing)
    if status == HTTPStatus.REQUEST_TIMEOUT:
        raise _later(raw, writing=writing)
    raise Never(f"the EHR answered {status}", error=f"ehr-{status}")


def _later(raw: Raw, *, writing: bool) -> NotNow | Unclear:
    kind = Unclear if writing else NotNow
    return kind(f"the EHR answered {raw.status}", retry_after=raw.retry_after or 0.0, error=f"ehr-{raw.status}")


def copy_of(resource: Json) -> Copy:
    """Describe a resource that the EHR showed."""
    version = resource.get("meta", {}).get("versionId")
    return Copy(str(resource.get("id")), str(version) if version else None, resource)


def receipt(raw: Raw, type_: str, id_: str | None) -> Copy:
    """Read the answer to a write; `id_` is known for a PUT. Unclear where it does not prove that it was done."""
    shown = raw.json()
    if raw.body.strip() and shown is None:
        raise Unclear("the EHR's answer is not FHIR JSON")
    whole = raw.status == HTTPStatus.NO_CONTENT or raw.headers.keys() & {"content-length", "etag", "location"}
    if shown is None and not whole:
        raise Unclear("the EHR's answer was cut off")
    if shown is not None and shown.get("resourceType") not in {type_, "OperationOutcome"}:
        raise Unclear("the EHR answered with something else")
    resource = shown if shown and shown["resourceType"] == type_ else None
    place = raw.headers.get("location", "").partition("?")[0].rstrip("/").split("/")
    at, version = _place(place, type_)
    etag = raw.headers.get("etag", "").removeprefix("W/").strip('"')
    seen = copy_of(resource) if resource and resource.get("id") else None
    found = id_ or at or (seen.id if seen else None)
    if found is None or (id_ and (at or id_) != id_) or (seen and seen.id != found):
        raise Unclear("the EHR's answer does not say where the resource is")
    return Copy(found, etag or version or (seen.version if seen else None), resource)


def _place(parts: list[str], type_: str) -> tuple[str | None, str | None]:
    if "_history" in parts[:-1]:
        cut = parts.index("_history")
        id_, _ = _place(parts[:cut], type_)
        return id_, parts[cut + 1]
    return (parts[-1], None) if len(parts) > 1 and parts[-2] == type_ else (None, None)
