"""Accuracy on gold items: counted where the answer is known, with an interval."""

import polars as pl
import pytest

from annotation.agreement.gold import gold_accuracy

ANSWERS = pl.DataFrame(
    {
        "question": ["verdict"] * 5,
        "annotator": ["a", "a", "a", "b", "b"],
        "label": ["keep", "fix", "keep", "fix", "keep"],
        "gold": ["keep", "keep", None, "keep", None],
    }
)


def test_only_gold_items_count() -> None:
    found = gold_accuracy(ANSWERS)
    assert found.select("annotator", "n_gold", "n_gold_correct", "gold_accuracy").rows() == [
        ("a", 2, 1, 0.5),
        ("b", 1, 0, 0.0),
    ]


def test_the_interval_is_that_of_wilson() -> None:
    row = gold_accuracy(ANSWERS, confidence=0.95).row(0, named=True)
    assert (row["gold_low"], row["gold_high"]) == pytest.approx((0.0945312, 0.9054688), abs=1e-6)


def test_without_gold_there_is_no_row() -> None:
    assert gold_accuracy(ANSWERS.with_columns(gold=pl.lit(None, pl.String))).is_empty()
