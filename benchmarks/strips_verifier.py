"""Time and agreement of `strips` on PlanBench's responses: `python benchmarks/strips_verifier.py DATA/planbench`.

The folder is as its publishers made it: a domain, an archive of instances and the responses with their labels. With
unified-planning installed, every plan of a difference is judged by it as well, which takes about a minute.
"""

import gzip
import json
import re
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.pddl.problem import Step, execute, read_problem
from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.strips import Task, verify

NAMES = {"a": "red block", "b": "blue block", "c": "orange block"}
REPEATS = 5


def main(data: Path) -> None:
    """Print the times, the three agreements and every difference, classified."""
    tasks, rows = read(data)
    simulated, verified = (best_ms(call, rows) for call in (simulation(tasks), verification(tasks)))
    print(f"{len(rows)} responses, CPU ms a response on one core, best of {REPEATS}:")
    print(f"  simulation of the plan that the benchmark extracted: {simulated:.3f}")
    print(f"  verify, extraction included: {verified:.3f}")
    verdicts = [verify(tasks[row["instance"]], Rollout(row["response"])) for row in rows]
    given = [verify(tasks[row["instance"]], Rollout(row["plan"] or "")) for row in rows]
    found = [difference(tasks[r["instance"]], r, v) for r, v in zip(rows, verdicts, strict=True) if not agrees(r, v)]
    n_labels = sum(row["class"] == "label" for row in found)
    n_agreed = len(rows) - len(found)
    print(f"(a) raw labels: {n_agreed} of {len(rows)} ({n_agreed / len(rows):.2%})")
    n_given = sum(map(agrees, rows, given))
    print(f"(b) the plans that the benchmark extracted: {n_given} of {len(rows)} ({n_given / len(rows):.2%})")
    n_left = len(rows) - n_labels
    print(f"(c) without {n_labels} wrong labels: {n_agreed} of {n_left} ({n_agreed / n_left:.2%})\n")
    for row in sorted(found, key=lambda row: (row["class"], row["model"], row["style"], int(row["instance"]))):
        print("| " + " | ".join(map(str, row.values())) + " |")


def read(data: Path) -> tuple[dict[str, Task], list[dict[str, Any]]]:
    """Tasks by instance, and the recorded responses."""
    domain = (data / "blocksworld_domain.pddl").read_text()
    with tarfile.open(data / "blocksworld_3_instances.tar.xz") as archive:
        tasks = dict(_tasks(archive, domain))
    with gzip.open(data / "blocksworld_3_responses.jsonl.gz", "rt", encoding="utf-8") as lines:
        return tasks, [json.loads(line) for line in lines]


def _tasks(archive: tarfile.TarFile, domain: str) -> Iterator[tuple[str, Task]]:
    for member in archive.getmembers():
        if content := archive.extractfile(member):
            key = member.name.removeprefix("instance-").removesuffix(".pddl")
            yield key, Task(domain=domain, problem=content.read().decode(), objects=NAMES)


def simulation(tasks: dict[str, Task]) -> Callable[[dict[str, Any]], object]:
    problems = {key: read_problem(task.domain, task.problem) for key, task in tasks.items()}
    return lambda row: execute(problems[row["instance"]], row["steps"])


def verification(tasks: dict[str, Task]) -> Callable[[dict[str, Any]], object]:
    return lambda row: verify(tasks[row["instance"]], Rollout(row["response"]))


def best_ms(call: Callable[[dict[str, Any]], object], rows: list[dict[str, Any]]) -> float:
    """CPU milliseconds a row, in the best of a few passes; the first pass also parses the problems."""
    rows = [row | {"steps": steps_of(row["plan"])} for row in rows]
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        for row in rows:
            call(row)
        times.append(time.process_time() - started)
    return min(times) / len(rows) * 1_000


def steps_of(plan: str | None) -> list[Step]:
    """The steps of a plan written one a line, `(stack a b)`."""
    return [tuple(re.findall(r"[\w-]+", line)) for line in (plan or "").splitlines() if line.strip()]


def agrees(row: dict[str, Any], verdict: Verdict) -> bool:
    """Whether a verdict is the benchmark's label; undecided counts as not correct."""
    return (verdict.outcome == "correct") == row["correct"]


def difference(task: Task, row: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    """A difference and its class.

    `label`: the plan that we read is another one than the benchmark extracted, it reaches the goal and the extracted
    one does not, both by another simulator. `extraction`: we name no plan, as the response offers several. Else `ours`.
    """
    ours, theirs = steps_of(verdict.extracted), steps_of(row["plan"])
    is_label = verdict.outcome == "correct" and ours != theirs
    is_label = is_label and is_valid(task, ours) and not is_valid(task, theirs)
    of = "label" if is_label else "extraction" if verdict.outcome == "undecided" else "ours"
    names = ("model", "style", "instance")
    label = "correct" if row["correct"] else "wrong"
    return {"class": of} | {name: row[name] for name in names} | {"label": label, "ours": verdict.reason}


def is_valid(task: Task, steps: list[Step]) -> bool:
    """Whether unified-planning says that a plan reaches the goal; our own simulator where it is not installed."""
    try:
        from unified_planning.engines import SequentialPlanValidator
        from unified_planning.exceptions import UPUsageError
        from unified_planning.io import PDDLReader
    except ImportError:
        return execute(read_problem(task.domain, task.problem), steps).reason == "goal_reached"
    reader = PDDLReader()
    problem = reader.parse_problem_string(task.domain, task.problem)
    text = "\n".join(f"({' '.join(step)})" for step in steps)
    try:
        return bool(SequentialPlanValidator().validate(problem, reader.parse_plan_string(problem, text)))
    except (UPUsageError, AssertionError):
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
