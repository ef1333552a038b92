"""Guesses: prompts that the target answers without reasoning teach no planning.

For each prompt that would go on the target is asked for the answer alone, in the words of its template's `guess`. What
comes back with reasoning all the same, or at length, is no guess: such tries count for nothing, and are counted.
"""

import polars as pl

from pipeline.sampling import PHASE, keyed
from pipeline.verify import latest
from schemas.recipe import Keep
from schemas.tables import Rollouts, polars_schema

ARM = "guess"
GUESSABLE = "guessable"


def wanted(bands: pl.DataFrame, generator_id: str, n: int) -> pl.DataFrame:
    """`n` tries for each prompt that is kept, or would be were it not guessable: what they say changes nothing of it.

    Columns rollout_id, prompt_id, sample_index, arm and phase, sorted by prompt and sample.
    """
    goes_on = bands.filter((pl.col("decision") == "kept") | (pl.col("reason") == GUESSABLE)).select("prompt_id")
    index = pl.DataFrame({"sample_index": range(n)}, {"sample_index": polars_schema(Rollouts)["sample_index"]})
    return keyed(goes_on.join(index, how="cross").sort("prompt_id", "sample_index"), generator_id, ARM)


def counted(rollouts: pl.DataFrame, verdicts: pl.DataFrame, target: str, keep: Keep) -> pl.DataFrame:
    """Guesses that were judged right or wrong: columns prompt_id, verifier, n_guesses and c_guesses (right ones)."""
    judged = _tries(rollouts, target, keep).filter(is_guess(keep)).join(latest(verdicts), on="rollout_id")
    outcome = pl.col("outcome").cast(pl.String)
    return (
        judged.filter(outcome.is_in(["correct", "incorrect"]))
        .group_by("prompt_id", "verifier")
        .agg(n_guesses=pl.len().cast(pl.Int32), c_guesses=(outcome == "correct").sum().cast(pl.Int32))
    )


def is_guess(keep: Keep) -> pl.Expr:
    """Whether an answer has no reasoning and at most `guess_tokens` tokens (words, where nobody counted them)."""
    n_tokens = pl.coalesce("n_completion_tokens", pl.col("text").str.count_matches(r"\S+"))
    return (pl.col("reasoning").fill_null("").str.strip_chars() == "") & (n_tokens <= keep.guess_tokens)


def told(rollouts: pl.DataFrame, target: str, keep: Keep) -> str:
    """What people should know of tries that are no guesses; "" where there are none."""
    came_back = _tries(rollouts, target, keep).filter(pl.col("text").is_not_null())
    if (n := came_back.filter(~is_guess(keep)).height) == 0:
        return ""
    return (
        f"models.target: {n:,} of {came_back.height:,} tries at an answer without reasoning came with reasoning or "
        f"were longer than {keep.guess_tokens} tokens, and count for nothing; a template whose `guess` turns thinking "
        "off, or a higher keep.guess_tokens, may help"
    )


def _tries(rollouts: pl.DataFrame, target: str, keep: Keep) -> pl.DataFrame:
    """The target's tries that the recipe asks for now; an earlier one may have asked for more."""
    is_asked = pl.col("sample_index") < keep.guesses
    return rollouts.filter(is_asked, pl.col("arm") == ARM, pl.col("phase") == PHASE, generator_id=target)
