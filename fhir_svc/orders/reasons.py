"""PURE: the symptom codes that an order carries, from the mapping that its ActivityDefinition is derived from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fhir_svc.decision import RuleOutcome
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import OrderKind, order_kind
from fhir_svc.orders.terms import BASE, extensions, parts
from fhir_svc.record import Json, Record

_DEFINITIONS = f"{BASE}/ActivityDefinition/"
_GONE = frozenset({"entered-in-error", "refuted"})


@dataclass(frozen=True, slots=True)
class Indication:
    """One entry of the mapping: the concept, and the answers, rule or recorded diagnosis it takes (none: always)."""

    concept: Mapping[str, Any]
    said: frozenset[tuple[str, str]]
    rules: frozenset[str]
    recorded: frozenset[tuple[str, str]]


def reasons(
    kind: OrderKind, rules: Sequence[RuleOutcome], diagnoses: frozenset[tuple[str, str]], knowledge: Knowledge
) -> tuple[Mapping[str, Any], ...]:
    """The CodeableConcepts that explain an order: symptoms the rules read, and diagnoses that the record holds."""
    said = {(fact.name, str(fact.value)) for rule in rules for fact in rule.facts if fact.value is not None}
    wanted = {rule.id for rule in rules}
    return tuple(
        entry.concept
        for entry in indications(knowledge, kind.key)
        if (not entry.said or entry.said & said) and entry.rules <= wanted and entry.recorded <= diagnoses
    )


@lru_cache(maxsize=256)
def indications(knowledge: Knowledge, key: str) -> tuple[Indication, ...]:
    """The mapping that an order's definition is derived from."""
    sources = _sources(order_kind(knowledge, key).definition, knowledge)
    return tuple(_indication(entry) for source in sources for entry in extensions(source, "indication"))


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


def _indication(entry: Json) -> Indication:
    return Indication(
        concept=parts(entry, "concept")[0],
        said=frozenset((fact, value) for fact in parts(entry, "fact") for value in parts(entry, "value")),
        rules=frozenset(parts(entry, "rule")),
        recorded=frozenset((coding["system"], coding["code"]) for coding in parts(entry, "recorded")),
    )


def recorded(record: Record) -> frozenset[tuple[str, str]]:
    """The diagnoses that the record holds, by system and code."""
    return frozenset(_recorded(record))


def _recorded(record: Record) -> Iterator[tuple[str, str]]:
    for stored in record.of("Condition"):
        verification = stored.content.get("verificationStatus", {}).get("coding", ())
        if not any(coding.get("code") in _GONE for coding in verification):
            for coding in stored.content.get("code", {}).get("coding", ()):
                yield coding.get("system", ""), coding.get("code", "")
