"""PURE: sources that contradict each other, each contradiction with the sides that disagree and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhir_svc.criteria.answers import CONFLICT
from fhir_svc.criteria.case import Case
from fhir_svc.criteria.plan import Rule
from fhir_svc.criteria.support import alternatives
from fhir_svc.decision import Concern

__all__ = ["CONFLICT", "contradictions"]

_KIND = "conflict"


def contradictions(case: Case, met: Iterable[Rule]) -> Iterator[Concern]:
    """Those that a rule about conflicts is met by: within an answer, or between an answer and what was measured."""
    for rule in met:
        if not any(_is_conflict(case, name) for name in rule.condition.names):
            continue
        for name in case.declarations.facts:
            if CONFLICT in case.read(name).flags:
                sides = (case.fact(name), *(other.fact(name) for other in case.read(name).against))
                yield Concern(_KIND, rule.id, facts=sides)
        for names in alternatives(case, rule.condition):
            if not any(_is_conflict(case, name) for name in names):
                yield Concern(_KIND, rule.id, facts=tuple(case.fact(name) for name in names))


def _is_conflict(case: Case, name: str) -> bool:
    declared = case.declarations.facts.get(name)
    return declared is not None and declared.kind == _KIND
