"""Which samples are wanted: of each prompt one more round, until its stopping rule wants none.

A prompt stops when the rule says so, at `max_samples`, or when its recording has no more. The answer depends on stored
counts alone, so a run that was killed asks for the same keys.
"""

from collections.abc import Iterable
from hashlib import sha256

import polars as pl

from pipeline.ledger import n_rated, n_samples
from pipeline.pass_rates.corrected_band import by_verifier
from pipeline.pass_rates.stopping import STATE, Rule, stops
from schemas.ids import NONE, canonical_json
from schemas.tables import Rollouts, polars_schema

ARM, PHASE = "solve", "screen"


def of_screen(pass_rates: pl.DataFrame) -> pl.DataFrame:
    """The pass rates that say how hard prompts are: those of solving without a plan, while screening."""
    return pass_rates.filter(arm=ARM, phase=PHASE, plan_id=NONE)


def of_model(pass_rates: pl.DataFrame, generator_id: str) -> pl.DataFrame:
    """Those of one model."""
    return of_screen(pass_rates).filter(generator_id=generator_id)


def stopped(ledgers: pl.DataFrame, rule: Rule) -> pl.Series:
    """Whether no further sample of a prompt is wanted, row for row, from the nine counts.

    A column `verifier` says whose errors move the band. A sample that was never produced ends the recording; the rule
    `fixed` asks for all at once and looks at nothing.
    """
    n_left = pl.lit(rule.max_samples, pl.Int32) - n_samples()
    states = ledgers.select(pl.col("^verifier$"), n=n_rated(rule), c="n_correct", n_left=n_left)
    known = by_verifier(states.unique(), rule, lambda rows, own: rows.with_columns(is_stopped=stops(rows, own)))
    keys = [name for name in ("verifier", *STATE) if name in states.columns]
    is_stopped = states.join(known, on=keys, how="left", maintain_order="left")["is_stopped"]
    return is_stopped if rule.rule == "fixed" else is_stopped | (ledgers["n_not_run"] > 0)


def wanted(
    prompts: pl.DataFrame, screened: pl.DataFrame, pass_rates: pl.DataFrame, rule: Rule, generator_id: str
) -> pl.DataFrame:
    """The solve samples of a generator that are wanted now: those before, and one more round.

    Columns rollout_id, prompt_id, sample_index, arm and phase, sorted by prompt and sample. Every kept prompt has
    indices 0 to k - 1, where k is what it has once it has stopped, else the end of its next round. Samples without a
    verdict count.
    """
    own = of_model(pass_rates, generator_id)
    rates = own.select("prompt_id", "verifier", stopped(own, rule), n=n_samples())
    kept = prompts.join(screened.filter(decision="kept"), on="prompt_id", how="semi")
    n, size = pl.col("n").fill_null(0), rule.round_size()
    next_round = ((n // size + 1) * size).clip(upper_bound=rule.max_samples)
    samples = (
        kept.join(rates, on=["prompt_id", "verifier"], how="left")
        .sort("prompt_id")
        .select("prompt_id", k=pl.when("is_stopped").then(n).otherwise(next_round))
        .select("prompt_id", sample_index=pl.int_ranges(0, "k", dtype=polars_schema(Rollouts)["sample_index"]))
        .explode("sample_index")
    )
    return keyed(samples, generator_id, ARM)


def keyed(samples: pl.DataFrame, generator_id: str, arm: str) -> pl.DataFrame:
    """Samples of the screen (columns prompt_id and sample_index), with rollout_id, arm and phase."""
    ids = pl.Series("rollout_id", _rollout_ids(samples.rows(), generator_id, arm), dtype=pl.String)
    return samples.select(ids, "prompt_id", "sample_index", arm=pl.lit(arm), phase=pl.lit(PHASE))


def _rollout_ids(samples: Iterable[tuple[str, int]], generator_id: str, arm: str) -> list[str]:
    """`ids.rollout_id` of many (prompt_id, sample_index), at a quarter of the cost: one JSON for all."""
    key = {"arm": arm, "phase": PHASE, "plan_id": NONE, "step_id": NONE, "generator_id": generator_id}
    text = canonical_json({"kind": "rollout", **key, "prompt_id": "\x1a", "sample_index": 0})
    start, _, end = text.partition(r'\u001a","sample_index":0')
    return [
        sha256(f'{start}{prompt_id}","sample_index":{index}{end}'.encode()).hexdigest()[:32]
        for prompt_id, index in samples
    ]
