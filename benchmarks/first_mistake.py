"""The first wrong step of BIG-Bench Mistake's arithmetic traces: `python benchmarks/first_mistake.py DATA`.

DATA holds `multistep_arithmetic.jsonl.gz` as its publishers made it. A published index counts from 0, null is "no
mistake". Every disagreement is classified by evidence that does not come from the verifier: Python's own arithmetic.
"""

import gzip
import json
import re
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.arithmetic_steps import Task, verify

_PLAIN = re.compile(r"[-+*() 0-9]+")
_DEFINITION = re.compile(r"\b([A-Z]) = (.+?)(?=,? and [A-Z] =|, [A-Z] =|\.$|, and)")


def main(data: Path) -> None:
    """Print the time, the agreement and every disagreement."""
    rows = read(data)
    started = time.process_time()
    verdicts = [judged(row) for row in rows]
    print(f"{len(rows)} traces, {(time.process_time() - started) / len(rows) * 1_000:.2f} CPU ms a trace\n")
    for name, n in agreement(rows, verdicts).items():
        print(f"| {name} | {n} | {n / len(rows):.1%} |")
    found = [disagreement(row, verdict) for row, verdict in zip(rows, verdicts, strict=True) if not same(row, verdict)]
    print("\n| class | kind | n |\n|---|---|---|")
    for (of, kind), n in sorted(Counter((row["class"], row["kind"]) for row in found).items()):
        print(f"| {of} | {kind} | {n} |")
    print("\n| class | kind | label | ours | claim | input |\n|---|---|---|---|---|---|")
    for row in sorted(found, key=lambda row: (row["class"], row["kind"], row["input"])):
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


def read(data: Path) -> list[dict[str, Any]]:
    with gzip.open(data / "multistep_arithmetic.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def judged(row: dict[str, Any]) -> Verdict:
    return verify(Task(expression=row["input"]), Rollout("\n".join(row["steps"])))


def index_of(verdict: Verdict) -> int | None:
    """Our first wrong step as the publishers count: from 0, None where there is none."""
    return verdict.failed_step - 1 if verdict.failed_step else None


def same(row: dict[str, Any], verdict: Verdict) -> bool:
    return verdict.outcome != "undecided" and index_of(verdict) == row["mistake_index"]


def agreement(rows: list[dict[str, Any]], verdicts: list[Verdict]) -> dict[str, int]:
    """Counts of rows by how our first wrong step compares with the label."""
    counts = Counter[str]()
    for row, verdict in zip(rows, verdicts, strict=True):
        ours, label = index_of(verdict), row["mistake_index"]
        both = ours is not None and label is not None
        counts["the same step, or none by both"] += same(row, verdict)
        counts["one step off"] += both and abs(ours - label) == 1
        counts["further off"] += both and abs(ours - label) > 1
        counts["a mistake by us alone"] += ours is not None and label is None
        counts["a mistake by the label alone"] += verdict.outcome == "correct" and label is not None
        counts["undecided"] += verdict.outcome == "undecided"
    return dict(counts)


def disagreement(row: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    """A disagreement, and whose it is.

    `label`: Python refutes the equation that we name (or the problem as rewritten), or, where we find nothing wrong,
    confirms every equation that it can evaluate and the answer. `reading`: undecided. Else `ours`.
    """
    ours, label, claim = index_of(verdict), row["mistake_index"], (verdict.details or {}).get("claim", "")
    if verdict.outcome == "undecided":
        of, kind = "reading", str((verdict.details or {}).get("why", verdict.reason)).partition(" in ")[0]
        kind = "brackets that do not fit" if "bracket" in kind else kind
    elif verdict.outcome == "correct":
        is_right = row["answer"] == row["target"] and not any(map(refuted, row["steps"]))
        of, kind = "label" if is_right else "ours", "no equation is wrong"
    elif verdict.reason == "wrong_copy":
        of = "label" if rewritten(row) not in (None, int(row["target"])) else "ours"
        kind = "the problem rewritten wrongly"
    else:
        of, kind = "label" if refuted(claim) else "ours", "an equation that does not hold"
    if of == "label" and ours is not None:
        kind += ", no mistake by the label" if label is None else ", another step by the label"
    return {"class": of, "kind": kind, "label": label, "ours": ours, "claim": claim, "input": row["input"]}


def refuted(step: str) -> bool:
    """Whether Python says that two neighbouring sides of numbers in a step differ."""
    sides = [side.strip(" .") for side in step.partition(". So the answer")[0].split("=")]
    values = [value(side) for side in sides]
    return any(a is not None and b is not None and a != b for a, b in pairwise(values))


def rewritten(row: dict[str, Any]) -> int | None:
    """What the problem comes to as the first step rewrites it: the definitions put into the formula."""
    formula, _, where = row["steps"][0].partition('", where ')
    text = formula.rpartition('"')[2]
    for name, meaning in _DEFINITION.findall(where):
        text = text.replace(name, f"({meaning})")
    return value(text)


def value(text: str) -> int | None:
    """Python's value of a side of numbers, + - * and brackets; None for anything else."""
    try:
        return int(eval(text)) if _PLAIN.fullmatch(text) else None
    except (SyntaxError, TypeError):
        return None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
