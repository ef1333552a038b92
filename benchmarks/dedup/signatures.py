"""Texts a second that one core signs, ours and others: `python -m benchmarks.dedup.signatures`, about three minutes.

5-word shingles of texts in memory to signatures; every measurement is a process of its own on one core, the ways take
turns, medians. Reading and compiling are not counted. What a library does with shingles that Python has made, without
making them, stands beside it.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.dedup import corpus
from benchmarks.dedup.peers import PEERS, python_of
from benchmarks.environments import NotInstalled

HERE = Path(__file__).parent
FAST, XXH32 = "ours", "ours, xxh32"


def main() -> None:
    """Print a Markdown table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--documents", type=int, default=10_000)
    arguments.add_argument("--num-perm", type=int, default=128)
    arguments.add_argument("--rounds", type=int, default=5)
    asked = arguments.parse_args()
    source = corpus.cached(asked.documents)
    ways = _ways()
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for number in range(asked.rounds):
        for way, (before, after) in ways.items():
            found[way].append(_measure([*before, str(source), str(asked.num_perm), *after]))
            print(f"round {number + 1}: {way}: {found[way][-1]}", file=sys.stderr, flush=True)
    print(f"{asked.documents:,} texts, {asked.num_perm} permutations, medians of {asked.rounds} rounds, one core:\n")
    _print_table({way: [_rates(stages, asked.documents) for stages in each] for way, each in found.items()})


def _ways() -> dict[str, tuple[list[str], list[str]]]:
    """Way -> what to call before the corpus and NUM_PERM, and what after."""
    ours = [sys.executable, "-m", "benchmarks.dedup.ours"]
    ways: dict[str, tuple[list[str], list[str]]] = {FAST: (ours, ["fast"]), XXH32: (ours, ["xxh32"])}
    for peer in PEERS:
        try:
            ways[peer] = ([str(python_of(peer)), str(HERE / f"{peer}_way.py")], [])
        except NotInstalled as why:
            print(f"without {peer}: {why}", file=sys.stderr)
    return ways


def _measure(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    stages: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return stages


def _rates(stages: dict[str, float], n: int) -> tuple[float, float]:
    """Texts a second, from strings and from shingles."""
    return n / (stages.get("shingles", 0.0) + stages["signatures"]), n / stages["signatures"]


def _print_table(rates: dict[str, list[tuple[float, float]]]) -> None:
    """Ratios are made within a round: the median, the smallest and the largest."""
    print(f"| way | texts/s | of its own shingles | {FAST} in relation | {XXH32} in relation |\n|" + "---|" * 5)
    for way, each in rates.items():
        whole, alone = (statistics.median(one[place] for one in each) for place in (0, 1))
        cells = [f"{whole:,.0f}", f"{alone:,.0f}" if alone != whole else ""]
        for our in (FAST, XXH32):
            ratios = [mine[0] / theirs[0] for mine, theirs in zip(rates[our], each, strict=True)]
            cells.append(f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
        print(f"| {way} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
