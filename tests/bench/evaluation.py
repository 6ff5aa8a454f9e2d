"""Evaluating one patient: a typical record, a record of 5,000 resources, and how the time grows in between."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

from fhir_svc.artefacts import load_artefacts
from fhir_svc.evaluation import evaluate
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Record, Site
from tests.criteria.cases.building import NO_RED_FLAG, PROFILES, T, day, form, observation, weight
from tests.criteria.cases.checking import record_of
from tests.criteria.cases.presentations import CLAUDICATION

SIZES = (10, 31, 100, 316, 1000, 2000, 5000)
ROUNDS = 15
PLOT = Path(__file__).with_name("evaluation-growth.svg")


def record(size: int) -> Record:
    """One form and so many Observations: a few that the rules read, the rest what every EHR has."""
    given: list[Any] = [form(NO_RED_FLAG | CLAUDICATION | {"rf-saddle-numbness": "yes"})]
    for number in range(size - 1):
        when = day(1 + number % 700)
        read = (observation("8310-5", "36.8", "Cel", when), weight(80, when))
        given.append(read[number % 2] if number % 10 < 2 else observation("2093-3", 180, "mg/dL", when))
    return record_of(given)


def median_ms(knowledge: Knowledge, given: Record) -> float:
    """Median of the whole evaluation, in milliseconds."""
    took = []
    for number in range(ROUNDS):
        start = time.perf_counter()
        evaluate(
            given, knowledge, Site(timezone="UTC"), T, scope="t/p", seed=f"s{number}", subject="Patient/p",
            submissions=[("g", "s")],
        )  # fmt: skip
        took.append(1000 * (time.perf_counter() - start))
    return statistics.median(took)


def main() -> int:
    """Measure, print, draw; 1 when a promise is missed."""
    knowledge = Knowledge(load_artefacts(PROFILES))
    points = [(size, median_ms(knowledge, record(size))) for size in SIZES]
    for size, took in points:
        print(f"evaluate a record of {size:5d} resources    p50 {took:7.2f} ms")
    PLOT.write_text(draw(points), encoding="utf-8")
    by_size = dict(points)
    return int(by_size[31] >= 10 or by_size[5000] >= 60)


def draw(points: list[tuple[int, float]]) -> str:
    """A small plot: size of the record (across) against milliseconds (up), both linear."""
    width, height, left, bottom = 520, 300, 60, 40
    most_x, most_y = points[-1][0], 10 * (1 + max(y for _, y in points) // 10)

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x / most_x * (width - left - 20), height - bottom - y / most_y * (height - bottom - 20)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    dots = "".join('<circle cx="{:.1f}" cy="{:.1f}" r="3"/>'.format(*at(*point)) for point in points)
    rows = [most_y * part / 4 for part in range(5)]
    grid = "".join(
        f'<line x1="{left}" x2="{width - 20}" y1="{at(0, y)[1]:.1f}" y2="{at(0, y)[1]:.1f}" stroke="#ccc"/>'
        f'<text x="{left - 8}" y="{at(0, y)[1] + 4:.1f}" text-anchor="end">{y:g}</text>'
        for y in rows
    )
    ticks = "".join(
        f'<text x="{at(x, 0)[0]:.1f}" y="{height - bottom + 18}" text-anchor="middle">{x}</text>'
        for x in (0, 1000, 2000, 5000)
    )
    svg = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="11"'
    middle = f'text-anchor="middle" transform="rotate(-90 14 {height / 2})"'
    return (
        f'<svg {svg} viewBox="0 0 {width} {height}">'
        f'<rect width="{width}" height="{height}" fill="white"/>{grid}{ticks}'
        f'<polyline points="{line}" fill="none" stroke="#1a5fb4" stroke-width="2"/><g fill="#1a5fb4">{dots}</g>'
        f'<text x="{width / 2}" y="{height - 6}" text-anchor="middle">resources in the record</text>'
        f'<text x="14" y="{height / 2}" {middle}>p50, ms</text></svg>\n'
    )


if __name__ == "__main__":
    sys.exit(main())
