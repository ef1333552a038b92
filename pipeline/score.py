"""Score plans by their results: the pass rate with a plan, beside that without one and with a plan of another prompt.

A rate is over rated answers, as the screen's is: a rollout that failed, is unreadable or was cut off counts in none,
unless `band.truncated` calls what was cut off wrong. All rates are of one executor, in the phase `search`: the pass
rate of the screen is no baseline, since it chose the prompts. Of the leak test only those replies count that are
guesses: short, and without reasoning.

The uplift of the best of several plans, chosen by the same samples, overstates what fresh samples would show: where 4
plans of a prompt do nothing, 16 samples each let one of them `help`, by .2 to .3, for a quarter of the prompts at a
confidence of 0.9 and for a seventh at 0.95 (simulated at pass rates of .1 to .85).
"""

import math
from functools import cache
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy.special import betainc, betaln

from pipeline import leaks
from pipeline.intervals import DECIMALS
from schemas.recipe import Settings
from schemas.tables import PassRates, Plans, PlanScores, Prompts, Rollouts, Verdicts, polars_schema

READS = (Prompts, Plans, PassRates, Rollouts, Verdicts)
WRITES = PlanScores

PHASE = "search"
HELPS, HURTS, NO_EFFECT, LEAKS, UNDECIDED = "helps", "hurts", "no_effect", "leaks", "undecided"

MARGIN = 0.05
"""An uplift whose whole interval lies within so much of 0 is no effect."""

N_NODES = 256
"""Nodes of the quadrature in `p_greater`: the error is below 1e-9 up to 1,024 samples."""


class Config(Settings):
    """When a plan helps, and whose results count."""

    executor: str = Field(description="generator_id of the model that carries the plans out.")
    confidence: float = Field(description="Posterior probability at which a plan helps, hurts or leaks.")
    guess_tokens: int = Field(64, description="Longest answer that passes for one without reasoning, in tokens.")


def run(
    prompts: pl.DataFrame, plans: pl.DataFrame, pass_rates: pl.DataFrame, rollouts: pl.DataFrame,
    verdicts: pl.DataFrame, config: Config,
) -> pl.DataFrame:  # fmt: skip
    """One row a parsed plan that was carried out, sorted by plan_id.

    A plan `helps` where its uplift is positive at the confidence and it does better than the placebo, and it `leaks`
    where guesses from the plan alone then beat guesses without it at the same confidence. It `hurts` where its
    uplift is negative at the confidence. It has `no_effect` where its uplift is positive but the placebo does as well,
    or where the interval of the uplift lies within `MARGIN` of 0. All else is `undecided`, as is a plan with an uplift
    but no placebo.
    """
    rates = (
        pass_rates.filter(generator_id=config.executor, phase=PHASE)
        .join(prompts, on=["prompt_id", "verifier"], how="semi")
        .select("prompt_id", "plan_id", pl.col("arm").cast(pl.String), n="n_rated", c="n_correct")
        .filter(~pl.col("arm").is_in(leaks.ARMS))
    )
    guessed = leaks.counted(prompts, rollouts, verdicts, config.executor, config.guess_tokens)
    rates = pl.concat([rates, guessed])
    counted = plans.filter(status="parsed").select("plan_id", "prompt_id")
    counted = counted.join(_counts(rates, "execute", "plan_id"), on="plan_id")
    for arm in ("solve", "placebo", "plan_only", "guess"):
        key = "plan_id" if arm == "plan_only" else "prompt_id"
        counted = counted.join(_counts(rates, arm, key), on=key, how="left")
    counted = counted.with_columns(pl.col("^[nc]_.*$").fill_null(0).cast(pl.Int32))
    decided = _decided(_shrunk(_measured(counted)), config.confidence)
    scored = decided.with_columns(generator_id=pl.lit(config.executor), phase=pl.lit(PHASE)).sort("plan_id")
    return scored.select(pl.col(name).cast(dtype) for name, dtype in polars_schema(PlanScores).items())


def best(plan_scores: pl.DataFrame, plans: pl.DataFrame) -> pl.DataFrame:
    """For each prompt that a plan helps, the one that helps most: prompt_id, plan_id and generator_id.

    The highest uplift; of equal ones the smallest plan_id. The uplifts of one prompt share their baseline.
    """
    helping = plan_scores.filter(pl.col("decision") == HELPS).join(plans.select("plan_id", "prompt_id"), on="plan_id")
    ranked = helping.sort("uplift", "plan_id", descending=[True, False])
    first = ranked.unique("prompt_id", keep="first", maintain_order=True)
    return first.select("prompt_id", "plan_id", "generator_id").sort("prompt_id")


def p_greater(c_a: ArrayLike, n_a: ArrayLike, c_b: ArrayLike, n_b: ArrayLike) -> NDArray[np.float64]:
    """Posterior probability that rate a is above rate b, from `c` right of `n`, under independent Jeffreys priors.

    Arrays of one length in, one out. It is the integral of a's density times b's distribution function: with the rate
    as sin(t)^2 the Jeffreys density has no poles, and Gauss-Legendre quadrature converges exponentially.

    >>> p_greater([0, 12], [16, 16], [0, 4], [16, 16]).round(4)
    array([0.5  , 0.998])
    """
    angle, weights = _quadrature()
    ca, na, cb, nb = (np.asarray(values, float)[:, None] for values in (c_a, n_a, c_b, n_b))
    log_density = 2 * ca * np.log(np.sin(angle)) + 2 * (na - ca) * np.log(np.cos(angle))
    density = np.exp(log_density + math.log(2) - betaln(ca + 0.5, na - ca + 0.5))
    below = betainc(cb + 0.5, nb - cb + 0.5, np.sin(angle) ** 2)
    found: NDArray[np.float64] = (density * below * weights).sum(axis=1)
    return found.clip(0, 1).round(DECIMALS)


@cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre nodes and weights on 0 to pi / 2."""
    nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
    return (nodes + 1) * math.pi / 4, weights * math.pi / 4


def difference_se(c_a: pl.Expr, n_a: pl.Expr, c_b: pl.Expr, n_b: pl.Expr) -> pl.Expr:
    """Standard error of the difference of two independent rates; never 0, also at 0 of 16 against 16 of 16.

    Each rate gets one right and one wrong answer more. Source: Agresti and Caffo 2000.
    """
    return (_variance(c_a, n_a) + _variance(c_b, n_b)).sqrt()


def _variance(c: pl.Expr, n: pl.Expr) -> pl.Expr:
    rate = (c + 1) / (n + 2)
    return rate * (1 - rate) / (n + 2)


def _counts(rates: pl.DataFrame, arm: str, key: str) -> pl.DataFrame:
    """Right and wrong answers of an arm for each prompt or plan: `key`, n_ARM and c_ARM."""
    of_arm = rates.filter(arm=arm).group_by(key)
    return of_arm.agg(pl.col("n").sum().alias(f"n_{arm}"), pl.col("c").sum().alias(f"c_{arm}"))


def _measured(counted: pl.DataFrame) -> pl.DataFrame:
    """Counts with the differences of rates, and the probabilities `p_positive` and `p_leak`; null where unmeasured."""
    execute, solve = ((pl.col(f"c_{arm}"), pl.col(f"n_{arm}")) for arm in ("execute", "solve"))
    both = pl.min_horizontal("n_execute", "n_solve") > 0
    return (
        counted.with_columns(
            uplift=_difference("execute", "solve"),
            uplift_se=pl.when(both).then(difference_se(*execute, *solve)),
            over_placebo=_difference("execute", "placebo"),
            leak=_difference("plan_only", "guess"),
        )
        .with_columns(_probability("execute", "solve", counted).alias("p_positive"))
        .with_columns(_probability("plan_only", "guess", counted).alias("p_leak"))
    )


def _rate(arm: str) -> pl.Expr:
    n = pl.col(f"n_{arm}")
    return pl.col(f"c_{arm}") / pl.when(n > 0).then(n)


def _difference(arm: str, baseline: str) -> pl.Expr:
    return _rate(arm) - _rate(baseline)


def _probability(arm: str, baseline: str, counted: pl.DataFrame) -> pl.Series:
    """`p_greater` of two arms, worked out once for each distinct set of counts; null where either is unmeasured."""
    names = [f"c_{arm}", f"n_{arm}", f"c_{baseline}", f"n_{baseline}"]
    pairs = counted.select(names).unique().filter(pl.min_horizontal(names[1], names[3]) > 0)
    p = pl.Series("p", p_greater(*(pairs[name] for name in names)), pl.Float64)
    return counted.select(names).join(pairs.with_columns(p), on=names, how="left", maintain_order="left")["p"]


def _shrunk(measured: pl.DataFrame) -> pl.DataFrame:
    """Adds `shrunk`: each uplift moved towards the mean of its prompt's plans, the more the less its rate tells.

    With s2 the variance of the plan's own rate and t2 that between the true rates of one prompt's plans, it keeps
    t2 / (t2 + s2) of its distance to the mean. t2 is one number for all prompts, by moments: what the squared
    distances to the means exceed s2 by, at least 0. The baseline is the same for all plans of a prompt and plays no
    part. Source: Efron and Morris 1975, section 2 and (for unequal variances) 3.
    """
    own = measured.filter(pl.col("uplift").is_not_null()).select(
        "plan_id", "prompt_id", "uplift", s2=_variance(pl.col("c_execute"), pl.col("n_execute"))
    )
    mean, k = pl.col("uplift").mean().over("prompt_id"), pl.len().over("prompt_id")
    several = own.with_columns(mean=mean, k=k).filter(pl.col("k") > 1)
    excess = (pl.col("uplift") - pl.col("mean")) ** 2 - pl.col("s2") * (1 - 1 / pl.col("k"))
    between = several.select(excess.sum() / (1 - 1 / pl.col("k")).sum()).item() if several.height else 0.0
    t2 = max(0.0, between)
    kept = t2 / (t2 + pl.col("s2"))
    shrunk = several.select("plan_id", shrunk=pl.col("mean") + kept * (pl.col("uplift") - pl.col("mean")))
    return measured.join(shrunk, on="plan_id", how="left")


def _decided(measured: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Adds `decision`."""
    is_positive, beats_placebo = pl.col("p_positive") >= confidence, pl.col("over_placebo") > 0
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * pl.col("uplift_se")
    is_small = pl.col("uplift").abs() + reach <= MARGIN
    decision = (
        pl.when(is_positive & beats_placebo & (pl.col("p_leak") >= confidence)).then(pl.lit(LEAKS))
        .when(is_positive & beats_placebo).then(pl.lit(HELPS))
        .when(pl.col("p_positive") <= 1 - confidence).then(pl.lit(HURTS))
        .when(is_positive & ~beats_placebo | is_small).then(pl.lit(NO_EFFECT))
        .otherwise(pl.lit(UNDECIDED))
    )  # fmt: skip
    return measured.with_columns(decision=decision)
