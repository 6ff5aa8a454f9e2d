"""Every rule of the criteria as a table of cases, run through the whole evaluation and read from its resources.

Every module of `cases` that has TABLES is one.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.criteria.cases.checking import differences

MODULES = sorted(path.stem for path in (Path(__file__).parent / "cases").glob("*.py"))
ROOMS = [room for name in MODULES if hasattr(room := import_module(f"tests.criteria.cases.{name}"), "TABLES")]
CASES = [
    pytest.param(case, id=f"{rule}: {case.name}")
    for room in ROOMS
    for rule, table in room.TABLES.items()
    for case in table
]


@pytest.mark.parametrize("case", CASES)
def test_the_rule_decides_as_written(case):
    assert differences(case) == []
