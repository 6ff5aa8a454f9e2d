"""The worklist: every open Task of a tenant, drafts and reviews in one list, most urgent first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from fhir_svc.orders.terms import extensions
from fhir_svc.record import Stored
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.web import spoilt, trace
from fhir_svc.web.acts.case import APPROVE, REVIEW, deferred_until, kind_of, patient_of
from fhir_svc.web.moments import age, parse
from fhir_svc.web.wording import Wording

PRIORITIES: Final = ("stat", "asap", "urgent", "routine")
WAITING: Final = "requested,accepted,in-progress"
ON_HOLD: Final = "on-hold"
MOST: Final = 200  # per priority; beyond it the page says how many more there are
LAST: Final = 1e12  # seconds: after every target time
log = structlog.get_logger("fhir_svc.web")


@dataclass(frozen=True, slots=True)
class Person:
    """As much of a patient as it takes to tell one from another. '' and None where nothing was ever received.

    `identifier` is the first that has a value, such as the number on the wristband.
    """

    id: str = ""
    identifier: str = ""
    name: str = ""
    born: str = ""
    age: int | None = None
    sex: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the worklist. `why` names the rules or what is asked, `reasons` what they were met on.

    `damaged`: something of it can't be read, and is left out.
    """

    task: Stored
    kind: str
    about: str
    title: str
    why: str
    reasons: str
    priority: str
    person: Person
    flags: tuple[str, ...]
    since: datetime
    due: datetime | None
    until: datetime | None
    owner: str
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Worklist:
    """The lines to show, how many of each priority there are in all, and how many were left off.

    `damaged` are the ids of Tasks that can't be read.
    """

    items: Sequence[Item]
    counts: Mapping[str, int]
    left_off: int
    damaged: Sequence[str] = ()


def worklist(tx: Connection, tenant: str, words: Wording, at: datetime, *, on_hold: bool = False) -> Worklist:
    """The Tasks that wait for a physician now, or those that were put off."""
    items: list[Item] = []
    counts = {}
    damaged: list[str] = []
    for priority in PRIORITIES:
        tasks, total = _tasks(tx, tenant, priority, ON_HOLD if on_hold else WAITING, damaged)
        if not on_hold:
            ripe = [task for task in _tasks(tx, tenant, priority, ON_HOLD, damaged)[0] if _ripe(task, at)]
            tasks, total = [*tasks, *ripe], total + len(ripe)
        found = [_item(tx, tenant, words, at, task) for task in tasks if kind_of(task.content) in {APPROVE, REVIEW}]
        items += sorted(found, key=_by_due)
        counts[priority] = total
    return Worklist(items, counts, sum(counts.values()) - len(items), damaged)


def person_of(tx: Connection, tenant: str, patient: str, at: datetime) -> Person:
    """Id, first identifier, name, birth date, age and sex of a patient, as far as they are known."""
    stored = spoilt.current(tx, tenant, "Patient", patient) if patient else None
    if stored is None:
        return Person(patient)
    content = stored.content
    return Person(
        id=patient,
        identifier=next((one["value"] for one in content.get("identifier", ()) if one.get("value")), ""),
        name=_name(content),
        born=content.get("birthDate", ""),
        age=age(content, at),
        sex=content.get("gender", ""),
    )


def due_of(task: Mapping[str, Any]) -> datetime | None:
    """The target time of a Task."""
    end = parse(task.get("restriction", {}).get("period", {}).get("end"))
    return end if isinstance(end, datetime) else None


def since_of(task: Stored) -> datetime:
    """Since when a Task exists."""
    written = parse(task.content.get("authoredOn"))
    return written if isinstance(written, datetime) else task.received


def _tasks(tx: Connection, tenant: str, priority: str, statuses: str, damaged: list[str]) -> tuple[list[Stored], int]:
    """The Tasks that can be read, and how many; the ids of the others go to `damaged`."""
    wanted = [("priority", priority), ("status", statuses)]
    page = resources.search(tx, tenant, "Task", wanted, count=MOST, lenient=True)
    for one in page.damaged:
        log.error("record.unreadable", type="Task")
        damaged.append(one.partition("/")[2])
    return page.entries, page.total - len(page.damaged)


def _ripe(task: Stored, at: datetime) -> bool:
    until = deferred_until(task.content)
    return until is not None and until <= at


def _by_due(item: Item) -> tuple[float, float]:
    due = item.due.timestamp() if item.due else LAST
    return (due, item.since.timestamp())


def _item(tx: Connection, tenant: str, words: Wording, at: datetime, task: Stored) -> Item:
    kind = kind_of(task.content)
    about = task.content.get("focus", {}).get("reference", "").split("/")[:2]
    content, lost = _content(tx, tenant, *about) if len(about) > 1 else ({}, False)
    person, unknown = _person(tx, tenant, patient_of(task.content) or patient_of(content), at)
    title, why, reasons = _order(words, content) if kind == APPROVE else _review(words, task.content, content)
    return Item(
        task=task,
        kind=kind,
        about=about[1] if kind == APPROVE and len(about) > 1 else task.id,
        title=title,
        why=why,
        reasons=reasons,
        priority=task.content.get("priority", "routine"),
        person=person,
        flags=tuple(words.concept("blocker", code) for code in extensions(content, "blocker")),
        since=since_of(task),
        due=due_of(task.content),
        until=deferred_until(task.content),
        owner=task.content.get("owner", {}).get("display", ""),
        damaged=lost or unknown,
    )


def _content(tx: Connection, tenant: str, kind: str, resource_id: str) -> tuple[Mapping[str, Any], bool]:
    """What a resource says, and whether that can't be read."""
    try:
        stored = spoilt.current(tx, tenant, kind, resource_id)
    except spoilt.Spoilt:
        log.error("record.unreadable", type=kind)  # noqa: TRY400 - a stack may hold values
        return {}, True
    return (stored.content if stored else {}), False


def _person(tx: Connection, tenant: str, patient: str, at: datetime) -> tuple[Person, bool]:
    """Who a patient is, and whether that can't be read."""
    try:
        return person_of(tx, tenant, patient, at), False
    except spoilt.Spoilt:
        log.error("record.unreadable", type="Patient")  # noqa: TRY400 - a stack may hold values
        return Person(patient), True


def _order(words: Wording, order: Mapping[str, Any]) -> tuple[str, str, str]:
    return text_of(order.get("code", {})) or "Order", wanted_by(words, order), because(order)


def _review(words: Wording, task: Mapping[str, Any], guidance: Mapping[str, Any]) -> tuple[str, str, str]:
    title, said = asked(words, task)
    met = [rule.title for rule in trace.read(guidance).with_outcome(trace.MET)]
    return title, said or "; ".join(met), ""


def asked(words: Wording, task: Mapping[str, Any]) -> tuple[str, str]:
    """What a review is about, and what it asks of a physician; the second is '' where the first says it all."""
    reason, said = task.get("reasonCode", {}), task.get("description", "")
    coding: Mapping[str, Any] = next(iter(reason.get("coding", ())), {})
    name, code = coding.get("system", "").rpartition("/")[2], coding.get("code", "")
    title = text_of(reason) or (words.concept(name, code) if code else "") or said or "Review"
    said = said or words.definition(name, code)
    return title, said if said != title else ""


def wanted_by(words: Wording, order: Mapping[str, Any]) -> str:
    """The titles of the rules that want an order, in one line."""
    criteria = next(iter(order.get("instantiatesCanonical", ())), "")
    titles = (words.rule(criteria, rule) for rule in extensions(order, "rule"))
    return "; ".join(dict.fromkeys(filter(None, titles)))


def because(order: Mapping[str, Any]) -> str:
    """The reasons of an order in one line."""
    reasons = [text_of(concept) for concept in order.get("reasonCode", ())]
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def text_of(concept: Mapping[str, Any]) -> str:
    """A CodeableConcept as people read it."""
    codings = concept.get("coding", ())
    text: str = concept.get("text") or next((each["display"] for each in codings if each.get("display")), "")
    return text


def _name(patient: Mapping[str, Any]) -> str:
    names = patient.get("name", ())
    best = next((name for name in names if name.get("use") == "official"), names[0] if names else {})
    text: str = best.get("text") or " ".join([*best.get("given", ()), best.get("family", "")]).strip()
    return text
