"""The history of one resource, in pages: `_since`, `_count`, and opaque links to the older versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from fhir_svc.errors import Malformed
from fhir_svc.record import Stored
from fhir_svc.store.cursors import Page
from fhir_svc.store.reading import History
from fhir_svc.web import replies, searching
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.pages_of_results import Sought, meta, seal, unseal
from fhir_svc.web.services import Services
from fhir_svc.web.wire import instant

KNOWN: Final = frozenset({"_since", "_count", "_page", *searching.SILENT})


def page(
    versions: History | Sequence[Stored], params: searching.Params, prefer: Prefer, tenant: str, given: Services
) -> dict[str, Any]:
    """Write the page of a history that is asked for; `versions` are all of them, newest first, if only the one."""
    if prefer.strict and any(name not in KNOWN for name, _ in params):
        raise Malformed(
            "A history is asked for with _since and _count alone.", error="unsupported-parameter", code="not-supported"
        )
    local = versions.local if isinstance(versions, History) else versions[0].local
    place, secret = f"{local}/_history", given.settings.audit_key.get_secret_value()
    steering = searching.controls(params)
    if "_page" in steering:
        sought = unseal(steering["_page"], secret, tenant=tenant, kind=place)
    else:
        count = searching.count_of(steering.get("_count"), searching.MOST_COUNT)
        sought = Sought(tenant, place, tuple(one for one in params if one[0] == "_since"), None, count)
    found = _found(versions, sought)
    base = given.settings.fhir_base
    asked = {**dict(sought.params), "_count": sought.count} if "_page" not in steering else {"_page": steering["_page"]}
    written = bundle(found.entries, base, f"{base}/{place}?{urlencode(asked)}")
    written |= meta(sought.complete or found.complete) | {"total": found.total}
    if found.next:
        token = seal(sought.following(found), secret)
        written["link"].append({"relation": "next", "url": f"{base}/{place}?{urlencode({'_page': token})}"})
    if not found.entries:
        del written["entry"]
    return written


def _found(versions: History | Sequence[Stored], sought: Sought) -> Page:
    """Those of `_since` or later, as R4 has it; all where it is not given."""
    since = max((_instant(text) for _, text in sought.params), default=None)
    if isinstance(versions, History):
        return versions.page(sought.count, since=since, cursor=sought.cursor)
    found = [one for one in versions if since is None or one.received >= since]
    return Page(found[: sought.count], None, len(found), max(one.received for one in versions))


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that nobody encoded arrives as a blank
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Malformed(
            "_since is an instant with a time zone.", error="bad-search-value", code="value", expression="http._since"
        )
    return found


def bundle(versions: Sequence[Stored], base: str, own: str) -> dict[str, Any]:
    """Write the history Bundle of one resource."""
    return {
        "resourceType": "Bundle",
        "type": "history",
        "total": len(versions),
        "link": [{"relation": "self", "url": own}],
        "entry": [_past(one, base) for one in versions],
    }


def _past(stored: Stored, base: str) -> dict[str, Any]:
    first = stored.version == 1
    return {
        "fullUrl": f"{base}/{stored.local}",
        "resource": msgspec.Raw(stored.body) if stored.body else stored.content,
        "request": {"method": "PUT", "url": stored.local},
        "response": {
            "status": replies.PHRASES[201 if first else 200],
            "etag": f'W/"{stored.version}"',
            "lastModified": instant(stored.received),
        },
    }
