"""What happened when a plan was carried out, in words: rates with and without it, a right answer and a wrong one."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from annotation.shown_text import excerpt, visible
from pipeline.hostile import one_line
from pipeline.verify import latest

MAX_ANSWER = 1_500
"""An answer is shown up to so many characters, beginning and end."""

MAX_FINAL = 200
"""The same of what was read as its final answer."""

NOT_TRIED = "This plan was not carried out."

_EXAMPLES = {"correct": "A right answer", "incorrect": "A wrong answer"}
_ARMS = {
    "execute": "With this plan",
    "solve": "Without a plan",
    "placebo": "With a plan of another problem",
}


class Evidence(NamedTuple):
    """The tables that say what a plan is and what became of it."""

    prompts: pl.DataFrame
    plans: pl.DataFrame
    plan_scores: pl.DataFrame
    rollouts: pl.DataFrame
    verdicts: pl.DataFrame


def measured(plan_scores: pl.DataFrame) -> pl.DataFrame:
    """For each plan with a measured uplift its row of plan_scores with the most executions, sorted by plan_id."""
    known = plan_scores.filter(pl.col("uplift").is_not_null())
    order = known.sort("plan_id", -pl.col("n_execute"), pl.col("phase").cast(pl.String), "generator_id")
    return order.unique("plan_id", keep="first", maintain_order=True)


def outcome_texts(plan_ids: Collection[str], evidence: Evidence) -> dict[str, str]:
    """For each of these plans that was measured what happened, as visible text.

    The answers shown are the earliest right one and the earliest wrong one among those that the rates count.
    """
    scores = measured(evidence.plan_scores.filter(pl.col("plan_id").is_in(list(plan_ids))))
    examples = _examples(scores, evidence)
    return {
        row["plan_id"]: "\n\n".join(
            ["\n".join(_rates(row)), *(_example(examples.get((row["plan_id"], kind)), kind) for kind in _EXAMPLES)]
        )
        for row in scores.iter_rows(named=True)
    }


def _examples(scores: pl.DataFrame, evidence: Evidence) -> dict[tuple[str, str], dict[str, Any]]:
    """An execution for each plan and outcome, with the verdict of the prompt's own verifier."""
    executed = evidence.rollouts.filter(arm="execute").join(scores, on=["plan_id", "generator_id", "phase"], how="semi")
    executed = executed.join(evidence.prompts.select("prompt_id", "verifier"), on="prompt_id")
    told = latest(evidence.verdicts).select("rollout_id", "verifier", "outcome", "reason", "extracted", "failed_step")
    judged = executed.select("rollout_id", "plan_id", "verifier", "sample_index", "text").join(
        told, on=["rollout_id", "verifier"]
    )
    first = judged.sort("sample_index", "rollout_id").unique(["plan_id", "outcome"], keep="first")
    return {(row["plan_id"], row["outcome"]): row for row in first.iter_rows(named=True)}


def _rates(row: Mapping[str, Any]) -> Iterator[str]:
    for arm, said in _ARMS.items():
        n, c = row[f"n_{arm}"], row[f"c_{arm}"]
        yield f"{said}: {c} of {n} answers right" if n else f"{said}: not tried"


def _example(row: Mapping[str, Any] | None, kind: str) -> str:
    title = _EXAMPLES[kind]
    if row is None:
        return f"{title}: there is none."
    step = f", at step {row['failed_step']}" if row["failed_step"] else ""
    lines = [f"{title} (the check says: {row['reason'].replace('_', ' ')}{step})"]
    if row["extracted"] is not None:
        lines.append(f"Final answer: {one_line(row['extracted'], MAX_FINAL)}")
    return "\n".join([*lines, excerpt(visible(row["text"] or "").strip(), MAX_ANSWER)])
