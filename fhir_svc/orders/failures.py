"""PURE: what is written when an evaluation fails for good: an engine error is never silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.writes import Writes


def failure(
    knowledge: Knowledge,
    at: datetime,
    *,
    scope: str,
    seed: str,
    subject: str,
    submissions: Sequence[tuple[str, str]],
) -> Writes:
    """GuidanceResponses with status failure and one review Task, priority asap."""
    raise NotImplementedError
