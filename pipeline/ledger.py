"""The ledger: every verdict falls into exactly one count, and what could not be judged is never wrong."""

from typing import Any

import polars as pl

from pipeline.verifiers import TRUNCATED, UNDECIDED_REASONS, VERIFIER_ERROR
from schemas.recipe import Band
from schemas.tables import OUTCOMES

CORRECT, INCORRECT, UNDECIDED = OUTCOMES

ENTRIES = (CORRECT, INCORRECT, *UNDECIDED_REASONS)
"""What a verdict is entered as: its outcome, or why it has none."""

UNDECIDED_COUNTS = tuple(f"n_{reason}" for reason in UNDECIDED_REASONS)
COUNTS = tuple(f"n_{entry}" for entry in ENTRIES)
"""The nine columns of `pass_rates` that partition its verdicts."""


def entry() -> pl.Expr:
    """The column `entry` of verdicts (columns outcome and reason): the one of ENTRIES that each is counted under.

    An undecided verdict with another reason, or none, counts as a verifier that failed.
    """
    kinds = pl.Enum(ENTRIES)
    found: Any = pl.when(pl.col("outcome") == CORRECT).then(pl.lit(CORRECT, kinds))
    found = found.when(pl.col("outcome") == INCORRECT).then(pl.lit(INCORRECT, kinds))
    for reason in UNDECIDED_REASONS:
        found = found.when(pl.col("reason") == reason).then(pl.lit(reason, kinds))
    return found.otherwise(pl.lit(VERIFIER_ERROR, kinds)).alias("entry")


def counts() -> list[pl.Expr]:
    """The nine counts of a group of verdicts (column entry), as aggregations."""
    return [(pl.col("entry") == one).sum().cast(pl.Int32).alias(f"n_{one}") for one in ENTRIES]


def is_rated(band: Band) -> pl.Expr:
    """Whether a verdict (column entry) is in the denominator: right, wrong, or truncated where that counts as wrong."""
    rated = [CORRECT, INCORRECT, *([TRUNCATED] if band.truncated == INCORRECT else [])]
    return pl.any_horizontal(pl.col("entry") == one for one in rated)


def n_rated(band: Band) -> pl.Expr:
    """The denominator of a pass rate, from the nine counts."""
    return n_judged() + pl.col("n_truncated") if band.truncated == INCORRECT else n_judged()


def n_judged() -> pl.Expr:
    """Verdicts that say right or wrong."""
    return pl.col("n_correct") + pl.col("n_incorrect")


def n_undecided() -> pl.Expr:
    """Verdicts that say neither."""
    return pl.sum_horizontal(UNDECIDED_COUNTS)


def n_samples() -> pl.Expr:
    """All verdicts: what counts towards the cap of samples, so that no prompt is sampled for ever."""
    return pl.sum_horizontal(COUNTS)
