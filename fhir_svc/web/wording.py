"""Words for codes: how questions, answers, units, levels, flags and checks are told to a person.

All words come from the knowledge artefacts. A code that no artefact explains is shown as it is, never hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import ladder
from fhir_svc.orders.terms import extensions, parts

Json = Mapping[str, Any]
UNIT_OPTION: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption"


class Wording:
    """The words of one set of knowledge artefacts."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._facts: dict[str, str] = {}
        self._settings: set[str] = set()
        self._rules: dict[tuple[str, str], str] = {}
        self._questions: dict[str, str] = {}
        self._answers: dict[tuple[str, str], str] = {}
        self._units: dict[str, str] = {}
        self._concepts: dict[tuple[str, str], tuple[str, str]] = {}
        self._chosen: dict[str, list[tuple[str, str]]] = {}
        for library in knowledge.all("Library"):
            for kind in ("fact", "parameter"):
                for held in extensions(library, kind):
                    self._facts[parts(held, "name")[0]] = next(iter(parts(held, "title")), "")
            self._settings |= {parts(held, "name")[0] for held in extensions(library, "parameter")}
        for plan in knowledge.all("PlanDefinition"):
            self._rules |= {(plan["url"], rule["id"]): rule["title"] for rule in plan["action"]}
        for questionnaire in knowledge.all("Questionnaire"):
            for item in _items(questionnaire):
                self._learn(item)
        for held in knowledge.all("CodeSystem"):
            for concept in _concepts(held):
                texts = (concept.get("display", concept["code"]), concept.get("definition", ""))
                self._concepts[held["id"], concept["code"]] = texts
        steps = ladder(knowledge)
        self._priorities = {each: level.code for each in steps.priorities if (level := steps.usual(each))}
        for held in knowledge.all("ValueSet"):
            self._chosen[held["id"]] = [(code, self.concept(name, code)) for name, code in _listed(held)]

    def _learn(self, item: Json) -> None:
        name = item["linkId"]
        self._questions[name] = item.get("text", name)
        for option in item.get("answerOption", ()):
            if coding := option.get("valueCoding"):
                self._answers[name, coding["code"]] = coding.get("display", coding["code"])
        for extension in item.get("extension", ()):
            if extension.get("url") == UNIT_OPTION:
                unit = extension["valueCoding"]
                self._units[unit["code"]] = unit.get("display", unit["code"])

    def fact(self, name: str) -> str:
        """What a fact is about: the Library's title, else the question that was asked."""
        return self._facts.get(name) or self.question(name)

    def rule(self, criteria: str, rule_id: str) -> str:
        """The title of a rule of the criteria with this canonical, '' for a rule that they do not have."""
        return self._rules.get((criteria.partition("|")[0], rule_id), "")

    def is_answer(self, name: str) -> bool:
        """Whether it is a question of a form."""
        return name in self._questions

    def is_setting(self, name: str) -> bool:
        """Whether it is a value that the site chose, and no fact of the patient."""
        return name in self._settings

    def question(self, name: str) -> str:
        """The question as the patient was asked it."""
        return self._questions.get(name) or name.replace("-", " ").capitalize()

    def answer(self, name: str, code: str) -> str:
        """An answer as the form words it."""
        return self._answers.get((name, code)) or self.concept("answer", code)

    def unit(self, code: str) -> str:
        """A unit as people write it."""
        return self._units.get(code) or code.strip("{}[]")

    def concept(self, code_system: str, code: str) -> str:
        """The display of a code of one of our code systems."""
        display = self._concepts.get((code_system, code), ("", ""))[0]
        return display or code.replace("-", " ").replace("_", " ").capitalize()

    def definition(self, code_system: str, code: str) -> str:
        """The definition of a code, '' where there is none."""
        return self._concepts.get((code_system, code), ("", ""))[1]

    def priority(self, code: str) -> str:
        """What a priority asks for: the definition of its usual level, '' for a priority that no level has."""
        return self.definition("triage-level", self._priorities.get(code, ""))

    def choices(self, code_system: str) -> list[tuple[str, str]]:
        """Every code of a code system with its display, in the order of the artefact."""
        return [(code, texts[0]) for (held, code), texts in self._concepts.items() if held == code_system]

    def listed(self, value_set: str) -> list[tuple[str, str]]:
        """The codes that a value set lists one by one, each with its display, in the order of the artefact."""
        return self._chosen.get(value_set, [])


@lru_cache(maxsize=4)
def wording(knowledge: Knowledge) -> Wording:
    """The words of these artefacts, gathered once."""
    return Wording(knowledge)


def _items(group: Json) -> Iterator[Json]:
    for item in group.get("item", ()):
        yield item
        yield from _items(item)


def _concepts(group: Json) -> Iterator[Json]:
    for concept in group.get("concept", ()):
        yield concept
        yield from _concepts(concept)


def _listed(value_set: Json) -> Iterator[tuple[str, str]]:
    for include in value_set.get("compose", {}).get("include", ()):
        name = include.get("system", "").rpartition("/")[2]
        yield from ((name, concept["code"]) for concept in include.get("concept", ()))
