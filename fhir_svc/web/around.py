"""What stands around an order: what was proposed with it, what the patient was told, what physicians changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_svc.record import Stored
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.web.worklist import text_of

Json = Mapping[str, Any]
MOST: Final = 50
MOST_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Told:
    """A message for the patient: what it is about, when it was asked for, and its words."""

    title: str
    when: str
    texts: tuple[str, ...]


def siblings(tx: Connection, tenant: str, order: Stored) -> list[Stored]:
    """The other orders that the same evaluation drafted."""
    requisition = order.content.get("requisition", {})
    if "value" not in requisition:
        return []
    wanted = [("requisition", f"{requisition.get('system', '')}|{requisition['value']}")]
    found = resources.search(tx, tenant, "ServiceRequest", wanted, sort=None, count=MOST, cursor=None)
    return [each for each in found.entries if each.id != order.id and each.ours]


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


def changes_by_hand(tx: Connection, tenant: str, order: Stored) -> list[tuple[str, str, str]]:
    """What physicians changed since the software drafted it: (what, drafted, now)."""
    drafted = resources.vread(tx, tenant, "ServiceRequest", order.id, 1)
    if drafted is None or order.version == 1:
        return []
    before, after = drafted.content, order.content
    told = [
        ("Priority", before.get("priority", ""), after.get("priority", "")),
        ("Order", _code_text(before), _code_text(after)),
        ("Performer", _displays(before.get("performer", ())), _displays(after.get("performer", ()))),
    ]
    known = {note.get("text") for note in before.get("note", ())}
    told += [("Note", "", note["text"]) for note in after.get("note", ()) if note.get("text") not in known]
    return [(what, old, new) for what, old, new in told if old != new]


def _code_text(order: Json) -> str:
    return text_of(order.get("code", {}))


def _displays(references: Iterable[Json]) -> str:
    return ", ".join(each.get("display") or each.get("reference", "") for each in references)
