"""`make bench`, `make chaos`, `make mutation`: figures and proofs that are too long or too noisy for the test run."""

from __future__ import annotations

import importlib
import sys

WHAT = {
    "figures": ("tests.bench.latency", "tests.bench.evaluation", "tests.bench.intake"),
    "chaos": ("tests.bench.chaos",),
    "fuzz": ("tests.bench.fuzz",),
    "mutation": ("tests.bench.mutation",),
}


def main() -> int:
    """Run one group of measurements (default: figures); non-zero when one of them misses what it promises."""
    chosen = sys.argv[1] if len(sys.argv) > 1 else "figures"
    return max(importlib.import_module(name).main() for name in WHAT[chosen])


if __name__ == "__main__":
    sys.exit(main())
