"""Agreement on rankings: Kendall's W of each item, and the mean over items.

The things ranked are those that anybody ranked on that item. Only annotators who ranked all of them count there: half a
ranking has no place in W.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.special import chdtrc

from annotation.agreement.bootstrap import Floats, Interval, percentile_interval, resampled, seed_of
from annotation.agreement.concordance import Concordance, kendalls_w
from annotation.agreement.values import ranks_of


class RankingAgreement(NamedTuple):
    """Means over `n_paired` items of W and of the rank correlation; None where no item has two complete rankings.

    `p` tests against ranking at random on all items together: the sum of their chi-squares, degrees of freedom added.
    """

    n_paired: int
    n_incomplete: int
    kendall_w: float | None
    kendall_p: float | None
    rank_correlation: float | None
    interval: Interval


@dataclass(frozen=True)
class _Measured:
    found: list[Concordance]
    n_incomplete: int


def ranking_agreement(answers: pl.DataFrame, confidence: float = 0.95, n_resamples: int = 1_000) -> RankingAgreement:
    """Agreement of the rankings in `answers` (item, label); the interval is that of the mean rank correlation."""
    measured = _measured(answers)
    if not measured.found:
        return RankingAgreement(0, measured.n_incomplete, None, None, None, Interval(None, None))
    chi_square, degrees = (float(sum(sorted(values))) for values in _tests(measured.found))
    correlations = np.sort([one.rank_correlation for one in measured.found])
    return RankingAgreement(
        len(measured.found),
        measured.n_incomplete,
        float(np.mean(np.sort([one.w for one in measured.found]))),
        float(chdtrc(degrees, chi_square)),
        float(correlations.mean()),
        _interval(correlations, confidence, n_resamples),
    )


def rank_correlation(answers: pl.DataFrame) -> float | None:
    """The mean rank correlation alone."""
    found = [one.rank_correlation for one in _measured(answers).found]
    return float(np.sort(found).mean()) if found else None


def _measured(answers: pl.DataFrame) -> _Measured:
    by_item: dict[str, list[dict[str, float]]] = defaultdict(list)
    for item, label in answers.select("item", "label").iter_rows():
        by_item[item].append(ranks_of(label))
    found, n_incomplete = [], 0
    for rankings in by_item.values():
        things = sorted({thing for ranks in rankings for thing in ranks})
        complete = [[ranks[thing] for thing in things] for ranks in rankings if len(ranks) == len(things)]
        n_incomplete += len(rankings) - len(complete)
        concordance = kendalls_w(complete)
        found += [concordance] if concordance else []
    return _Measured(found, n_incomplete)


def _tests(found: list[Concordance]) -> tuple[list[float], list[int]]:
    return [one.chi_square for one in found], [one.degrees for one in found]


def _interval(correlations: Floats, confidence: float, n_resamples: int) -> Interval:
    distinct, counts = np.unique(correlations, return_counts=True)
    blocks = resampled(counts, n_resamples, seed_of(distinct, counts), len(distinct))
    means = [drawn @ distinct / counts.sum() for drawn in blocks]
    return percentile_interval(np.concatenate(means), confidence)
