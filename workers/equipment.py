"""What the worker role works with beyond a desk: the knowledge, and its memory of each EHR."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from fhir_svc.artefacts import load_artefacts
from fhir_svc.knowledge import Knowledge
from fhir_svc.settings import Settings
from fhir_svc.store.database import Database
from workers.desk import Desk
from workers.ehrs import Ehrs

SHADOW_UNUSABLE = "shadow-unusable"
log = structlog.get_logger("fhir_svc.workers")


@dataclass
class Equipment(Desk):
    """Built before the fork, so that processes share its memory; connections are made after it."""

    knowledge: Knowledge
    ehrs: Ehrs = field(default_factory=Ehrs)
    shadow: Knowledge | None = None


def equip(settings: Settings, worker: str) -> Equipment:
    """Load what a process needs; the database is not touched yet."""
    knowledge = Knowledge(load_artefacts(settings.profiles_dir))
    database = Database(settings.database_url.get_secret_value())
    made = Equipment(settings, database, worker, knowledge, shadow=_tried_out(settings))
    if made.shadow is None and settings.shadow_profiles_dir is not None:
        made.trouble = SHADOW_UNUSABLE
    return made


def _tried_out(settings: Settings) -> Knowledge | None:
    """The criteria to run beside those in force; none where they can't be loaded: that must not stop the worker."""
    if settings.shadow_profiles_dir is None:
        return None
    try:
        return Knowledge(load_artefacts(settings.shadow_profiles_dir))
    except Exception as trouble:  # noqa: BLE001 - whatever is wrong with a draft of the criteria
        log.error("shadow.unusable", kind=type(trouble).__name__)  # noqa: TRY400 - the command `criteria check` says what
        return None
