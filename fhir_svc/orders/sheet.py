"""PURE: one evaluation being written down: what it decided, what is already there, and the ids of this run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fhir_svc.decision import Decision, Fact
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import Ladder, ladder
from fhir_svc.orders.identity import deciding, derived
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import AIAST, namespace, system
from fhir_svc.orders.writes import Write
from fhir_svc.record import Record, Stored

Resource = dict[str, Any]


@dataclass
class Sheet:
    """What the writers of single resources share. `guidance`: pairs of GuidanceResponse id and request identifier."""

    decision: Decision
    record: Record
    knowledge: Knowledge
    scope: str
    seed: str
    subject: str
    guidance: Sequence[tuple[str, str]]
    writes: list[Write] = field(default_factory=list)

    @cached_property
    def ours(self) -> dict[str, Stored]:
        """What this service wrote earlier, by local reference."""
        return {stored.local: stored for stored in self.record.current if stored.ours}

    @cached_property
    def run(self) -> str:
        """What makes this evaluation's ids its own: the seed, and T too if an earlier evaluation had the same seed."""
        first = derived("requisition", self.scope, self.seed, self.decision.criteria)
        return self.seed if f"RequestGroup/{first}" not in self.ours else f"{self.seed} {self.at}"

    @property
    def at(self) -> str:
        """T as FHIR writes it."""
        return moment(self.decision.at)

    @property
    def requisition(self) -> str:
        """What the drafts of this evaluation share; also the id of their RequestGroup."""
        return derived("requisition", self.scope, self.run, self.decision.criteria)

    @property
    def reason(self) -> Resource:
        """The GuidanceResponse that everything points to."""
        return {"reference": f"GuidanceResponse/{self.guidance[0][0]}"}

    @property
    def patient(self) -> Resource:
        """The subject."""
        return {"reference": self.subject}

    @cached_property
    def ladder(self) -> Ladder:
        """Levels, priorities and target times."""
        return ladder(self.knowledge)

    @property
    def plan(self) -> str:
        """The canonical of the plan, without version: the system of rule ids."""
        return self.decision.criteria.partition("|")[0]

    def facts(self, rules: Iterable[str]) -> list[Fact]:
        """All facts that these rules read."""
        wanted = set(rules)
        return [fact for rule in self.decision.rules if rule.id in wanted for fact in rule.facts]

    def grounds(self, rules: Iterable[str]) -> list[Stored]:
        """The reports that make these rules true."""
        wanted = set(rules)
        return [
            source
            for rule in self.decision.rules
            if rule.id in wanted
            for fact in rule.deciding
            for source in fact.sources
        ]

    def once(self, kind: str, *parts: str, rules: Iterable[str] = (), more: Sequence[str] = ()) -> str:
        """The id of something that exists once while the deciding values of its rules stay the same."""
        wanted = set(rules)
        facts = [fact for rule in self.decision.rules if rule.id in wanted for fact in (rule.deciding or rule.facts)]
        return derived(kind, self.scope, *parts, deciding(facts), *more)

    def create(self, resource: Resource) -> bool:
        """Write a new resource unless it is there already; says whether it was written."""
        local = f"{resource['resourceType']}/{resource['id']}"
        known = local in self.ours or any(write.local == local for write in self.writes)
        if not known:
            self.writes.append(Write(resource))
        return not known

    def replace(self, stored: Stored, resource: Resource) -> None:
        """Write the successor of a version of ours."""
        self.writes.append(Write(resource, stored.version))


def made(kind: str, identity: str, **elements: Any) -> Resource:
    """A resource of ours, marked as asserted by software. FHIR has no empty elements: they are left out."""
    said = {name: value for name, value in elements.items() if value not in (None, "", [], {})}
    return {"resourceType": kind, "id": identity, "meta": {"security": [dict(AIAST)]}, **said}


def rule_concept(sheet: Sheet, reason: str, text: str | None = None) -> Resource:
    """A rule id or a review flag as a CodeableConcept."""
    titles = {rule.id: rule.title for rule in sheet.decision.rules}
    where = sheet.plan if reason in titles else system("review-flag")
    shown = text or titles.get(reason) or display(sheet.knowledge, "review-flag", reason)
    return {"coding": [{"system": where, "code": reason}], **({"text": shown} if shown else {})}


def display(knowledge: Knowledge, code_system: str, code: str) -> str | None:
    """How one of our code systems words a code."""
    found = knowledge.find("CodeSystem", code_system) or {}
    return next((held.get("display") for held in found.get("concept", ()) if held["code"] == code), None)


def identifier(name: str, value: str) -> Resource:
    """One of our identifiers."""
    return {"system": namespace(name), "value": value}
