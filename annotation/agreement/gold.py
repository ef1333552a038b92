"""Accuracy of each annotator on gold items, whose answer is known, with Wilson intervals."""

import polars as pl

from pipeline.intervals import wilson_interval


def gold_accuracy(answers: pl.DataFrame, *, confidence: float = 0.95) -> pl.DataFrame:
    """One row an annotator and question with gold items, sorted: how many were answered, and answered right.

    `answers` has question, annotator, label and gold, a row an answer; rows whose gold is null are no gold items. Right
    is equal: a rating one off is wrong. Columns n_gold, n_gold_correct, gold_accuracy, gold_low and gold_high.

    >>> frame = pl.DataFrame({"question": ["q"] * 2, "annotator": ["a"] * 2, "label": ["x", "y"], "gold": ["x", "x"]})
    >>> gold_accuracy(frame).select("n_gold", "n_gold_correct", "gold_accuracy").row(0)
    (2, 1, 0.5)
    """
    n, right = pl.col("n_gold"), pl.col("n_gold_correct")
    low, high = wilson_interval(right, n, confidence=confidence)
    return (
        answers.filter(pl.col("gold").is_not_null())
        .group_by("question", "annotator")
        .agg(n_gold=pl.len().cast(pl.Int64), n_gold_correct=(pl.col("label") == pl.col("gold")).sum().cast(pl.Int64))
        .with_columns(gold_accuracy=right / n, gold_low=low, gold_high=high)
        .sort("question", "annotator")
    )
