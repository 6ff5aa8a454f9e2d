"""PURE: what an evaluation decided, before anything is written. Criteria make it, orders write it down. Shapes only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fhir_svc.record import Stored

Value = str | bool | int | Decimal | datetime


class Outcome(StrEnum):
    """What a rule says of a patient. `CANNOT_TELL` is neither of the others."""

    MET = "met"
    NOT_MET = "not-met"
    CANNOT_TELL = "cannot-tell"


@dataclass(frozen=True, slots=True)
class Fact:
    """A case feature. `value` None is unknown. `unit` is UCUM; `date` the FHIR dateTime of the deciding source.

    `unknown` says how it is unknown though its sources are there: `unsure`, `unusable` or `unknown`.
    """

    name: str
    value: Value | None = None
    unit: str | None = None
    date: str | None = None
    sources: tuple[Stored, ...] = ()
    flags: frozenset[str] = frozenset()
    unknown: str = "unknown"


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule of the PlanDefinition as it came out for this patient: one `rule` of the trace.

    `deciding` are those of its facts that make it true. `basis` are those by which it is judged whether anything has
    changed: all but the numbers that decide nothing.
    """

    id: str
    title: str
    outcome: Outcome
    facts: tuple[Fact, ...]
    missing: tuple[str, ...]
    citation: str
    level: str | None = None
    deciding: tuple[Fact, ...] = ()
    basis: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A ServiceRequest to draft, after every safety control.

    `rules` are the ids that want it; `priority` stat/asap/urgent/routine; `blockers` forbid signing until cleared;
    `evidence` are the versions it rests on; `attached` are earlier studies or orders a signer must see;
    `supersedes` names ids of our own drafts it takes the place of; `instead_of` the order key it was swapped for.
    """

    key: str
    priority: str
    rules: tuple[str, ...]
    reasons: tuple[Mapping[str, Any], ...] = ()
    evidence: tuple[Stored, ...] = ()
    blockers: tuple[str, ...] = ()
    attached: tuple[Stored, ...] = ()
    supersedes: tuple[str, ...] = ()
    instead_of: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """Work for a physician that is no order: a review Task. `reason` is a rule id or a review flag.

    `about` is the signed order that the evidence no longer supports, where that is what it is for. `action` is the id
    of the rule's action that asks for it: what it says to a physician has that name. `grounds` are the reports that it
    is about; empty: those of its rules.
    """

    reason: str
    priority: str
    rules: tuple[str, ...]
    level: str | None = None
    text: str = ""
    about: Stored | None = None
    action: str = ""
    grounds: tuple[Stored, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A CommunicationRequest to send; `reason` is of CodeSystem `message-reason`, `grounds` the reports behind it."""

    reason: str
    rules: tuple[str, ...]
    missing: tuple[str, ...] = ()
    grounds: tuple[Stored, ...] = ()


@dataclass(frozen=True, slots=True)
class Concern:
    """A DetectedIssue: `kind` contraindication, duplicate or conflict; `order` the key of the order, if any."""

    kind: str
    rule: str
    order: str | None = None
    facts: tuple[Fact, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One of our unsigned drafts that must be revoked; `reason` is of CodeSystem `status-reason`."""

    draft: Stored
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One of our orders that already answers a want; `order` is what would be drafted now, to refresh its evidence."""

    existing: Stored
    order: Order


@dataclass(frozen=True, slots=True)
class Decision:
    """All that one evaluation decided. `next_change`: the next instant at which time alone would change it."""

    at: datetime
    criteria: str
    level: str | None
    flags: tuple[str, ...]
    rules: tuple[RuleOutcome, ...]
    orders: tuple[Order, ...]
    reviews: tuple[Review, ...]
    messages: tuple[Message, ...]
    concerns: tuple[Concern, ...]
    red_flags: tuple[str, ...]
    facts: Mapping[str, Fact]
    missing: tuple[str, ...]
    data_required: bool
    next_change: datetime | None = None
    withdrawals: tuple[Withdrawal, ...] = ()
    kept: tuple[Kept, ...] = ()

    def rule(self, rule_id: str) -> RuleOutcome:
        """The outcome of one rule; KeyError for an id the PlanDefinition does not have."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)
