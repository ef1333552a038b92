"""Traces that could be used: the reasoning and the answer of the correct rollouts of kept prompts."""

import polars as pl

from pipeline.score import PHASE, best
from pipeline.verify import correct


def candidates(
    bands: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, plans: pl.DataFrame,
    plan_scores: pl.DataFrame, arm: str,
) -> pl.DataFrame:  # fmt: skip
    """The rollouts of which traces are chosen, each with its `trace`: those with reasoning first, then by id.

    Of the arm `execute` they carry out the best of `plans`, which are those that may be used.
    """
    sampled = _solved(rollouts) if arm == "solve" else _executed(rollouts, best(plan_scores, plans))
    return _candidates(bands, sampled, verdicts)


def _solved(rollouts: pl.DataFrame) -> pl.DataFrame:
    """Solve rollouts of the screen; those sampled beside trials only measure."""
    return rollouts.filter(pl.col("arm") == "solve", pl.col("phase") == "screen")


def _executed(rollouts: pl.DataFrame, best_plans: pl.DataFrame) -> pl.DataFrame:
    """Rollouts that carry out the best plan of their prompt."""
    tried = rollouts.filter(pl.col("arm") == "execute", pl.col("phase") == PHASE)
    return tried.join(best_plans, on=["prompt_id", "plan_id", "generator_id"], how="semi")


def _candidates(bands: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """The correct rollouts of kept prompts with their `trace`, those with reasoning first, then by id."""
    kept = bands.filter(pl.col("decision") == "kept")
    reasoning = pl.col("reasoning").fill_null("").str.strip_chars()
    return (
        rollouts.join(kept, on="prompt_id", how="semi")
        .join(correct(verdicts), on="rollout_id", how="semi")
        .with_columns(
            trace=pl.concat_str(reasoning, pl.col("text").fill_null(""), separator="\n"), reasons=reasoning != ""
        )
        .sort("reasons", "rollout_id", descending=[True, False])
    )
