"""What each annotator is like on one question: agreement without them, accuracy on gold, and as the others suggest."""

import math
from typing import Any

import polars as pl

from annotation.agreement.dawid_skene import dawid_skene
from annotation.agreement.gold import gold_accuracy
from annotation.agreement.kappa import MAX_CLASSES
from annotation.agreement.measures import coefficient

MIN_LABELS = 3
"""Labels that half of the items must have for `estimated_accuracy`: of two that differ, none shows who errs."""

MIN_ITEMS = 20
"""Answers that an annotator must have given for it."""

FIELDS = {
    "annotator": pl.String, "n_values": pl.Int64, "alpha_without": pl.Float64, "n_gold": pl.Int64,
    "n_gold_correct": pl.Int64, "gold_accuracy": pl.Float64, "gold_low": pl.Float64, "gold_high": pl.Float64,
    "estimated_accuracy": pl.Float64,
}  # fmt: skip
"""What is said of an annotator."""


def annotator_rows(people: pl.DataFrame, scale: str, confidence: float) -> list[dict[str, Any]]:
    """FIELDS of each annotator who answered the question, sorted by name.

    `alpha_without` is the question's coefficient without them: well above it, they see things unlike the others.
    `estimated_accuracy` is that of the model of Dawid and Skene, on nominal questions with enough labels.
    """
    gold = {row["annotator"]: row for row in gold_accuracy(people, confidence=confidence).iter_rows(named=True)}
    estimated = _estimated(people, scale)
    rows = []
    for name, n_values in sorted(people.group_by("annotator").len().iter_rows()):
        given = {key: gold[name][key] if name in gold else None for key in FIELDS if "gold" in key}
        given |= {key: given[key] or 0 for key in ("n_gold", "n_gold_correct")}
        others = people.filter(pl.col("annotator") != name)
        rows.append(
            {"annotator": name, "n_values": n_values, "alpha_without": coefficient(others, scale)}
            | given
            | {"estimated_accuracy": estimated.get(name) if n_values >= MIN_ITEMS else None}
        )
    return rows


def _estimated(people: pl.DataFrame, scale: str) -> dict[str, float]:
    """Accuracy of each annotator under the model; empty where the labels cannot bear it."""
    n_labels = people.group_by("item").len()["len"].to_list()
    n_classes = people["label"].n_unique()
    is_enough = 2 * sum(n >= MIN_LABELS for n in n_labels) >= len(n_labels) > 0
    if scale != "nominal" or not is_enough or not 2 <= n_classes <= MAX_CLASSES:
        return {}
    fitted = dawid_skene(*(people[name].to_list() for name in ("item", "annotator", "label")))
    found = zip(fitted.annotators, fitted.accuracy().tolist(), strict=True)
    return {name: accuracy for name, accuracy in found if not math.isnan(accuracy)}
