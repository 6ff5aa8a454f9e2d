"""PURE: one evaluation of one patient, from the record to everything that is to be written. No clock, no IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_svc.criteria.rules import find
from fhir_svc.decision import Decision
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.drafts import write_down
from fhir_svc.orders.failures import failure
from fhir_svc.orders.safety import control
from fhir_svc.orders.writes import Write, Writes
from fhir_svc.record import Record, Site

__all__ = ["Evaluation", "Write", "Writes", "decide", "evaluate", "failure"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`guidance`: the finished GuidanceResponses, one per submission; `writes`: everything else, in order."""

    guidance: tuple[dict[str, Any], ...]
    writes: tuple[Write, ...]
    decision: Decision


def decide(record: Record, knowledge: Knowledge, site: Site, at: datetime, plan: str = "lbp-lss") -> Decision:
    """What the criteria of a plan and the safety controls say of a patient at T."""
    return control(find(record, knowledge, site, at, plan), record, knowledge, site)


def evaluate(
    record: Record,
    knowledge: Knowledge,
    site: Site,
    at: datetime,
    *,
    scope: str,
    seed: str,
    subject: str,
    submissions: Sequence[tuple[str, str]],
    plan: str = "lbp-lss",
) -> Evaluation:
    """Evaluate a patient at T and say what to write; the same arguments give the same bytes.

    `scope` names tenant and patient, `seed` the oldest submission of the claim, `subject` the local reference
    `Patient/id`; `submissions` are pairs of GuidanceResponse id and request identifier; `plan` is the id
    of the PlanDefinition.
    """
    decision = decide(record, knowledge, site, at, plan)
    written = write_down(decision, record, knowledge, scope=scope, seed=seed, subject=subject, submissions=submissions)
    return Evaluation(written.guidance, written.writes, decision)
