"""From a table of answers to a row a question: how far people agree, what each is like, which judge may be used."""

import math
from typing import Any

import polars as pl

from annotation.agreement import annotators, judges
from annotation.agreement.answers import answers_of
from annotation.agreement.kappa import THRESHOLD
from annotation.agreement.measures import COEFFICIENTS, measured
from annotation.agreement.scales import scale_of
from schemas.errors import RecipeError

DECIMALS = 12
"""Coefficients are rounded to so many places, so that no host's last bit shows."""

COUNTS = ("n_items", "n_paired", "n_annotators", "n_values")

SCHEMA: dict[str, Any] = {
    "question": pl.String, "scale": pl.String, "is_scale_guessed": pl.Boolean,
    **dict.fromkeys(COUNTS, pl.Int64), **dict.fromkeys(COEFFICIENTS[1:], pl.Float64),
    "reading": pl.String, "is_sure": pl.Boolean, "note": pl.String,
    "annotators": pl.List(pl.Struct(annotators.FIELDS)), "judges": pl.List(pl.Struct(judges.FIELDS)),
}  # fmt: skip
"""Columns of `agreement_rows`."""


def agreement_rows(
    frame: pl.DataFrame,
    *,
    confidence: float = 0.95,
    resamples: int = 1_000,
    judge_threshold: float = THRESHOLD,
    where: str = "input",
) -> pl.DataFrame:
    """One row a question of a table of answers, sorted: the columns of SCHEMA; no row where no answer counts.

    `frame` has item (or record_id), annotator, question and value, and perhaps scale, status, annotator_kind, version
    and gold, as in the table `annotations`. Only people count in all but `judges`. The same answers give the same
    numbers, in whatever order they come. SchemaErrors name `where`, record and column; RecipeError for a setting.
    """
    _check_settings(confidence, resamples, judge_threshold)
    answers = answers_of(frame, where)
    rows = []
    for _, asked in sorted(answers.group_by("question", maintain_order=True), key=lambda group: group[0]):
        scale, is_guessed = scale_of(asked, where)
        people = asked.filter(annotator_kind="person").sort("item", "annotator")
        models = asked.filter(annotator_kind="model")
        row = {
            "question": asked["question"][0],
            "scale": scale,
            "is_scale_guessed": is_guessed,
            "n_items": people["item"].n_unique(),
            "n_annotators": people["annotator"].n_unique(),
            "n_values": people.height,
            **measured(people, scale, confidence, resamples),
            "annotators": annotators.annotator_rows(people, scale, confidence),
            "judges": judges.judge_rows(models, people, scale, confidence, resamples, judge_threshold),
        }
        rows.append(_rounded(row))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _check_settings(confidence: float, resamples: int, judge_threshold: float) -> None:
    for name, value, low in (("confidence", confidence, 0.0), ("judge_threshold", judge_threshold, -1.0)):
        if not low < value < 1:
            raise RecipeError(f"agreement: {name}: found {value}, wanted more than {low:g} and less than 1")
    if resamples < 1:
        raise RecipeError(f"agreement: resamples: found {resamples}, wanted 1 or more")


def _rounded(value: Any) -> Any:
    """The same row with its numbers rounded, and those in its lists."""
    if isinstance(value, float):
        return round(value, DECIMALS) + 0.0 if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
