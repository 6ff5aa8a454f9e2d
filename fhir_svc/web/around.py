"""What stands around an order: what became of it, what came with it, what the patient was told, who changed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise, takewhile
from typing import Any, Final

from fhir_svc.orders.external_change import ENDED
from fhir_svc.orders.identity import derived
from fhir_svc.orders.terms import STATUS_REASON_EXTENSION
from fhir_svc.record import Stored
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.web.worklist import text_of

Json = Mapping[str, Any]
Change = tuple[str, str, str]
NOTE: Final = "Note"
MOST: Final = 50
MOST_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Told:
    """A message for the patient: what it is about, when it was asked for, and its words."""

    title: str
    when: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an order ended before it was carried out: its state, why (CodeSystem and code, and words), by whom, when.

    `signed`: a physician had signed it. `by` is '' where the record does not say it.
    """

    state: str
    why: tuple[tuple[str, str], ...]
    text: str
    by: str
    when: datetime
    signed: bool


def versions(tx: Connection, tenant: str, order: Stored) -> list[Stored]:
    """Every version of an order of ours up to this one, the first one first."""
    found = resources.history(tx, tenant, order.type, order.id)
    return sorted((each for each in found if each.version <= order.version), key=lambda each: each.version)


def ending(life: Sequence[Stored], task: Stored | None) -> Ending | None:
    """How an order with these versions ended; None for one that waits or stands."""
    order, state = life[-1].content, life[-1].content.get("status", "")
    if state not in ENDED:
        return None
    since = list(takewhile(lambda each: each.content.get("status") == state, reversed(life)))[-1].received
    held = (each for each in order.get("extension", ()) if each.get("url") == STATUS_REASON_EXTENSION)
    reason: Json = next((each.get("valueCodeableConcept", {}) for each in held), {})
    why = ((each["system"].rpartition("/")[2], each["code"]) for each in reason.get("coding", ()))
    told = tuple(each for each in why if each[1] != state)
    return Ending(state, told, reason.get("text", ""), _ended_by(state, reason, task), since, "requester" in order)


def decided(life: Sequence[Stored]) -> datetime | None:
    """When an order with these versions was no draft any more; None for one that still is."""
    return next((each.received for each in life if each.content.get("status") != "draft"), None)


def taken_back(order: Stored, task: Stored | None) -> bool:
    """Whether the software took its own draft back: nobody declined it, and nobody had signed it."""
    back = order.content.get("status") == "revoked"
    return back and task is not None and task.content.get("status") == "cancelled"


def _ended_by(state: str, reason: Json, task: Stored | None) -> str:
    """Who ended it: only what an EHR reports has no reason of ours, and only an admin marks an error."""
    if not reason:
        return "the record system"
    if state == "entered-in-error":
        return "an administrator"
    declined = task is not None and task.content.get("status") == "rejected"
    by: str = task.content.get("owner", {}).get("display", "") if task and declined else ""
    return by


def siblings(tx: Connection, tenant: str, order: Stored) -> list[Stored]:
    """The other orders that the same evaluation drafted."""
    requisition = order.content.get("requisition", {})
    if "value" not in requisition:
        return []
    wanted = [("requisition", f"{requisition.get('system', '')}|{requisition['value']}")]
    found = resources.search(tx, tenant, "ServiceRequest", wanted, sort=None, count=MOST, cursor=None)
    return [each for each in found.entries if each.id != order.id and each.ours]


def about(tx: Connection, tenant: str, task: Stored) -> list[tuple[str, Stored]]:
    """The orders that a review is about, in words and as they stand now; those that are not on file are left out."""
    named = [each.get("reference", "").partition("/_history/")[0] for each in task.content.get("basedOn", ())]
    wanted = [each for each in dict.fromkeys(named) if each.startswith("ServiceRequest/")]
    found = resources.read_many(tx, tenant, wanted)
    return [(_code_text(found[each].content) or "Order", found[each]) for each in wanted if each in found]


def told(tx: Connection, tenant: str, order: Stored) -> list[Told]:
    """What the patient was told up to the last change of this order, newest first: its own evaluation comes first."""
    subject = order.content.get("subject", {}).get("reference", "")
    found = resources.search(
        tx, tenant, "CommunicationRequest", [("subject", subject)], sort="-authored", count=MOST, cursor=None
    )
    messages = [
        each
        for each in found.entries
        if each.ours and any(one.get("reference") == subject for one in each.content.get("recipient", ()))
    ]
    if order.content.get("status") != "draft":
        messages = [each for each in messages if each.received <= order.received]
    return [_told(each.content) for each in messages[:MOST_TOLD]]


def _told(message: Json) -> Told:
    texts = tuple(each["contentString"] for each in message.get("payload", ()) if "contentString" in each)
    return Told(text_of(next(iter(message.get("reasonCode", ())), {})), message.get("authoredOn", ""), texts)


def changes(tx: Connection, tenant: str, life: Sequence[Stored]) -> tuple[list[Change], list[Change]]:
    """What the versions that a physician made changed, and what all others did: (what, before, now)."""
    stated = {each.reference: f"Provenance/{derived('Provenance', 'revised', each.reference)}" for each in life[1:]}
    theirs = resources.read_many(tx, tenant, list(stated.values()))
    by_hand: list[Change] = []
    others: list[Change] = []
    for before, after in pairwise(life):
        mine = by_hand if stated[after.reference] in theirs else others
        mine += _changed(before.content, after.content)
    return _summed(by_hand), _summed(others)


def _changed(before: Json, after: Json) -> list[Change]:
    told = [
        ("Priority", before.get("priority", ""), after.get("priority", "")),
        ("Order", _code_text(before), _code_text(after)),
        ("Performer", _displays(before.get("performer", ())), _displays(after.get("performer", ()))),
    ]
    known = {note.get("text") for note in before.get("note", ())}
    told += [(NOTE, "", note["text"]) for note in after.get("note", ()) if note.get("text") not in known]
    return [(what, old, new) for what, old, new in told if old != new]


def _summed(steps: Iterable[Change]) -> list[Change]:
    """Each element once, from what it was first to what it became last; every note."""
    found: dict[str, Change] = {}
    notes = []
    for what, old, new in steps:
        if what == NOTE:
            notes.append((what, old, new))
        else:
            found[what] = (what, found.get(what, (what, old, new))[1], new)
    return [*(each for each in found.values() if each[1] != each[2]), *notes]


def _code_text(order: Json) -> str:
    return text_of(order.get("code", {}))


def _displays(references: Iterable[Json]) -> str:
    return ", ".join(each.get("display") or each.get("reference", "") for each in references)
