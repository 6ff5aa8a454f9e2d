"""A physician answers an open safety check: the answer becomes evidence, and what it settles no longer blocks.

A settled check leaves the draft at once, in a new version that cites the answer; an answer that shows a danger leaves
the draft blocked, and the evaluation that follows swaps or withdraws it. Which is which stands in `task-approve`.
"""

from __future__ import annotations

from collections.abc import Mapping

from fhir_svc.auth.actor import Actor
from fhir_svc.orders import provenance, screening
from fhir_svc.record import Stored
from fhir_svc.store import resources
from fhir_svc.web.acts.case import audited, change_order, create, evaluate_again, open_case
from fhir_svc.web.services import Services


def record_screening(
    services: Services, actor: Actor, draft_id: str, *, expected: int, answers: Mapping[str, str]
) -> Stored:
    """Store the physician's answers (`mr`, `pregnancy`: codes) as evidence; gives the draft as it is then."""
    given = screening.chosen(services.knowledge, answers)
    with services.database.transaction() as tx:
        case = open_case(tx, actor, draft_id, expected)
        draft = case.order.content
        observed = [screening.observation(answer, draft, by=case.by, at=case.at) for answer in given]
        resources.create_many(tx, actor.tenant, observed, patient=case.patient or None, ours=True)
        evidence = [f"Observation/{observation['id']}/_history/1" for observation in observed]
        screened = screening.screened(draft, case.waiting, given, evidence)
        order = change_order(tx, actor.tenant, case, screened)
        stated = provenance.revised(order.reference, case.order.reference, by=case.by, at=case.at)
        written = create(tx, actor.tenant, case, stated)
        evaluate_again(tx, actor.tenant, case)
        audited(tx, actor, "record-screening", case.patient, [case.order, order, written])
    return order


def parameters(services: Services) -> list[str]:
    """The names of the parameters that answer a check."""
    return sorted({answer.parameter for answer in screening.answers(services.knowledge)})
