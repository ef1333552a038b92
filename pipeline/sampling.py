"""Which samples are wanted of each prompt: one more round, until its band is decided.

A prompt stops when the posterior of a region reaches the confidence (rule `jeffreys`), at `max_samples`, or when its
recording has no more. The answer depends on stored pass rates alone, so a run that was killed asks for the same keys.
"""

from collections.abc import Iterable
from hashlib import sha256

import polars as pl

from pipeline.ledger import n_samples
from schemas.ids import NONE, canonical_json
from schemas.recipe import Band
from schemas.tables import Rollouts, polars_schema

ARM, PHASE = "solve", "screen"


def of_target(pass_rates: pl.DataFrame, target: str) -> pl.DataFrame:
    """The pass rates that decide the band: those of the target, solving without a plan, while screening."""
    return pass_rates.filter(generator_id=target, arm=ARM, phase=PHASE, plan_id=NONE)


def round_size(band: Band) -> int:
    """Samples of one round, and so of the first: all of them where the rule is `fixed`."""
    return band.max_samples if band.rule == "fixed" else band.batch


def is_stopped(band: Band) -> pl.Expr:
    """Whether no further sample of a prompt is wanted, from its counts and `is_decided`."""
    enough = n_samples() >= band.max_samples
    if band.rule == "fixed":
        return enough
    return enough | pl.col("is_decided") | (pl.col("n_not_run") > 0)


def wanted(
    prompts: pl.DataFrame, screened: pl.DataFrame, pass_rates: pl.DataFrame, config: Band, target: str
) -> pl.DataFrame:
    """The solve samples of the generator `target` that are wanted now: those before, and one more round.

    Columns rollout_id, prompt_id, sample_index, arm and phase, sorted by prompt and sample. Every kept prompt has
    indices 0 to k - 1, where k is what it has once it has stopped, else the end of its next round. Samples without a
    verdict count.
    """
    rates = of_target(pass_rates, target).select("prompt_id", "verifier", n=n_samples(), is_stopped=is_stopped(config))
    kept = prompts.join(screened.filter(decision="kept"), on="prompt_id", how="semi")
    n = pl.col("n").fill_null(0)
    next_round = ((n // round_size(config) + 1) * round_size(config)).clip(upper_bound=config.max_samples)
    samples = (
        kept.join(rates, on=["prompt_id", "verifier"], how="left")
        .sort("prompt_id")
        .select("prompt_id", k=pl.when("is_stopped").then(n).otherwise(next_round))
        .select("prompt_id", sample_index=pl.int_ranges(0, "k", dtype=polars_schema(Rollouts)["sample_index"]))
        .explode("sample_index")
    )
    ids = pl.Series("rollout_id", _rollout_ids(samples.rows(), target), dtype=pl.String)
    return samples.select(ids, "prompt_id", "sample_index", arm=pl.lit(ARM), phase=pl.lit(PHASE))


def _rollout_ids(samples: Iterable[tuple[str, int]], generator_id: str) -> list[str]:
    """`ids.rollout_id` of many (prompt_id, sample_index), at a quarter of its cost: its JSON is written only once."""
    key = {"arm": ARM, "phase": PHASE, "plan_id": NONE, "step_id": NONE, "generator_id": generator_id}
    text = canonical_json({"kind": "rollout", **key, "prompt_id": "\x1a", "sample_index": 0})
    start, _, end = text.partition(r'\u001a","sample_index":0')
    return [
        sha256(f'{start}{prompt_id}","sample_index":{index}{end}'.encode()).hexdigest()[:32]
        for prompt_id, index in samples
    ]
