"""Tables of docs/constraints.md from TravelPlanner's public files: `python -m benchmarks.travelplanner.tables DATA`.

DATA holds example_evaluation.jsonl.gz, train_ref_info.jsonl.gz and std_travelplanner.jsonl.gz as their publishers made
them; plans are judged by `coldstart verify`.
"""

import ast
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.real_data import markdown
from benchmarks.travelplanner.planted import PLANTS
from benchmarks.travelplanner.tasks import example_rows, gold_rows
from pipeline.verifiers import Rollout
from pipeline.verifiers.constraints import Task, near_misses, verify


def main(data: Path) -> None:
    """Print every table as Markdown."""
    gold, examples = list(gold_rows(data)), list(example_rows(data))
    print("## The reference plans\n")
    show(gold)
    print("## The example plans\n")
    show(examples)
    print("## Planted mistakes\n")
    show_planted(gold)
    show_near_misses(gold)
    show_speed(gold)


def show(rows: list[dict[str, Any]]) -> None:
    """Outcomes, how often each constraint holds, and for few failures every one of them."""
    verdicts = [verify(Task.model_validate(row["task"]), Rollout(row["response"])) for row in rows]
    seconds, outcomes = through_the_command(rows)
    if outcomes != [verdict.outcome for verdict in verdicts]:
        raise AssertionError("coldstart verify says otherwise than the verifier")
    print(f"{len(rows)} plans, {seconds:.1f} s in `coldstart verify`: {dict(Counter(outcomes))}.\n")
    asked = Counter(rule["name"] for row in rows for rule in row["task"]["constraints"])
    judged = Counter(
        rule["name"]
        for row, v in zip(rows, verdicts, strict=True)
        if v.score is not None
        for rule in row["task"]["constraints"]
    )
    broken = Counter(item["reason"] for v in verdicts for item in (v.details or {}).get("broken", ()))
    table = [{"constraint": n, "tasks": asked[n], "judged": judged[n], "hold": judged[n] - broken[n]} for n in asked]
    print(markdown(table))
    failures = [(row["id"], v) for row, v in zip(rows, verdicts, strict=True) if v.outcome != "correct"]
    if len(failures) < 20:
        for name, verdict in failures:
            for item in (verdict.details or {}).get("broken", ()):
                print(f"- {name}, {item['reason']}: {item['problems'][0]['what']}")
        print()


def through_the_command(rows: list[dict[str, Any]]) -> tuple[float, list[str]]:
    """Seconds and outcomes of `coldstart verify`, with each task as JSON text."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        lines = [json.dumps(row | {"verifier": "constraints", "task": json.dumps(row["task"])}) for row in rows]
        source.write_text("\n".join(lines) + "\n")
        started = time.monotonic()
        subprocess.run(["coldstart", "verify", source, "-o", out], check=True, capture_output=True)
        seconds = time.monotonic() - started
        return seconds, [json.loads(line)["outcome"] for line in out.read_text().splitlines()]


def show_planted(gold: list[dict[str, Any]]) -> None:
    """One mistake for each constraint and plan that is correct: whether the constraint is named, first and alone."""
    table = []
    for name, planted in PLANTS.items():
        counts: Counter[str] = Counter()
        for row in gold:
            task, days = json.loads(json.dumps(row["task"])), [day for day in ast.literal_eval(row["response"]) if day]
            is_asked = any(found["name"] == name for found in task["constraints"])
            was_right = verify(Task.model_validate(task), Rollout(row["response"])).outcome == "correct"
            if is_asked and was_right and planted(days, task):
                verdict = verify(Task.model_validate(task), Rollout(json.dumps(days)))
                named = [item["reason"] for item in (verdict.details or {}).get("broken", ())]
                counts.update(planted=1, rejected=verdict.outcome == "incorrect", named=name in named)
                counts.update(first=named[:1] == [name], alone=named == [name])
        table.append({"constraint": name} | {k: counts[k] for k in ("planted", "rejected", "named", "first", "alone")})
    print(markdown(table))


def show_near_misses(gold: list[dict[str, Any]]) -> None:
    """What `near_misses` makes of the correct plans, and the verdicts on it."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in gold:
        task = Task.model_validate(row["task"])
        if verify(task, Rollout(row["response"])).outcome == "correct":
            for miss in near_misses(task, row["response"]):
                counts[miss.kind, verify(task, Rollout(miss.response)).outcome] += 1
    table = [{"near miss": kind, "outcome": outcome, "n": n} for (kind, outcome), n in sorted(counts.items())]
    print(markdown(table))


def show_speed(gold: list[dict[str, Any]]) -> None:
    """Plans a second on one core, with tasks that are read already and with tasks to be read."""
    tasks = [Task.model_validate(row["task"]) for row in gold]
    timed: dict[str, float] = {}
    for kind in ("read before", "read each time"):
        started = time.process_time()
        for _ in range(20):
            for task, row in zip(tasks, gold, strict=True):
                verify(task if kind == "read before" else Task.model_validate(row["task"]), Rollout(row["response"]))
        timed[kind] = 20 * len(gold) / (time.process_time() - started)
    print(markdown([{"task": kind, "plans a second": round(rate)} for kind, rate in timed.items()]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
