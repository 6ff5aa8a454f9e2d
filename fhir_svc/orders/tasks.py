"""PURE: the two kinds of Task: approve a draft, and review what is no order."""

from __future__ import annotations

from datetime import datetime, timedelta

from fhir_svc.decision import Order, Review
from fhir_svc.errors import Broken
from fhir_svc.orders.definitions import duration, task_definition
from fhir_svc.orders.identity import derived
from fhir_svc.orders.sheet import Resource, Sheet, identifier, made, rule_concept
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import extensions, parts

_SENT = "Communication"
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


def review(sheet: Sheet, held: Review) -> Resource:
    """The Task for a physician that is no order; for a signed order it goes to the signer."""
    about = held.about
    identity = sheet.once("Task", "review", held.reason, *held.rules, rules=held.rules, more=_on(held))
    text, within = _wording(sheet, held)
    sent = _sent(sheet, held)
    due = sent + within if sent and within else sheet.ladder.deadline(held.priority, held.level, sheet.decision.at)
    task = _task(sheet, "task-review", identity, held.priority, due) | {
        "focus": sheet.reason,
        "reasonCode": rule_concept(sheet, held.reason),
        **({"description": text} if text else {}),
    }
    if about is not None:
        task["basedOn"] = [{"reference": about.local}]
        if about.content.get("requester"):
            task["owner"] = about.content["requester"]
    return task


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
    return said, duration(within[0]) if within else None


def _sent(sheet: Sheet, held: Review) -> datetime | None:
    sources = [source for fact in sheet.facts(held.rules) for source in fact.sources if source.type == _SENT]
    sent = [source.content["sent"] for source in sources if "T" in source.content.get("sent", "")]
    try:
        return max((datetime.fromisoformat(text) for text in sent), default=None)
    except (ValueError, TypeError) as fault:
        raise Broken("a message was sent at no moment we can read") from fault


def _title(sheet: Sheet, reason: str) -> str:
    return next((rule.title for rule in sheet.decision.rules if rule.id == reason), "")
