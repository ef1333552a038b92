"""Rows a second of every verifier, on one core and on more: `python -m benchmarks.verifier_speed`.

Each verifier judges its own examples, again and again, through `coldstart verify`'s function: reading of tasks, threads
or processes, rows. One worker and several take turns; the table has medians, and the ratio of each round.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator

import polars as pl

from pipeline import plugins
from pipeline.rows import json_text
from pipeline.verify import Config
from pipeline.verify_file import verify_rows

ROUNDS = 3
SECONDS = 3.0
"""About how long one measurement of one worker takes."""


def main() -> None:
    """Print the table."""
    n_cores = len(os.sched_getaffinity(0))
    print(
        f"| verifier | rows/s, one worker | rows/s, {n_cores} workers | in relation | rounds |\n|---|---|---|---|---|"
    )
    for name in plugins.names("verifiers"):
        if not hasattr(plugins.load("verifiers", name), "gather"):
            pairs = list(_rounds(name, n_cores))
            one, more = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
            ratios = [after / before for before, after in pairs]
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(f"| `{name}` | {one:,.0f} | {more:,.0f} | {statistics.median(ratios):.2f} | {spread} |", flush=True)


def _rounds(name: str, n_cores: int) -> Iterator[tuple[float, float]]:
    """Rows a second of one worker and of several, in turn."""
    few = _rows(name, 1)
    for workers in (1, n_cores):
        verify_rows(few, name, Config(workers=workers))  # so that nobody pays for starting up
    started = time.perf_counter()
    verify_rows(few, name, Config(workers=1))
    rows = _rows(name, max(1, round(SECONDS / (time.perf_counter() - started))))
    for _ in range(ROUNDS):
        yield _rate(rows, name, 1), _rate(rows, name, n_cores)


def _rows(name: str, times: int) -> pl.DataFrame:
    """A verifier's examples, so many times."""
    examples = plugins.load("verifiers", name).EXAMPLES * times
    rows = [{"id": i, "response": example[1], "task": json_text(example[0])} for i, example in enumerate(examples)]
    return pl.DataFrame(rows)


def _rate(rows: pl.DataFrame, name: str, workers: int) -> float:
    started = time.perf_counter()
    verify_rows(rows, name, Config(workers=workers))
    return rows.height / (time.perf_counter() - started)


if __name__ == "__main__":
    sys.exit(main())
