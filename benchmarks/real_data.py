"""Tables of docs/real-data.md, from real data sets: `python benchmarks/real_data.py DATA > tables.md`.

DATA holds planbench/, gsm8k/ and cruxeval/ as their publishers made them. Everything goes through the command line,
into a temporary folder; only the comparison with the publishers' own labels is made here.
"""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.store import open_run
from schemas.tables import Prompts, Rollouts, Verdicts

ROOT = Path(__file__).resolve().parents[1]
PER_MODEL = """
select r.model, count(*) as responses, count(*) filter (v.outcome = 'correct') as correct,
       count(*) filter (v.outcome = 'incorrect') as incorrect, count(*) filter (v.outcome = 'undecided') as undecided,
       round(correct / (correct + incorrect), 3) as pass_rate
from rollouts r join verdicts_latest v using (rollout_id)
where r.error_kind is null group by all order by pass_rate desc
"""
PER_PROBLEM = """
select source_key as instance, n_correct as correct, n_incorrect as incorrect,
       n_no_answer + n_ambiguous as undecided, round(pass_rate, 2) as pass_rate, round(ci_low, 2) as low,
       round(ci_high, 2) as high, region, is_decided
from pass_rates join prompts using (prompt_id) order by source_key::int
"""


def main(data: Path) -> None:
    """Print every table as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        planbench(data / "planbench", Path(folder))
        gsm8k(data / "gsm8k", Path(folder))
        cruxeval(data / "cruxeval", Path(folder))
        dedup(data / "gsm8k", Path(folder))


def planbench(data: Path, folder: Path) -> None:
    """Funnel, pass rate per model and per problem, and every disagreement with the benchmark's label."""
    run = folder / "planbench"
    seconds = coldstart("run", ROOT / "flows/recipes/planbench.toml", "--set", f"data={data}", "--run", run)
    print(f"## PlanBench\n\nThe run took {seconds:.0f} s.\n")
    for arguments in (["funnel"], ["sql", PER_MODEL], ["sql", PER_PROBLEM]):
        print(markdown(json_rows(*arguments, "--run", run)))
    labels = list(records(data / "blocksworld_3_responses.jsonl.gz"))
    rows = list(disagreements(run, labels))
    agreed = len(labels) - len(rows)
    print(f"{agreed} of {len(labels)} verdicts agree with the label ({agreed / len(labels):.2%}).\n")
    kinds = Counter((row["label"], row["ours"], row["benchmark read"]) for row in rows)
    print(markdown([{"label": a, "ours": b, "benchmark read": c, "n": n} for (a, b, c), n in sorted(kinds.items())]))
    print(markdown(sorted(rows, key=lambda row: (row["model"], row["style"], int(row["instance"])))))


def disagreements(run: Path, labels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of the recording whose label is not our verdict, with what each read as the plan."""
    opened = open_run(str(run))
    answered = opened.read(Rollouts).filter(pl.col("arm") == "solve", pl.col("error_kind").is_null())
    keys = opened.read(Prompts).select("prompt_id", "source_key")
    judged = answered.join(opened.read(Verdicts), on="rollout_id").join(keys, on="prompt_id")
    ours = {(r["source_key"], r["model"], r["messages"][-1]["content"]): r for r in judged.iter_rows(named=True)}
    for label in labels:
        row = ours[label["instance"], label["model"], label["prompt"]]
        if (row["outcome"] == "correct") != bool(label["correct"]):
            yield {
                "model": label["model"],
                "style": label["style"],
                "instance": label["instance"],
                "label": "correct" if label["correct"] else "wrong",
                "ours": row["outcome"],
                "reason": row["reason"],
                "failed step": row["failed_step"] or "",
                "benchmark read": compare(label["plan"], row["extracted"]),
            }


def compare(theirs: str | None, ours: str | None) -> str:
    """How the plan that the benchmark extracted differs from the one that we read, in steps."""
    a, b = (theirs or "").split("\n"), (ours or "").split("\n")
    a, b = [step.strip() for step in a if step.strip()], [step.strip() for step in b if step.strip()]
    if a == b:
        return "the same plan"
    if not a or not b:
        return "nothing" if not a else "a plan, we none"
    if a[: len(b)] == b:
        return "more steps after it"
    if len(a) < len(b):
        return "fewer steps"
    return "other steps"


def gsm8k(data: Path, folder: Path) -> None:
    """Agreement of `coldstart verify` with is_correct over 4 systems x 1,319 solutions."""
    rows, labels = [], {}
    for number, record in enumerate(records(data / "example_model_solutions.jsonl.gz")):
        for system, answer in record.items():
            if isinstance(answer, dict):
                row_id = f"{number}-{system}"
                labels[row_id] = (system, answer["is_correct"])
                task = {"answer": record["ground_truth"].rpartition("A: ")[2]}
                rows.append({"id": row_id, "response": answer["solution"], "verifier": "math", "task": task})
    write(folder / "gsm8k.jsonl", rows)
    seconds = coldstart("verify", folder / "gsm8k.jsonl", "-o", folder / "gsm8k.out.jsonl")
    outcomes = {row["id"]: row["outcome"] for row in records(folder / "gsm8k.out.jsonl")}
    table = Counter((labels[i][0], labels[i][1], outcome) for i, outcome in outcomes.items())
    agreed = sum((outcome == "correct") == labels[i][1] for i, outcome in outcomes.items())
    print(f"## GSM8K\n\n{agreed} of {len(rows)} agree ({agreed / len(rows):.2%}), in {seconds:.1f} s.\n")
    print(markdown([{"system": s, "is_correct": c, "ours": o, "n": n} for (s, c, o), n in sorted(table.items())]))


def cruxeval(data: Path, folder: Path) -> None:
    """Regions of 800 problems x 10 recorded outcomes: of all of them, and where a rule is replayed over them."""
    print("## CruxEval\n")
    table = []
    for task in ("input", "output"):
        with gzip.open(data / f"codellama7b_t0.2_{task}_scored.json.gz", "rt") as file:
            scores = json.load(file)["raw_scored_generations"]
        rows = [
            {"prompt_id": name, "outcome": "correct" if ok else "incorrect"} for name in scores for ok in scores[name]
        ]
        write(folder / f"{task}.jsonl", rows)
        coldstart("rate", folder / f"{task}.jsonl", "-o", folder / f"{task}.parquet")
        rates = pl.read_parquet(folder / f"{task}.parquet")
        replays: dict[str, int] = {}
        for rule, batch in (("jeffreys", 2), ("curtailed", 2), ("curtailed", 1)):
            options = ["--sequential", "--max", "10", "--rule", rule, "--batch", batch]
            coldstart("rate", folder / f"{task}.jsonl", "-o", folder / "replayed.parquet", *options)
            replayed = pl.read_parquet(folder / "replayed.parquet")
            replays[f"{rule} by {batch}"] = int(replayed["n_used"].sum())
            replays[f"same, {rule} by {batch}"] = int((rates["decision"] == replayed["decision"]).sum())
        regions = Counter(rates["decision"].to_list())
        table.append(
            {"task": task, "outcomes": len(rows)}
            | {region: regions[region] for region in ("too_hard", "in_band", "too_easy")}
            | {"decided": int(rates["is_decided"].sum()), "mean pass rate": round(float(rates["pass_rate"].mean()), 4)}
            | replays
        )
    print(markdown(table))


def dedup(data: Path, folder: Path) -> None:
    """Near-duplicates among GSM8K's 8,792 questions."""
    rows = [
        {"id": f"{split}-{number}", "text": record["question"]}
        for split in ("train", "test")
        for number, record in enumerate(records(data / f"{split}.jsonl.gz"))
    ]
    write(folder / "questions.jsonl", rows)
    print(f"## Deduplication\n\n{len(rows)} questions.\n")
    table = []
    for threshold in ("0.7", "0.5"):
        out = folder / f"dedup-{threshold}.parquet"
        seconds = coldstart("dedup", folder / "questions.jsonl", "-o", out, "--threshold", threshold)
        found = Counter(pl.read_parquet(out)["reason"].to_list())
        counts = {name: found[name] for name in ("kept", "exact_duplicate", "near_duplicate")}
        table.append({"threshold": threshold} | counts | {"seconds": round(seconds, 1)})
    print(markdown(table))


def coldstart(*arguments: object) -> float:
    """Call the command line; the seconds it took."""
    started = time.monotonic()
    subprocess.run(
        ["coldstart", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.monotonic() - started


def json_rows(*arguments: object) -> list[dict[str, Any]]:
    """The rows that a verb prints with --json."""
    command = ["coldstart", *map(str, arguments), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        for line in file:
            yield json.loads(line)


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def markdown(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    if not rows:
        return "(none)\n"
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join("" if v is None else str(v) for v in row.values()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
