"""Decontaminate what models wrote: what each rule says of each trace and plan that could be used.

Texts are compared with the problems of the benchmarks, so that a model which recites them is found. The rule `numbers`
asks whether two problems have the same answer, and is not asked of texts that solve or plan one.
"""

import polars as pl

from pipeline.contamination.rules import contamination
from pipeline.people import usable
from pipeline.plan_text import render_plan
from pipeline.traces import candidates
from schemas.recipe import Decontaminate
from schemas.tables import (
    Adjudicated,
    Bands,
    Benchmarks,
    OutputContamination,
    Plans,
    PlanScores,
    Rollouts,
    Verdicts,
    polars_schema,
)

READS = (Bands, Rollouts, Verdicts, Plans, PlanScores, Benchmarks, Adjudicated)
WRITES = OutputContamination

NUMBERS = "numbers"


class Config(Decontaminate):
    """The settings of decontamination, and whose rollouts are traces."""

    arm: str = "solve"
    annotated_only: bool = False


def run(  # noqa: PLR0913 (the frames of READS)
    bands: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, plans: pl.DataFrame,
    plan_scores: pl.DataFrame, benchmarks: pl.DataFrame, adjudicated: pl.DataFrame, config: Config,
) -> pl.DataFrame:  # fmt: skip
    """One row a trace and rule, one a parsed plan of a kept prompt and rule; sorted by kind, id and rule."""
    rules = [rule for rule in config.rules if rule != NUMBERS]
    if benchmarks.is_empty() or not rules:
        return OutputContamination.create_empty()
    shown = usable(plans, adjudicated, annotated_only=config.annotated_only)
    traces = candidates(bands, rollouts, verdicts, shown, plan_scores, config.arm)
    kept = bands.filter(decision="kept").select("prompt_id")
    parsed = plans.filter(status="parsed").join(kept, on="prompt_id", how="semi")
    written = [(row["plan_id"], render_plan(row)) for row in parsed.iter_rows(named=True)]
    texts = {
        "trace": traces.select(pl.col("rollout_id").alias("id"), text="trace"),
        "plan": pl.DataFrame(written, {"id": pl.String, "text": pl.String}, orient="row"),
    }
    asked = config.model_copy(update={"rules": rules})
    columns = [pl.col(name).cast(dtype) for name, dtype in polars_schema(OutputContamination).items()]
    found = [
        contamination(rows, benchmarks, asked).with_columns(kind=pl.lit(kind)).select(columns)
        for kind, rows in texts.items()
        if rows.height
    ]
    return pl.concat([OutputContamination.create_empty(), *found]).sort("kind", "id", "rule")
