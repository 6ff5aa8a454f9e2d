"""Acts that leave a draft unsigned: declined, put off, handed to a colleague."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.errors import Unprocessable
from fhir_svc.orders import states
from fhir_svc.record import Stored
from fhir_svc.store import accounts, subscriptions
from fhir_svc.store.accounts import Account
from fhir_svc.store.database import Connection
from fhir_svc.subscriptions.facts import fact
from fhir_svc.web.acts.case import audited, change_order, change_task, known_code, open_case
from fhir_svc.web.arguments import about
from fhir_svc.web.services import Services


def reasons(services: Services) -> Collection[str]:
    """The codes of `B/CodeSystem/decline-reason`."""
    return services.knowledge.codes("decline-reason")


def decline(
    services: Services, actor: Actor, draft_id: str, *, expected: int, reason: str, text: str | None = None
) -> Stored:
    """Revoke a draft with the physician's reason; gives the order. Its Task is rejected likewise."""
    known_code(reason, reasons(services), "reason")
    with services.database.transaction() as tx:
        case = open_case(tx, actor, draft_id, expected)
        revoked, rejected = states.declined(
            case.order.content, case.waiting, reason=reason, text=text, by=case.by, at=case.at
        )
        order = change_order(tx, actor.tenant, case, revoked)
        task = change_task(tx, actor.tenant, case, rejected)
        subscriptions.publish(tx, actor.tenant, [fact("order-declined", order.content, case.patient)])
        audited(tx, actor, "decline", case.patient, [order, task])
    return order


def defer(services: Services, actor: Actor, draft_id: str, *, expected: int, until: datetime) -> Stored:
    """Put a draft's Task on hold until an instant to come; gives the draft."""
    with services.database.transaction() as tx:
        case = open_case(tx, actor, draft_id, expected)
        task = change_task(tx, actor.tenant, case, states.deferred(case.waiting, until=until, at=case.at))
        audited(tx, actor, "defer", case.patient, [case.order, task])
    return case.order


def reassign(services: Services, actor: Actor, draft_id: str, *, expected: int, owner: str) -> Stored:
    """Hand a draft's Task to a colleague, named by user name, `Practitioner/id` or id; gives the draft."""
    with services.database.transaction() as tx:
        case = open_case(tx, actor, draft_id, expected)
        colleague = next((each for each in colleagues(tx, actor.tenant) if owner in _names(each)), None)
        if colleague is None:
            told = "No physician here has this name."
            raise Unprocessable(told, error="owner-unknown", code="not-found", expression=about("owner"))
        whom = states.By(f"Practitioner/{colleague.practitioner}", colleague.name)
        task = change_task(tx, actor.tenant, case, states.reassigned(case.waiting, owner=whom, at=case.at))
        audited(tx, actor, "reassign", case.patient, [case.order, task])
    return case.order


def colleagues(tx: Connection, tenant: str) -> list[Account]:
    """The physicians of a tenant who may be given work."""
    listed = accounts.all_of(tx, tenant, role=Role.PHYSICIAN.value)
    return [account for account in listed if account.practitioner and account.disabled is None]


def _names(account: Account) -> Collection[str]:
    return (account.username, str(account.practitioner), f"Practitioner/{account.practitioner}")
