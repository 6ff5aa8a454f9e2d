"""PURE: the checks a physician answers before signing. Which answers clear which is data in `task-approve`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fhir_svc.criteria.findings import Control
from fhir_svc.decision import Fact, RuleOutcome
from fhir_svc.errors import Unprocessable
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import task_definition
from fhir_svc.orders.identity import derived
from fhir_svc.orders.states import By, Resource, fresh, moment
from fhir_svc.orders.terms import extension, extensions, parts
from fhir_svc.orders.transitions import require_order, require_task
from fhir_svc.record import Json, Record, Stored


@dataclass(frozen=True, slots=True)
class Answer:
    """One legal answer to a check: the parameter it comes in, the check, what it is stored as, and what it does.

    `clears` lifts the check from a draft; `standing` lifts it from later drafts too; `controls` are the controls of the
    plan that it turns on, each with the fact that must be true for it (None: always).
    """

    parameter: str
    blocker: str
    code: Mapping[str, Any]
    value: Mapping[str, Any]
    clears: bool
    standing: bool
    controls: tuple[tuple[str, str | None], ...]


def answers(knowledge: Knowledge) -> list[Answer]:
    """Every answer that `$record-screening` takes."""
    return [_answer(held) for held in extensions(task_definition(knowledge, "task-approve"), "screening")]


def chosen(knowledge: Knowledge, given: Mapping[str, str]) -> list[Answer]:
    """The answers that these parameters name; Unprocessable for an unknown parameter or code, or for none."""
    known = {(held.parameter, held.value["code"]): held for held in answers(knowledge)}
    wrong = next((name for name, code in given.items() if (name, code) not in known), None)
    if not given or wrong is not None:
        raise Unprocessable(
            "Answer mr, pregnancy or both, with a code of its value set.",
            expression=f"Parameters.parameter.where(name='{wrong}')[0].value" if given else "Parameters",
            error="screening-answer",
        )
    return [known[pair] for pair in sorted(given.items())]


def observation(answer: Answer, draft: Json, *, by: By, at: datetime) -> Resource:
    """The physician's answer as evidence: an Observation of the patient, to be stored beside the draft."""
    return {
        "resourceType": "Observation",
        "id": derived("Observation", "screening", draft["id"], answer.parameter, moment(at)),
        "status": "final",
        "code": {"coding": [dict(answer.code)]},
        "subject": draft["subject"],
        "effectiveDateTime": moment(at),
        "issued": moment(at),
        "performer": [by.json],
        "valueCodeableConcept": {"coding": [dict(answer.value)]},
    }


def screened(draft: Json, task: Json, given: list[Answer], evidence: list[str]) -> Resource:
    """The draft with the answered checks lifted and the answers (versioned references) among its evidence."""
    require_task("screen", task["status"])
    new = fresh(draft) | {"status": require_order("screen", draft["status"])}
    lifted = {held.blocker for held in given if held.clears}
    kept = [held for held in new.get("extension", ()) if not _lifts(held, lifted)]
    new.pop("extension", None)
    named = sorted({*(held["reference"] for held in new.get("supportingInfo", ())), *evidence})
    return new | ({"extension": kept} if kept else {}) | {"supportingInfo": [{"reference": name} for name in named]}


def cleared(record: Record, knowledge: Knowledge) -> dict[str, Stored]:
    """The checks that a physician has answered, where the answer stands for later drafts, and where it was said."""
    return {held.blocker: said for held, said in _newest(record, knowledge) if held.standing and held.clears}


def turned_on(record: Record, knowledge: Knowledge, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The ids of the controls that a physician's own newest answers turn on, with the answer."""
    return {
        control: _fact(held, said)
        for held, said in _newest(record, knowledge)
        for control, fact in held.controls
        if fact is None or (fact in facts and facts[fact].value is True)
    }


def shown(
    rules: Iterable[RuleOutcome], controls: Iterable[Control], record: Record, knowledge: Knowledge
) -> Iterator[RuleOutcome]:
    """The rules, each with what a physician answered to its checks; pregnancy is a fact of the criteria already."""
    heard = {held.blocker: _fact(held, said) for held, said in _newest(record, knowledge) if held.standing}
    found = {held.rule: heard[held.blocker] for held in controls if held.blocker in heard}
    return (replace(rule, facts=(*rule.facts, found[rule.id])) if rule.id in found else rule for rule in rules)


def _fact(held: Answer, said: Stored) -> Fact:
    return Fact(held.code["code"], held.value["code"], None, said.content.get("effectiveDateTime"), (said,))


def _newest(record: Record, knowledge: Knowledge) -> Iterator[tuple[Answer, Stored]]:
    found = sorted(record.of("Observation", ours=True), key=lambda held: held.received, reverse=True)
    known = answers(knowledge) if found else []
    for code in sorted({held.code["code"] for held in known}):
        said = next((held for held in found if _codes(held, "code") == [code] and _is_valid(held)), None)
        if said is not None:
            yield from ((held, said) for held in known if held.code["code"] == code and _says(said, held))


def _says(stored: Stored, answer: Answer) -> bool:
    return _codes(stored, "valueCodeableConcept") == [answer.value["code"]]


def _is_valid(stored: Stored) -> bool:
    return stored.content.get("status") in {"final", "amended", "corrected"}


def _codes(stored: Stored, element: str) -> list[str]:
    return [coding["code"] for coding in stored.content.get(element, {}).get("coding", ())]


def _lifts(held: Json, lifted: set[str]) -> bool:
    return held["url"] == extension("blocker") and held.get("valueCode") in lifted


def _answer(held: Json) -> Answer:
    return Answer(
        parameter=parts(held, "parameter")[0],
        blocker=parts(held, "blocker")[0],
        code=parts(held, "code")[0],
        value=parts(held, "answer")[0],
        clears=parts(held, "clears")[0],
        standing=bool(parts(held, "standing")),
        controls=tuple(_control(name) for name in parts(held, "control")),
    )


def _control(said: str) -> tuple[str, str | None]:
    name, _, fact = said.partition(" if ")
    return name, fact or None
