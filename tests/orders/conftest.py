from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.criteria.findings import Control, Findings, Want
from fhir_svc.decision import Concern, Decision, Fact, Message, Outcome, Review, RuleOutcome
from fhir_svc.intake.conformance import Conformance
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.drafts import write_down
from fhir_svc.orders.safety import control
from fhir_svc.orders.writes import Writes
from fhir_svc.record import Record, Site, Stored
from tests.orders.story import PROFILES

PLAN = "https://example.org/fhir-svc/PlanDefinition/lbp-lss|1.0.0"
RED_FLAGS = ("R01", "R01b", "R02", "R03", "R03c", "R04", "R05", "R06", "R07")
MRI = frozenset({"MRI_L_WO", "MRI_L_WWO"})
IONISING = frozenset({"XR_L", "XR_L_FLEXEXT", "CTM_L"})
T = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@dataclass(eq=False)
class Shelf:
    """Artefacts as Knowledge hands them out, without its checks."""

    artefacts: list[dict[str, Any]]

    def find(self, kind: str, identity: str) -> dict[str, Any] | None:
        return next((a for a in self.artefacts if a["resourceType"] == kind and a["id"] == identity), None)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [a for a in self.artefacts if a["resourceType"] == kind]

    def codes(self, identity: str) -> dict[str, Any]:
        return {concept["code"]: concept for concept in self.find("CodeSystem", identity)["concept"]}


@dataclass
class Bench:
    """One patient whose findings are written by hand."""

    knowledge: Shelf
    at: datetime = T
    site: Site = field(default_factory=Site)
    scope: str = "north/Patient/p1"

    def stored(self, kind: str, identity: str, version: int = 1, *, ours: bool = False, **content: Any) -> Stored:
        body = {"resourceType": kind, "id": identity, **content}
        return Stored(kind, identity, version, body, self.at - timedelta(days=1), ours)

    def form(self, version: int = 1, status: str = "completed", identity: str = "q1") -> Stored:
        return self.stored("QuestionnaireResponse", identity, version, status=status)

    def fact(self, name: str, value: Any, *sources: Stored, unit: str | None = None) -> Fact:
        return Fact(name, value, unit, "2026-03-10", sources)

    def rule(self, identity: str, *facts: Fact, outcome: str = "met", level: str | None = None) -> RuleOutcome:
        return RuleOutcome(identity, f"Title of {identity}", Outcome(outcome), facts, (), "a citation", level)

    def control(self, identity: str, effect: str, orders: Any = (), **more: Any) -> Control:
        outcome = Outcome(more.pop("outcome", "met"))
        return Control(identity, identity.partition(".")[0], outcome, effect, frozenset(orders), **more)

    def findings(
        self,
        wants: list[Want] | tuple[Want, ...] = (),
        rules: list[RuleOutcome] | tuple[RuleOutcome, ...] = (),
        controls: list[Control] | tuple[Control, ...] = (),
        **more: Any,
    ) -> Findings:
        given = {rule.id for rule in rules}
        named = [want.rule for want in wants] + ["R13", "R14", "R15", "R16", "R43"]
        others = [rule for rule in dict.fromkeys(named) if rule not in given]
        outcome = {want.rule: "met" for want in wants}
        filled = [*rules, *(self.rule(rule, outcome=outcome.get(rule, "not-met")) for rule in others)]
        values: dict[str, Any] = {
            "at": self.at,
            "criteria": PLAN,
            "level": None,
            "flags": frozenset(),
            "reviews": (),
            "messages": (),
            "concerns": (),
            "onsets": {},
            "facts": {},
            "missing": (),
            "data_required": False,
            "red_flags": tuple(rule.id for rule in filled if rule.id in RED_FLAGS and rule.outcome is Outcome.MET),
        }
        return Findings(rules=tuple(filled), wants=tuple(wants), controls=tuple(controls), **{**values, **more})

    def record(self, *stored: Stored) -> Record:
        return Record("p1", stored)

    def decide(self, findings: Findings, *stored: Stored) -> Decision:
        return control(findings, self.record(*stored), self.knowledge, self.site)

    def write(self, decision: Decision, *stored: Stored, seed: str = "s1") -> Writes:
        return write_down(
            decision,
            self.record(*stored),
            self.knowledge,
            scope=self.scope,
            seed=seed,
            subject="Patient/p1",
            submissions=[(f"g-{seed}", f"request-{seed}")],
        )

    def after(self, writes: Writes, *stored: Stored) -> tuple[Stored, ...]:
        """The record as the store holds it once these writes are committed."""
        held = {item.local: item for item in stored}
        for write in writes.writes:
            kind, identity = write.resource["resourceType"], write.resource["id"]
            version = (write.version or 0) + 1
            assert write.version == (held[f"{kind}/{identity}"].version if write.version else None)
            meta = {**write.resource.get("meta", {}), "versionId": str(version), "lastUpdated": "2026-03-10T12:00:00Z"}
            content = {**write.resource, "meta": meta}
            held[f"{kind}/{identity}"] = Stored(kind, identity, version, content, self.at, ours=True)
        return tuple(held.values())

    def run(self, findings: Findings, *stored: Stored, seed: str = "s1") -> tuple[Decision, Writes, tuple[Stored, ...]]:
        """Decide, write down, commit."""
        decision = self.decide(findings, *stored)
        writes = self.write(decision, *stored, seed=seed)
        return decision, writes, self.after(writes, *stored)


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    return Shelf(list(load_artefacts(PROFILES)))


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    """The knowledge that is shipped."""
    return Knowledge(load_artefacts(PROFILES))


@pytest.fixture(scope="session")
def r4() -> Conformance:
    """What R4 says of every type."""
    return Conformance(json.loads((PROFILES / "schema/fhir-r4-all.schema.json").read_text()))


@pytest.fixture
def bench(shelf: Shelf) -> Bench:
    return Bench(shelf)


def of(writes: Writes, kind: str) -> list[dict[str, Any]]:
    return [write.resource for write in writes.writes if write.resource["resourceType"] == kind]


@pytest.fixture(name="of")
def _of():
    return of


@pytest.fixture
def want():
    return Want


@pytest.fixture
def safety_controls(bench: Bench):
    """The controls of R13 to R15 as the plan states them; `on` says which are met, `maybe` which cannot be told."""

    def made(*on: str, maybe: tuple[str, ...] = ()) -> list[Control]:
        def state(name: str) -> str:
            return "met" if name in on else "cannot-tell" if name in maybe else "not-met"

        def one(name: str, effect: str, orders: Any = (), **more: Any) -> Control:
            return bench.control(name, effect, orders, outcome=state(name), **more)

        return [
            one("R13.unsafe", "replace", MRI, replacement="CTM_L", flags=("MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP")),
            one("R13.no-contrast", "block", {"CTM_L"}, consult=True),
            one("R13.contrast-unknown", "flag", {"CTM_L"}, consult=True),
            one("R13.conditional", "flag", MRI, flags=("MR_SAFETY_REVIEW",)),
            one("R13.unanswered", "hold", MRI, blocker="mr-screening", flags=("MR_SCREEN_INCOMPLETE",)),
            one("R14.pregnant", "flag", (), flags=("PREGNANCY",)),
            one("R14.no-contrast-mri", "replace", {"MRI_L_WWO"}, replacement="MRI_L_WO"),
            one("R14.xr", "block", {"XR_L"}, consult=True),
            one("R14.ionising", "block", {"XR_L_FLEXEXT", "CTM_L", "ESI"}),
            one(
                "R14.unknown",
                "hold",
                IONISING | {"MRI_L_WWO"},
                blocker="pregnancy-check",
                flags=("PREGNANCY_CHECK_REQUIRED",),
            ),
            one("R15.renal", "flag", {"MRI_L_WWO"}, flags=("GBCA_RENAL_REVIEW",)),
        ]

    return made


__all__ = ["Concern", "Message", "Review"]
