"""Which deliberate mistakes the tests notice. `make mutation`; a survivor is a case that is missing.

Each mistake is made in a process of its own, which runs what the default test run does until something comes out
otherwise: the load, `criteria check`, the quick tests of the module's own, the tables of cases (those that tell most of
the rule or fact first) where evaluation reaches the module, and the quick tests of CHECKS (CHECKS=no leaves all tests
out, for a first look). JOBS says how many processes there are; survivors are printed as they are found, VERBOSE prints
what noticed the others.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import multiprocessing
import multiprocessing.connection
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.bench.mutants import SOURCES, Mutant, of_artefacts, of_source
from tests.bench.telling import CHECKING, Cases

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ROOT / "profiles"
OURS = ("fhir_svc", "tests.criteria", "tests.orders", "tests.cli", "tests.conftest")
CHECKS = [
    *(f"tests/criteria/test_{name}.py" for name in ("site_values", "facts", "responses", "measured_values")),
    *(f"tests/criteria/test_{name}.py" for name in ("knowledge", "amendments", "moments")),
    *(f"tests/criteria/test_{name}.py" for name in ("units", "expressions", "written_resources", "concept_properties")),
    *(f"tests/criteria/test_{name}.py" for name in ("control_conditions", "usable")),
    *(f"tests/orders/test_{name}.py" for name in ("with_the_plan", "news", "repeats", "safety_controls", "expiry")),
    *(f"tests/orders/test_{name}.py" for name in ("writes", "screening", "what_held_back", "merging")),
]
OF_ARTEFACTS = (
    "tests/criteria/test_knowledge.py",
    "tests/cli/test_criteria_check.py",
    "tests/criteria/test_code_systems.py",
)
OWN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("checks", "check_digits", "links", "review"), OF_ARTEFACTS),
    "examples": ("tests/cli/test_criteria_show.py",),
    "reach": ("tests/cli/test_criteria_show.py", *OF_ARTEFACTS),
    **dict.fromkeys(("messages", "vocabulary", "wording"), ("tests/criteria/test_messages.py",)),
    **dict.fromkeys(("expressions", "syntax"), ("tests/criteria/test_expressions.py",)),
    **{name: (f"tests/criteria/test_{name}.py",) for name in ("facts", "units", "moments", "usable")},
    "forms": ("tests/criteria/test_responses.py",),
    "measurements": ("tests/criteria/test_measured_values.py",),
    "repeats": ("tests/orders/test_repeats.py",),
    "controls": ("tests/orders/test_safety_controls.py",),
}
"""The tests of a module's own, which run first when the mistake is in it."""
SAMPLE = "200"
LIMIT = 600
"""Seconds after which a mistake that never comes to an end counts as noticed."""


NONE = Mutant("none", lambda found: found)
"""No mistake: nothing may notice it."""


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


@cache
def _artefacts() -> list[dict[str, Any]]:
    """The knowledge as the service reads it, without importing the service: it may be the one that is mutated."""
    paths = (path for path in sorted(PROFILES.rglob("*.json")) if "schema" not in path.relative_to(PROFILES).parts)
    return [json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal) for path in paths]


def _in_code(mutant: Mutant, _: Cases) -> str:
    for name in [name for name in sys.modules if name.startswith(OURS)]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Served(mutant.module, mutant.apply(None)))
    own = OWN.get(mutant.module.rpartition(".")[2], ())
    return _by_load() or _of_module(own, mutant) or _by_tests([each for each in CHECKS if each not in own])


def _of_module(own: Sequence[str], mutant: Mutant) -> str:
    evaluates = mutant.module in sys.modules  # now that the knowledge is loaded
    return _by_tests(own) or (_by_cases(Cases(), mutant.about) if evaluates else "")


def _in_artefacts(mutant: Mutant, cases: Cases) -> str:
    wrong, reader = mutant.apply(_artefacts()), import_module("fhir_svc.artefacts")
    real: Callable[[Any], Any] = reader.load_artefacts
    reader.load_artefacts = lambda place: wrong if Path(place).resolve() == PROFILES else real(place)
    import_module(CHECKING).load_artefacts = reader.load_artefacts
    import_module(CHECKING).knowledge.cache_clear()
    return _by_load() or _by_cases(cases, mutant.about) or _by_tests(CHECKS)


def _by_load() -> str:
    try:
        faults = import_module(CHECKING).knowledge().faults()
    except Exception as failure:  # noqa: BLE001 - whatever it is, the load refuses it
        return f"refused at load: {type(failure).__name__}"
    return f"criteria check: {faults[0]}" if faults else ""


def _by_cases(cases: Cases, about: str) -> str:
    checking = import_module(CHECKING)
    for case in cases.telling(about, checking.knowledge()):
        try:
            found = checking.differences(case)
        except Exception as failure:  # noqa: BLE001 - whatever it raises, the mistake was noticed
            return f"{case.name}: {type(failure).__name__}"
        if found:
            return str(case.name)
    return ""


def _by_tests(modules: Sequence[str]) -> str:
    if not modules or os.environ.get("CHECKS") == "no":
        return ""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(ROOT), *modules])
    return f"tests: {code!r}" if code else ""


def _child(mutant: Mutant, cases: Cases, pipe: Any) -> None:
    signal.alarm(LIMIT)
    pipe.send(_in_code(mutant, cases) if mutant.module else _in_artefacts(mutant, cases))
    os._exit(0)


def _results(mutants: list[Mutant], cases: Cases) -> Iterator[tuple[Mutant, str]]:
    """Each mistake with what noticed it, "" where nothing did, in the order in which they come to an end."""
    context, jobs = multiprocessing.get_context("fork"), int(os.environ.get("JOBS", "0")) or os.cpu_count() or 2
    waiting, running = list(reversed(mutants)), dict[Any, tuple[Mutant, Any]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mine, theirs = context.Pipe(duplex=False)
            child = context.Process(target=_child, args=(waiting[-1], cases, theirs))
            child.start()
            theirs.close()
            running[mine] = (waiting.pop(), child)
        for pipe in multiprocessing.connection.wait(running):
            mutant, child = running.pop(pipe)
            try:
                yield mutant, pipe.recv()
            except EOFError:
                yield mutant, "ended"
            child.join()


def _run(mutants: list[Mutant], cases: Cases, kind: str) -> float:
    """The score in percent, printed; survivors are printed as they are found."""
    begun, survived = time.monotonic(), 0
    for mutant, how in _results([NONE, *mutants], cases):
        if mutant is NONE:
            if how:
                sys.exit(f"without any mistake something is noticed: {how}")
            continue
        survived += not how
        if not how:
            print(f"   survived: {mutant.name}", flush=True)
        elif "VERBOSE" in os.environ:
            print(f"   noticed: {mutant.name} by {how}", flush=True)
    score = 100 * (1 - survived / max(1, len(mutants)))
    took = time.monotonic() - begun
    print(f"{kind}: {len(mutants)} mistakes, {survived} not noticed, score {score:.1f} %, {took:.0f} s", flush=True)
    return score


def _chosen(mutants: list[Mutant], words: list[str]) -> list[Mutant]:
    """Those whose names contain every word, and stand in the file @name; a number is the size of a random sample."""
    seed = int(next((word.removeprefix("seed=") for word in words if word.startswith("seed=")), "1"))
    words = [word for word in words if not word.startswith("seed=")]
    sizes, parts = [int(word) for word in words if word.isdigit()], [word for word in words if not word.isdigit()]
    listed = "".join(Path(part[1:]).read_text(encoding="utf-8") for part in parts if part.startswith("@"))
    parts = [part for part in parts if not part.startswith("@")]
    named = [mutant for mutant in mutants if all(part in mutant.name for part in parts)]
    named = [mutant for mutant in named if f": {mutant.name}\n" in listed] if listed else named
    return random.Random(seed).sample(named, min(sizes[0], len(named))) if sizes else named


def main() -> int:
    """Make every mistake; 1 when one in the artefacts is not noticed.

    Words narrow: `artefacts` or `code`, a number for a random sample of that size (seed=2 for another one), parts of a
    mistake's name, @file for those that an earlier run printed. Of those in the code SAMPLE are made unless a number
    says otherwise.
    """
    kinds = [word for word in sys.argv[2:] if word in {"artefacts", "code"}] or ["artefacts", "code"]
    words = [word for word in sys.argv[2:] if word not in {"artefacts", "code"}]
    cases, scores = Cases(), [100.0]
    if "artefacts" in kinds:
        cases.learn()
    if "artefacts" in kinds:
        artefacts = list(of_artefacts(_artefacts()))
        for kind in sorted({mutant.name.partition(":")[0] for mutant in artefacts}):
            chosen = _chosen([mutant for mutant in artefacts if mutant.name.startswith(f"{kind}:")], words)
            scores += [_run(chosen, cases, f"artefacts, {kind}")] if chosen else []
    if "code" in kinds:
        code = [mutant for path in SOURCES for mutant in of_source(path)]
        _run(_chosen(code, words or [SAMPLE]), cases, f"code (of {len(code)})")
    return int(min(scores) < 100)


if __name__ == "__main__":
    sys.exit(main())
