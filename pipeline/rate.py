"""Rate prompts: the ledger of their verdicts, the pass rate with an honest error, and the region it lies in.

One row a prompt, generator, verifier, arm, plan and phase that has a verdict. A rollout without one is counted nowhere:
this stage runs after `verify`, which gives one to every rollout that answers its prompt; write_plan rollouts get none.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.intervals import wilson_interval
from pipeline.ledger import CORRECT, counts, entry, is_rated, n_rated
from pipeline.pass_rates.corrected_band import by_verifier
from pipeline.pass_rates.stopping import Rule, regions
from pipeline.verify import latest
from schemas.errors import SchemaError
from schemas.messages import short
from schemas.tables import PassRates, Rollouts, Verdicts

READS = (Rollouts, Verdicts)
WRITES = PassRates
Config = Rule

KEY = tuple(PassRates.primary_key())
VERDICT = ("rollout_id", "verifier", "verifier_version", "outcome", "reason")
MIXED = "an older program went on with this run: go on with the newer one, which judges the rest again"
SAMPLE = ("outcome", "reason", "sample_index", "n_completion_tokens")
"""What is counted of a sample, beside its key."""


def run(rollouts: pl.DataFrame, verdicts: pl.DataFrame, config: Rule) -> pl.DataFrame:
    """The pass rates of all rollouts that have a verdict, by the highest version of each verifier; sorted by key.

    Raises SchemaError where the verdicts of one pass rate are of two versions of a verifier.
    """
    asked = rollouts.select("rollout_id", "sample_index", "n_completion_tokens", *(set(KEY) - {"verifier"}))
    judged = asked.join(latest(verdicts).select(VERDICT), on="rollout_id")
    require_one_judge(judged, KEY, "verdicts", MIXED)
    return rated(judged, KEY, config, stop_rule=config.rule).select(PassRates.column_names())


def rated(samples: pl.DataFrame, key: Sequence[str], rule: Rule, *, stop_rule: str) -> pl.DataFrame:
    """A row a key: samples (columns `key` and SAMPLE) counted and decided; sorted by key."""
    return decide(ledgers(samples, key, rule), rule).with_columns(stop_rule=pl.lit(stop_rule)).sort(key)


def ledgers(samples: pl.DataFrame, key: Sequence[str], rule: Rule) -> pl.DataFrame:
    """A row a key, in any order: the nine counts, n_first_round, c_first_round, tokens_mean and tokens_per_correct."""
    counted = samples.lazy().with_columns(entry()).group_by(key).agg(*counts(), *_first_round(rule), *_tokens())
    told = counted.with_columns(_token_means()).drop("tokens", "n", "c")
    return told.collect(engine="streaming")  # one pass: sums beside a key of one kind, no groups of row numbers


def decide(counted: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Ledgers with n_rated, pass_rate, ci_low, ci_high, p_below, p_in, p_above, region and is_decided, row for row.

    `counted` has the nine counts. The region is that of `stopping.regions`, read in the band of the row's `verifier`
    where its errors are to be corrected; the rate is as counted. Where n_rated is 0 the region is `unmeasured` and
    every other number is null.
    Each distinct pair of counts is worked out once.
    """
    keyed = counted.with_columns(n_rated=n_rated(rule).cast(pl.Int32))
    pairs = keyed.select(pl.col("^verifier$"), n="n_rated", c="n_correct").unique()
    low, high = wilson_interval(pl.col("c"), pl.col("n"), confidence=rule.confidence)
    rate = pl.col("c") / pl.when(pl.col("n") > 0).then("n")
    decided = (
        by_verifier(pairs, rule, regions)
        .with_columns(pass_rate=rate, ci_low=low, ci_high=high)
        .rename({"n": "n_rated", "c": "n_correct"})
    )
    found = ("pass_rate", "ci_low", "ci_high", "p_below", "p_in", "p_above", "region", "is_decided")
    keys = [name for name in ("verifier", "n_rated", "n_correct") if name in decided.columns]
    return keyed.join(decided.select(*keys, *found), on=keys, how="left", maintain_order="left")


def require_one_judge(samples: pl.DataFrame, key: Sequence[str], where: str, advice: str) -> None:
    """Raise a SchemaError that shows two, where samples of one pass rate were judged by several versions of verifiers.

    `samples` has verifier and verifier_version, which may be null, beside `key`.
    """
    known = samples.select("verifier", "verifier_version").unique()
    if known.height <= 1 or ("verifier" in key and known["verifier"].is_unique().all()):
        return
    name = pl.concat_str(pl.lit("version"), "verifier_version", separator=" ")
    judge = pl.concat_str("verifier", name, separator=" ", ignore_nulls=True).replace("", "none")
    judges = samples.group_by(key).agg(judge=judge.unique().sort()).filter(pl.col("judge").list.len() > 1)
    if judges.height:
        first = judges.sort(key).row(0, named=True)
        shown = " and ".join(first["judge"][:2])
        prompt = short(first["prompt_id"])
        raise SchemaError(f"{where}: prompt {prompt} has rollouts judged by {shown}, wanted one of them; {advice}")


def _first_round(rule: Rule) -> list[pl.Expr]:
    """The rated verdicts of the first round, whose size was fixed in advance, and the right ones among them."""
    in_first = pl.col("sample_index") < rule.round_size()
    return [
        (in_first & is_rated(rule)).sum().cast(pl.Int32).alias("n_first_round"),
        (in_first & (pl.col("entry") == CORRECT)).sum().cast(pl.Int32).alias("c_first_round"),
    ]


def _tokens() -> list[pl.Expr]:
    """Tokens of a group, and over how many rollouts, right ones among them, they were counted."""
    tokens = pl.col("n_completion_tokens")
    is_correct = tokens.is_not_null() & (pl.col("entry") == CORRECT)
    return [tokens.cast(pl.Int64).sum().alias("tokens"), tokens.count().alias("n"), is_correct.sum().alias("c")]


def _token_means() -> list[pl.Expr]:
    """Mean tokens, and tokens for each correct rollout; null where no rollout, or no correct one, has them."""
    n, c = (pl.when(pl.col(name) > 0).then(name) for name in ("n", "c"))
    return [(pl.col("tokens") / n).alias("tokens_mean"), (pl.col("tokens") / c).alias("tokens_per_correct")]
