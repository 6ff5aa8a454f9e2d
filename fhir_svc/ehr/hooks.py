"""Delivers a notification to a subscriber's endpoint: registered, public, one POST, no redirect, bounded in time.

The body of an answer is not read: 2xx is taken, whatever follows; everything else is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from fhir_svc.ehr import addresses
from fhir_svc.ehr.line import Line
from fhir_svc.ehr.replies import NotNow, Unclear
from fhir_svc.errors import Broken, Unavailable


class Untaken(Unavailable):
    """The endpoint did not take it, or did not say so; the same is sent again later. `error` says what happened."""

    error = "endpoint-failed"


def post(
    endpoint: str,
    body: bytes,
    *,
    allowed: Iterable[str],
    loopback: bool,
    authorization: str | None,
    timeout: float,
) -> None:
    """Send one notification. Untaken: try again; Broken: this address is none that may be called, or is gone."""
    if not addresses.registered(endpoint, allowed):
        raise Broken("the endpoint is not registered", error="endpoint-not-allowed")
    try:
        target = addresses.target(endpoint, loopback=loopback)
    except addresses.NotPublic:
        raise Broken("the endpoint is not public", error="endpoint-not-public") from None
    except addresses.NotFound:
        raise Untaken("the endpoint's name has no address", retry_after=0.0) from None
    headers = {"Host": target.header, "Content-Type": "application/fhir+json", "Accept": "*/*"}
    if authorization is not None:
        headers["Authorization"] = authorization
    _send(target, body, headers, timeout)


def _send(target: addresses.Target, body: bytes, headers: Mapping[str, str], timeout: float) -> None:
    try:
        with Line(timeout, host=target.host) as line:
            raw = line.exchange("POST", target.url, headers=headers, body=body, limit=None)
    except (NotNow, Unclear):
        raise Untaken("the endpoint gave no whole answer", retry_after=0.0) from None
    if raw.status == HTTPStatus.GONE:
        raise Broken("the endpoint is gone", error="endpoint-410")
    if not HTTPStatus.OK <= raw.status < HTTPStatus.MULTIPLE_CHOICES:
        code = f"endpoint-{raw.status // 100}xx"
        raise Untaken("the endpoint did not take it", retry_after=raw.retry_after or 0.0, error=code)
