"""Which deliberate mistakes the tables of cases notice. `make mutation`; a survivor is a case that is missing.

Each mistake is made in a process of its own, which then runs the tables until the first case that comes out otherwise.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.bench.mutants import SOURCES, Mutant, of_artefacts, of_source

PROFILES = Path(__file__).resolve().parents[2] / "profiles"
CHECKING = "tests.criteria.cases.checking"
ROOMS = ("red_flags", "classification", "safety", "treatment", "longitudinal", "control", "corners")


class _Served(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from mutated source."""

    def __init__(self, module: str, source: str) -> None:
        self._module, self._source = module, source

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Answer for that one module."""
        return importlib.util.spec_from_loader(name, self) if name == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutated source."""
        exec(compile(self._source, self._module, "exec"), module.__dict__)  # noqa: S102 - our own source, mutated


def _tables(first: str) -> Iterator[Any]:
    """Every case, those of the rule that the mistake names first."""
    tables = [
        (rule, table) for room in ROOMS for rule, table in import_module(f"tests.criteria.cases.{room}").TABLES.items()
    ]
    for _, table in sorted(tables, key=lambda pair: f"{pair[0]}" not in first):
        yield from table


def _noticed(name: str) -> str:
    checking = import_module(CHECKING)
    for case in _tables(name):
        try:
            found = checking.differences(case)
        except Exception as failure:  # noqa: BLE001 - whatever it raises, the mistake was noticed
            return type(failure).__name__
        if found:
            return case.name
    return ""


def _artefacts() -> list[dict[str, Any]]:
    """The knowledge as the service reads it, without importing the service: it may be the one that is mutated."""
    paths = (path for path in sorted(PROFILES.rglob("*.json")) if "schema" not in path.relative_to(PROFILES).parts)
    return [json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal) for path in paths]


def _try(mutant: Mutant) -> tuple[str, str]:
    if mutant.module:
        sys.meta_path.insert(0, _Served(mutant.module, mutant.apply(None)))
        return mutant.name, _noticed(mutant.name)
    checking = import_module(CHECKING)
    try:
        knowledge = checking.Knowledge(mutant.apply(_artefacts()))
    except Exception as failure:  # noqa: BLE001 - whatever it is, the load refuses it
        return mutant.name, f"refused at load: {type(failure).__name__}"
    checking.knowledge = lambda: knowledge
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
    took = time.monotonic() - begun
    print(f"{kind}: {len(mutants)} mistakes, {len(survived)} not noticed, score {score:.1f} %, {took:.0f} s")
    for name in survived:
        print(f"   survived: {name}")
    return score


def main() -> int:
    """Make every mistake; 1 when one in the artefacts is not noticed. A word narrows: `code`, or part of a name."""
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    scores = []
    if only != "code":
        scores.append(_run([mutant for mutant in of_artefacts(_artefacts()) if only in mutant.name], "artefacts"))
    if only in {"", "code"}:
        _run([mutant for path in SOURCES if path.exists() for mutant in of_source(path)], "code")
    return int(min(scores, default=100.0) < 100)


if __name__ == "__main__":
    sys.exit(main())
