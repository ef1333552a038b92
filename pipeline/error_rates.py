"""How often a verifier errs: judged answers whose worth is known, counted, with each error listed.

A right answer (gold, or labelled correct) must be judged correct: anything else is a false negative, also `undecided`,
which loses the answer without calling it wrong. A wrong answer (a near-miss, or labelled incorrect) must not be judged
correct: that is a false positive. Beside another verifier, an error is any other verdict than its own.
"""

from collections import Counter
from typing import Any

import polars as pl

from pipeline.intervals import wilson_interval
from schemas.tables import OUTCOMES, Audits, polars_schema

GOLD, NEAR_MISS, LABEL, RULE, OTHER_VERIFIER = "gold", "near_miss", "label", "rule", "other_verifier"

KEY = ("source", "verifier", "verifier_version", "against", "kind")
ERROR = ("id", "outcome", "reason", "extracted", "failed_step", "answer", "details")
JUDGED: dict[str, Any] = dict.fromkeys((*KEY, "expected", *ERROR), pl.String) | {"failed_step": pl.Int32}
"""Columns of judged answers, one a row: `expected` is the outcome that there should be. See the table `audits`."""

ANSWERS = {GOLD: "gold answers", NEAR_MISS: "near-misses"}

FALSE_NEGATIVE, FALSE_POSITIVE, DISAGREEMENT = "false_negative", "false_positive", "disagreement"


def error_rates(judged: pl.DataFrame) -> pl.DataFrame:
    """The table `audits` from judged answers (columns JUDGED), sorted by key; errors in the order of their ids."""
    outcome, expected = pl.col("outcome"), pl.col("expected")
    is_error = (
        pl.when(pl.col("against") == OTHER_VERIFIER).then(outcome != expected)
        .when(expected == "correct").then(outcome != "correct")
        .otherwise(outcome == "correct")
    )  # fmt: skip
    counts = [(outcome == name).sum().alias(f"n_{name}") for name in OUTCOMES]
    errors = pl.struct(ERROR).filter("is_error").alias("errors")
    ordered = judged.with_columns(is_error=is_error).sort("id", "answer", maintain_order=True)
    counted = ordered.group_by(KEY).agg(
        pl.len().alias("n"), *counts, pl.col("is_error").sum().alias("n_errors"), errors
    )
    schema = polars_schema(Audits)
    return _rated(counted).select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort(KEY)


def _rated(counted: pl.DataFrame) -> pl.DataFrame:
    """Counts n and n_errors with the error_rate that they make, and its Wilson interval at 95 %: ci_low, ci_high."""
    low, high = wilson_interval(pl.col("n_errors"), pl.col("n"))
    return counted.with_columns(error_rate=pl.col("n_errors") / pl.col("n"), ci_low=low, ci_high=high)


def known_answer_rates(audits: pl.DataFrame) -> pl.DataFrame:
    """Rates of error over all kinds of the same: a row a source, verifier, version and reference (gold, labels, ...).

    Columns source, verifier, version, answers (which), error (false negative or positive), n, n_errors, n_undecided,
    error_rate, ci_low, ci_high. Verdicts of another verifier are no reference here.
    """
    known = audits.with_columns(pl.col("against").cast(pl.String)).filter(pl.col("against") != OTHER_VERIFIER)
    told = {LABEL: "labelled ", RULE: "by a rule "}
    prefix = pl.col("against").replace_strict(told, default=None, return_dtype=pl.String)
    answers = pl.coalesce(prefix + pl.col("kind"), pl.col("against").replace(ANSWERS))
    by = ["source", "verifier", "version", "answers", "error"]
    named = known.with_columns(answers=answers, error=_kind_of_error()).rename({"verifier_version": "version"})
    summed = named.group_by(by).agg(pl.col(name).cast(pl.Int64).sum() for name in ("n", "n_errors", "n_undecided"))
    return _rated(summed).sort(by)


def listed_errors(audits: pl.DataFrame) -> pl.DataFrame:
    """Each error of the table `audits` as a row: its key, what kind of `error` it is, and its verdict."""
    exploded = audits.filter(pl.col("n_errors") > 0).select(*KEY, "errors").explode("errors").unnest("errors")
    against = pl.col("against").cast(pl.String)
    return exploded.select(_kind_of_error().alias("error"), *KEY[:3], against, "kind", *ERROR)


def _kind_of_error() -> pl.Expr:
    """What the errors of a row of `audits` are: false negatives where it is about right answers."""
    against = pl.col("against").cast(pl.String)
    is_of_right_answers = (against == GOLD) | (against.is_in([LABEL, RULE]) & (pl.col("kind") == "correct"))
    return (
        pl.when(against == OTHER_VERIFIER).then(pl.lit(DISAGREEMENT))
        .when(is_of_right_answers).then(pl.lit(FALSE_NEGATIVE))
        .otherwise(pl.lit(FALSE_POSITIVE))
    )  # fmt: skip


def reasons(audits: pl.DataFrame) -> pl.Series:
    """For each row of `audits`, the reasons of its errors with their counts, the commonest first."""
    told = [_tally([error["reason"] for error in errors]) for errors in audits["errors"].to_list()]
    return pl.Series("reasons", told, pl.String)


def _tally(codes: list[str]) -> str:
    counts = sorted(Counter(codes).items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{code} {n}" for code, n in counts)
