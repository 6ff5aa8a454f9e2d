"""PURE: cases that show what a rule's condition means, worked out from the artefacts and never written by hand.

They are about the condition alone: what the safety controls then take away is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from fhir_svc.criteria import reach
from fhir_svc.criteria.expressions import Node, Not
from fhir_svc.criteria.review import space_of
from fhir_svc.criteria.rules import find
from fhir_svc.decision import Outcome
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Record, Site

ANY_DAY = datetime.fromisoformat("2025-01-01T12:00:00Z")  # without a record no day differs from another


@dataclass(frozen=True, slots=True)
class Examples:
    """Facts that are enough to meet a rule, and to rule it out (None: there are none); what no record at all gives."""

    met: reach.Given | None
    not_met: reach.Given | None
    nothing: Outcome


@lru_cache(maxsize=16)
def examples(knowledge: Knowledge, plan: str) -> Mapping[str, Examples]:
    """Examples for each rule of a plan, by rule id."""
    space = space_of(knowledge, plan)
    space.summaries = True
    empty = {rule.id: rule.outcome for rule in find(Record("nobody", ()), knowledge, Site("UTC"), ANY_DAY, plan).rules}
    return {
        rule.id: Examples(
            met=_enough(space, rule.condition.node),
            not_met=_enough(space, Not(rule.condition.node)),
            nothing=empty[rule.id],
        )
        for rule in knowledge.pathway(plan).plan.rules
    }


def _enough(space: reach.Space, goal: Node) -> reach.Given | None:
    """With the site's values as the criteria have them."""
    defaults = {name: parameter.default for name, parameter in space.declarations.parameters.items()}
    try:
        return reach.solution(space, goal, defaults)
    except reach.Exhausted:
        return None
