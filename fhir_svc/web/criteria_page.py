"""`/criteria`: the knowledge artefacts in plain words, for the clinicians who own them."""

from __future__ import annotations

from flask import Blueprint, Response

from fhir_svc.auth.actor import Role
from fhir_svc.web import pages

blueprint = Blueprint("criteria_page", __name__)
pages.register(blueprint)


@blueprint.get("/criteria")
def criteria() -> Response:
    """Every rule in plain words."""
    pages.need(Role.PHYSICIAN, Role.ADMIN)
    return pages.show("criteria.html")
