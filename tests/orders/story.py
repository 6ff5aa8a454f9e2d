"""One patient over time: what arrives is stored, evaluated and committed step by step, as the workers do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from fhir_svc.evaluation import evaluate
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders import states
from fhir_svc.record import Record, Site, Stored
from tests.criteria.cases.building import NO_RED_FLAG

PROFILES = Path(__file__).parents[2] / "profiles"
ALICE = states.By("Practitioner/alice", "Alice")
T = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
BASE = "https://example.org/fhir-svc"
LOINC = {"yes": "LA33-6", "no": "LA32-8", "pregnant": "LA15173-0", "not-pregnant": "LA26683-5"}
CALM = {
    "ctx-back-pain": "yes", "mr-pacemaker": "no!", "mr-aneurysm-clip": "no", "mr-cochlear": "no", "mr-neurostim": "no",
    "mr-eye-metal": "no", "mr-other-implant": "no", "hx-anticoagulant": "no", "hx-contrast-allergy": "no",
} | NO_RED_FLAG  # fmt: skip
"""Back pain without any red flag, and nothing that rules out MRI or contrast; `!` marks a code of our own."""


@dataclass
class Patient:
    """One patient over time: each `now` stores what arrives, evaluates, commits and gives what is new."""

    knowledge: Knowledge
    at: datetime = T
    held: dict[str, Stored] = field(default_factory=dict)
    earlier: list[Stored] = field(default_factory=list)
    patient_id: str = "p1"
    backwards: bool = False

    def now(self, *arriving, later=1):
        self.at += timedelta(minutes=later)
        for content in arriving:
            self._store(content, ours=False)
        order = reversed if self.backwards else iter
        record = Record(self.patient_id, tuple(order(list(self.held.values()))), tuple(self.earlier))
        seed = self.at.strftime("%d-%H-%M")
        found = evaluate(
            record, self.knowledge, Site("UTC"), self.at, scope=f"north/{self.patient_id}", seed=seed,
            subject=f"Patient/{self.patient_id}", submissions=[(f"g-{seed}", f"r-{seed}")],
        )  # fmt: skip
        for write in found.writes:
            self._store(write.resource, ours=True)
        return News([write.resource for write in found.writes], found)

    def _store(self, content, *, ours):
        local = f"{content['resourceType']}/{content['id']}"
        before = self.held.get(local)
        if before is not None and before.type == "QuestionnaireResponse":
            self.earlier.insert(0, before)
        version = before.version + 1 if before else 1
        self.held[local] = Stored(content["resourceType"], content["id"], version, content, self.at, ours)

    def form(self, name, **answers):
        said = CALM | {key.replace("_", "-"): value for key, value in answers.items()}
        items = [{"linkId": key, "answer": [answer(value)]} for key, value in said.items() if value is not None]
        return {
            "resourceType": "QuestionnaireResponse", "id": name, "status": "completed",
            "authored": self.at.isoformat(), "subject": {"reference": "Patient/p1"},
            "questionnaire": f"{BASE}/Questionnaire/lbp-lss-intake|1.0.0", "item": items,
        }  # fmt: skip

    def message(self, name, text, minutes=0):
        return {
            "resourceType": "Communication", "id": name, "status": "completed", "subject": {"reference": "Patient/p1"},
            "sender": {"reference": "Patient/p1"}, "sent": (self.at + timedelta(minutes=minutes)).isoformat(),
            "payload": [{"contentString": text}],
        }  # fmt: skip

    def decline(self):
        """A physician declines every draft."""
        self.at += timedelta(minutes=1)
        approvals = {
            held.content["focus"]["reference"]: held
            for held in self.held.values()
            if held.type == "Task" and "focus" in held.content
        }
        for held in [each for each in self.held.values() if each.content.get("status") == "draft"]:
            task = approvals[held.local]
            said = states.declined(held.content, task.content, reason="other", text=None, by=ALICE, at=self.at)
            for content in said:
                self._store(content, ours=True)

    def reviews(self, *statuses):
        return [
            held for held in self.held.values()
            if held.type == "Task" and held.content["code"]["coding"][0]["code"] == "review"
            and held.content["status"] in statuses
        ]  # fmt: skip

    def sign(self):
        """A physician signs every draft."""
        self.at += timedelta(minutes=1)
        approvals = {held.content["focus"]["reference"]: held for held in self.held.values() if held.type == "Task"}
        for held in [each for each in self.held.values() if each.content.get("status") == "draft"]:
            said = states.signed(held.content, approvals[held.local].content, by=ALICE, at=self.at)
            for content in said:
                self._store(content, ours=True)

    def close_fact(self, name):
        """A physician completes the oldest open review and closes a fact with it."""
        self.at += timedelta(minutes=1)
        task = self.reviews("requested")[0]
        given = {"outcome": "assessed", "note": None, "closed_facts": [name]}
        self._store(states.completed(task.content, by=ALICE, at=self.at, **given), ours=True)

    def close(self, status="completed"):
        """Close every open review."""
        self.at += timedelta(minutes=1)
        for task in self.reviews("requested"):
            changed = {**task.content, "status": status, "lastModified": self.at.isoformat()}
            self.held[task.local] = replace(task, version=task.version + 1, content=changed)


@dataclass
class News:
    """What one evaluation wrote."""

    resources: list
    found: object

    def tasks(self):
        return [held for held in self.resources if held["resourceType"] == "Task" and self._is_review(held)]

    def orders(self, *statuses):
        orders = [held for held in self.resources if held["resourceType"] == "ServiceRequest"]
        return [held for held in orders if not statuses or held["status"] in statuses]

    def messages(self):
        sent = [held for held in self.resources if held["resourceType"] == "CommunicationRequest"]
        return sorted(held["reasonCode"][0]["coding"][0]["code"] for held in sent)

    @staticmethod
    def _is_review(task):
        return task["code"]["coding"][0]["code"] == "review"


def answer(value):
    return {"valueDecimal": value} if isinstance(value, int) else {"valueCoding": coding(value)}


def coding(value):
    if value in LOINC:
        return {"system": "http://loinc.org", "code": LOINC[value]}
    return {"system": f"{BASE}/CodeSystem/answer", "code": value.strip("!")}


def weight(day, kilograms=80):
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    quantity = {"value": kilograms, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    return {
        "resourceType": "Observation", "id": f"w{day}", "status": "final", "code": code,
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": f"2026-03-{day:02}", "valueQuantity": quantity,
    }  # fmt: skip


def temperature(name, celsius, at):
    """A body temperature that somebody else measured."""
    code = {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]}
    quantity = {"value": Decimal(str(celsius)), "unit": "Cel", "system": "http://unitsofmeasure.org", "code": "Cel"}
    return {
        "resourceType": "Observation", "id": name, "status": "final", "code": code,
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": at.isoformat(), "valueQuantity": quantity,
    }  # fmt: skip
