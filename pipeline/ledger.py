"""The ledger: every verdict falls into exactly one count, and what could not be judged is never wrong."""

import polars as pl

from pipeline.verifiers import UNDECIDED_REASONS, VERIFIER_ERROR
from schemas.recipe import Band
from schemas.tables import OUTCOMES

UNDECIDED_COUNTS = tuple(f"n_{reason}" for reason in UNDECIDED_REASONS)
COUNTS = ("n_correct", "n_incorrect", *UNDECIDED_COUNTS)
"""The nine columns of `pass_rates` that partition its verdicts."""

CORRECT, INCORRECT, UNDECIDED = OUTCOMES


def counts() -> list[pl.Expr]:
    """The nine counts of a group of verdicts (columns outcome and reason), as aggregations.

    An undecided verdict with another reason, or none, counts as a verifier that failed.
    """
    known = pl.col("reason").is_in(UNDECIDED_REASONS)
    reason = pl.when(known).then(pl.col("reason")).otherwise(pl.lit(VERIFIER_ERROR))
    outcome = pl.col("outcome").cast(pl.String)
    entry = "n_" + pl.when(outcome == UNDECIDED).then(reason).otherwise(outcome)
    return [(entry == name).sum().cast(pl.Int32).alias(name) for name in COUNTS]


def n_rated(band: Band) -> pl.Expr:
    """The denominator of a pass rate: verdicts that say right or wrong, and truncated answers where they are wrong."""
    judged = n_judged()
    return judged + pl.col("n_truncated") if band.truncated == INCORRECT else judged


def n_judged() -> pl.Expr:
    """Verdicts that say right or wrong."""
    return pl.col("n_correct") + pl.col("n_incorrect")


def n_undecided() -> pl.Expr:
    """Verdicts that say neither."""
    return pl.sum_horizontal(UNDECIDED_COUNTS)


def n_samples() -> pl.Expr:
    """All verdicts: what counts towards the cap of samples, so that no prompt is sampled for ever."""
    return pl.sum_horizontal(COUNTS)
