"""Reads what the service answered, for people: the trace of an evaluation, its drafts, the EHR's copy of an order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_svc.demo.ehr_client import Fhir

BASE = "https://example.org/fhir-svc"


def finished(guidance: dict[str, Any]) -> dict[str, Any] | None:
    """The GuidanceResponse once it is no longer in progress."""
    return None if guidance["status"] == "in-progress" else guidance


def _trace(guidance: dict[str, Any]) -> list[dict[str, Any]]:
    contained = {resource["id"]: resource for resource in guidance["contained"]}
    trace: list[dict[str, Any]] = contained[guidance["outputParameters"]["reference"].lstrip("#")]["parameter"]
    return trace


def value_of(parameter: dict[str, Any]) -> Any:
    """The value of a Parameters part; of a Coding its code."""
    value = next((value for key, value in parameter.items() if key.startswith("value")), None)
    return value["code"] if isinstance(value, dict) and "code" in value else value


def explain(guidance: dict[str, Any]) -> Iterator[str]:
    """The trace in lines: level, flags, the rules met with their facts, what could not be told."""
    trace = _trace(guidance)
    level = next((value_of(p) for p in trace if p["name"] == "triage-level"), "none")
    flags = [str(value_of(p)) for p in trace if p["name"] == "flag"]
    yield f"level {level}; flags {', '.join(flags) or 'none'}"
    rules = [_Rule(p) for p in trace if p["name"] == "rule"]
    for rule in rules:
        if rule.outcome == "met":
            yield f"met {rule.id} {rule.title}: {', '.join(rule.facts)}"
    unknown = sorted({name for rule in rules if rule.outcome == "cannot-tell" for name in rule.missing})
    cannot_tell = [rule.id for rule in rules if rule.outcome == "cannot-tell"]
    if cannot_tell:
        yield f"cannot tell {', '.join(cannot_tell)}; unknown: {', '.join(unknown)}"


class _Rule:
    def __init__(self, parameter: dict[str, Any]) -> None:
        parts = parameter["part"]
        first = {part["name"]: part for part in reversed(parts)}
        self.id, self.title = value_of(first["id"]), value_of(first["title"])
        self.outcome = value_of(first["outcome"])
        self.missing = [str(value_of(part)) for part in parts if part["name"] == "missing"]
        self.facts = [self._fact(part["part"]) for part in parts if part["name"] == "fact"]

    @staticmethod
    def _fact(parts: list[dict[str, Any]]) -> str:
        values = {part["name"]: value_of(part) for part in parts if part["name"] != "source"}
        unit = f" {values['unit']}" if values.get("unit") else ""
        return f"{values['name']} = {values.get('value', 'unknown')}{unit}"


def drafts_of(service: Fhir, guidance: dict[str, Any]) -> list[dict[str, Any]]:
    """The ServiceRequests that the evaluation proposes, as the service holds them now."""
    if "result" not in guidance:
        return []
    group = service.get(guidance["result"]["reference"])
    references = [action["resource"]["reference"] for action in group.get("action", []) if "resource" in action]
    return [service.get(reference) for reference in references if reference.startswith("ServiceRequest/")]


def order_key(request: dict[str, Any]) -> str:
    """The order key of a ServiceRequest of ours."""
    system = f"{BASE}/CodeSystem/order-key"
    return next(str(coding["code"]) for coding in request["code"]["coding"] if coding["system"] == system)


def held_by(ehr: Fhir, draft: dict[str, Any], status: str | None = None) -> dict[str, Any] | None:
    """The EHR's copy of an order (in that status), if it has one; RuntimeError if it has two."""
    value = next(i["value"] for i in draft["identifier"] if i["system"] == f"{BASE}/order")
    found = ehr.search(f"ServiceRequest?identifier={BASE}/order|{value}")
    if len(found) > 1:
        raise RuntimeError("the EHR holds the order twice")
    return next((copy for copy in found if status in {None, copy["status"]}), None)
