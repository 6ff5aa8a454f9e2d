"""PURE: everything that an evaluation writes, as FHIR R4 resources with ids that repeat."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_svc.decision import Decision
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.writes import Writes
from fhir_svc.record import Record


def write_down(
    decision: Decision,
    record: Record,
    knowledge: Knowledge,
    *,
    scope: str,
    seed: str,
    subject: str,
    submissions: Sequence[tuple[str, str]],
) -> Writes:
    """The resources of one evaluation: `submissions` are pairs of GuidanceResponse id and request identifier."""
    raise NotImplementedError
