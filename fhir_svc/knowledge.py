"""PURE: the knowledge of the service: questionnaires, rules, orders, value sets, checked when they are loaded.

It is handed the artefacts (`fhir_svc.artefacts` reads them); a fault that could change a decision stops the load.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_svc.criteria.declarations import Declarations
from fhir_svc.criteria.library import read_library
from fhir_svc.criteria.plan import Plan, read_plan
from fhir_svc.criteria.tracing import Trail
from fhir_svc.criteria.vocabulary import Vocabulary, compile_vocabulary
from fhir_svc.errors import Broken
from fhir_svc.record import Json

LANGUAGE = "message-language"


@dataclass(frozen=True, slots=True)
class Pathway:
    """A plan with the declarations of the Library that it reads."""

    plan: Plan
    declarations: Declarations
    trail: Trail


class Knowledge:
    """Everything in profiles/, by type and id."""

    def __init__(self, artefacts: Iterable[Json]) -> None:
        self._artefacts: dict[tuple[str, str], dict[str, Any]] = {}
        for artefact in artefacts:
            key = artefact["resourceType"], artefact["id"]
            if key in self._artefacts:
                raise Broken(f"two artefacts are called {key[0]}/{key[1]}")
            self._artefacts[key] = dict(artefact)
        self._by_type: dict[str, list[dict[str, Any]]] = {}
        for (kind, _), found in sorted(self._artefacts.items()):
            self._by_type.setdefault(kind, []).append(found)
        self._canonicals = {_canonical(found): found for found in self._artefacts.values() if "url" in found}
        language = self.find("CodeSystem", LANGUAGE)
        self.vocabulary: Vocabulary | None = compile_vocabulary(language) if language else None
        self._pathways = {found["id"]: self._pathway(found) for found in self.all("PlanDefinition")}

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """The artefact of this type and id."""
        return self._artefacts.get((kind, name))

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Every artefact of a type, in order of id."""
        return list(self._by_type.get(kind, ()))

    def canonical(self, url: str) -> dict[str, Any] | None:
        """The artefact with this `url|version`, or with this url where no version is given."""
        if "|" in url:
            return self._canonicals.get(url)
        return next((found for found in self._canonicals.values() if found["url"] == url), None)

    def questionnaire(self, canonical: str) -> dict[str, Any] | None:
        """The Questionnaire with this `url|version`."""
        found = self._canonicals.get(canonical)
        return found if found and found["resourceType"] == "Questionnaire" else None

    def codes(self, code_system: str) -> Mapping[str, dict[str, Any]]:
        """The concepts of one of our CodeSystems, by code, in its order; KeyError for one that does not exist."""
        found = self._artefacts["CodeSystem", code_system]
        return {concept["code"]: concept for concept in found.get("concept", ())}

    @property
    def plan(self) -> dict[str, Any]:
        """The PlanDefinition of the low back pain pathway."""
        return self._artefacts["PlanDefinition", "lbp-lss"]

    @property
    def pathways(self) -> Mapping[str, Pathway]:
        """Every plan with its declarations, by the plan's id."""
        return self._pathways

    def pathway(self, plan: str) -> Pathway:
        """One plan with its declarations; Broken for a plan that does not exist."""
        if plan not in self._pathways:
            raise Broken("no such plan")
        return self._pathways[plan]

    def _pathway(self, artefact: Json) -> Pathway:
        plan = read_plan(artefact)
        library = self.canonical(plan.library)
        if library is None or library["resourceType"] != "Library":
            raise Broken(f"PlanDefinition/{plan.id} reads a Library that does not exist")
        declarations = read_library(library)
        return Pathway(plan, declarations, Trail(declarations))


def _canonical(artefact: Json) -> str:
    return f"{artefact['url']}|{artefact.get('version', '')}"
