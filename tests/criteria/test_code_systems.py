"""Every code that the program speaks is defined in `profiles/`, and every address of ours there leads somewhere."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_svc.intake.faults import ERROR_CODES

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "profiles"
B = "https://example.org/fhir-svc"
ARTEFACTS = {
    path: json.loads(path.read_text()) for path in sorted(PROFILES.glob("*/*.json")) if path.parent.name != "schema"
}


def codes_of(name: str) -> set[str]:
    system = json.loads((PROFILES / "CodeSystem" / f"{name}.json").read_text())
    return {concept["code"] for concept in system["concept"]}


def spoken_errors() -> Iterator[tuple[str, str]]:
    """Every error code in the program, and where it stands: `error=` of a call, of a class, or of an Issue."""
    for path in [*ROOT.glob("fhir_svc/**/*.py"), *ROOT.glob("workers/**/*.py")]:
        if "demo" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                yield from ((code, where) for code in _of_call(node))
            if isinstance(node, ast.ClassDef):
                yield from ((code, where) for code in _of_class(node))


def _of_call(node: ast.Call) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    named = [keyword.value for keyword in node.keywords if keyword.arg == "error"]
    issue = name == "Issue" or (name == "add" and len(node.args) >= 3)
    placed = [node.args[1]] if issue and len(node.args) >= 2 else []
    for value in [*named, *placed]:
        if (
            isinstance(value, ast.Constant)
            and isinstance(value.value, str)
            and re.fullmatch(r"[a-z0-9-]+", value.value)
        ):
            yield value.value


def _of_class(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = getattr(statement, "value", None)
        if getattr(target, "id", "") == "error" and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def test_every_error_code_of_the_program_is_in_the_code_system():
    known = codes_of("error")
    assert set(ERROR_CODES) <= known
    assert codes_of("blocker") - {"renal-review", "radiology-consult"} <= known
    assert {code: where for code, where in spoken_errors() if code not in known} == {}


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)
    elif isinstance(node, str):
        yield node


def test_every_address_of_ours_in_an_artefact_leads_to_an_artefact():
    known = {artefact.get("url") for artefact in ARTEFACTS.values()}
    topics = [artefact for artefact in ARTEFACTS.values() if artefact["resourceType"] == "Basic"]
    known |= {one["value"] for topic in topics for one in topic["identifier"]}
    dangling = {
        text
        for artefact in ARTEFACTS.values()
        for text in _strings(artefact)
        if re.fullmatch(rf"{B}/[A-Za-z]+/[A-Za-z0-9-]+(\|[0-9.]+)?", text) and text.split("|")[0] not in known
    }
    assert dangling == set()


def test_every_extension_of_the_program_is_defined():
    used = {
        name
        for path in [*ROOT.glob("fhir_svc/**/*.py"), *ROOT.glob("workers/**/*.py")]
        for name in re.findall(r"(?:\bextension|\bextensions)\((?:\w+, )?\"([a-z-]+)\"\)", path.read_text())
    }
    defined = {path.stem for path in (PROFILES / "StructureDefinition").glob("*.json")}
    assert used - defined == set()


def _codings(node: object) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if str(node.get("system", "")).startswith(f"{B}/CodeSystem/") and isinstance(node.get("code"), str):
            yield node["system"].rpartition("/")[2], node["code"]
        for value in node.values():
            yield from _codings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _codings(value)


@pytest.mark.parametrize("path", ARTEFACTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_code_of_ours_in_an_artefact_is_defined(path):
    unknown = {(name, code) for name, code in _codings(ARTEFACTS[path]) if code not in codes_of(name)}
    assert unknown == set()


def test_every_code_system_of_the_program_is_defined():
    spoken = re.compile(r"\b(?:concept|system)\(\s*\"([a-z-]+)\"")
    named = {
        name
        for path in [*ROOT.glob("fhir_svc/**/*.py"), *ROOT.glob("workers/**/*.py")]
        for name in spoken.findall(path.read_text())
    }
    assert named <= {path.stem for path in (PROFILES / "CodeSystem").glob("*.json")}
