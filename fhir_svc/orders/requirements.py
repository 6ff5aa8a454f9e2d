"""PURE: what is missing, in the words of whoever has it: a question, standard codes, an element of the Patient.

The criteria's own name of the fact stands in an extension: the trace says `missing` by that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import declared_facts, questions
from fhir_svc.orders.sheet import Resource
from fhir_svc.orders.terms import extension, parts
from fhir_svc.record import Json

_OF_PATIENT = {"age": "birthDate", "sex": "gender"}
_CODED_AT = {
    "ImagingStudy": "procedureCode",
    "Device": "type",
    "MedicationStatement": "medication",
    "MedicationRequest": "medication",
}


def required(knowledge: Knowledge, name: str) -> Iterator[Resource]:
    """The DataRequirements of a fact that is unknown: one for each type of resource that could tell."""
    named = {"extension": [{"url": extension("missing-fact"), "valueCode": name}]}
    form, _ = questions(knowledge).get(name, (None, ""))
    if form:
        yield {**named, "type": "QuestionnaireResponse", "codeFilter": [_filter("item.linkId", [(form, name)])]}
        return
    yield from ({**named, **found} for found in _recorded(declared_facts(knowledge).get(name, {})))


def _recorded(declared: Json) -> Iterator[Resource]:
    kind = next(iter(parts(declared, "kind")), "")
    if kind in _OF_PATIENT:
        yield {"type": "Patient", "mustSupport": [_OF_PATIENT[kind]]}
        return
    codes, conclusions = parts(declared, "code"), parts(declared, "conclusion")
    if not (codes or conclusions):  # nothing on file would settle it: a newer form might
        yield {"type": "QuestionnaireResponse"}
    for type_ in parts(declared, "type") or ["Observation"] if codes or conclusions else ():
        path = _CODED_AT.get(type_, "code") if codes else "conclusionCode"
        yield {"type": type_, "codeFilter": [_filter(path, [_pair(coding) for coding in codes or conclusions])]}


def _pair(coding: Mapping[str, Any]) -> tuple[str, str]:
    return coding["system"], coding["code"]


def _filter(path: str, codes: list[tuple[str, str]]) -> Resource:
    return {"path": path, "code": [{"system": system, "code": code} for system, code in codes]}
