"""How fast agreement is measured, and how often its intervals hold: `python -m benchmarks.agreement [COVERAGE_ROUNDS]`.

First seconds for alpha with 1,000 resamples of 5,000 items with three answers each, of 5 and of 5,000 distinct values,
then for a question of a table. Then the share of 95 % intervals that hold the alpha of the
population, by number of items: 500 rounds a line if not said.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from annotation.agreement.dawid_skene import dawid_skene
from annotation.agreement.krippendorff import Scale, alpha_interval, patterns_of
from annotation.agreement.table import agreement_rows

ITEMS, ANNOTATORS = 5_000, 3
SCALES: tuple[Scale, ...] = ("nominal", "ordinal", "interval")
KEPT = 0.7
"""Probability that an annotator says the truth rather than anything: nominal alpha of the population is its square."""


def main(rounds: int = 500) -> None:
    """Print all of it."""
    speed()
    coverage(rounds)


def speed() -> None:
    """Seconds of each part."""
    print("| what | s |\n|---|---|")
    for n_values in (5, 5_000):
        items, values = _answers(ITEMS, n_values, np.random.default_rng(1))
        for scale in SCALES:
            seconds = _timed(lambda: alpha_interval(patterns_of(items, values, scale)))  # noqa: B023
            print(f"| alpha and interval, {scale}, {n_values:,} values | {seconds:.3f} |", flush=True)
    items, values = _answers(ITEMS, 5, np.random.default_rng(1))
    names = [f"a{place // ITEMS}" for place in range(len(items))]
    table = pl.DataFrame({"item": items, "annotator": names, "question": "q", "value": values})
    print(f"| model of Dawid and Skene | {_timed(lambda: _fit(table)):.3f} |")
    for scale in SCALES:
        seconds = _timed(lambda: agreement_rows(table.with_columns(scale=pl.lit(scale))))  # noqa: B023
        print(f"| a question of a table, {scale} | {seconds:.3f} |", flush=True)


def coverage(rounds: int) -> None:
    """Share of 95 % intervals, nominal, that hold the alpha of the population."""
    print("\n| items | interval holds alpha | mean width | no interval |\n|---|---|---|---|")
    for n_items in (10, 20, 50, 200, 1_000):
        random, ends = np.random.default_rng(n_items), []
        for _ in range(rounds):
            ends.append(alpha_interval(patterns_of(*_answers(n_items, 4, random), "nominal")))
        found = np.array([(end.low, end.high) for end in ends if end.low is not None])
        held = ((found[:, 0] <= KEPT**2) & (found[:, 1] >= KEPT**2)).mean()
        width = (found[:, 1] - found[:, 0]).mean()
        print(f"| {n_items:,} | {held:.3f} | {width:.3f} | {rounds - len(found)} |", flush=True)


def _answers(n_items: int, n_values: int, random: np.random.Generator) -> tuple[list[int], list[float]]:
    shape = ANNOTATORS, n_items
    truth = random.integers(0, n_values, n_items)
    said = np.where(random.random(shape) < KEPT, truth, random.integers(0, n_values, shape))
    return [*range(n_items)] * ANNOTATORS, said.ravel().astype(float).tolist()


def _fit(table: pl.DataFrame) -> None:
    dawid_skene(*(table[name].cast(pl.String).to_list() for name in ("item", "annotator", "value")))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
