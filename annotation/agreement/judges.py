"""Models that answered the same questions: each is compared with what people decided, never counted among them."""

from typing import Any

import polars as pl

from annotation.agreement.kappa import judge_agreement
from annotation.agreement.krippendorff import Scale

FIELDS = {
    "annotator": pl.String, "n_values": pl.Int64, "n_compared": pl.Int64, "n_tied": pl.Int64, "kappa": pl.Float64,
    "kappa_low": pl.Float64, "kappa_high": pl.Float64, "may_be_used": pl.Boolean, "why": pl.String,
}  # fmt: skip
"""What is said of a judge."""

SCALES: dict[str, Scale] = {"nominal": "nominal", "ordinal": "ordinal", "interval": "interval"}


def people_majority(people: pl.DataFrame) -> pl.DataFrame:
    """One row an item that people answered: the value given most often; label and number null where several are.

    `people` has item, label and number. The answer of one person, where there is no other, is the decision.

    >>> people = pl.DataFrame({"item": ["i", "i", "j"], "label": ["x", "y", "x"], "number": [None] * 3})
    >>> people_majority(people)["label"].to_list()
    [None, 'x']
    """
    votes = people.group_by("item", "label").agg(pl.col("number").first(), n=pl.len())
    leading = votes.filter(pl.col("n") == pl.col("n").max().over("item"))
    is_one = pl.len() == 1
    return (
        leading.group_by("item")
        .agg(*(pl.when(is_one).then(pl.col(name).first()).alias(name) for name in ("label", "number")))
        .sort("item")
    )


def judge_rows(
    models: pl.DataFrame, people: pl.DataFrame, scale: str, confidence: float, n_resamples: int, threshold: float
) -> list[dict[str, Any]]:
    """FIELDS of each model that answered the question, sorted by name: `n_tied` items have no majority of people."""
    rows = []
    for (name,), said in sorted(models.group_by("annotator")):
        both = said.join(people_majority(people), on="item", suffix="_people").sort("item")
        decided = both.filter(pl.col("label_people").is_not_null())
        counts = {"annotator": name, "n_values": said.height, "n_compared": decided.height}
        row = {**counts, "n_tied": both.height - decided.height}
        rows.append(row | _compared(decided, scale, confidence, n_resamples, threshold))
    return rows


def _compared(
    decided: pl.DataFrame, scale: str, confidence: float, n_resamples: int, threshold: float
) -> dict[str, Any]:
    if scale not in SCALES:
        names = ("kappa", "kappa_low", "kappa_high")
        return dict.fromkeys(names) | {"may_be_used": False, "why": "kappa compares labels and ratings only"}
    column = "label" if scale == "nominal" else "number"
    judge, people = (decided[name].to_list() for name in (column, f"{column}_people"))
    _, kappa, low, high, may_be_used, why = judge_agreement(
        judge, people, SCALES[scale], confidence=confidence, n_resamples=n_resamples, threshold=threshold
    )
    return {"kappa": kappa, "kappa_low": low, "kappa_high": high, "may_be_used": may_be_used, "why": why}
