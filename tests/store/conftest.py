from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

LOINC = "http://loinc.org"


@pytest.fixture
def observation() -> Callable[..., dict[str, Any]]:
    """An Observation with the values that a test cares for."""

    def make(id_: str = "o1", *, code: str = "8867-4", patient: str = "p1", **changes: Any) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": id_,
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "subject": {"reference": f"Patient/{patient}"},
            **changes,
        }

    return make


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Run the same call in many threads; the results, exceptions included, in no order."""

    def run(threads: int, calls: list[Callable[[], Any]]) -> list[Any]:
        def caught(call: Callable[[], Any]) -> Any:
            try:
                return call()
            except Exception as error:  # noqa: BLE001  the test looks at it
                return error

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(caught, calls))

    return run
