"""PURE: ServiceRequest drafts: new ones, those whose evidence is refreshed, and those that are taken back."""

from __future__ import annotations

from typing import Any

from fhir_svc.decision import Kept, Order, Outcome, RuleOutcome, Withdrawal
from fhir_svc.orders.definitions import order_kind
from fhir_svc.orders.identity import derived, order_value, references
from fhir_svc.orders.repeats import basis
from fhir_svc.orders.sheet import Resource, Sheet, identifier, made
from fhir_svc.orders.states import fresh, withdrawn
from fhir_svc.orders.terms import IDENTIFIER_TYPE, extension, extensions
from fhir_svc.record import Json, Stored

_OURS = ("rule", "blocker", "basis", "instead-of")


def draft(sheet: Sheet, order: Order) -> Resource:
    """The ServiceRequest of an order: a draft without requester, to be signed or declined."""
    kind = order_kind(sheet.knowledge, order.key)
    value = order_value(sheet.scope, order.key, sheet.run, sheet.decision.criteria)
    replaced = [{"reference": f"ServiceRequest/{identity}"} for identity in order.supersedes]
    return made(
        "ServiceRequest",
        derived("ServiceRequest", value),
        extension=_extensions(sheet, order),
        identifier=[{"type": _placer(), **identifier("order", value)}],
        instantiatesCanonical=[sheet.decision.criteria],
        replaces=replaced,
        requisition=identifier("requisition", sheet.requisition),
        status="draft",
        intent="order",
        category=list(extensions(kind.definition, "category")),
        priority=order.priority,
        code=kind.definition["code"],
        subject=sheet.patient,
        reasonCode=[dict(reason) for reason in order.reasons],
        supportingInfo=_supporting(order),
        note=[{"text": text} for text in _notes(sheet, order, kind.notes)],
        patientInstruction=" ".join(extensions(kind.definition, "patient-text")),
    )


def refreshed(sheet: Sheet, kept: Kept) -> Resource | None:
    """Our unsigned draft, resting on the newest evidence; None where nothing it rests on has changed."""
    held = kept.existing.content
    if held["status"] != "draft":
        return None
    new = fresh(held)
    new["extension"] = [*_others(sheet, kept), *_extensions(sheet, kept.order)]
    new["supportingInfo"] = _with_screening(sheet, kept)
    if _rests_on_less(sheet, held, new):
        new["supportingInfo"] = held["supportingInfo"]
    said = {note["text"] for note in held.get("note", ())}
    added = [text for text in _rule_notes(sheet, kept.order) if text not in said]
    new["note"] = [*held.get("note", ()), *({"text": text} for text in added)]
    new = {name: value for name, value in new.items() if value != []}
    return None if _plain(new) == _plain(fresh(held)) else new


def taken_back(sheet: Sheet, withdrawal: Withdrawal) -> tuple[Resource, tuple[Stored, Resource] | None]:
    """The revoked draft, and its open Task with its cancelled successor."""
    draft_of = withdrawal.draft
    task = next((held for held in sheet.record.of("Task", ours=True) if _open_for(held, draft_of)), None)
    at = sheet.decision.at
    order, cancelled = withdrawn(draft_of.content, task.content if task else None, reason=withdrawal.reason, at=at)
    return order, (task, cancelled) if task and cancelled else None


def _open_for(task: Stored, order: Stored) -> bool:
    focus = task.content.get("focus", {}).get("reference")
    return focus == order.local and task.content["status"] in {"requested", "accepted", "in-progress", "on-hold"}


def _extensions(sheet: Sheet, order: Order) -> list[Resource]:
    rules = [{"url": extension("rule"), "valueCode": rule} for rule in order.rules]
    blockers = [{"url": extension("blocker"), "valueCode": blocker} for blocker in order.blockers]
    swapped = [{"url": extension("instead-of"), "valueCode": order.instead_of}] if order.instead_of else []
    return [*rules, *blockers, *swapped, {"url": extension("basis"), "valueString": basis(_rules(sheet, order))}]


def _others(sheet: Sheet, kept: Kept) -> list[Resource]:
    """Extensions that are not of this evaluation: other people's, and rules of the draft that nothing has withdrawn."""
    withdrawn_rules = {rule.id for rule in sheet.decision.rules if rule.outcome is Outcome.NOT_MET}
    gone = {*withdrawn_rules, *kept.order.rules}
    return [
        found
        for found in kept.existing.content.get("extension", ())
        if found["url"] not in map(extension, _OURS)
        or (found["url"] == extension("rule") and found.get("valueCode") not in gone)
    ]


def _with_screening(sheet: Sheet, kept: Kept) -> list[Resource]:
    """The evidence of now, and what a physician's own screening added to the draft."""
    cited = [held["reference"] for held in kept.existing.content.get("supportingInfo", ())]
    screened = [name for name in cited if name.startswith("Observation/") and _local(name) in sheet.ours]
    names = {*references((*kept.order.evidence, *kept.order.attached)), *screened}
    return [{"reference": name} for name in sorted(names or cited)]


def _rests_on_less(sheet: Sheet, held: Json, new: Resource) -> bool:
    """Whether nothing came to the evidence and all that left it still is as it was: then the draft need not change."""
    before, after = ({one["reference"] for one in each.get("supportingInfo", ())} for each in (held, new))
    return after < before and before - after <= {stored.reference for stored in sheet.record.current}


def _local(name: str) -> str:
    return name.partition("/_history/")[0]


def _rules(sheet: Sheet, order: Order) -> list[RuleOutcome]:
    return [rule for rule in sheet.decision.rules if rule.id in order.rules]


def _supporting(order: Order) -> list[Resource]:
    return [{"reference": name} for name in references((*order.evidence, *order.attached))]


def _notes(sheet: Sheet, order: Order, general: list[str]) -> list[str]:
    return list(dict.fromkeys((*_rule_notes(sheet, order), *order.notes, *general)))


def _rule_notes(sheet: Sheet, order: Order) -> list[str]:
    return [f"{rule.id} {rule.title}. {rule.citation}".strip() for rule in _rules(sheet, order)]


def _placer() -> Resource:
    return {"coding": [{"system": IDENTIFIER_TYPE, "code": "PLAC"}]}


def _plain(value: Any) -> Any:
    """Without the order of our own extensions, which says nothing."""
    found = sorted(repr(held) for held in value.get("extension", ()))
    return {key: held for key, held in value.items() if key != "extension"} | {"extension": found}
