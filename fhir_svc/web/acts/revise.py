"""A physician changes a draft before deciding on it. What the software drafted stays readable as the former version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_svc.auth.actor import Actor
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders import provenance, revision
from fhir_svc.orders.definitions import ladder
from fhir_svc.orders.terms import codes, extensions, system
from fhir_svc.record import Json, Stored
from fhir_svc.store import resources
from fhir_svc.web.acts.case import audited, call_out_again, change_order, change_task, create, open_case
from fhir_svc.web.services import Services


def revise(services: Services, actor: Actor, draft_id: str, *, expected: int, change: Json) -> Stored:
    """Write a new version of a draft with the physician's priority, code, note or performer; gives it.

    `change` is a ServiceRequest, whole or in part: elements that differ in anything else are refused (422).
    """
    with services.database.transaction() as tx:
        case = open_case(tx, actor, draft_id, expected)
        choices = codings(services.knowledge, case.order.content)
        revised, moved = revision.revised(
            case.order.content, case.waiting, change, codings=choices, by=case.by, at=case.at
        )
        order = change_order(tx, actor.tenant, case, revised)
        life = sorted(resources.history(tx, actor.tenant, "Task", case.task.id), key=lambda each: each.version)
        task = change_task(tx, actor.tenant, case, revision.retimed(moved, life, ladder(services.knowledge), case.at))
        call_out_again(tx, actor.tenant, services.knowledge, case, task)
        stated = provenance.revised(order.reference, case.order.reference, by=case.by, at=case.at)
        written = create(tx, actor.tenant, case, stated)
        audited(tx, actor, "revise", case.patient, [case.order, order, task, written])
    return order


def order_key(draft: Json) -> str:
    """The order key of a draft, or ''."""
    return next(codes(draft.get("code"), system("order-key")), "")


def definition(knowledge: Knowledge, draft: Json) -> Json:
    """The ActivityDefinition that a draft was made from; empty if the criteria no longer have it."""
    return knowledge.find("ActivityDefinition", order_key(draft).lower().replace("_", "-")) or {}


def codings(knowledge: Knowledge, draft: Json) -> list[Mapping[str, Any]]:
    """The codes that this order may carry: its own, and the alternatives that its definition names."""
    defined = definition(knowledge, draft)
    own = [*defined.get("code", {}).get("coding", ()), *draft["code"]["coding"], *extensions(defined, "alternative")]
    unique = {(coding["system"], coding["code"]): coding for coding in own if coding["system"] != system("order-key")}
    return list(unique.values())
