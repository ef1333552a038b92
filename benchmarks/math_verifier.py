"""Figures of docs/math.md: `python benchmarks/math_verifier.py DATA`, where DATA holds gsm8k/ as it was published.

Our `verify` against `math_verify.parse` and `verify` with their own defaults (whole response in, verdict out, time-outs
by SIGALRM on), alternating over the same rows in one process, each side warmed before. A row of ours is a Task that is
made and a response that is judged; a row of theirs is a gold answer and a response that are parsed and compared.
"""

import gzip
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from math_verify import parse
from math_verify import verify as theirs_verify

from pipeline.verifiers import Rollout
from pipeline.verifiers.math import Task, verify

ROUNDS = 5
SYMBOLIC = [
    ("x^2-1", "(x-1)(x+1)"),
    ("\\frac{\\sqrt{2}}{2}", "\\frac{1}{\\sqrt{2}}"),
    ("2\\sqrt{3}", "\\sqrt{12}"),
    ("2\\sqrt{3}", "\\sqrt{13}"),
    ("\\pi r^2", "r^2 \\pi"),
    ("x^2+2x+1", "(x+1)^2"),
    ("x^2+2x+1", "(x-1)^2"),
    ("\\frac{x+1}{x}", "1+\\frac{1}{x}"),
    ("\\sin(2x)", "2\\sin(x)\\cos(x)"),
    ("e^{2x}", "(e^x)^2"),
    ("\\log_2 8", "3"),
    ("\\binom{5}{2}", "10"),
    ("(-\\infty, 1) \\cup (2, \\infty)", "(2, \\infty) \\cup (-\\infty, 1)"),
    ("y = 2x + 1", "2x - y + 1 = 0"),
    ("x > 5", "(5, \\infty)"),
    ("2\\pi", "6.283185"),
    ("\\sqrt{2} + 1", "1 + \\sqrt{2}"),
    ("n(n+1)/2", "\\frac{n^2+n}{2}"),
    ("5a - 3b", "5a + 3b"),
    ("\\frac{1}{1-x}", "\\frac{-1}{x-1}"),
]
"""Pairs whose texts differ, none a plain number on both sides: each takes mathematics."""

Row = tuple[str, str]


def main(data: Path) -> None:
    """Print both tables as Markdown."""
    logging.disable(logging.WARNING)
    labelled = gsm8k(data / "gsm8k" / "example_model_solutions.jsonl.gz")
    rows = [(gold, response) for gold, response, _ in labelled]
    agreed = sum(ours(gold, response) == label for gold, response, label in labelled)
    print(f"GSM8K: {agreed} of {len(labelled)} verdicts agree with the published label.\n")
    print("| rows | n | ours, rows/s | math-verify, rows/s | times as many |\n|---|---|---|---|---|")
    boxed = [(f"$\\boxed{{{gold}}}$", f"So it is $\\boxed{{{answer}}}$.") for gold, answer in SYMBOLIC]
    for name, sample, rounds in (("GSM8K solutions", rows, ROUNDS), ("expressions", boxed, 4 * ROUNDS)):
        first, second = alternating(sample, rounds)
        print(f"| {name} | {len(sample)} | {first:,.0f} | {second:,.0f} | {first / second:.1f} |")


def gsm8k(path: Path) -> list[tuple[str, str, bool]]:
    """Gold answer, solution and label of each published solution; the gold answer is what stands behind `A:`."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [
        (record["ground_truth"].rpartition("A: ")[2], answer["solution"], answer["is_correct"])
        for record in records
        for answer in record.values()
        if isinstance(answer, dict)
    ]


def ours(gold: str, response: str) -> bool:
    return verify(Task(answer=gold), Rollout(response)).outcome == "correct"


def theirs(gold: str, response: str) -> bool:
    return bool(theirs_verify(parse(gold), parse(response)))


def alternating(rows: list[Row], rounds: int) -> tuple[float, float]:
    """Median rows a second of ours and of theirs, one pass each in turn."""
    for judge in (ours, theirs):
        passed(judge, rows[:20])
    rates = [(passed(ours, rows), passed(theirs, rows)) for _ in range(rounds)]
    first, second = zip(*rates, strict=True)
    return statistics.median(first), statistics.median(second)


def passed(judge: Callable[[str, str], bool], rows: list[Row]) -> float:
    """Rows a second over one pass."""
    started = time.perf_counter()
    for gold, response in rows:
        judge(gold, response)
    return len(rows) / (time.perf_counter() - started)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, for the worker process too
    main(Path(sys.argv[1]))
