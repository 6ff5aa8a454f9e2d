"""A physician answers an open safety check: the answer becomes evidence, and what it settles no longer blocks.

Which check a parameter answers, with which codes, and which of them settle it stands in `CodeSystem/blocker`: a settled
check leaves the draft at once (a new version that cites the answer); an answer that shows a danger leaves it blocked,
and the evaluation that follows swaps or withdraws the draft.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import Unprocessable
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders import provenance, states, transitions
from fhir_svc.orders.terms import extension, extensions
from fhir_svc.record import Stored
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.web.acts.case import (
    Case,
    audited,
    change_order,
    create,
    evaluate_again,
    known_code,
    open_case,
)
from fhir_svc.web.services import Services

Coding = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """A check that can hold a draft back, as `CodeSystem/blocker` states it."""

    code: str
    text: str
    parameter: str
    measure: Coding
    answers: tuple[Coding, ...]
    clears: frozenset[str]

    def answer(self, code: str) -> Coding:
        """The answer with this code; Unprocessable if the check has no such answer."""
        known_code(code, {coding["code"] for coding in self.answers}, self.parameter)
        return next(coding for coding in self.answers if coding["code"] == code)


def checks(knowledge: Knowledge) -> Iterator[Check]:
    """Every check that a physician can answer."""
    held = knowledge.find("CodeSystem", "blocker") or {}
    for concept in held.get("concept", ()):
        properties = concept.get("property", ())
        parameter = next((each["valueString"] for each in properties if each["code"] == "parameter"), None)
        if parameter is not None:
            answers = tuple(each["valueCoding"] for each in properties if each["code"] == "answer")
            clears = frozenset(each["valueCoding"]["code"] for each in properties if each["code"] == "clears")
            measure = next(each["valueCoding"] for each in properties if each["code"] == "measure")
            text = concept.get("definition", concept["display"])
            yield Check(concept["code"], text, parameter, measure, answers, clears)


def record_screening(
    services: Services, actor: Actor, draft_id: str, *, expected: int, answers: Mapping[str, str]
) -> Stored:
    """Store the physician's answers (`mr`, `pregnancy`: codes) as evidence; gives the draft as it is then."""
    known = {check.parameter: check for check in checks(services.knowledge)}
    given = [(known[name], known[name].answer(code)) for name, code in answers.items() if name in known]
    if not given:
        raise Unprocessable(f"Answer at least one of: {', '.join(sorted(known))}.", error="parameter-missing")
    with services.database.transaction() as tx:
        case = open_case(tx, actor, draft_id, expected)
        transitions.require_task("screen", case.waiting["status"])
        found = [_observed(tx, actor, case, check, answer) for check, answer in given]
        settled = {check.code for check, answer in given if answer["code"] in check.clears}
        order = _cite(tx, actor, case, found, settled)
        evaluate_again(tx, actor.tenant, case)
        audited(tx, actor, "record-screening", case.patient, [order, *found])
    return order


def _observed(tx: Connection, actor: Actor, case: Case, check: Check, answer: Coding) -> Stored:
    """Store one answer as an Observation by the physician: evidence like any other, not an assertion of ours."""
    observation = {
        "resourceType": "Observation",
        "id": str(uuid4()),
        "status": "final",
        "code": {"coding": [dict(check.measure)]},
        "subject": dict(case.order.content["subject"]),
        "effectiveDateTime": states.moment(case.at),
        "issued": states.moment(case.at),
        "performer": [case.by.json],
        "valueCodeableConcept": {"coding": [dict(answer)]},
    }
    written = resources.create(tx, actor.tenant, observation, patient=case.patient, ours=False)
    stored = resources.read(tx, actor.tenant, "Observation", written.id)
    assert stored is not None  # noqa: S101 - written a line ago
    return stored


def _cite(tx: Connection, actor: Actor, case: Case, found: list[Stored], settled: set[str]) -> Stored:
    """Make the answers evidence of the draft and take the settled checks off it, as the physician's own change."""
    draft = case.order.content
    cited = [*draft.get("supportingInfo", ()), *({"reference": each.reference} for each in found)]
    still_open = [code for code in extensions(draft, "blocker") if code not in settled]
    bare = states.without(draft, "blocker")
    blocking = [{"url": extension("blocker"), "valueCode": code} for code in still_open]
    content = states.fresh(bare) | {"supportingInfo": cited}
    if held := [*bare.get("extension", ()), *blocking]:
        content["extension"] = held
    order = change_order(tx, actor.tenant, case, content)
    create(tx, actor.tenant, case, provenance.revised(order.reference, case.order.reference, by=case.by, at=case.at))
    return order
