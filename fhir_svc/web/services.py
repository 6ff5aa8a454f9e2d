"""What every request handler may use, built once by the app and reached through `services()`."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, cast

from flask import current_app
from joserfc.jwk import ECKey

from fhir_svc.artefacts import load_artefacts
from fhir_svc.auth.oauth import Authority
from fhir_svc.criteria.usable import Measures
from fhir_svc.ehr.jwks import KeySets
from fhir_svc.intake.conformance import Conformance
from fhir_svc.intake.shapes import Shapes
from fhir_svc.intake.submission import Reading
from fhir_svc.knowledge import Knowledge
from fhir_svc.settings import Settings
from fhir_svc.store.database import Database
from fhir_svc.web.limits import Budgets
from fhir_svc.web.rights import GRANTED

EXTENSION: Final = "fhir_svc"
SCHEMA: Final = "schema/fhir-r4.schema.json"
WHOLE_SCHEMA: Final = "schema/fhir-r4-all.schema.json"


@dataclass(frozen=True, slots=True)
class Intake:
    """What intake checks with: the compiled R4 schema, the questionnaires by `url|version`, our own profiles.

    `whole` compiles, when first asked, the schema of the types that this service writes as well.
    """

    conformance: Conformance
    questionnaires: Mapping[str, Mapping[str, Any]]
    profiles: frozenset[str]
    shapes: Shapes
    measures: Measures
    whole: Callable[[], Conformance]

    def reading(self, at: datetime, *, own_bases: Collection[str], new_id: Callable[[], str]) -> Reading:
        """Prepare to read one submission that came at `at`."""
        return Reading(
            conformance=self.conformance,
            new_id=new_id,
            at=at,
            own_bases=own_bases,
            questionnaires=self.questionnaires,
            profiles=self.profiles,
            shapes=self.shapes,
            measures=self.measures,
        )


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the knowledge artefacts, the settings, the key that signs orders, who systems are, intake's rules.

    `criteria` is the canonical, with its version, of the criteria in force; `budgets` are this process's, `strangers`
    what it writes of refusals of nobody known: a flood must not become a flood of writes.
    """

    database: Database
    knowledge: Knowledge
    settings: Settings
    signing: ECKey
    authority: Authority
    intake: Intake
    criteria: str
    budgets: Budgets = field(default_factory=Budgets)
    strangers: Budgets = field(default_factory=lambda: Budgets(rate=5.0, burst=100.0))


def build(settings: Settings, database: Database | None = None, *, like: Services | None = None) -> Services:
    """Build the services of one app; `like` lends what is costly to build and the same for all (knowledge, schema)."""
    knowledge, intake, criteria = (like.knowledge, like.intake, like.criteria) if like else _load(settings)
    return Services(
        database=database or Database(settings.database_url.get_secret_value()),
        knowledge=knowledge,
        settings=settings,
        signing=settings.signing,
        authority=Authority(settings, KeySets(loopback=settings.demo).get, GRANTED),
        intake=intake,
        criteria=criteria,
        budgets=Budgets(settings.rate_per_second, settings.rate_burst),
    )


def _load(settings: Settings) -> tuple[Knowledge, Intake, str]:
    artefacts = load_artefacts(settings.profiles_dir)
    knowledge = Knowledge(artefacts)
    intake = Intake(
        _compiled(settings.profiles_dir / SCHEMA),
        _by_canonical(artefacts, "Questionnaire"),
        _profiles(artefacts),
        Shapes(artefacts),
        Measures(each.declarations for each in knowledge.pathways.values()),
        partial(_compiled, settings.profiles_dir / WHOLE_SCHEMA),
    )
    return knowledge, intake, f"{knowledge.plan['url']}|{knowledge.plan['version']}"


@cache
def _compiled(schema: Path) -> Conformance:
    return Conformance(json.loads(schema.read_text(encoding="utf-8")))


def _by_canonical(artefacts: Collection[Mapping[str, Any]], kind: str) -> dict[str, Mapping[str, Any]]:
    return {f"{one['url']}|{one['version']}": one for one in artefacts if one["resourceType"] == kind}


def _profiles(artefacts: Collection[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(one["url"] for one in artefacts if one["resourceType"] == "StructureDefinition")


def services() -> Services:
    """Give the services of the app that handles this request."""
    return cast("Services", current_app.extensions[EXTENSION])
