"""What a case can state of the resources that are written, each as a few words: `R36:asap@22min`, `MRI_L_WO:4h`.

Times are told from T on. Everything is read from the FHIR resources alone, and a case states all there is or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from tests.criteria.cases.building import B, Resource, T

RULE = re.compile(r"(R\d\d\w?) ")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def of_type(written: Sequence[Resource], kind: str) -> list[Resource]:
    """The resources of one type, in the order of writing."""
    return [each for each in written if each["resourceType"] == kind]


def drafts(written: Sequence[Resource]) -> list[Resource]:
    """The orders that wait for a signature."""
    return [each for each in of_type(written, "ServiceRequest") if each["status"] == "draft"]


def tasks(written: Sequence[Resource], code: str) -> list[Resource]:
    """The Tasks of one kind: approve or review."""
    return [each for each in of_type(written, "Task") if any(held["code"] == code for held in each["code"]["coding"])]


def key(draft: Resource) -> str:
    """The order key of a draft."""
    return next(code["code"] for code in draft["code"]["coding"] if code["system"] == f"{B}/CodeSystem/order-key")


def _first_code(concept: Resource) -> str:
    return str(concept["coding"][0]["code"])


def _after(moment: str, at: datetime) -> str:
    """How long after T, in the largest unit that fits: `4h`, `-38min`."""
    seconds = round((datetime.fromisoformat(moment) - at).total_seconds())
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _until(task: Resource, at: datetime) -> str:
    return _after(task["restriction"]["period"]["end"], at) if "restriction" in task else ""


def reasons(written: Sequence[Resource], _at: datetime = T) -> list[str]:
    """The reason codes of all drafts; a reason without code by its text, `new-pain-down-both-legs`."""
    concepts = [reason for draft in drafts(written) for reason in draft.get("reasonCode", ())]
    codes = {held["code"] for concept in concepts for held in concept.get("coding", ())}
    return [*codes, *{each["text"].lower().replace(" ", "-") for each in concepts if not each.get("coding")}]


def due(written: Sequence[Resource], at: datetime = T) -> list[str]:
    """By when each draft is to be signed: `MRI_L_WO:4h`."""
    keys = {f"ServiceRequest/{each['id']}": key(each) for each in drafts(written)}
    return [f"{keys[task['focus']['reference']]}:{_until(task, at)}" for task in tasks(written, "approve")]


def asked(written: Sequence[Resource], at: datetime = T) -> list[str]:
    """Every review with its priority and until when it is wanted: `R01b:asap@4h`."""
    return [
        f"{_first_code(task['reasonCode'])}:{task['priority']}@{_until(task, at)}" for task in tasks(written, "review")
    ]


def sent(written: Sequence[Resource], _at: datetime = T) -> list[str]:
    """Every message with its priority: `SAME_DAY_ADVICE:asap`."""
    return [
        f"{_first_code(each['reasonCode'][0])}:{each['priority']}" for each in of_type(written, "CommunicationRequest")
    ]


def raised(written: Sequence[Resource], _at: datetime = T) -> list[str]:
    """The rules that have a Flag."""
    return [_first_code(each["code"]) for each in of_type(written, "Flag") if each["status"] == "active"]


def blocked(written: Sequence[Resource], _at: datetime = T) -> list[str]:
    """What must be settled before a draft is signed: `CTM_L:pregnancy-check`."""
    url = f"{B}/StructureDefinition/blocker"
    return [
        f"{key(each)}:{held['valueCode']}"
        for each in drafts(written)
        for held in each["extension"]
        if held["url"] == url
    ]


def issues(written: Sequence[Resource], _at: datetime = T) -> list[str]:
    """Contraindications, duplicates and conflicts, each with the drafts that it touches: `contraindication:CTM_L`."""
    keys = {f"ServiceRequest/{each['id']}": key(each) for each in drafts(written)}
    found = []
    for issue in of_type(written, "DetectedIssue"):
        touched = sorted(keys[held["reference"]] for held in issue.get("implicated", ()))
        found.append(f"{_first_code(issue['code'])}:{'+'.join(touched)}")
    return found


def wanted(written: Sequence[Resource], _at: datetime = T) -> list[str]:
    """The facts that are missing."""
    (guidance,) = of_type(written, "GuidanceResponse")
    named = [each["extension"][0]["valueCode"] for each in guidance.get("dataRequirement", ())]
    return list(dict.fromkeys(named))


def why(written: Sequence[Resource], _at: datetime = T) -> list[str]:
    """The rules that each draft names in its notes: `MRI_L_WO:R01+R03`."""
    said = {
        key(each): [found[1] for note in each["note"] if (found := RULE.match(note["text"]))]
        for each in drafts(written)
    }
    return [f"{name}:{'+'.join(rules)}" for name, rules in said.items()]


def lacking(guidance: Resource, rule: str) -> list[str]:
    """The facts that the trace names as missing for a rule."""
    trace = next(each for each in guidance["contained"] if each["resourceType"] == "Parameters")["parameter"]
    parts = next(each["part"] for each in trace if each["name"] == "rule" and each["part"][0]["valueString"] == rule)
    return [str(part["valueCode"]) for part in parts if part["name"] == "missing"]


READ: dict[str, Callable[[Sequence[Resource], datetime], list[str]]] = {
    "reasons": reasons,
    "due": due,
    "asked": asked,
    "sent": sent,
    "raised": raised,
    "blocked": blocked,
    "issues": issues,
    "wanted": wanted,
    "why": why,
}


def told(written: Sequence[Resource]) -> str:
    """All that is said to physicians on drafts and reviews, in one text."""
    notes = [note["text"] for draft in drafts(written) for note in draft.get("note", ())]
    return "\n".join([*notes, *(task.get("description", "") for task in tasks(written, "review"))])


def heard(written: Sequence[Resource]) -> str:
    """All that is said in messages, in one text."""
    return "\n".join(
        part["contentString"] for each in of_type(written, "CommunicationRequest") for part in each["payload"]
    )
