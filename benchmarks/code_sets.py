"""Tables of docs/code.md: `python benchmarks/code_sets.py DATA > tables.md`.

DATA holds humaneval/HumanEval.jsonl.gz and mbpp/mbpp.jsonl.gz as their publishers made them. Every published solution
must pass its own tests; the solution of the next task, and an empty body, must not pass.
"""

import gzip
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import sandbox
from pipeline.verifiers import Rollout, Verdict, code


class Row(NamedTuple):
    """A task with a response."""

    name: str
    task: dict[str, Any]
    response: str


def main(data: Path) -> None:
    """Print every table as Markdown."""
    humaneval, mbpp = list(humaneval_rows(data)), list(mbpp_rows(data))
    print(f"Sandbox: {sandbox.choose(allow_unsandboxed=False)}\n")
    table("HumanEval, canonical solutions", humaneval, wanted="correct")
    table("MBPP, reference solutions", mbpp, wanted="correct")
    table("HumanEval, the next task's solution", list(shifted(humaneval)), wanted="incorrect")
    table("HumanEval, `pass`", [row._replace(response="    pass") for row in humaneval], wanted="incorrect")
    table("MBPP, the next task's solution", list(shifted(mbpp)), wanted="incorrect")
    table("MBPP, bodies of `pass`", [row._replace(response=emptied(row.response)) for row in mbpp], wanted="incorrect")


def humaneval_rows(data: Path) -> Iterator[Row]:
    """HumanEval's tasks, with their canonical solutions: bodies of the function that the prompt begins."""
    for record in records(data / "humaneval" / "HumanEval.jsonl.gz"):
        task = {"prefix": record["prompt"], "test": record["test"], "entry_point": record["entry_point"]}
        yield Row(record["task_id"], task, record["canonical_solution"])


def mbpp_rows(data: Path) -> Iterator[Row]:
    """MBPP's tasks, with their reference solutions; the function that the first test names is the entry point."""
    for record in records(data / "mbpp" / "mbpp.jsonl.gz"):
        defined = set(re.findall(r"^\s*def\s+(\w+)", record["code"], re.MULTILINE))
        called = re.findall(r"\w+", record["test_list"][0])
        entry_point = next((name for name in called if name in defined), "")
        setup = [record["test_setup_code"]] if record["test_setup_code"].strip() else []
        tests = [*setup, *record["test_list"]]
        yield Row(f"MBPP/{record['task_id']}", {"test": tests, "entry_point": entry_point}, record["code"])


def shifted(rows: list[Row]) -> Iterator[Row]:
    """Each task with the solution of the next, under the name that its own tests call."""
    for row, other in zip(rows, rows[1:] + rows[:1], strict=True):
        alias = f"\n{row.task['entry_point']} = {other.task['entry_point']}\n"
        yield row._replace(response=other.task.get("prefix", "") + other.response + alias)


def emptied(program: str) -> str:
    """The functions at the top of a program, each with `pass` for its body."""
    return "\n".join(f"def {name}(*a, **k):\n    pass" for name in re.findall(r"^def\s+(\w+)", program, re.MULTILINE))


def table(title: str, rows: list[Row], wanted: str) -> None:
    """Judge rows one after the other, and print counts, speed and all that is not as wanted."""
    started, cpu = time.monotonic(), sum(os.times()[:4])
    judged = [(row, code.verify(code.Task(**row.task), Rollout(row.response))) for row in rows]
    seconds, cpu = time.monotonic() - started, sum(os.times()[:4]) - cpu
    counts = Counter((verdict.outcome, verdict.reason) for _, verdict in judged)
    as_wanted = sum(verdict.outcome == wanted for _, verdict in judged)
    print(f"## {title}\n\n{as_wanted} of {len(rows)} {wanted}; {len(rows) / seconds:.1f} rows/s, ", end="")
    print(f"{len(rows) / cpu:.1f} rows per second of processor time.\n")
    print("| outcome | reason | n |\n|---|---|---|")
    for (outcome, reason), n in sorted(counts.items()):
        print(f"| {outcome} | {reason} | {n} |")
    print()
    for row, verdict in judged:
        if verdict.outcome != wanted:
            print(f"- {row.name}: {verdict.outcome}, {verdict.reason}, {first_fault(verdict)}")
    print(flush=True)


def first_fault(verdict: Verdict) -> str:
    """What the first failed test, or the definition, says."""
    details = verdict.details or {}
    faults = [details.get("error", ""), *(text for text in details.get("tests", []) if text != "passed")]
    return next(filter(None, faults), "no fault")


def records(path: Path) -> Iterable[dict[str, Any]]:
    """The objects of a gzipped JSONL file."""
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
