"""PURE: what the rules found, before the safety controls of `orders.safety` turn it into a Decision. Shapes only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_svc.decision import Concern, Fact, Message, Outcome, Review, RuleOutcome


@dataclass(frozen=True, slots=True)
class Want:
    """A rule that is met wants an order: `key` of CodeSystem `order-key`, `priority` stat/asap/urgent/routine."""

    key: str
    priority: str
    rule: str
    reasons: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """One safety control as the PlanDefinition states it (a sub-action of R13, R14 or R15, e.g. `R13.unsafe`).

    `effect`: `replace` (each order of `orders` becomes `replacement`, or a consult where `replacement` is None),
    `block` (taken away; a RADIOLOGY_CONSULT where `consult`), `hold` (kept; signing awaits `blocker`), `flag` (kept).
    `flags` are set when the control touches at least one order.
    """

    id: str
    rule: str
    outcome: Outcome
    effect: str
    orders: frozenset[str]
    replacement: str | None = None
    consult: bool = False
    blocker: str | None = None
    flags: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rules found over the facts of one patient at T, in the order of the PlanDefinition.

    `rules` holds every rule; R13 to R16 and R43 are provisional there: the safety controls settle them. `onsets` gives
    for a met red-flag rule the latest moment its onset can be (R16 c). `level` is the level before the controls.
    """

    at: datetime
    criteria: str
    level: str | None
    rules: tuple[RuleOutcome, ...]
    wants: tuple[Want, ...]
    controls: tuple[Control, ...]
    flags: frozenset[str]
    reviews: tuple[Review, ...]
    messages: tuple[Message, ...]
    concerns: tuple[Concern, ...]
    red_flags: tuple[str, ...]
    onsets: Mapping[str, datetime]
    facts: Mapping[str, Fact]
    missing: tuple[str, ...]
    data_required: bool
    next_change: datetime | None = None
