"""What people said that counts, the plans that they rule out, and those that they stand behind.

Of each answer the latest version counts, and only where it is submitted and a person gave it. An answer to a gold item
measures its annotator; it says nothing of a plan.
"""

import json

import polars as pl

VERDICT, EDITED_PLAN = "verdict", "edited_plan"
"""Questions of which this package reads the answers."""

RULED_OUT = ("discard", "fix")
"""Verdicts of plans that are used nowhere."""

EDITED, ACCEPTED, UNSAID = "edited", "accepted", "none"
"""What people said of a plan, as examples tell it."""

_ANSWER = ["record_id", "question", "annotator"]
_IS_SAID = (pl.col("status") == "submitted") & (pl.col("annotator_kind") == "person")
_IS_LATEST = pl.col("version") == pl.col("version").max().over(_ANSWER)


def submitted(annotations: pl.DataFrame) -> pl.DataFrame:
    """The answers that count: rows of annotations, at most one a record, question and annotator."""
    return annotations.filter(_IS_LATEST & _IS_SAID)


def judgements(queue: pl.DataFrame) -> pl.DataFrame:
    """The records that judge a plan: record_id, kind, guideline_version and the plan_id that is judged."""
    judging = queue.filter(pl.col("kind") != "gold")
    return judging.select("record_id", "kind", "guideline_version", plan_id=pl.col("plan_ids").list.first())


def edits(queue: pl.DataFrame, annotations: pl.DataFrame) -> pl.DataFrame:
    """Every text that a person once submitted as the corrected plan.

    Columns parent_plan_id, text and is_current (somebody still says so); those that are first, then by parent and text.
    """
    said = annotations.with_columns(is_current=_IS_LATEST).filter(_IS_SAID, pl.col("question") == EDITED_PLAN)
    named = said.join(judgements(queue), on="record_id").select("value", "is_current", parent_plan_id="plan_id")
    texts = named.with_columns(text=pl.Series(map(json.loads, named["value"]), dtype=pl.String))
    by = texts.group_by("parent_plan_id", "text").agg(pl.col("is_current").any())
    return by.sort("is_current", "parent_plan_id", "text", descending=[True, False, False])


def standing(plans: pl.DataFrame, adjudicated: pl.DataFrame) -> pl.DataFrame:
    """plan_id and annotation of each plan that people edited, or kept; one that they rule out has no row."""
    said = plans.join(adjudicated.select("plan_id", "verdict"), on="plan_id", how="left")
    verdict, is_edit = pl.col("verdict").cast(pl.String).fill_null(""), pl.col("origin") == "person"
    annotation = pl.when(is_edit).then(pl.lit(EDITED)).when(verdict == "keep").then(pl.lit(ACCEPTED))
    named = said.filter(~verdict.is_in(RULED_OUT)).select("plan_id", annotation=annotation)
    return named.filter(pl.col("annotation").is_not_null())


def usable(plans: pl.DataFrame, adjudicated: pl.DataFrame, *, annotated_only: bool = False) -> pl.DataFrame:
    """The plans that people do not rule out; with `annotated_only` those that they edited or kept."""
    if annotated_only:
        return plans.join(standing(plans, adjudicated), on="plan_id", how="semi")
    ruled_out = adjudicated.filter(pl.col("verdict").cast(pl.String).is_in(RULED_OUT))
    return plans.join(ruled_out, on="plan_id", how="anti")
