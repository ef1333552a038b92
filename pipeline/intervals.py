"""How sure a pass rate is: the Wilson interval for display, the Jeffreys posterior for decisions.

Both are worth their trust at small n: at n = 16 their mean coverage of a 95 % interval is .953 and .952, where
Clopper-Pearson is .979 and wider (Brown, Cai and DasGupta 2001, sections 3 and 4).
"""

from statistics import NormalDist

import polars as pl

Z_95 = NormalDist().inv_cdf(0.975)
"""Standard errors on each side of a normal interval at 95 %."""

DECIMALS = 12
"""Posterior masses are rounded to this many places, so that no host's last bit decides a tie."""


def wilson_interval(n_correct: pl.Expr, n: pl.Expr, *, confidence: float = 0.95) -> tuple[pl.Expr, pl.Expr]:
    """Wilson score interval for a pass rate of `n_correct` out of `n`.

    Returns low and high in [0, 1], around the rate itself; both null where n is 0 (what was not measured has no
    interval). Source: Wilson 1927; coverage compared in Brown, Cai and DasGupta 2001, section 3.

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
