"""Percentile intervals by resampling items: the same table always gives the same interval.

Items are drawn with replacement, since items are what there could be more of; annotators stay as they are. Items of
which the same was said are one pattern, so that a draw is a multinomial over patterns and costs nothing by the item.
Source: Efron 1979; the percentile interval is that of Efron and Tibshirani 1993, section 13.3.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_UNDEFINED = 0.05
"""An interval is null where a larger share of the resamples leaves the measure undefined."""

CELLS = 1 << 20
"""Most numbers in a block of resamples."""


class Interval(NamedTuple):
    """Both ends, or None twice where there is no interval."""

    low: float | None
    high: float | None


def seed_of(*arrays: ArrayLike) -> int:
    """A seed made from the content of arrays of numbers alone: no clock, no name, no order of rows.

    >>> seed_of([1, 2]) == seed_of(np.array([1, 2])) != seed_of([2, 1])
    True
    """
    digest = hashlib.sha256()
    for array in arrays:
        numbers = np.asarray(array).astype("<f8")
        digest.update(f"{numbers.shape}".encode() + numbers.tobytes())
    return int.from_bytes(digest.digest()[:8], "big")


def resampled(counts: Ints, n_resamples: int, seed: int, width: int) -> Iterator[Ints]:
    """Blocks (at most `n_resamples` rows in all, patterns) of how often each pattern is drawn.

    `counts` says how many items have each pattern; a row draws as many items as there are. `width` is the number of
    cells that the caller needs for a row, which bounds the block.
    """
    random = np.random.default_rng(seed)
    block = max(1, CELLS // max(width, len(counts)))
    shares = counts / counts.sum()
    for start in range(0, n_resamples, block):
        yield random.multinomial(int(counts.sum()), shares, size=min(block, n_resamples - start))


def percentile_interval(samples: Floats, confidence: float) -> Interval:
    """The middle `confidence` of resampled measures, NaN where one is undefined.

    None where more than MAX_UNDEFINED of them are: what is left would be no sample of what could have been seen.

    >>> percentile_interval(np.arange(101.0), 0.5)
    Interval(low=25.0, high=75.0)
    """
    defined = samples[~np.isnan(samples)]
    if not defined.size or defined.size < (1 - MAX_UNDEFINED) * samples.size:
        return Interval(None, None)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))
