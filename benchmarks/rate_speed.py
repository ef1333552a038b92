"""How fast prompts are rated, without a model: `python -m benchmarks.rate_speed [PROMPTS]`, a million if not said.

First from counts to decisions under each rule, in CPU-seconds of all threads. Then counting 36 outcomes a prompt beside
polars' own `group_by` of the same columns, in turn in one process: a million prompts take 6 GB of memory. All figures
are medians of the rounds; the first round, which also warms up, counts as well.
"""

import statistics
import sys
import time
from collections.abc import Callable
from hashlib import sha256

import numpy as np
import polars as pl

from pipeline import rate
from pipeline.ledger import COUNTS, ENTRIES, counts, entry
from pipeline.pass_rates.stopping import PilotCount, Rule
from pipeline.sampling import stopped
from schemas.tables import OUTCOMES

ROUNDS = 3
GROUP = ("prompt_id", "outcome", "reason")
N_SAMPLES = 36
PILOT: tuple[PilotCount, ...] = tuple((16, c, n, None) for c, n in ((0, 20), (4, 6), (8, 6), (12, 6), (16, 30)))
RULES = (Rule(), Rule(rule="curtailed"), Rule(rule="optimal", pilot_counts=PILOT), Rule(rule="fixed"))
SHARES = (0.4, 0.5, 0.04, 0.03, 0.01, 0.005, 0.005, 0.005, 0.005)
"""How often each of ENTRIES comes."""


def main(n_prompts: int = 1_000_000) -> None:
    """Print both tables."""
    decisions(_counts(n_prompts))
    counting(_verdicts(n_prompts))


def decisions(counted: pl.DataFrame) -> None:
    """CPU-seconds that regions and stops of all prompts take, rule by rule."""
    print(
        f"{counted.height:,} prompts, CPU-seconds:\n\n| rule | counts to regions | and whether to stop |\n|---|---|---|"
    )
    for rule in RULES:
        times = [_decided(counted, rule) for _ in range(ROUNDS)]
        regions, all_ = (statistics.median(time[i] for time in times) for i in (0, 1))
        print(f"| {rule.rule} | {regions:.2f} | {all_:.2f} |", flush=True)


def counting(verdicts: pl.DataFrame) -> None:
    """Seconds that the ledger takes, and how it compares."""
    ways: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
        "nine counts": _nine_counts,
        "`group_by(prompt_id, outcome, reason).len()`": lambda frame: frame.group_by(GROUP).len(),
        "the ledger: nine counts, first round, tokens": lambda frame: rate.ledgers(frame, ["prompt_id"], Rule()),
        "`group_by` with sums of these columns too": _sums,
    }
    times = [[_timed(way, verdicts) for way in ways.values()] for _ in range(ROUNDS)]
    print(f"\n{verdicts.height:,} outcomes:\n")
    print("| counted by | s | CPU-s | nine counts / this, s | CPU-s | ledger / this, s | CPU-s |\n|" + "---|" * 7)
    for place, name in enumerate(ways):
        wall, cpu = (statistics.median(one[place][i] for one in times) for i in (0, 1))
        ours = [statistics.median(one[way][i] / one[place][i] for one in times) for way in (0, 2) for i in (0, 1)]
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | " + " | ".join(f"{ratio:.2f}" for ratio in ours) + " |")


def _decided(counted: pl.DataFrame, rule: Rule) -> tuple[float, float]:
    started = time.process_time()
    rate.decide(counted, rule)
    between = time.process_time()
    stopped(counted, rule)
    return between - started, time.process_time() - started


def _nine_counts(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.lazy().with_columns(entry()).group_by("prompt_id").agg(counts()).collect(engine="streaming")


def _sums(frame: pl.DataFrame) -> pl.DataFrame:
    tokens = pl.col("n_completion_tokens").cast(pl.Int64).sum()
    return frame.group_by(GROUP).agg(pl.len(), (pl.col("sample_index") < Rule().batch).sum(), tokens)


def _timed(way: Callable[[pl.DataFrame], pl.DataFrame], frame: pl.DataFrame) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    way(frame)
    return time.perf_counter() - wall, time.process_time() - cpu


def _counts(n_prompts: int) -> pl.DataFrame:
    """The nine counts of prompts whose pass rates pile up at both ends, sampled for 1 to 8 rounds."""
    rng = np.random.default_rng(0)
    n = 4 * rng.integers(1, 9, n_prompts)
    correct = rng.binomial(n, rng.beta(0.25, 0.19, n_prompts))
    unanswered = rng.binomial(n - correct, 0.05)
    some = {"n_correct": correct, "n_no_answer": unanswered, "n_incorrect": n - correct - unanswered}
    none = np.zeros(n_prompts, int)
    return pl.DataFrame({name: some.get(name, none) for name in COUNTS}, schema=dict.fromkeys(COUNTS, pl.Int32))


def _verdicts(n_prompts: int) -> pl.DataFrame:
    """Verdicts with the types of the tables, in no order of prompts, as tables sorted by rollout_id have them."""
    rng = np.random.default_rng(0)
    ids = pl.Series("prompt_id", sorted(sha256(str(i).encode()).hexdigest()[:32] for i in range(n_prompts)))
    outcomes = pl.Series("outcome", [*OUTCOMES[:2], *["undecided"] * (len(ENTRIES) - 2)], dtype=pl.Enum(OUTCOMES))
    reasons = pl.Series("reason", ["equal", "not_equal", *ENTRIES[2:]])
    n = n_prompts * N_SAMPLES
    kind = pl.Series(rng.choice(np.arange(len(ENTRIES), dtype=np.uint8), n, p=SHARES))
    place = rng.permutation(n).astype(np.uint32)
    index, number = pl.Series(place // N_SAMPLES), pl.Series("sample_index", (place % N_SAMPLES).astype(np.int32))
    tokens = pl.Series("n_completion_tokens", rng.integers(50, 4000, n, dtype=np.int32))
    return pl.DataFrame([ids.gather(index), outcomes.gather(kind), reasons.gather(kind), number, tokens])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
