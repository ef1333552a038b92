"""Stopping rules on the embedded model: `python -m benchmarks.live_sampling [SAMPLES]`.

The puzzles of the demo are sampled so often (256 times each, if nothing else is said) that their regions are known, but
for those at an edge. Each rule is then replayed over the first samples, as if it had asked for them one round after the
other; the rest, which no rule sees, says where a prompt really lies. `optimal` has its prior from a pilot on other
puzzles, 16 samples each.
"""

import sys
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from flows.steps import begin, steps
from pipeline.ledger import entry
from pipeline.lock import locked
from pipeline.pass_rates.pilot_counts import pilot_counts
from pipeline.pass_rates.stopping import Rule
from pipeline.rate_file import n_used, rate_rows
from pipeline.resolve import resolve
from pipeline.store import open_run
from pipeline.verify import latest
from schemas.recipe import Band
from schemas.recipe_file import load_recipe
from schemas.tables import Rollouts, Verdicts

ROOT = Path(__file__).resolve().parents[1]
LOW, HIGH = 0.1, 0.9
N_PILOT = 16
CAP = 32
REGIONS = ("too_hard", "in_band", "too_easy")


def sampled(n: int, seed: int) -> pl.DataFrame:
    """Judged samples of the demo's puzzles: prompt_id, outcome, reason, sample_index and n_completion_tokens."""
    recipe, origin = load_recipe(ROOT / "flows/recipes/demo.toml", [f"data={ROOT / 'data/models'}"])
    source = recipe.sources["puzzles"].model_copy(update={"seed": seed})
    band = recipe.band.model_copy(update={"rule": "fixed", "max_samples": n})
    target = {"target": recipe.models["target"]}
    recipe = recipe.model_copy(update={"models": target, "band": band, "sources": {"puzzles": source}})
    with TemporaryDirectory() as folder, locked(open_run(folder)) as run:
        resolved = resolve(recipe, origin)
        begin(run, resolved)
        for step in takewhile(lambda step: step.name != "bands", steps(run, resolved)):
            for piece in step.pieces:
                piece(lambda n: None)
        rollouts = run.read(Rollouts).select("rollout_id", "prompt_id", "sample_index", "n_completion_tokens")
        judged = rollouts.join(latest(run.read(Verdicts)), on="rollout_id").sort("prompt_id", "sample_index")
    names = ("prompt_id", "outcome", "reason", "sample_index", "n_completion_tokens")
    return judged.with_columns(pl.col("outcome").cast(pl.String)).select(names)


def truth(samples: pl.DataFrame) -> pl.DataFrame:
    """prompt_id and the region of all samples that no rule has seen."""
    unseen = samples.filter(pl.col("sample_index") >= CAP)
    return rate_rows(unseen, Rule(low=LOW, high=HIGH)).select("prompt_id", truth="decision")


def result(samples: pl.DataFrame, known: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """A row a prompt: its true region, what the rule called it, and the samples and tokens that it took."""
    used = samples.join(n_used(samples.with_columns(entry()), rule), on="prompt_id")
    used = used.filter(pl.col("sample_index") < pl.col("n_used"))
    spent = used.group_by("prompt_id").agg(n=pl.len(), tokens=pl.col("n_completion_tokens").sum())
    called = rate_rows(samples, rule, sequential=True).select("prompt_id", "decision")
    return known.join(spent, on="prompt_id").join(called, on="prompt_id")


def line(name: str, rows: pl.DataFrame, fixed: pl.DataFrame) -> str:
    """One row of the table."""
    each = [rows.filter(truth=region)["n"].mean() for region in REGIONS]
    n, tokens = rows["n"].sum(), rows["tokens"].sum()
    in_band = rows.filter(truth="in_band")
    lost = in_band.filter(pl.col("decision") != "in_band").height
    wrong = rows.filter(pl.col("decision") != pl.col("truth")).height
    less = [f"{fixed['n'].sum() / n:.2f}", f"{fixed['tokens'].sum() / tokens:.2f}"]
    errors = [f"{wrong / rows.height:.1%}", f"{lost / in_band.height:.1%}"]
    return f"| {' | '.join([name, *(f'{value:.1f}' for value in [*each, n / rows.height]), *less, *errors])} |"


def main(n: int) -> None:
    """Print the table."""
    samples, pilot = sampled(n, seed=1), sampled(N_PILOT, seed=2)
    known = truth(samples)
    counts = pilot_counts(pilot, Band())
    band = {"low": LOW, "high": HIGH, "batch": 4}
    rules = {
        "`fixed` 16": Rule(**band, rule="fixed", max_samples=16),
        "`fixed` 32": Rule(**band, rule="fixed", max_samples=32),
        "`curtailed` 16": Rule(**band, rule="curtailed", max_samples=16),
        "`curtailed` 32": Rule(**band, rule="curtailed", max_samples=32),
        "`jeffreys`": Rule(**band, max_samples=CAP),
        "`optimal` as good as 16": Rule(**band, rule="optimal", max_samples=CAP, as_good_as=16, pilot_counts=counts),
        "`optimal` as good as 32": Rule(**band, rule="optimal", max_samples=CAP, as_good_as=32, pilot_counts=counts),
    }
    shares = {region: known.filter(truth=region).height for region in REGIONS}
    print(f"{known.height} puzzles by {n - CAP} samples that no rule saw: {shares}\n")
    heads = [*(f"samples, {name.replace('_', ' ')}" for name in REGIONS), "samples", "fewer than fixed 32",
             "fewer tokens", "wrong region", "in-band lost"]  # fmt: skip
    print(f"| rule | {' | '.join(heads)} |\n|---|{'---|' * len(heads)}")
    fixed = result(samples, known, rules["`fixed` 32"])
    for name, rule in rules.items():
        print(line(name, result(samples, known, rule), fixed))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
