"""Figures of docs/audit.md, from real data sets: `python -m benchmarks.audit_sets DATA > tables.md`.

DATA holds planbench/ and gsm8k/ as their publishers made them. Everything goes through the command line, into a
temporary folder. The last part plants wrong keys in GSM8K and counts how many `coldstart audit --run` finds.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.real_data import json_rows, markdown, records, write
from pipeline.sources import pddl
from pipeline.store import open_run
from schemas.tables import Prompts, Suspects

PLANTED_SHARE = 0.05
NAMES = {"a": "red block", "b": "blue block", "c": "orange block", "d": "yellow block"}
SHOWN = ("source", "verifier", "verifier_version", "against", "kind", "n", "n_correct", "n_incorrect", "n_undecided")
RECIPE = """
name = "gsm8k"
data = "{folder}"

[sources.gsm8k]
kind = "files"
path = "problems.jsonl"
verifier = "math"
license = "MIT"
domain = "math"

[sources.gsm8k.columns]
text = "question"
source_key = "key"
task = {{ answer = "answer" }}

[models.target]
kind = "replay"
path = "recording.jsonl"

[models.target.columns]
source_key = "key"
text = "response"
model = "model"

[screen]
threshold = 1.0

[band]
low = 0.1
high = 0.9
rule = "fixed"
batch = 4
max_samples = 4
"""


def main(data: Path) -> None:
    """Print every table as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        gold(data / "gsm8k", Path(folder))
        solutions(data / "gsm8k", Path(folder))
        plans(data / "planbench", Path(folder))
        planted_keys(data / "gsm8k", Path(folder))


def gold(data: Path, folder: Path) -> None:
    """Gold solutions of GSM8K, and near-misses of a thousand of each split."""
    rows = [
        {"id": f"{split}-{number}", "source": f"gsm8k {split}", "verifier": "math", "gold": record["answer"],
         "task": {"answer": record["answer"].rpartition("#### ")[2]}}
        for split in ("train", "test")
        for number, record in enumerate(records(data / f"{split}.jsonl.gz"))
    ]  # fmt: skip
    show("GSM8K, gold", rows, folder / "gold.jsonl", "--near-miss-prompts", 1000)


def solutions(data: Path, folder: Path) -> None:
    """Four systems' solutions of GSM8K with the published labels."""
    rows = [
        {"id": f"{number}-{system}", "source": system, "verifier": "math", "response": answer["solution"],
         "label": answer["is_correct"], "task": {"answer": record["ground_truth"].rpartition("A: ")[2]}}
        for number, record in enumerate(records(data / "example_model_solutions.jsonl.gz"))
        for system, answer in record.items()
        if isinstance(answer, dict)
    ]  # fmt: skip
    show("GSM8K, labelled solutions", rows, folder / "solutions.jsonl")


def plans(data: Path, folder: Path) -> None:
    """PlanBench's responses with the benchmark's labels, and its gold plans with near-misses."""
    config = pddl.Config(
        domain=str(data / "blocksworld_domain.pddl"), instances=str(data / "blocksworld_3_instances.tar.xz"),
        key="[0-9]+$", objects=NAMES, license="MIT",
    )  # fmt: skip
    tasks = {prompt.source_key: prompt.task for prompt in pddl.read(config)}
    labelled = list(records(data / "blocksworld_3_responses.jsonl.gz"))
    first = {record["instance"]: number for number, record in reversed(list(enumerate(labelled)))}
    rows = [
        {"id": f"{number} {record['model']}", "source": f"planbench {record['style']}", "verifier": "strips",
         "task": tasks[record["instance"]], "response": record["response"], "label": bool(record["correct"]),
         "gold": record["gold_plan"] if first[record["instance"]] == number else None}
        for number, record in enumerate(labelled)
    ]  # fmt: skip
    show("PlanBench", rows, folder / "plans.jsonl")


def show(title: str, rows: list[dict[str, Any]], path: Path, *options: object) -> None:
    """Audit rows, and print rates, agreement and the first errors."""
    write(path, rows)
    started = time.monotonic()
    found = json_rows("audit", path, *options)
    print(f"## {title}\n\n{len(rows)} rows in {time.monotonic() - started:.1f} s.\n")
    rates = [row for row in found if row["table"] == "audits"]
    print(markdown([{name: row[name] for name in SHOWN} | interval(row, "error_rate") for row in rates]))
    agreed = [row for row in found if row["table"] == "agreement"]
    keys = ("source", "verifier", "n")
    print(
        markdown([
            {k: row[k] for k in keys} | interval(row, "agreement")
            | interval(row, "kappa", "kappa_low", "kappa_high") for row in agreed
        ])
    )  # fmt: skip
    errors = [row for row in found if row["table"] == "errors"]
    for row in errors[:40]:
        print(f"- {row['error']} {row['kind']} {row['id']}: {row['reason']}, read {row['extracted']!r}"[:200])


def interval(row: dict[str, Any], name: str, low: str = "ci_low", high: str = "ci_high") -> dict[str, str]:
    """A rate and its interval in one cell."""
    return {name: "" if row[name] is None else f"{row[name]:.4f} ({row[low]:.4f} to {row[high]:.4f})"}


def planted_keys(data: Path, folder: Path) -> None:
    """Every twentieth key of GSM8K's test set made wrong: how many the queue holds, and what else it holds."""
    draw, planted, findable = random.Random(0), set(), 0
    problems, answers = [], []
    for number, record in enumerate(records(data / "example_model_solutions.jsonl.gz")):
        key = str(number)
        answer = record["ground_truth"].rpartition("A: ")[2]
        if draw.random() < PLANTED_SHARE:
            planted.add(key)
            findable += sum(said["is_correct"] for said in record.values() if isinstance(said, dict)) >= 3
            answer = str(int(float(answer.replace(",", ""))) + draw.choice([-1, 1, 10]))
        problems.append({"key": key, "question": record["question"], "answer": answer})
        answers += [
            {"key": key, "model": system, "response": said["solution"]}
            for system, said in record.items() if isinstance(said, dict)
        ]  # fmt: skip
    write(folder / "problems.jsonl", problems)
    write(folder / "recording.jsonl", answers)
    (folder / "gsm8k.toml").write_text(RECIPE.format(folder=folder))
    run = folder / "run"
    subprocess.run(["coldstart", "run", folder / "gsm8k.toml", "--run", run], capture_output=True)
    right = f"of {findable} of these three systems of four at least know the right answer"
    print(f"\n## Planted keys\n\n{len(planted)} of {len(problems)} keys were made wrong; {right}.\n")
    rows = []
    for agreement in (0.6, 0.75, 1.0):
        json_rows("audit", "--run", run, "--agreement", agreement)
        opened = open_run(str(run))
        queue = opened.read(Suspects).join(opened.read(Prompts), on="prompt_id").sort("rank")
        keys = queue.filter(pl.col("reason") == "models_agree_against_key")["source_key"].to_list()
        n_found = len(planted & set(keys))
        rows.append({
            "agreement": agreement, "suspects": len(keys), "planted among them": n_found,
            "of all planted": f"{n_found / len(planted):.3f}", "first not planted": first_other(keys, planted),
        })  # fmt: skip
        print("not planted:", [key for key in keys if key not in planted][:20])
    print(markdown(rows))


def first_other(keys: list[str], planted: set[str]) -> int | None:
    """Place in the queue of the first key that nobody planted."""
    return next((place for place, key in enumerate(keys, 1) if key not in planted), None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
