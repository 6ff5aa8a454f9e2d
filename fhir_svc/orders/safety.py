"""PURE: the safety controls between what the rules want and what is drafted (R13 to R16, R43)."""

from __future__ import annotations

from fhir_svc.criteria.findings import Findings
from fhir_svc.decision import Decision
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Record, Site


def control(findings: Findings, record: Record, knowledge: Knowledge, site: Site) -> Decision:
    """Take what the rules found through every safety control, in the order of the criteria, to a Decision."""
    raise NotImplementedError
