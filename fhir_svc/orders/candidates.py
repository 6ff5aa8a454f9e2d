"""PURE: an order on its way through the controls, and how several wishes for one order become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_svc.criteria.findings import Want
from fhir_svc.decision import Fact
from fhir_svc.orders.definitions import Ladder, OrderKind
from fhir_svc.record import Stored


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order that some rules want; the controls change it, hold it or take it away."""

    key: str
    priority: str
    rules: tuple[str, ...]
    reasons: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    attached: tuple[Stored, ...] = ()
    facts: tuple[Fact, ...] = ()
    instead_of: str | None = None


def from_want(want: Want) -> Candidate:
    """What one rule wants."""
    return Candidate(want.key, want.priority, (want.rule,), want.reasons, want.notes)


def merged(candidates: Iterable[Candidate], ladder: Ladder) -> list[Candidate]:
    """One candidate per order key, at the highest priority, in the order of first mention."""
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        held = found.get(candidate.key)
        found[candidate.key] = candidate if held is None else _join(held, candidate, ladder)
    return list(found.values())


def covered(candidates: Sequence[Candidate], kinds: Mapping[str, OrderKind], ladder: Ladder) -> list[Candidate]:
    """The same without the orders that another one makes needless; that one takes their rules and priority."""
    over = {key: held.key for held in candidates for key in kinds[held.key].covers}
    return merged([replace(held, key=over.get(held.key, held.key)) for held in candidates], ladder)


def _join(one: Candidate, other: Candidate, ladder: Ladder) -> Candidate:
    return Candidate(
        key=one.key,
        priority=ladder.highest([one.priority, other.priority]),
        rules=tuple(dict.fromkeys(one.rules + other.rules)),
        reasons=_distinct(one.reasons + other.reasons),
        notes=_distinct(one.notes + other.notes),
        blockers=_distinct(one.blockers + other.blockers),
        attached=_distinct(one.attached + other.attached),
        facts=_distinct(one.facts + other.facts),
        instead_of=one.instead_of or other.instead_of,
    )


def _distinct(items: tuple[Any, ...]) -> tuple[Any, ...]:
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return tuple(found)
