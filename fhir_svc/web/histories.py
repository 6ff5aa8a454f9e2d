"""The history of one resource, in pages: `_count`, and opaque links to the older versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fhir_svc.errors import Malformed
from fhir_svc.record import Stored
from fhir_svc.web import bundles, searching
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.pages_of_results import Sought, seal, unseal
from fhir_svc.web.services import Services


def page(
    versions: Sequence[Stored], params: searching.Params, prefer: Prefer, tenant: str, given: Services
) -> dict[str, Any]:
    """Write the page of a history that is asked for; `versions` are all of them, newest first."""
    if prefer.strict and any(name not in {"_count", "_page", *searching.SILENT} for name, _ in params):
        raise Malformed(
            "A history is asked for with _count alone.", error="unsupported-parameter", code="not-supported"
        )
    place, secret = f"{versions[0].local}/_history", given.settings.audit_key.get_secret_value()
    steering = searching.controls(params)
    if "_page" in steering:
        sought = unseal(steering["_page"], secret, tenant=tenant, kind=place)
    else:
        count = searching.count_of(steering.get("_count"), searching.MOST_COUNT)
        sought = Sought(tenant, place, (), None, count)
    numbers = [str(one.version) for one in versions]
    start = numbers.index(sought.cursor) + 1 if sought.cursor in numbers else 0
    shown = versions[start : start + sought.count]
    base = given.settings.fhir_base
    asked = {"_count": sought.count} if "_page" not in steering else {"_page": steering["_page"]}
    written = bundles.history(shown, base, f"{base}/{place}?{urlencode(asked)}")
    written["total"] = len(versions)
    if shown and start + len(shown) < len(versions):
        token = seal(replace(sought, cursor=numbers[start + len(shown) - 1]), secret)
        written["link"].append({"relation": "next", "url": f"{base}/{place}?{urlencode({'_page': token})}"})
    if not shown:
        del written["entry"]
    return written
