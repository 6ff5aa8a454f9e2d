"""PURE: the two kinds of Task: approve a draft, and review what is no order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from fhir_svc.criteria.moments import read_moment
from fhir_svc.decision import Order, Review
from fhir_svc.orders.definitions import duration, task_definition
from fhir_svc.orders.identity import derived
from fhir_svc.orders.news import News, mark, news
from fhir_svc.orders.sheet import Resource, Sheet, identifier, made, rule_concept
from fhir_svc.orders.states import fresh, moment, released
from fhir_svc.orders.terms import extension, extensions, parts
from fhir_svc.record import Stored

_SENT = "Communication"
_ORDER = "{order}"  # stands in a wording for the order that a review is about
_NO_DRAFT = "no-draft"  # the wording of a rule that is met, wants orders, and leaves none


def approve(sheet: Sheet, order: Order, draft: Resource) -> Resource:
    """The Task that puts a draft before a physician, with the target time of its level."""
    levels = [rule.level for rule in sheet.decision.rules if rule.id in order.rules]
    fitting = next((level for level in levels if sheet.ladder.priority_of(level) == order.priority and level), None)
    due = sheet.ladder.deadline(order.priority, fitting, sheet.decision.at)
    return _task(sheet, "task-approve", derived("Task", "approve", draft["id"]), order.priority, due) | {
        "focus": {"reference": f"ServiceRequest/{draft['id']}"},
        "description": draft["code"].get("text", order.key),
    }


def review(sheet: Sheet, held: Review, again: Iterable[str] = ()) -> list[Resource]:
    """Ask a physician for what is no order, where nobody was asked yet; gives the Tasks that are new.

    What is to be answered within a time of its own has a Task for each message. About a signed order it goes to the
    signer. `again`: see `news`.
    """
    text, within = _wording(sheet, held)
    grounds = held.grounds or tuple(sheet.grounds(held.rules))
    messages = [source for source in grounds if source.type == _SENT] if within else []
    if within and messages:
        tasks = [_answer(sheet, held, message, text, within) for message in messages]
        return [task for task in tasks if sheet.create(task)]
    found = news(
        sheet,
        "Task",
        sheet.once("Task", "review", held.reason, *held.rules, rules=held.rules, more=_on(held)),
        code=held.reason,
        grounds=() if held.about else grounds,
        pressing=sheet.ladder.presses(held.priority),
        again=() if held.about else again,
    )
    if found is None:
        return []
    if found.renews is not None:
        sheet.replace(found.renews, _renewed(sheet, found.renews, found))
        return []
    due = sheet.ladder.deadline(held.priority, held.level, sheet.decision.at)
    task = _review(sheet, held, found.identity, text, due) | {"extension": found.extensions}
    return [task] if sheet.create(task) else []


def _review(sheet: Sheet, held: Review, identity: str, text: str, due: datetime | None) -> Resource:
    task = _task(sheet, "task-review", identity, held.priority, due) | {
        "focus": sheet.reason,
        "reasonCode": rule_concept(sheet, held.reason),
        **({"description": text} if text else {}),
    }
    if held.about is not None:
        task["basedOn"] = [{"reference": held.about.local}]
        if held.about.ours and held.about.content.get("requester"):
            task["owner"] = held.about.content["requester"]
    return task


def _answer(sheet: Sheet, held: Review, message: Stored, text: str, within: timedelta) -> Resource:
    """The Task for one message, due as counted from its own sending."""
    identity = derived("Task", "review", sheet.scope, held.reason, mark(message))
    return _review(sheet, held, identity, text, _sent(message) + within)


def _renewed(sheet: Sheet, open_task: Stored, found: News) -> Resource:
    """The open Task, now about the newer report too; one that was deferred is asked for again."""
    resting = open_task.content["status"] == "on-hold"
    task = fresh(released(open_task.content, at=sheet.decision.at) if resting else open_task.content)
    others = [held for held in task.get("extension", ()) if held["url"] != extension("basis")]
    said = {"focus": sheet.reason, "reasonReference": sheet.reason, "lastModified": sheet.at}
    return task | said | {"extension": [*others, *found.extensions]}


def _task(sheet: Sheet, name: str, identity: str, priority: str, due: datetime | None) -> Resource:
    definition = task_definition(sheet.knowledge, name)
    return made(
        "Task",
        identity,
        groupIdentifier=identifier("requisition", sheet.requisition),
        status="requested",
        intent="order",
        priority=priority,
        code=definition["code"],
        **{"for": sheet.patient},
        authoredOn=sheet.at,
        lastModified=sheet.at,
        reasonReference=sheet.reason,
        restriction={"period": {"end": moment(due)}} if due else {},
    )


def _on(held: Review) -> tuple[str, ...]:
    return (held.about.local,) if held.about else ()


def _wording(sheet: Sheet, held: Review) -> tuple[str, timedelta | None]:
    """What to say, and the target time of the reason itself where it has one, counted from the message that asks."""
    definition = task_definition(sheet.knowledge, "task-review")
    entries = {parts(entry, "reason")[0]: entry for entry in extensions(definition, "wording")}
    names = (held.action, held.reason, "R43" if held.about else _NO_DRAFT)
    found = [entries[name] for name in names if name in entries]
    own = held.text if held.action not in entries else ""
    said = own or (parts(found[0], "text")[0] if found else _title(sheet, held.reason))
    within = parts(found[0], "within") if found else []
    return said.replace(_ORDER, _words(held.about)), duration(within[0]) if within else None


def _words(order: Stored | None) -> str:
    return str(order.content["code"].get("text", "")) if order and "code" in order.content else ""


def _sent(message: Stored) -> datetime:
    """When a message was sent; its receipt, where it does not say so to the second."""
    text = message.content.get("sent", "")
    sent = read_moment(text, UTC) if "T" in text else None
    return sent.start if sent else message.received


def _title(sheet: Sheet, reason: str) -> str:
    return next((rule.title for rule in sheet.decision.rules if rule.id == reason), "")
