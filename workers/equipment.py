"""What the worker role works with beyond a desk: the knowledge, and its memory of each EHR."""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_svc.artefacts import load_artefacts
from fhir_svc.knowledge import Knowledge
from fhir_svc.settings import Settings
from fhir_svc.store.database import Database
from workers.desk import Desk
from workers.ehrs import Ehrs


@dataclass
class Equipment(Desk):
    """Built before the fork, so that processes share its memory; connections are made after it."""

    knowledge: Knowledge
    ehrs: Ehrs = field(default_factory=Ehrs)


def equip(settings: Settings, worker: str) -> Equipment:
    """Load what a process needs; the database is not touched yet."""
    knowledge = Knowledge(load_artefacts(settings.profiles_dir))
    return Equipment(settings, Database(settings.database_url.get_secret_value()), worker, knowledge)
