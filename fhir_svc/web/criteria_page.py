"""`/criteria`: the knowledge artefacts in plain words, for the clinicians who own them."""

from __future__ import annotations

from flask import Blueprint, Response

from fhir_svc.auth.actor import Role
from fhir_svc.store import shadow
from fhir_svc.web import pages, rules_in_words
from fhir_svc.web.services import services
from fhir_svc.web.wording import wording

blueprint = Blueprint("criteria_page", __name__)
pages.register(blueprint)


@blueprint.get("/criteria")
def criteria() -> Response:
    """Every rule of every pathway in plain words, its version, and that no clinician has approved it."""
    actor = pages.need(Role.PHYSICIAN, Role.ADMIN)
    with services().database.reading() as tx:
        beside = shadow.tallies(tx, actor.tenant)
    knowledge = services().knowledge
    words = wording(knowledge)
    pathways = [
        (
            knowledge.canonical(pathway.plan.canonical) or {},
            rules_in_words.rules(knowledge, pathway, words),
            rules_in_words.settings(pathway),
        )
        for pathway in knowledge.pathways.values()
    ]
    return pages.show(
        "criteria.html",
        pathways=pathways,
        grades=dict(words.choices(rules_in_words.GRADES)),
        approval=rules_in_words.APPROVAL,
        unknown=rules_in_words.UNKNOWN,
        beside=beside,
    )
