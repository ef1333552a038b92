"""What `coldstart demo` shows besides a run."""

from collections.abc import Mapping
from textwrap import indent
from typing import Any

from flows.console import say
from pipeline.plan_text import render_plan
from pipeline.store import Run
from schemas.tables import Examples, Plans, PlanScores, Rollouts


def show_examples(run: Run, n: int = 3) -> None:
    """Print a few finished examples of different kinds of task, part by part, those with the largest uplift first."""
    examples = run.read(Examples).join(run.read(Rollouts).select("rollout_id", "reasoning", "text"), on="rollout_id")
    ranked = examples.sort("uplift", "example_id", descending=[True, False], nulls_last=True)
    plans = {row["plan_id"]: render_plan(row) for row in run.read(Plans).iter_rows(named=True)}
    scores = {row["plan_id"]: row for row in run.read(PlanScores).iter_rows(named=True)}
    for row in ranked.unique("task_family", keep="first", maintain_order=True).head(n).iter_rows(named=True):
        say(f"\n--- {row['task_family']}, written by {row['model']} ---")
        question = row["messages"][-2]["content"]
        parts = {"prompt": question, "plan": plans.get(row["plan_id"], ""), "reasoning": row["reasoning"] or ""}
        for name, text in (parts | {"answer": row["text"], "uplift": _uplift(scores.get(row["plan_id"]))}).items():
            if text:
                say(f"{name}:")
                say(indent(text, "    "))
    say(f"\ndata set: {run.location('export')}  (datasets.load_dataset opens this folder; README.md is its card)")
    say("\nnext, after `source .venv/bin/activate` (README.md goes on from there):")
    say(f"    coldstart show {ranked['prompt_id'][0][:12]} --run {run.url}")


def _uplift(score: Mapping[str, Any] | None) -> str:
    """What a plan did to the pass rate, in words; empty where it was not tried."""
    if score is None or score["uplift"] is None:
        return ""
    rates = {arm: f"{score[f'c_{arm}']} of {score[f'n_{arm}']}" for arm in ("execute", "solve", "placebo")}
    return (
        f"{score['uplift']:+.2f}: right {rates['execute']} with the plan, {rates['solve']} without one,\n"
        f"{rates['placebo']} with plans of other problems"
    )
