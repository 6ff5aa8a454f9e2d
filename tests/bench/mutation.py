"""Which deliberate mistakes the tables of cases notice. `make mutation`; a survivor is a case that is missing.

Each mistake is made in a process of its own, which then runs the tables until the first case that comes out otherwise.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.bench.mutants import SOURCES, Mutant, of_artefacts, of_source

ROOMS = ("red_flags", "classification", "safety", "treatment", "longitudinal", "control", "corners")


class _Served(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from mutated source."""

    def __init__(self, module: str, source: str) -> None:
        self._module, self._source = module, source

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, self._module, "exec"), module.__dict__)  # noqa: S102 - our own source, mutated


def _tables(first: str = "") -> Iterator[Any]:
    from importlib import import_module

    tables = [
        (rule, table) for room in ROOMS for rule, table in import_module(f"tests.criteria.cases.{room}").TABLES.items()
    ]
    for rule, table in sorted(tables, key=lambda pair: f"{pair[0]}" not in first):
        yield from table


def _noticed(name: str) -> str:
    from tests.criteria.cases.checking import differences

    for case in _tables(name):
        try:
            found = differences(case)
        except Exception as failure:  # noqa: BLE001 - whatever it raises, the mistake was noticed
            return type(failure).__name__
        if found:
            return case.name
    return ""


def _try(mutant: Mutant) -> tuple[str, str]:
    if mutant.module:
        sys.meta_path.insert(0, _Served(mutant.module, mutant.apply(None)))
        return mutant.name, _noticed(mutant.name)
    from fhir_svc.artefacts import load_artefacts
    from fhir_svc.knowledge import Knowledge
    from tests.criteria.cases import checking
    from tests.criteria.cases.building import PROFILES

    try:
        knowledge = Knowledge(mutant.apply(load_artefacts(PROFILES)))
    except Exception as failure:  # noqa: BLE001 - the load refuses it
        return mutant.name, f"refused at load: {type(failure).__name__}"
    checking.knowledge = lambda: knowledge  # type: ignore[assignment]
    return mutant.name, _noticed(mutant.name)


def _child(mutants: list[Mutant], number: int, pipe: Any) -> None:
    pipe.send(_try(mutants[number]))
    os._exit(0)


def _run(mutants: list[Mutant], kind: str) -> float:
    context = multiprocessing.get_context("fork")  # children inherit the list; nothing of ours is imported before
    begun, running, results, number = time.monotonic(), {}, {}, 0
    while number < len(mutants) or running:
        while number < len(mutants) and len(running) < (os.cpu_count() or 2):
            mine, theirs = context.Pipe(duplex=False)
            child = context.Process(target=_child, args=(mutants, number, theirs))
            child.start()
            theirs.close()
            running[number] = (child, mine)
            number += 1
        for each, (child, mine) in list(running.items()):
            if mine.poll(0.002):
                try:
                    results[each] = mine.recv()[1]
                except EOFError:
                    results[each] = "ended"
                child.join()
                del running[each]
    survived = [mutants[each].name for each, how in sorted(results.items()) if not how]
    score = 100 * (1 - len(survived) / max(1, len(mutants)))
    print(
        f"{kind}: {len(mutants)} mistakes, {len(survived)} not noticed, score {score:.1f} %, {time.monotonic() - begun:.0f} s"
    )
    for name in survived:
        print(f"   survived: {name}")
    return score


def main() -> int:
    """Make every mistake; 1 when one in the artefacts is not noticed."""
    profiles = Path(__file__).resolve().parents[2] / "profiles"
    import json
    from decimal import Decimal

    artefacts = [
        json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        for path in sorted(profiles.rglob("*.json"))
        if "schema" not in path.relative_to(profiles).parts
    ]
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    scores = []
    if only != "code":
        scores.append(_run([m for m in of_artefacts(artefacts) if only in m.name], "artefacts"))
    if only in {"", "code"}:
        _run([mutant for path in SOURCES if path.exists() for mutant in of_source(path)], "code")
    return int(min(scores, default=100.0) < 100)


if __name__ == "__main__":
    sys.exit(main())
