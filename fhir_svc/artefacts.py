"""EDGE: reads the knowledge artefacts (FHIR JSON) from their folder, numbers exact."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from fhir_svc.errors import Broken

SCHEMA = "schema"


def load_artefacts(directory: Path | str) -> list[dict[str, Any]]:
    """Every artefact below a folder, in order of path; Broken where a file is no FHIR JSON."""
    root = Path(directory)
    if not root.is_dir():
        raise Broken("the folder of the knowledge artefacts does not exist")
    paths = sorted(path for path in root.rglob("*.json") if SCHEMA not in path.relative_to(root).parts)
    return [_read(path, root) for path in paths]


def _read(path: Path, root: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    except ValueError as fault:
        raise Broken(f"not JSON: {path.relative_to(root)}") from fault
    if not isinstance(found, dict) or "resourceType" not in found:
        raise Broken(f"not a FHIR resource: {path.relative_to(root)}")
    return found
