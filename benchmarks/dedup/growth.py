"""Speed and memory of `coldstart dedup` as corpora grow: `python -m benchmarks.dedup.growth`, about ten minutes.

Prompts of about 100 words and traces of about 1,000, threshold 0.7, 128 permutations. A whole process each; what ten
texts take, which is starting, is taken off in the column that says so. The bound is what is promised: half a GiB, and
4 bytes a permutation and 600 bytes for each text. Corpora are written first and kept.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.dedup import corpus, measure, ours

SIZES = {"prompt": (10_000, 100_000, 1_000_000), "trace": (10_000, 100_000)}
THRESHOLD, NUM_PERM = 0.7, 128
MIB = 1024**2


def main() -> None:
    """Print a Markdown table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--prompts", type=int, nargs="*", default=SIZES["prompt"])
    arguments.add_argument("--traces", type=int, nargs="*", default=SIZES["trace"])
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    starts = [_taken(corpus.cached(10))["cpu_s"] for _ in range(1 + asked.rounds)]  # the first may compile
    start = statistics.median(starts[1:])
    print(f"starting takes {start:.2f} CPU s\n")
    print("| kind | texts | text, MB | CPU s | texts / CPU s | without starting | MB / CPU s | memory, MiB | bound |")
    print("|" + "---|" * 9, flush=True)
    for kind, sizes in (("prompt", asked.prompts), ("trace", asked.traces)):
        for n in sizes:
            print(f"| {kind} | {_row(kind, n, start, asked.rounds)} |", flush=True)


def _row(kind: str, n: int, start: float, rounds: int) -> str:
    source = corpus.cached(n, kind)
    taken = [_taken(source) for _ in range(rounds)]
    cpu, peak = (statistics.median(one[name] for one in taken) for name in ("cpu_s", "peak_mib"))
    print(f"{kind} {n}: {[round(one['cpu_s'], 2) for one in taken]} CPU s", file=sys.stderr, flush=True)
    megabytes = _megabytes(source)
    bound = 512 + n * (4 * NUM_PERM + 600) / MIB
    speeds = f"{n / cpu:,.0f} | {n / (cpu - start):,.0f} | {megabytes / (cpu - start):,.0f}"
    return f"{n:,} | {megabytes:,.0f} | {cpu:.2f} | {speeds} | {peak:,.0f} | {bound:,.0f}"


def _taken(source: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return measure.measured(ours.command(source, Path(folder, "out.parquet"), THRESHOLD, NUM_PERM))


def _megabytes(source: Path) -> float:
    """Of text, in memory."""
    texts = pl.scan_parquet(source).select(pl.col("text").str.len_bytes().cast(pl.Int64).sum())
    return float(texts.collect(engine="streaming").item() / 1e6)


if __name__ == "__main__":
    main()
