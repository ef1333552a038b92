"""The leak test: does a plan alone give the answer away?

The executor is asked for the answer without reasoning, with the plan (`plan_only`) and without one (`guess`). What
comes back with reasoning all the same, or at length, is no guess, and is counted on neither side.
"""

import polars as pl

from pipeline.guesses import is_guess
from pipeline.planning import PHASE
from pipeline.verify import latest
from schemas.recipe import Keep

ARMS = ("plan_only", "guess")


def counted(
    prompts: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, executor: str, guess_tokens: int
) -> pl.DataFrame:
    """Guesses that were judged right or wrong by their prompt's verifier.

    Columns prompt_id, plan_id, arm, n and c (right ones).
    """
    tries = _tries(rollouts, executor).filter(is_guess(Keep(guess_tokens=guess_tokens)))
    own = prompts.select("prompt_id", "verifier")
    judged = tries.join(own, on="prompt_id").join(latest(verdicts), on=["rollout_id", "verifier"])
    outcome = pl.col("outcome").cast(pl.String)
    return (
        judged.filter(outcome.is_in(["correct", "incorrect"]))
        .group_by("prompt_id", "plan_id", pl.col("arm").cast(pl.String))
        .agg(n=pl.len().cast(pl.Int32), c=(outcome == "correct").sum().cast(pl.Int32))
    )


def told(rollouts: pl.DataFrame, executor: str, guess_tokens: int) -> str:
    """What people should know of replies that are no guesses; "" where there are none."""
    came_back = _tries(rollouts, executor).filter(pl.col("text").is_not_null())
    if (n := came_back.filter(~is_guess(Keep(guess_tokens=guess_tokens))).height) == 0:
        return ""
    return (
        f"plans.leak_test: {n:,} of {came_back.height:,} tries at an answer without reasoning came with reasoning or "
        f"were longer than {guess_tokens} tokens, and count for nothing; a template of the executor whose `guess` and "
        "`plan_only` turn thinking off, or a higher keep.guess_tokens, may help"
    )


def _tries(rollouts: pl.DataFrame, executor: str) -> pl.DataFrame:
    is_tried = pl.col("arm").cast(pl.String).is_in(ARMS)
    return rollouts.filter(is_tried, pl.col("phase") == PHASE, generator_id=executor)
