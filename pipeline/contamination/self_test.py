"""What the rules of decontamination find of what is planted: recall, and hits that are false.

Benchmark rows are planted as they are (half of them within a longer text), with slips, reworded by template, and where
there is a rephraser by a model. Recall is the share that a rule hits. Of each row one such text, not by a model, is
also looked for in the benchmark without that row, and without those of the same text: what is hit then (`clean`) is
another problem, or nearly the same row of a benchmark that repeats itself, so that the rate of false positives errs on
the high side.
"""

import hashlib
from typing import Any

import polars as pl
from pydantic import Field

from pipeline.contamination.model_paraphrase import paraphrases
from pipeline.contamination.paraphrase import edited, exact, rephrased
from pipeline.contamination.rules import contamination
from pipeline.intervals import wilson_interval
from schemas.recipe import Decontaminate
from schemas.tables import PLANTED, Benchmarks, SelfTests, polars_schema

READS = (Benchmarks,)
WRITES = SelfTests

EXACT, EDITED, REPHRASED, BY_MODEL, CLEAN = PLANTED
WAYS = {EXACT: exact, EDITED: edited, REPHRASED: rephrased}
"""Kind of a planted text -> how it is made; a model makes those of BY_MODEL."""

FOLDS = 4
"""Parts of the sample, each of which is looked for in the benchmark without itself."""


class Config(Decontaminate):
    """The settings of decontamination, and the model that rewords rows where there is one."""

    rephraser_id: str = ""
    """What the model is: itself and how samples are drawn."""
    generator: Any = Field(None, exclude=True)
    """The `ChatModel`; None: no rows are reworded by a model."""


def run(benchmarks: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Recall and false positives of each rule: the columns of `self_tests`, sorted by rule and kind.

    `benchmarks` has benchmark, benchmark_row, text and answer. As many rows of different text as `self_test` says are
    drawn by a hash of their text, so that the order of rows changes nothing. Each is planted once a kind, and once as
    clean, where other rows are left to look for it in. What a rule cannot judge counts as not hit; what a model did not
    reword counts as left out. Raises BackendError as that model does.
    """
    rows = _sample(benchmarks, config.self_test)
    if rows.is_empty():
        return SelfTests.create_empty()
    ways = [_planted(rows, kind, list(map(make, rows["text"]))) for kind, make in WAYS.items()]
    texts = rows["text"].to_list()
    by_model = [_planted(rows, BY_MODEL, paraphrases(texts, config.generator))] if config.generator else []
    tested = [_tested(pl.concat(ways + by_model), benchmarks, config)]
    clean = [part.filter(pl.col("number") % len(WAYS) == way) for way, part in enumerate(ways)]
    planted = pl.concat(clean).with_columns(pl.lit(CLEAN).alias("kind"))
    for fold in range(FOLDS):
        some = planted.filter(pl.col("number") // len(WAYS) % FOLDS == fold)
        rest = benchmarks.join(some, left_on="text", right_on="original", how="anti")
        if some.height and rest.height:
            tested.append(_tested(some, rest, config))
    return _counted(pl.concat(tested))


def _tested(planted: pl.DataFrame, benchmarks: pl.DataFrame, config: Decontaminate) -> pl.DataFrame:
    """Columns kind, rule and contaminated: a row a planted text and rule; null where a model made no text."""
    rows = planted.filter(pl.col("text").is_not_null())
    found = contamination(rows.select("id", "text", "answer"), benchmarks, config).select("id", "rule", "contaminated")
    asked = planted.select("id", "kind").join(pl.DataFrame({"rule": config.rules}), how="cross")
    return asked.join(found, on=["id", "rule"], how="left").select("kind", "rule", "contaminated")


def _sample(benchmarks: pl.DataFrame, n: int) -> pl.DataFrame:
    """Rows of distinct text with their `number`, in the order of the hash of their text."""
    distinct = benchmarks.filter(pl.col("text").str.contains(r"\S")).sort("benchmark", "benchmark_row")
    distinct = distinct.unique("text", keep="first", maintain_order=True)
    drawn = pl.Series([hashlib.sha256(text.encode()).hexdigest() for text in distinct["text"]], dtype=pl.String)
    return distinct.with_columns(drawn=drawn).sort("drawn").head(n).drop("drawn").with_row_index("number")


def _planted(rows: pl.DataFrame, kind: str, texts: list[str | None] | list[str]) -> pl.DataFrame:
    """Columns id, text, answer, kind, number and original (the row's text)."""
    return rows.select(
        pl.format("{}-{}", pl.lit(kind), "number").alias("id"), pl.Series("text", texts, pl.String), "answer",
        pl.lit(kind).alias("kind"), "number", original="text",
    )  # fmt: skip


def _counted(tested: pl.DataFrame) -> pl.DataFrame:
    hit = pl.col("contaminated")
    counts = {"n": hit.count(), "n_left_out": hit.null_count(), "n_hit": hit.sum()}
    counted = tested.group_by("rule", "kind").agg(count.cast(pl.Int32).alias(name) for name, count in counts.items())
    low, high = wilson_interval(pl.col("n_hit"), pl.col("n"))
    share = pl.when(pl.col("n") > 0).then(pl.col("n_hit") / pl.col("n"))
    shares = counted.with_columns(share=share, ci_low=low, ci_high=high)
    return shares.cast({"kind": pl.Enum(PLANTED)}).select(polars_schema(SelfTests).keys()).sort("rule", "kind")
