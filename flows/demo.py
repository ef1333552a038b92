"""What `coldstart demo` and `coldstart run --dry-run` show besides a run."""

import polars as pl

from flows.console import say
from pipeline import collect, screen
from pipeline.resolve import Resolved
from pipeline.sampling import round_size
from pipeline.store import Run
from schemas.tables import Examples, Prompts


def show_examples(run: Run, n: int = 2) -> None:
    """Print a few finished examples of different domains, as a trainer would see them."""
    examples = run.read(Examples).join(run.read(Prompts).select("prompt_id", "domain", "task_family"), on="prompt_id")
    with_plan = examples.sort(pl.col("plan_id") == "", "example_id")
    picked = with_plan.unique("domain", keep="first", maintain_order=True).head(n)
    for row in picked.iter_rows(named=True):
        rate = "unmeasured" if row["pass_rate"] is None else f"{row['pass_rate']:.2f}"
        say(f"\n--- an example: {row['task_family']}, pass rate {rate}, written by {row['model']} ---")
        for message in row["messages"]:
            say(f"[{message['role']}{', trained on' if message['train'] else ''}]\n{message['content']}\n")
    say(f"data set: {run.location('export')}  (datasets.load_dataset opens this folder; README.md is its card)")


def show_dry_run(resolved: Resolved) -> None:
    """Say what a run would sample, from its prompts alone; nothing is written."""
    prompts = collect.run(Prompts.create_empty(), resolved.prompts())
    decisions = screen.run(prompts, resolved.recipe.screen)
    kept = decisions.filter(pl.col("decision") == "kept").height
    band = resolved.recipe.band
    first = min(round_size(band), band.max_samples)
    for row in decisions.group_by("reason").len().sort("len", descending=True).iter_rows(named=True):
        say(f"{row['len']:>8,} prompts {row['reason']}")
    say(f"{kept * first:>8,} rollouts in the first round ({first} a prompt)")
    say(f"{kept * band.max_samples:>8,} rollouts at most (rule {band.rule}, at most {band.max_samples} a prompt)")
