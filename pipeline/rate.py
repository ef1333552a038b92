"""Rate prompts: the ledger of their verdicts, the pass rate with an honest error, and the region it lies in.

One row a prompt, generator, verifier, arm, plan and phase that has a verdict. A rollout without one is counted nowhere:
this stage runs after `verify`, which gives one to every rollout that answers its prompt; write_plan rollouts get none.
"""

import polars as pl

from pipeline.intervals import jeffreys_masses, wilson_interval
from pipeline.ledger import CORRECT, COUNTS, INCORRECT, counts, n_judged, n_samples, n_undecided
from pipeline.rows import require_column, require_valid
from pipeline.sampling import is_stopped, round_size
from pipeline.verify import latest
from schemas.recipe import Band
from schemas.tables import OUTCOMES, REGIONS, PassRates, Rollouts, Verdicts

READS = (Rollouts, Verdicts)
WRITES = PassRates
Config = Band

KEY = tuple(PassRates.primary_key())
MASSES = ("p_below", "p_in", "p_above")
AS_GIVEN = "as_given"
"""The stop rule of rows that were rated as they came: whoever sampled them knows it, we do not."""


def run(rollouts: pl.DataFrame, verdicts: pl.DataFrame, config: Band) -> pl.DataFrame:
    """The pass rates of all rollouts that have a verdict, by the highest version of each verifier; sorted by key."""
    samples = rollouts.join(latest(verdicts).select("rollout_id", "verifier", "outcome", "reason"), on="rollout_id")
    return _rated(samples, list(KEY), config, stop_rule=config.rule).select(PassRates.column_names())


def rate_rows(frame: pl.DataFrame, config: Band, *, sequential: bool = False, where: str = "input") -> pl.DataFrame:
    """Pass rates of plain rows: prompt_id, outcome and reason (may be left out), a row a rollout in sampling order.

    One row a prompt, sorted by prompt_id: the columns of `pass_rates` that apply, n_undecided, and decision (the
    region). `sequential` replays the stopping rule over the rows: n_used says how many it would have asked for, and
    only those are counted. Raises SchemaError with `where`, record (from 1), field, found and wanted.
    """
    samples = _samples(frame, where)
    stop_rule = config.rule if sequential else AS_GIVEN
    names = ["prompt_id", *(name for name in PassRates.column_names() if name not in KEY)]
    extra = [n_undecided().alias("n_undecided"), pl.col("region").cast(pl.String).alias("decision")]
    if sequential:
        samples = samples.join(n_used(samples, config), on="prompt_id").filter(
            pl.col("sample_index") < pl.col("n_used")
        )
        extra.append(n_samples().alias("n_used"))
    return _rated(samples, ["prompt_id"], config, stop_rule=stop_rule).select(*names, *extra)


def n_used(samples: pl.DataFrame, band: Band) -> pl.DataFrame:
    """How many samples of each prompt the stopping rule would have asked for: columns prompt_id and n_used.

    `samples` has prompt_id, sample_index (from 0, no gaps), outcome and reason. The rule looks after each whole round
    and at `max_samples`; where the samples end before it stops, all are used.
    """
    rounds = (
        samples.filter(pl.col("sample_index") < band.max_samples)
        .group_by("prompt_id", round=pl.col("sample_index") // round_size(band))
        .agg(counts())
        .sort("prompt_id", "round")
        .with_columns(pl.col(name).cum_sum().over("prompt_id") for name in COUNTS)
    )
    stops = decide(rounds, band).select("prompt_id", n=n_samples(), is_stopped=is_stopped(band))
    first_stop = pl.col("n").filter(pl.col("is_stopped")).min()
    return stops.group_by("prompt_id").agg(n_used=pl.coalesce(first_stop, pl.col("n").max()))


def decide(ledgers: pl.DataFrame, band: Band) -> pl.DataFrame:
    """Ledgers with pass_rate, ci_low, ci_high, p_below, p_in, p_above, region and is_decided, row for row.

    The region is the one with the highest posterior mass (ties: in the band, then too hard). Without a right or wrong
    verdict it is `unmeasured` and every number is null. Each distinct pair of counts is worked out once.
    """
    pairs = ledgers.select("n_correct", "n_incorrect").unique().with_columns(n=n_judged())
    masses = jeffreys_masses(pairs["n_correct"], pairs["n"], low=band.low, high=band.high)
    n = pl.when(pl.col("n") > 0).then("n")
    ci_low, ci_high = wilson_interval(pl.col("n_correct"), pl.col("n"), confidence=band.confidence)
    decided = (
        pairs.hstack(pl.DataFrame(masses, schema=dict.fromkeys(MASSES, pl.Float64)))
        .with_columns(pl.when(n.is_not_null()).then(name).alias(name) for name in MASSES)
        .with_columns(pass_rate=pl.col("n_correct") / n, ci_low=ci_low, ci_high=ci_high, region=_region())
        .with_columns(is_decided=pl.max_horizontal(MASSES).ge(band.confidence).fill_null(False))
    )
    return ledgers.join(decided.drop("n"), on=["n_correct", "n_incorrect"], how="left", maintain_order="left")


def _region() -> pl.Expr:
    most = pl.max_horizontal(MASSES)
    region = (
        pl.when(most.is_null()).then(pl.lit("unmeasured"))
        .when(pl.col("p_in") == most).then(pl.lit("in_band"))
        .when(pl.col("p_below") == most).then(pl.lit("too_hard"))
        .otherwise(pl.lit("too_easy"))
    )  # fmt: skip
    return region.cast(pl.Enum(REGIONS))


def _rated(samples: pl.DataFrame, key: list[str], band: Band, *, stop_rule: str) -> pl.DataFrame:
    """A row a key: samples (columns outcome, reason, sample_index, n_completion_tokens) counted and decided."""
    ledgers = samples.group_by(key).agg(*counts(), *_first_round(round_size(band)), *_tokens())
    return decide(ledgers, band).with_columns(stop_rule=pl.lit(stop_rule)).sort(key)


def _first_round(size: int) -> list[pl.Expr]:
    """Right and wrong verdicts of the first round, whose size was fixed in advance, and the right ones among them."""
    in_first = pl.col("sample_index") < size
    is_correct, is_incorrect = pl.col("outcome") == CORRECT, pl.col("outcome") == INCORRECT
    return [
        (in_first & (is_correct | is_incorrect)).sum().cast(pl.Int32).alias("n_first_round"),
        (in_first & is_correct).sum().cast(pl.Int32).alias("c_first_round"),
    ]


def _tokens() -> list[pl.Expr]:
    """Mean tokens, and tokens for each correct rollout, over rollouts whose tokens were counted."""
    tokens = pl.col("n_completion_tokens")
    n_correct = (tokens.is_not_null() & (pl.col("outcome") == CORRECT)).sum()
    return [
        tokens.mean().alias("tokens_mean"),
        (tokens.cast(pl.Int64).sum() / pl.when(n_correct > 0).then(n_correct)).alias("tokens_per_correct"),
    ]


def _samples(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Plain rows, checked, as samples: prompt_id, outcome, reason, sample_index and (unknown) n_completion_tokens."""
    for name in ("prompt_id", "outcome"):
        require_column(name, frame.columns, where)
    if "reason" not in frame.columns:
        frame = frame.with_columns(reason=pl.lit(None, pl.String))
    text = frame.select("prompt_id", outcome=_text(frame["outcome"]), reason=_text(frame["reason"]))
    ids = frame["prompt_id"]
    is_id = ids.is_not_null() & (ids.dtype.is_integer() or _is_text(ids))
    require_valid(frame, "prompt_id", is_id, "text or a whole number", where)
    require_valid(
        frame, "outcome", text["outcome"].is_in(OUTCOMES).fill_null(False), f"one of {', '.join(OUTCOMES)}", where
    )
    require_valid(frame, "reason", frame["reason"].is_null() | text["reason"].is_not_null(), "text or nothing", where)
    return text.with_columns(
        sample_index=pl.int_range(pl.len(), dtype=pl.Int32).over("prompt_id"),
        n_completion_tokens=pl.lit(None, pl.Int32),
    )


def _is_text(values: pl.Series) -> bool:
    return isinstance(values.dtype, pl.String | pl.Enum | pl.Categorical)


def _text(values: pl.Series) -> pl.Series:
    """Text as it is; any other type as nulls."""
    return values.cast(pl.String) if _is_text(values) else pl.Series(values.name, [None] * values.len(), pl.String)
