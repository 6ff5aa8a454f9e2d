"""Search: which parameters count, the searchset Bundle, and links to the next page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import Told, patient_hash
from fhir_svc.errors import Issue, Malformed
from fhir_svc.record import Stored
from fhir_svc.store import audit, resources
from fhir_svc.store.asking import is_empty, usable
from fhir_svc.store.cursors import Page
from fhir_svc.store.parameters import INDEXED
from fhir_svc.store.watermark import watermark
from fhir_svc.web import artefact_parameters, artefact_reads, trail
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.outcomes import outcome
from fhir_svc.web.pages_of_results import Sought, meta, seal, unseal
from fhir_svc.web.rights import ARTEFACTS, AUDIT
from fhir_svc.web.services import Services, services

Params = Sequence[tuple[str, str]]
USUAL_COUNT: Final = 50
MOST_COUNT: Final = 500
CONTROLS: Final = frozenset({"_count", "_sort", "_summary", "_page"})
SUBSCRIPTION: Final = "Subscription"
PLAIN: Final = frozenset({"code", "date", "canonical"})  # status, priority, moments, which form
SILENT: Final = frozenset({"_format", "_pretty"})
REPEATED: Final = "Give this parameter once."


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as read: what is sought, only the number of it or all, and the parameters that were not understood."""

    sought: Sought
    only_count: bool
    ignored: tuple[str, ...]


def ask(kind: str, params: Params, prefer: Prefer, actor: Actor, given: Services) -> Asked:
    """Read the parameters of a search; what is not supported is refused under strict handling, else noted."""
    supported = _supported(kind)
    understood = [one for one in params if _is_understood(*one, supported)]
    steering = controls(understood)
    summary = steering.get("_summary", "false")
    if "_page" in steering:
        secret = given.settings.audit_key.get_secret_value()
        sought = unseal(steering["_page"], secret, tenant=actor.tenant, kind=kind)
        return Asked(sought, summary == "count" or sought.count == 0, ())
    known = [(name, value) for name, value in understood if name not in CONTROLS | SILENT]
    ignored = [name for name, value in params if not _is_understood(name, value, supported)]
    if summary not in {"count", "false"}:
        ignored.append("_summary")
    if ignored and prefer.strict:
        raise Malformed(
            "A parameter is not supported for this type, or has no value; leave it out, or prefer handling=lenient.",
            error="unsupported-parameter",
            code="not-supported",
            expression="http",
        )
    count, sort = count_of(steering.get("_count")), steering.get("_sort")
    sought = Sought(actor.tenant, kind, tuple(usable(kind, known)), sort, count)
    return Asked(sought, summary == "count" or count == 0, tuple(dict.fromkeys(ignored)))


def _is_understood(name: str, value: str, supported: frozenset[str]) -> bool:
    """Whether a parameter counts. One without a value does not, as R4 has it; a page link that was cut off does."""
    known = name in CONTROLS or name.partition(":")[0] in supported
    return name in SILENT | {"_page"} or (known and not is_empty(value))


def _supported(kind: str) -> frozenset[str]:
    if kind in ARTEFACTS:
        return frozenset(artefact_parameters.PARAMETERS[kind])
    return frozenset(audit.PARAMETERS if kind == AUDIT else resources.PARAMETERS[kind])


def controls(params: Params) -> dict[str, str]:
    """Give the parameters that steer a list, each of which may be given once."""
    steering: dict[str, str] = {}
    for name, value in params:
        if name not in CONTROLS:
            continue
        if name in steering:
            raise Malformed(REPEATED, error="repeated-parameter", code="value", expression=f"http.{name}")
        steering[name] = value
    return steering


def count_of(text: str | None, usual: int = USUAL_COUNT) -> int:
    """Read `_count`."""
    if text is None:
        return usual
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004 - a count of a billion is none
        raise Malformed(
            "_count is a whole number, 0 or more.", error="bad-count", code="value", expression="http._count"
        )
    return min(int(text), MOST_COUNT)


def run(asked: Asked, actor: Actor, given: Services) -> Page:
    """Carry the search out and leave its AuditEvent (artefacts hold no patient's data and leave none).

    However long it takes, nobody who writes waits for it; without its AuditEvent nothing of it is shown.
    """
    if asked.sought.kind in ARTEFACTS:
        return artefact_reads.search(given.knowledge, asked.sought)
    with given.database.reading() as tx:
        first = asked.sought.cursor is None  # what that did not say a later page can't
        complete = watermark(tx, actor.tenant) if first else asked.sought.complete
    with given.database.reading() as tx:  # which sees what was committed later, too
        page = page_of(tx, asked, complete)
    with given.database.transaction() as tx:
        trail.leave(tx, Told("search-type", targets=(asked.sought.kind,)), actor)
    return page


def page_of(tx: Any, asked: Asked, complete: datetime | None) -> Page:
    """Carry the search out in a transaction that sees everything up to the watermark `complete`."""
    sought = asked.sought
    count = 0 if asked.only_count else sought.count
    how: dict[str, Any] = {"sort": sought.sort, "count": count, "cursor": sought.cursor}
    if sought.kind == AUDIT:
        page = audit.search(tx, sought.tenant, _audited(sought), **how)
    else:
        page = resources.search(tx, sought.tenant, sought.kind, sought.params, complete=complete, **how)
    return replace(page, complete=complete)


def _audited(sought: Sought) -> list[tuple[str, str]]:
    """The same parameters; a patient, who stands in the audit as a hash, may be asked for by id."""
    key = services().settings.audit_key.get_secret_value()
    return [(name, _hashed(value, sought.tenant, key) if name == "patient" else value) for name, value in sought.params]


def _hashed(value: str, tenant: str, key: str) -> str:
    asked = value.split(",")
    return ",".join([*asked, *(patient_hash(tenant, one.removeprefix("Patient/"), key) for one in asked)])


def bundle(asked: Asked, page: Page, given: Services) -> dict[str, Any]:
    """Write the searchset."""
    base = given.settings.fhir_base
    links = [{"relation": "self", "url": _own(asked, given)}]
    if page.next and not asked.only_count:
        token = seal(asked.sought.following(page), given.settings.audit_key.get_secret_value())
        links.append({"relation": "next", "url": f"{base}/{asked.sought.kind}?{urlencode({'_page': token})}"})
    found: dict[str, Any] = {"resourceType": "Bundle"} | meta(page.complete)
    found |= {"type": "searchset", "total": page.total, "link": links}
    entries = [] if asked.only_count else [_entry(stored, base) for stored in page.entries]
    if asked.ignored:
        entries.append({"resource": outcome(_ignored(asked)), "search": {"mode": "outcome"}})
    if entries:
        found["entry"] = entries
    return found


def _own(asked: Asked, given: Services) -> str:
    """The address of this search with the parameters that counted; what may tell of a patient stands in it sealed."""
    sought = asked.sought
    told = [(name, value) for name, value in sought.params if _tells_nothing(sought.kind, name)]
    sealed = sought.cursor is not None or len(told) < len(sought.params)
    told += [("_sort", sought.sort)] if sought.sort else []
    told += [("_summary", "count")] if asked.only_count and sought.count else [("_count", str(sought.count))]
    told += [("_page", seal(sought, given.settings.audit_key.get_secret_value()))] if sealed else []
    return f"{given.settings.fhir_base}/{sought.kind}?{urlencode(told)}"


def _tells_nothing(kind: str, name: str) -> bool:
    """Whether a parameter is no identifier of anybody, nor a diagnosis."""
    name = name.partition(":")[0]
    if kind in ARTEFACTS or name == "_lastUpdated":
        return True
    parameter = INDEXED.get(kind, {}).get(name)
    return kind != SUBSCRIPTION and parameter is not None and parameter.kind in PLAIN


def _entry(stored: Stored, base: str) -> dict[str, Any]:
    resource = msgspec.Raw(stored.body) if stored.body else stored.content
    return {"fullUrl": f"{base}/{stored.local}", "resource": resource, "search": {"mode": "match"}}


def _ignored(asked: Asked) -> list[Issue]:
    return [
        Issue(
            "not-supported",
            "unsupported-parameter",
            f"{len(asked.ignored)} parameter(s) are not supported for this type, or have no value, and were ignored: "
            "see /fhir/metadata.",
            severity="warning",
        )
    ]
