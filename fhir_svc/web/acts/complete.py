"""Closing a review Task: what the physician found, and which facts they close."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import Unprocessable
from fhir_svc.orders import states
from fhir_svc.record import Stored
from fhir_svc.web.acts.case import audited, change_task, evaluate_again, open_task
from fhir_svc.web.arguments import about
from fhir_svc.web.services import Services
from fhir_svc.web.wording import wording


def complete(
    services: Services,
    actor: Actor,
    task_id: str,
    *,
    expected: int,
    outcome: str,
    note: str | None = None,
    closed_facts: Sequence[str] = (),
) -> Stored:
    """Complete a review Task; a closed fact no longer counts from older answers, so the patient is evaluated again.

    Unprocessable for a fact that is no question of a form: only answers can be closed.
    """
    words = wording(services.knowledge)
    wrong = next((number for number, name in enumerate(closed_facts) if not words.is_answer(name)), None)
    if wrong is not None:
        text, place = "A closed fact is the linkId of a question of a form.", about("closed-fact", wrong)
        raise Unprocessable(text, error="code-unknown", code="code-invalid", expression=place)
    with services.database.transaction() as tx:
        case = open_task(tx, actor, task_id, expected)
        facts = sorted(set(closed_facts))
        done = states.completed(case.waiting, outcome=outcome, note=note, closed_facts=facts, by=case.by, at=case.at)
        task = change_task(tx, actor.tenant, case, done)
        if facts:
            evaluate_again(tx, actor.tenant, case)
        audited(tx, actor, "complete", case.patient, [task])
    return task
