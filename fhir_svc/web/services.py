"""What every request handler may use, built once by the app and reached through `services()`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, cast

from flask import current_app
from joserfc.jwk import ECKey

from fhir_svc.knowledge import Knowledge
from fhir_svc.settings import Settings
from fhir_svc.store.database import Database
from fhir_svc.auth.oauth import Authority
from fhir_svc.web.limits import Budgets

EXTENSION: Final = "fhir_svc"


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the knowledge artefacts, the settings, the key that signs orders, who systems are, and this process's budgets."""

    database: Database
    knowledge: Knowledge
    settings: Settings
    signing: ECKey
    authority: Authority
    budgets: Budgets = field(default_factory=Budgets)


def services() -> Services:
    """Give the services of the app that handles this request."""
    return cast("Services", current_app.extensions[EXTENSION])
