"""PURE: the symptom codes that an order carries, from the mapping that its ActivityDefinition is derived from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fhir_svc.decision import RuleOutcome
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import OrderKind
from fhir_svc.orders.terms import BASE, extensions, parts
from fhir_svc.record import Json, Record

_DEFINITIONS = f"{BASE}/ActivityDefinition/"
_GONE = frozenset({"entered-in-error", "refuted"})


def reasons(
    kind: OrderKind, rules: Sequence[RuleOutcome], record: Record, knowledge: Knowledge
) -> tuple[Mapping[str, Any], ...]:
    """The CodeableConcepts that explain an order: symptoms the rules read, and diagnoses the record already holds."""
    said = {(fact.name, str(fact.value)) for rule in rules for fact in rule.facts if fact.value is not None}
    wanted = {rule.id for rule in rules}
    recorded = frozenset(_recorded(record))
    chosen = [
        parts(entry, "concept")[0]
        for source in _sources(kind.definition, knowledge)
        for entry in extensions(source, "indication")
        if _applies(entry, said, wanted, recorded)
    ]
    return tuple(chosen)


def distinct(given: Sequence[Mapping[str, Any]], more: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Those that a rule states, and of the others those that add a code or, without codes, a text."""
    found = list(given)
    for concept in more:
        said = {(coding["system"], coding["code"]) for held in found for coding in held.get("coding", ())}
        codings = {(coding["system"], coding["code"]) for coding in concept.get("coding", ())}
        texts = {held.get("text") for held in found}
        if codings - said or (not codings and concept.get("text") not in texts):
            found.append(concept)
    return tuple(found)


def _sources(definition: Json, knowledge: Knowledge) -> Iterator[Json]:
    for artefact in definition.get("relatedArtifact", ()):
        address = str(artefact.get("resource", "")).partition("|")[0]
        if artefact["type"] == "derived-from" and address.startswith(_DEFINITIONS):
            found = knowledge.find("ActivityDefinition", address.removeprefix(_DEFINITIONS))
            if found is not None:
                yield found


def _applies(entry: Json, said: set[tuple[str, str]], rules: set[str], recorded: frozenset[tuple[str, str]]) -> bool:
    facts, values = parts(entry, "fact"), parts(entry, "value")
    if facts and not any((facts[0], value) in said for value in values):
        return False
    if any(rule not in rules for rule in parts(entry, "rule")):
        return False
    return all((coding["system"], coding["code"]) in recorded for coding in parts(entry, "recorded"))


def _recorded(record: Record) -> Iterator[tuple[str, str]]:
    for stored in record.of("Condition"):
        verification = stored.content.get("verificationStatus", {}).get("coding", ())
        if not any(coding.get("code") in _GONE for coding in verification):
            for coding in stored.content.get("code", {}).get("coding", ()):
                yield coding.get("system", ""), coding.get("code", "")
