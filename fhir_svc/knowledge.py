"""PURE: the knowledge of the service: questionnaires, rules, orders, value sets, checked when they are loaded.

It is handed the artefacts (`fhir_svc.artefacts` reads them); a fault that could change a decision stops the load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_svc.criteria.checks import Domains, code_faults, expression_faults, fact_faults, plan_faults
from fhir_svc.criteria.declarations import Declarations
from fhir_svc.criteria.library import read_library
from fhir_svc.criteria.plan import Plan, read_plan
from fhir_svc.criteria.tracing import Trail, below
from fhir_svc.criteria.vocabulary import Vocabulary, compile_vocabulary
from fhir_svc.errors import Broken
from fhir_svc.record import Json

LANGUAGE = "message-language"
MAIN = "lbp-lss"
"""The pathway that answers a submission; others in the folder are evaluated beside it."""
UNSURE = "unsure"
NEEDS: Mapping[str, tuple[str, ...]] = {
    "answer": ("form",),
    "age": (),
    "sex": (),
    "expression": ("expression",),
    "doubt": ("expression",),
    "stated": ("of", "values"),
    "known": ("of",),
    "unknown": ("of",),
    "score": ("items",),
    "score-bound": ("of", "bound"),
    "worst": ("of", "values"),
    "conflict": (),
    "form-completed": ("form",),
    "form-stale": ("form",),
    "form-idle": ("form",),
    "form-present": ("form",),
    "message-stated": (),
    "message-unclear": (),
    "recorded": ("types",),
    "recent-study": ("types", "codes", "of"),
    "session-count": ("types", "codes"),
    "alerted": ("values", "windows"),
    "waiting-orders": ("statuses", "values", "of"),
    "withdrawn": (),
    "latest": ("codes", "unit", "windows"),
    "highest": ("codes", "unit", "windows"),
    "by-leg": ("codes", "unit", "windows"),
    "unusable": ("of",),
    "flagged": ("codes", "conclusions", "windows"),
    "coded": ("codes", "items", "windows"),
    "screened": ("codes", "items", "windows"),
    "decline": ("codes", "unit", "windows"),
    "any-value": ("codes", "unit", "windows"),
    "mean-rise": ("codes", "unit", "windows"),
    "rising-sessions": ("codes", "others", "of"),
    "missed-sessions": ("types", "codes", "values"),
    "silence": ("codes", "windows"),
}
"""What each kind of fact can't do without; a kind that is not named here does not exist."""


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
        return self._artefacts["PlanDefinition", MAIN]

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
        require_whole(plan, declarations)
        return Pathway(plan, declarations, Trail(declarations))

    def faults(self) -> tuple[str, ...]:
        """Everything that is wrong with the artefacts, one line each; empty where all is well."""
        found = [fault for artefact in self._artefacts.values() for fault in code_faults(artefact)]
        systems = ("triage-level", "review-flag", "order-key", "message-reason", "blocker")
        known = {name: tuple(self.codes(name)) for name in systems if self.find("CodeSystem", name)}
        for pathway in self._pathways.values():
            found += plan_faults(pathway.plan, known, self._canonicals)
            domains = self.domains(pathway.plan.id)
            found += fact_faults(domains)
            found += [
                f"{action.id or rule.id}: {fault}"
                for rule in pathway.plan.rules
                for action in rule.action.everything()
                if action.condition is not None
                for fault in expression_faults(action.condition, domains)
            ]
        return tuple(dict.fromkeys(found))

    def domains(self, plan: str) -> Domains:
        """What each fact of a pathway can be worth."""
        declarations = self.pathway(plan).declarations
        return Domains(declarations, self._options(declarations))

    def _options(self, declarations: Declarations) -> Mapping[str, frozenset[str]]:
        """The plain values that each item of the pathway's forms offers; none for an item that asks for a number."""
        return {
            item["linkId"]: frozenset(
                plain
                for option in item.get("answerOption", ())
                for code in [option.get("valueCoding", {}).get("code", "")]
                if (plain := form.answers.get(code, code)) != UNSURE
            )
            for form in declarations.forms.values()
            for item in _items(self.canonical(form.questionnaire) or {})
        }


def require_whole(plan: Plan, declarations: Declarations) -> None:
    """Broken where a condition or a fact names what is not declared, or a fact lacks what its kind needs."""
    known = declarations.facts.keys() | declarations.parameters.keys()
    named = {
        name
        for rule in plan.rules
        for action in rule.action.everything()
        for expression in (action.condition, *(reason.when for reason in action.reasons))
        if expression is not None
        for name in expression.names
    }
    named |= {name for declared in declarations.facts.values() for name in below(declared)}
    if named - known:
        raise Broken(f"no such fact: {', '.join(sorted(named - known))}")
    for declared in declarations.facts.values():
        lacking = [need for need in NEEDS.get(declared.kind, ("kind of fact",)) if not getattr(declared, need, None)]
        if lacking:
            raise Broken(f"fact {declared.name} of kind {declared.kind} lacks {', '.join(lacking)}")
        if declared.form and declared.form not in declarations.forms:
            raise Broken(f"fact {declared.name} reads a form that is not declared")


def _items(element: Json) -> Iterator[Json]:
    for item in element.get("item", ()):
        yield item
        yield from _items(item)


def _canonical(artefact: Json) -> str:
    return f"{artefact['url']}|{artefact.get('version', '')}"
