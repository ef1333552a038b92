"""Krippendorff's alpha, nominal, ordinal and interval: any number of annotators, answers may be missing.

alpha = 1 - D_o / D_e. With n answers on items that have at least two, m_u of them on item u, and d(a, b) the difference
of two values: D_o = 1/n sum_u sum_{a != b in u} d(a, b) / (m_u - 1), the differences in the matrix of coincidences, and
D_e = 1/(n (n - 1)) sum_{a != b} d(a, b) over all n answers, those expected by chance. Differences: nominal 0 or
1; interval (a - b)^2; ordinal the square of the number of answers between the two, with half of those that equal
either, which is the interval difference of their mid-ranks. So each sum over pairs is one over items and values, the
cells of both matrices are summed without being stored, and a thousand distinct values cost no more than five.

Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, sections C, D and F; 2019, chapter 12.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from annotation.agreement.bootstrap import Floats, Interval, Ints, percentile_interval, resampled, seed_of

Scale = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True)
class Patterns:
    """Items by what was said of them; those with fewer than two answers are left out.

    `table` (patterns, values) counts the answers, `n_items` (patterns) the items, `numbers` (values) are what the
    values stand for, ascending (all 0 where the scale is nominal).
    """

    scale: Scale
    table: csr_array
    n_items: Ints
    numbers: Floats


def patterns_of(items: Sequence[Hashable], values: Sequence[str] | Sequence[float], scale: Scale) -> Patterns:
    """Answers, one an entry: the item and its value, a finite number where the scale is not nominal.

    Neither the order of the answers nor names of items or annotators are left in what comes out.
    """
    by_item: dict[Hashable, list[Any]] = defaultdict(list)
    for item, value in zip(items, values, strict=True):
        by_item[item].append(value)
    paired = [said for said in by_item.values() if len(said) > 1]
    distinct, codes = np.unique(np.array([value for said in paired for value in said]), return_inverse=True)
    remaining = iter(codes.tolist())
    counted = Counter(tuple(sorted(islice(remaining, len(said)))) for said in paired)
    found = sorted(counted)
    row = np.repeat(np.arange(len(found)), [len(pattern) for pattern in found])
    code = [code for pattern in found for code in pattern]
    table = csr_array((np.ones(len(code)), (row, code)), shape=(len(found), len(distinct)))
    table.sum_duplicates()
    numbers = np.zeros(len(distinct)) if scale == "nominal" else _to_scale(distinct)
    return Patterns(scale, table, np.array([counted[pattern] for pattern in found], np.int64), numbers)


def krippendorff_alpha(
    items: Sequence[Hashable], values: Sequence[str] | Sequence[float], scale: Scale = "nominal"
) -> float | None:
    """Alpha of answers, one an entry: the item, and what one annotator said of it.

    None where it is undefined: no item has two answers, or all answers on such items are equal. In the second case both
    D_o and D_e are 0: nothing shows that the annotators can tell anything apart, so that it is not 1.

    >>> krippendorff_alpha(["a", "a", "b", "b", "c"], ["yes", "yes", "no", "no", "no"])
    1.0
    >>> krippendorff_alpha(["a", "a", "b", "b"], ["yes", "yes", "yes", "yes"]) is None
    True
    """
    return alpha_of(patterns_of(items, values, scale))


def alpha_of(patterns: Patterns) -> float | None:
    """Alpha of patterns; None where it is undefined."""
    if not len(patterns.n_items):
        return None
    (alpha,) = _alphas(patterns, patterns.n_items[None, :])
    return None if np.isnan(alpha) else float(alpha)


def alpha_interval(patterns: Patterns, confidence: float = 0.95, n_resamples: int = 1_000) -> Interval:
    """Percentile interval of alpha over resampled items, seeded by the patterns themselves.

    It has no width where all agree. None where alpha is undefined, or is so in more than 5 % of the resamples.
    """
    if alpha_of(patterns) is None:
        return Interval(None, None)
    table, counts = patterns.table, patterns.n_items
    seed = seed_of(counts, table.indptr, table.indices, table.data)
    blocks = resampled(counts, n_resamples, seed, max(table.shape))
    return percentile_interval(np.concatenate([_alphas(patterns, drawn) for drawn in blocks]), confidence)


def share_equal(patterns: Patterns) -> float | None:
    """Share of pairs of answers on one item that are equal, each item counting by its answers: 1 - D_o, nominal.

    >>> round(share_equal(patterns_of([1, 1, 1, 2, 2], ["a", "a", "b", "c", "c"], "nominal")), 3)
    0.6
    """
    n_values = patterns.n_items @ _sizes(patterns)
    return float(1 - patterns.n_items @ _differences(patterns) / n_values) if n_values else None


def _alphas(patterns: Patterns, drawn: Ints) -> Floats:
    """Alpha of each row of `drawn` (rows, patterns), how often each pattern counts; NaN where undefined."""
    counts = (patterns.table.T @ drawn.T).T
    n = counts.sum(axis=1)
    if patterns.scale == "nominal":
        observed, expected = drawn @ _differences(patterns), n**2 - (counts**2).sum(axis=1)
    elif patterns.scale == "interval":
        observed = drawn @ _spreads(patterns)
        mean = (counts @ patterns.numbers / n)[:, None]
        expected = 2 * n * (counts * (patterns.numbers - mean) ** 2).sum(axis=1)
    else:
        ranks = 2 * counts.cumsum(axis=1) - counts  # twice the mid-rank, a whole number; their mean is n
        observed = (drawn * _rank_spreads(patterns, ranks)).sum(axis=1)
        expected = 2 * n * (counts * (ranks - n[:, None]) ** 2).sum(axis=1)
    varies = ((counts > 0).sum(axis=1) > 1) & (expected > 0)
    return np.where(varies, 1 - (n - 1) * observed / np.where(varies, expected, 1), np.nan)


def _sizes(patterns: Patterns) -> Floats:
    return patterns.table.sum(axis=1)


def _differences(patterns: Patterns) -> Floats:
    """Ordered pairs of unlike answers over m - 1, a pattern."""
    m = _sizes(patterns)
    return (m**2 - (patterns.table**2).sum(axis=1)) / (m - 1)


def _spreads(patterns: Patterns) -> Floats:
    """Squared differences of ordered pairs of answers over m - 1, a pattern: 2 m times the squares about their mean."""
    m, table = _sizes(patterns), patterns.table.tocoo()
    about = patterns.numbers[table.col] - (patterns.table @ patterns.numbers / m)[table.row]
    return 2 * m / (m - 1) * np.bincount(table.row, table.data * about**2, minlength=len(m))


def _rank_spreads(patterns: Patterns, ranks: Floats) -> Floats:
    """The same of ranks, which differ from row to row: (rows, patterns); whole numbers up to the division."""
    m = _sizes(patterns)
    sums, squares = (patterns.table @ ranks.T).T, (patterns.table @ (ranks**2).T).T
    return 2 * (m * squares - sums**2) / (m - 1)


def _to_scale(numbers: Floats) -> Floats:
    """The same numbers from 0 and at most 2 wide, so that squares neither overflow nor vanish; alpha sees no unit."""
    largest = np.abs(numbers).max(initial=0.0)
    scaled = np.ldexp(numbers, -np.frexp(largest)[1])
    return scaled - scaled[:1].sum()
