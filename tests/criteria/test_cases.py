"""Every rule of the criteria as a table of cases, run through the whole evaluation and read from its resources."""

from __future__ import annotations

import pytest

from tests.criteria.cases import classification, control, corners, gaps, longitudinal, red_flags, safety, treatment
from tests.criteria.cases.checking import differences

ROOMS = (red_flags, classification, safety, treatment, longitudinal, control, corners, gaps)
CASES = [
    pytest.param(case, id=f"{rule}: {case.name}")
    for room in ROOMS
    for rule, table in room.TABLES.items()
    for case in table
]


@pytest.mark.parametrize("case", CASES)
def test_the_rule_decides_as_written(case):
    assert differences(case) == []
