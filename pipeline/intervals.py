"""How sure a pass rate is: Wilson to show, Jeffreys to decide, Clopper-Pearson to claim; and unbiased pass@k.

All are only valid for n fixed in advance: a rule that looks at the outcomes before it stops biases c / n and what is
said of it. The first round is fixed under every rule, and `pass_rates` keeps its counts.

At n = 16 the mean coverage of a 95 % interval is .953 (Wilson), .952 (Jeffreys) and .979 (Clopper-Pearson), its mean
width .360, .357 and .409: the first two are right on average and at some rates below, the third is nowhere below.
Source of the comparison: Brown, Cai and DasGupta 2001, sections 3 and 4.
"""

from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

Floats = NDArray[np.float64]

Z_95 = NormalDist().inv_cdf(0.975)
"""Standard errors on each side of a normal interval at 95 %."""

DECIMALS = 12
"""Posterior masses are rounded to this many places, so that no host's last bit decides a tie."""


def wilson_interval(n_correct: pl.Expr, n: pl.Expr, *, confidence: float = 0.95) -> tuple[pl.Expr, pl.Expr]:
    """Wilson score interval for a pass rate of `n_correct` out of `n`.

    With p = c / n: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n). Returns low and high in [0, 1], around
    the rate itself; both null where n is 0 (what was not measured has no interval). Source: Wilson 1927.

    >>> low, high = wilson_interval(pl.lit(0), pl.lit(8))
    >>> pl.select(low.round(2).alias("low"), high.round(2).alias("high")).row(0)
    (0.0, 0.32)
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    measured = pl.when(n > 0).then(n)
    rate = n_correct / measured
    middle = rate + z**2 / (2 * measured)
    reach = z * (rate * (1 - rate) / measured + z**2 / (4 * measured**2)).sqrt()
    scale = 1 + z**2 / measured
    low = pl.min_horizontal(((middle - reach) / scale).clip(0, 1), rate)
    high = pl.max_horizontal(((middle + reach) / scale).clip(0, 1), rate)
    return low, high


def jeffreys_interval(n_correct: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Equal tails of the posterior Beta(c + 1/2, n - c + 1/2), the prior being that of Jeffreys 1946.

    Low is 0 where c = 0 and high is 1 where c = n, as Brown, Cai and DasGupta 2001, section 4.1.2, advise; NaN where n
    is 0.

    >>> [bound.round(3).item() for bound in jeffreys_interval(2, 4)]
    [0.123, 0.877]
    """
    c, n = np.asarray(n_correct, float), np.asarray(n, float)
    tail = (1 - confidence) / 2
    low = np.where(c == 0, 0.0, betaincinv(c + 0.5, n - c + 0.5, tail))
    high = np.where(c == n, 1.0, betaincinv(c + 0.5, n - c + 0.5, 1 - tail))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def clopper_pearson_interval(n_correct: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """The rates that no one-sided binomial test at (1 - confidence) / 2 rejects: covers at least as often as it says.

    Low solves P(X >= c) = tail, high P(X <= c) = tail: quantiles of Beta(c, n - c + 1) and Beta(c + 1, n - c). NaN
    where n is 0. Source: Clopper and Pearson 1934.

    >>> [bound.round(2).item() for bound in clopper_pearson_interval(0, 8)]
    [0.0, 0.37]
    """
    c, n = np.asarray(n_correct, float), np.asarray(n, float)
    tail = (1 - confidence) / 2
    low = np.where(c == 0, 0.0, betaincinv(np.maximum(c, 1), n - c + 1, tail))
    high = np.where(c == n, 1.0, betaincinv(c + 1, np.maximum(n - c, 1), 1 - tail))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def pass_at_k(n_correct: pl.Expr, n: pl.Expr, k: int) -> pl.Expr:
    """Probability that one of k samples is right, estimated without bias from `n_correct` of `n`; null where n < k.

    1 - C(n-c, k) / C(n, k): the share of the k-subsets of the samples that hold a right one, as the product
    1 - (n-c)/n (n-c-1)/(n-1) ... of k factors, which never overflows. Source: Chen et al. 2021, section 2.1.

    >>> pl.select(pass_at_k(pl.lit(1), pl.lit(4), 2)).item()
    0.5
    """
    total, wrong = n.cast(pl.Float64), n.cast(pl.Float64) - n_correct
    none_right = pl.lit(1.0)
    for drawn in range(k):
        none_right *= ((wrong - drawn) / (total - drawn)).clip(lower_bound=0)
    return pl.when(n >= k).then(1 - none_right)
