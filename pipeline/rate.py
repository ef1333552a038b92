"""Rate prompts: the ledger of their verdicts, the pass rate with an honest error, and the region it lies in.

One row a prompt, generator, verifier, arm, plan and phase that has a verdict. A rollout without one is counted nowhere:
this stage runs after `verify`, which gives one to every rollout that answers its prompt; write_plan rollouts get none.
"""

import polars as pl

from pipeline.corrected_band import by_verifier
from pipeline.intervals import wilson_interval
from pipeline.ledger import CORRECT, COUNTS, INCORRECT, counts, n_rated, n_samples, n_undecided
from pipeline.rows import require_column, require_valid
from pipeline.sampling import stopped
from pipeline.stopping import Rule, regions
from pipeline.verifiers import TRUNCATED
from pipeline.verify import latest
from schemas.tables import OUTCOMES, PassRates, Rollouts, Verdicts

READS = (Rollouts, Verdicts)
WRITES = PassRates
Config = Rule

KEY = tuple(PassRates.primary_key())
AS_GIVEN = "as_given"
"""The stop rule of rows that were rated as they came: whoever sampled them knows it, we do not."""


def run(rollouts: pl.DataFrame, verdicts: pl.DataFrame, config: Rule) -> pl.DataFrame:
    """The pass rates of all rollouts that have a verdict, by the highest version of each verifier; sorted by key."""
    samples = rollouts.join(latest(verdicts).select("rollout_id", "verifier", "outcome", "reason"), on="rollout_id")
    return _rated(samples, list(KEY), config, stop_rule=config.rule).select(PassRates.column_names())


def rate_rows(frame: pl.DataFrame, config: Rule, *, sequential: bool = False, where: str = "input") -> pl.DataFrame:
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


def n_used(samples: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """How many samples of each prompt the stopping rule would have asked for: columns prompt_id and n_used.

    `samples` has prompt_id, sample_index (from 0, no gaps), outcome and reason. The rule looks after each whole round
    and at `max_samples`; where the samples end before it stops, all are used.
    """
    rounds = (
        samples.filter(pl.col("sample_index") < rule.max_samples)
        .group_by("prompt_id", round=pl.col("sample_index") // rule.round_size())
        .agg(counts())
        .sort("prompt_id", "round")
        .with_columns(pl.col(name).cum_sum().over("prompt_id") for name in COUNTS)
    )
    stops = rounds.select("prompt_id", stopped(rounds, rule), n=n_samples())
    first_stop = pl.col("n").filter(pl.col("is_stopped")).min()
    return stops.group_by("prompt_id").agg(n_used=pl.coalesce(first_stop, pl.col("n").max()))


def decide(ledgers: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Ledgers with n_rated, pass_rate, ci_low, ci_high, p_below, p_in, p_above, region and is_decided, row for row.

    The region is that of `stopping.regions`, read in the band of the row's `verifier` where its errors are to be
    corrected; the rate is as counted. Where n_rated is 0 the region is `unmeasured` and every other number is null.
    Each distinct pair of counts is worked out once.
    """
    keyed = ledgers.with_columns(n_rated=n_rated(rule).cast(pl.Int32))
    pairs = keyed.select(pl.col("^verifier$"), n="n_rated", c="n_correct").unique()
    low, high = wilson_interval(pl.col("c"), pl.col("n"), confidence=rule.confidence)
    measured = pl.when(pl.col("n") > 0).then("n")
    decided = by_verifier(pairs, rule, regions).select(
        pl.col("^verifier$"), pl.col("n").alias("n_rated"), pl.col("c").alias("n_correct"),
        pass_rate=pl.col("c") / measured, ci_low=low, ci_high=high,
        p_below="p_below", p_in="p_in", p_above="p_above", region="region", is_decided="is_decided",
    )  # fmt: skip
    keys = [name for name in ("verifier", "n_rated", "n_correct") if name in decided.columns]
    return keyed.join(decided, on=keys, how="left", maintain_order="left")


def _rated(samples: pl.DataFrame, key: list[str], rule: Rule, *, stop_rule: str) -> pl.DataFrame:
    """A row a key: samples (columns outcome, reason, sample_index, n_completion_tokens) counted and decided."""
    ledgers = samples.group_by(key).agg(*counts(), *_first_round(rule), *_tokens())
    return decide(ledgers, rule).with_columns(stop_rule=pl.lit(stop_rule)).sort(key)


def _first_round(rule: Rule) -> list[pl.Expr]:
    """The rated verdicts of the first round, whose size was fixed in advance, and the right ones among them."""
    in_first = pl.col("sample_index") < rule.round_size()
    is_correct = pl.col("outcome") == CORRECT
    is_rated = is_correct | (pl.col("outcome") == INCORRECT)
    if rule.truncated == INCORRECT:
        is_rated |= pl.col("reason") == TRUNCATED
    return [
        (in_first & is_rated).sum().cast(pl.Int32).alias("n_first_round"),
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
