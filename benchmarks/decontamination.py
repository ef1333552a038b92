"""What decontamination costs and finds: `python -m benchmarks.decontamination [--gsm8k FOLDER]`.

First CPU-seconds of each rule on made problems of about 100 words (a million prompts and 20,000 benchmark rows if not
said), and of the same n-gram rule with Python sets on a sample. Then, where a folder of GSM8K is given, what the rules
find of rephrased problems and of solutions that a model wrote, and what they hit of other problems. The folder has
train.jsonl.gz, test.jsonl.gz and example_model_solutions.jsonl.gz, as in OpenAI's repository of GSM8K.
"""

import argparse
import random
import resource
import time
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.contamination import ngrams
from pipeline.contamination.benchmarks import read_benchmarks
from pipeline.contamination.paraphrase import rephrased
from pipeline.contamination.rules import compare
from pipeline.rows import read_rows
from schemas.recipe import Decontaminate

RULES = ("ngram_8", "ngram_13", "coverage_8", "numbers")
SAMPLE = 20_000
"""Prompts that the peer is measured on."""


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--prompts", type=int, default=1_000_000, help="0: no table of costs")
    arguments.add_argument("--rows", type=int, default=20_000)
    arguments.add_argument("--gsm8k", type=Path, metavar="FOLDER")
    asked = arguments.parse_args()
    if asked.prompts:
        speed(asked.prompts, asked.rows)
    if asked.gsm8k:
        recall(asked.gsm8k)


def speed(n_prompts: int, n_rows: int) -> None:
    """CPU-seconds of the rules, alone and together."""
    benchmarks = problems(n_rows, seed=2)
    copies = benchmarks.head(n_rows // 100).with_columns(benchmark_row=pl.lit("copy ") + pl.col("benchmark_row"))
    every = pl.concat([problems(n_prompts - copies.height, seed=1), copies])
    rows = every.select("text", "answer", id="benchmark_row")
    compare(rows[:100], benchmarks[:100], Decontaminate(rules=list(RULES)))
    print(f"{n_prompts:,} prompts against {n_rows:,} benchmark rows\n\n| rule | CPU-s | contaminated |\n|---|---|---|")
    for names in (*((rule,) for rule in RULES), RULES):
        started = time.process_time()
        found = compare(rows, benchmarks, Decontaminate(rules=list(names)))[1]
        seconds = time.process_time() - started
        print(f"| {', '.join(names)} | {seconds:.1f} | {found['n_contaminated'].to_list()} |", flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    sample = rows[-SAMPLE:]
    for n in (8, 13):
        seen = {gram for text in benchmarks["text"] for gram in _grams(text, n)}
        started = time.process_time()
        n_hit = sum(not seen.isdisjoint(_grams(text, n)) for text in sample["text"])
        peer = time.process_time() - started
        index = ngrams.index(benchmarks["text"], n)
        started = time.process_time()
        ngrams.overlaps(sample["text"], index)
        ours = time.process_time() - started
        print(f"Python sets, ngram_{n}: {peer / ours:.1f}x our CPU-s, both indexed before; {n_hit} hits")


def recall(folder: Path) -> None:
    """What the rules find of GSM8K's own problems in other words, of solutions to them, and of other problems."""
    train, test = (read_benchmarks([f"{folder}/{split}.jsonl.gz#question"]) for split in ("train", "test"))
    reworded = test.with_columns(text=pl.Series([rephrased(text) for text in test["text"]]))
    solved = read_rows(folder / "example_model_solutions.jsonl.gz").with_row_index("n", 1)
    systems = [name for name in solved.columns if name.endswith(("finetuning", "verification"))]
    of = pl.col(systems[0]).str.json_path_match("$.solution")
    traces = solved.select(benchmark_row=pl.col("n").cast(pl.String), text=of, answer=of.str.extract(r"A: (.*)$"))
    cases = {
        "rephrased test against test": (reworded, test),
        "rephrased train against train": (
            train.with_columns(text=pl.Series([rephrased(t) for t in train["text"]])),
            train,
        ),
        "other problems: train against test": (train, test),
        "other problems: test against train": (test, train),
        "traces: solutions of a model against test": (traces, test),
    }
    symbolic = _symbolic(600)
    reworded_symbolic = symbolic.with_columns(text=pl.Series([rephrased(text) for text in symbolic["text"]]))
    cases["rephrased GSM-Symbolic against it"] = (reworded_symbolic, symbolic)
    cases["other problems: train against GSM-Symbolic"] = (train, symbolic)
    print("\n| texts | n | " + " | ".join(RULES) + " |\n|---|---|" + "---|" * len(RULES))
    for name, (texts, benchmark) in cases.items():
        rows = texts.select("text", "answer", id="benchmark_row")
        counts = compare(rows, benchmark, Decontaminate(rules=list(RULES)))[1]
        shares = " | ".join(f"{100 * n / rows.height:.2f} %" for n in counts["n_contaminated"])
        print(f"| {name} | {rows.height:,} | {shares} |", flush=True)


def problems(n: int, seed: int) -> pl.DataFrame:
    """Made word problems of about 100 words and 5 numbers, with answers as skewed as GSM8K's."""
    rng, words = np.random.default_rng(seed), _vocabulary()
    share = 1 / np.arange(1, len(words) + 1)
    texts = []
    for _ in range(0, n, 10_000):
        drawn = words[rng.choice(len(words), (10_000, 100), p=share / share.sum())]
        places = rng.integers(0, 100, (10_000, 5))
        drawn[np.arange(10_000)[:, None], places] = rng.geometric(0.04, (10_000, 5)).astype(str)
        texts += [" ".join(row) for row in drawn.tolist()]
    answers = rng.geometric(0.02, n).astype(str)
    numbers = [str(i) for i in range(1, n + 1)]
    return pl.DataFrame({"benchmark": ["made"] * n, "benchmark_row": numbers, "text": texts[:n], "answer": answers})


def _symbolic(n: int) -> pl.DataFrame:
    """Problems that reasoning-gym makes of GSM-Symbolic's templates: nothing here was chosen on them."""
    from reasoning_gym import create_dataset

    made = create_dataset("gsm_symbolic", size=n, seed=1)
    rows = [("symbolic", str(i), made[i]["question"], str(made[i]["answer"])) for i in range(n)]
    return pl.DataFrame(rows, schema=["benchmark", "benchmark_row", "text", "answer"], orient="row")


def _vocabulary() -> np.ndarray:
    rng = random.Random(0)
    parts = [consonant + vowel for consonant in "bcdfghjklmnprstvwxz" for vowel in "aeiou"]
    return np.array(["".join(rng.choices(parts, k=rng.randint(1, 4))) for _ in range(30_000)], dtype="U12")


def _grams(text: str, n: int) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


if __name__ == "__main__":
    main()
