"""Stopping rules: from a prompt's counts to its region, and to whether any further sample of it is wanted.

A rule is worked out once for each distinct set of counts, and joined. What it knows of a prompt is n (rated samples),
c (right ones) and how many samples it may still have.

    jeffreys    the posterior of a region under Jeffreys' prior reaches the confidence
    curtailed   no outcome of the samples that are left could change the region: the decisions of `fixed`, for less
    optimal     what more samples would cost is more than what they would mend, under a prior fitted to a pilot
    fixed       never before the cap
"""

from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from pipeline.pass_rates import optimal
from pipeline.pass_rates.course import Sampling
from pipeline.pass_rates.pilot_counts import PilotCount, sample_tokens
from pipeline.pass_rates.prior import JEFFREYS, Prior, beta_prior, fit_prior, region_masses
from schemas.errors import RecipeError
from schemas.recipe import Band
from schemas.tables import REGIONS

MASSES = ("p_below", "p_in", "p_above")
STATE = ("n", "c", "n_left")
"""What a rule sees of a prompt: rated samples, right ones among them, and the samples it may still have."""

VerifierErrors = tuple[str, float, float]
"""A verifier and its rates of false negatives and of false positives."""


class Rule(Band):
    """A band with what its rule was given beside the recipe."""

    pilot_counts: tuple[PilotCount, ...] = Field((), description="Counts of the pilot that `optimal` is fitted to.")
    beta: tuple[float, float] | None = Field(
        None, description="Parameters of the Beta distribution that `optimal` takes for its prior, without a pilot."
    )
    verifier_errors: tuple[VerifierErrors, ...] = Field(
        (), description="Rates that the edges of the band are moved by, where `correct_verifiers` is set."
    )

    def round_size(self) -> int:
        """Samples of one round, and so of the first: all of them where the rule is `fixed`."""
        return self.max_samples if self.rule == "fixed" else self.batch

    def prior(self) -> Prior:
        """The prior that regions are read under: that of the pilot, or `beta`, for `optimal`, and Jeffreys' for others.

        Raises RecipeError where `optimal` has neither.
        """
        if self.rule != "optimal":
            return JEFFREYS
        if self.pilot_counts:
            return pilot_prior(self.pilot_counts)
        if self.beta:
            return beta_prior(*self.beta)
        wanted = "wanted a file of pilot counts or outcomes that the prior of rule 'optimal' is fitted to"
        raise RecipeError(f"band.pilot: found none, {wanted}; name one, or take rule 'jeffreys'")


@lru_cache(maxsize=16)
def pilot_prior(pilot_counts: tuple[PilotCount, ...]) -> Prior:
    """The prior fitted to the counts of a pilot."""
    rows = [count[:3] for count in pilot_counts]
    return fit_prior(pl.DataFrame(rows, schema=["n", "c", "n_prompts"], orient="row"))


@lru_cache(maxsize=16)
def optimal_plan(rule: Rule) -> optimal.Plan:
    """When rule `optimal` stops, worked out once for each rule; RecipeError without a pilot or with too high a cap."""
    prior = rule.prior()
    require_low_cap(rule)
    tokens = sample_tokens(rule.pilot_counts, prior) or (1.0, 1.0)
    sampling = Sampling(prior, rule.low, rule.high, rule.batch, rule.max_samples, tokens)
    return optimal.plan(sampling, rule.as_good_as)


def require_low_cap(band: Band, where: str = "band.max_samples") -> None:
    """Raise a RecipeError where the cap is too high for rule `optimal` to be worked out."""
    if band.max_samples > optimal.MAX_SAMPLES:
        most = f"wanted at most {optimal.MAX_SAMPLES} for rule 'optimal'; lower it, or take rule 'jeffreys'"
        raise RecipeError(f"{where}: found {band.max_samples}, {most}")


def regions(pairs: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """Pairs of counts (columns n and c) with p_below, p_in, p_above, region and is_decided, row for row.

    The region is the one with the highest posterior mass (ties: in the band, then too hard). Where n is 0 it is
    `unmeasured` and the masses are null.
    """
    masses = region_masses(rule.prior(), pairs["n"], pairs["c"], low=rule.low, high=rule.high)
    is_measured = pl.col("n") > 0
    return (
        pairs.hstack(pl.DataFrame(masses, schema=dict.fromkeys(MASSES, pl.Float64)))
        .with_columns(pl.when(is_measured).then(name).alias(name) for name in MASSES)
        .with_columns(region=_region())
        .with_columns(is_decided=pl.max_horizontal(MASSES).ge(rule.confidence).fill_null(False))
    )


def stops(states: pl.DataFrame, rule: Rule) -> pl.Series:
    """Whether no further sample is wanted, for each row of `states` (columns STATE), row for row."""
    known = states.select(STATE).unique()
    is_stopped = (known["n_left"] <= 0) | _is_settled(known, rule)
    joined = states.select(STATE).join(known.with_columns(is_stopped=is_stopped), on=STATE, maintain_order="left")
    return joined["is_stopped"]


def _is_settled(states: pl.DataFrame, rule: Rule) -> pl.Series:
    if rule.rule == "fixed":
        return pl.repeat(False, states.height, eager=True)
    if rule.rule == "curtailed":
        return _is_foregone(states, rule)
    if rule.rule == "optimal":
        n, c = (np.minimum(states[name].to_numpy(), rule.max_samples) for name in ("n", "c"))
        return pl.Series(optimal_plan(rule).table[n, c])
    return regions(states.select("n", "c"), rule)["is_decided"]


def _is_foregone(states: pl.DataFrame, rule: Rule) -> pl.Series:
    """Whether all that may come leads to one region: what lies between all wrong and all right is between theirs.

    Where nothing is rated yet, what may come is also that nothing ever is.
    """
    left: Any = pl.col("n_left").clip(lower_bound=0)
    worst = regions(states.select(n=pl.col("n") + left, c="c"), rule)["region"]
    best = regions(states.select(n=pl.col("n") + left, c=pl.col("c") + left), rule)["region"]
    return (worst == best) & (states["n"] > 0)


def _region() -> pl.Expr:
    most = pl.max_horizontal(MASSES)
    region = (
        pl.when(most.is_null()).then(pl.lit("unmeasured"))
        .when(pl.col("p_in") == most).then(pl.lit("in_band"))
        .when(pl.col("p_below") == most).then(pl.lit("too_hard"))
        .otherwise(pl.lit("too_easy"))
    )  # fmt: skip
    return region.cast(pl.Enum(REGIONS))
