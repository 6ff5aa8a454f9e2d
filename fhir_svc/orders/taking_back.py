"""PURE: why our unsigned drafts are taken back, and what a physician who had changed one of them must hear."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from fhir_svc.decision import Review, Withdrawal
from fhir_svc.orders.definitions import OrderKind, key_of
from fhir_svc.orders.external_change import MERGED
from fhir_svc.orders.repeats import Repeats, is_revised
from fhir_svc.orders.signature import evidence, outdated
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Record, Stored

SUPERSEDED = "superseded"
EXPIRED = "expired"
REVOKED = "DRAFTS_REVOKED"
_WITHDRAWN = "source-withdrawn"
_UNSUPPORTED = "no-longer-supported"


def withdrawn(
    unfit: Iterable[Stored], record: Record, repeats: Repeats, kinds: Mapping[str, OrderKind]
) -> Iterator[Withdrawal]:
    """Drafts that the evidence no longer supports: their source was changed, another took their place, or neither."""
    place = _in_place(repeats, kinds)
    for held in unfit:
        ended = bool(outdated(evidence(held.content), record))
        yield Withdrawal(held, _WITHDRAWN if ended else SUPERSEDED if _replaced(held, place) else _UNSUPPORTED)


def told(withdrawals: Sequence[Withdrawal], record: Record) -> Iterator[Review]:
    """A review for each draft that a physician had changed: that change, and its urgency, must not end in silence.

    As urgent as they had made it. A draft of a replaced patient is asked about in any case.
    """
    for gone in withdrawals:
        held = gone.draft
        if gone.reason != MERGED and is_revised(held, record):
            priority = str(held.content.get("priority", "routine"))
            yield Review(REVOKED, priority, tuple(extensions(held.content, "rule")), about=held)


def _in_place(repeats: Repeats, kinds: Mapping[str, OrderKind]) -> set[str]:
    """The order keys that a draft of now stands for: its own, and those that it makes needless."""
    drafts = {order.key for order in repeats.orders}
    drafts |= {kept.order.key for kept in repeats.kept if kept.existing.content.get("status") == "draft"}
    return drafts | {key for held in drafts for key in kinds[held].covers}


def _replaced(held: Stored, place: Collection[str]) -> bool:
    return any(key in place for key in (key_of(held.content), *extensions(held.content, "instead-of")))
