"""The compiled schema, and what reading a submission needs, for every test of intake."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from fhir_svc.intake import parse
from fhir_svc.intake.conformance import Conformance
from fhir_svc.intake.submission import Reading

PROFILES = Path(__file__).parents[2] / "profiles"
SYNTHEA = Path(__file__).parents[1] / "data" / "synthea"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def conformance() -> Conformance:
    return Conformance(json.loads((PROFILES / "schema" / "fhir-r4.schema.json").read_text()))


@pytest.fixture(scope="session")
def questionnaires() -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted((PROFILES / "Questionnaire").glob("*.json"))]
    return {f"{one['url']}|{one['version']}": one for one in found}


@pytest.fixture
def reading(conformance: Conformance, questionnaires: dict[str, dict[str, Any]]) -> Reading:
    """Ids new-0, new-1 ...; noon of 1 March 2026; the EHR at https://ehr.example/fhir."""
    numbers = count()
    return Reading(
        conformance=conformance,
        new_id=lambda: f"new-{next(numbers)}",
        at=NOW,
        own_bases=("https://ehr.example/fhir", "http://127.0.0.1:8080/fhir/"),
        questionnaires=questionnaires,
        profiles=frozenset({"https://example.org/fhir-svc/StructureDefinition/intake-response"}),
    )


@pytest.fixture
def records() -> Callable[[], list[dict[str, Any]]]:
    """Gives the synthetic records anew each time: reading a record rewrites it."""
    files = sorted(SYNTHEA.glob("*.json"))
    return lambda: [parse.read_json(path.read_bytes(), limit=10 * 2**20) for path in files]
