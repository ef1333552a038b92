"""Cohen's kappa between a judge and what people decided, with a plain answer: may the judge be used?

kappa = 1 - sum w p / sum w e, with p the shares of the pairs (judge, people), e what these would be were the two
independent, and w how bad a pair is: 1 for unlike labels, the squared difference of two ratings. A judge is a model: it
is compared with people, and never counted among them. Source: Cohen 1960; with weights Cohen 1968, formula 4.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from annotation.agreement.bootstrap import Floats, Interval, percentile_interval, resampled, seed_of
from annotation.agreement.krippendorff import Scale

THRESHOLD = 0.6
"""A judge may be used where the interval is nowhere lower: from there it is `substantial` in Landis and Koch 1977."""

MIN_ITEMS = 50
"""On fewer items even full agreement says little: after 50 alike, 6 % may still be unlike (rule of three)."""

MAX_CLASSES = 100
"""More distinct values than that are measurements rather than labels or ratings."""


class JudgeAgreement(NamedTuple):
    """Kappa over `n_items` with its interval, whether the judge may be used, and why (not), in words."""

    n_items: int
    kappa: float | None
    low: float | None
    high: float | None
    may_be_used: bool
    why: str


def cohens_kappa(matrix: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Kappa of a square matrix of counts; `weights` (same shape) say how bad each cell is, 0 or 1 if not given.

    None where it is undefined: no counts, or both sides say one and the same of everything.

    >>> round(cohens_kappa([[88, 10, 2], [14, 40, 6], [18, 10, 12]]), 3)
    0.492
    """
    counts = np.asarray(matrix, float)
    bad = 1 - np.eye(len(counts)) if weights is None else np.asarray(weights, float)
    (kappa,) = _kappas(counts[None], bad)
    return None if np.isnan(kappa) else float(kappa)


def judge_agreement(
    judge: Sequence[str] | Sequence[float],
    people: Sequence[str] | Sequence[float],
    scale: Scale = "nominal",
    *,
    confidence: float = 0.95,
    n_resamples: int = 1_000,
    threshold: float = THRESHOLD,
) -> JudgeAgreement:
    """Compare a judge with what people decided of the same items, one an entry; weighted where `scale` is not nominal.

    The judge may be used where the lower end of kappa's percentile interval over resampled items is `threshold` or
    higher, on at least MIN_ITEMS items.

    >>> judge_agreement(["keep", "fix"] * 30, ["keep", "fix"] * 30)[1:5]
    (1.0, 1.0, 1.0, True)
    >>> judge_agreement(["keep", "fix"], ["keep", "fix"]).why
    'people decided 2 items, wanted 50 or more'
    """
    distinct, codes = np.unique(np.asarray([*judge, *people]), return_inverse=True)
    n, k = len(judge), len(distinct)
    if k > MAX_CLASSES:
        return JudgeAgreement(n, None, None, None, False, f"more than {MAX_CLASSES} different values")
    matrix = np.zeros((k, k), np.int64)
    np.add.at(matrix, (codes[:n], codes[n:]), 1)
    weights = 1 - np.eye(k) if scale == "nominal" else np.subtract.outer(distinct, distinct) ** 2.0
    kappa = cohens_kappa(matrix, weights)
    interval = _interval(matrix, weights, confidence, n_resamples) if kappa is not None else Interval(None, None)
    may_be_used, why = _decision(n, kappa, interval, threshold)
    return JudgeAgreement(n, kappa, *interval, may_be_used, why)


def _decision(n: int, kappa: float | None, interval: Interval, threshold: float) -> tuple[bool, str]:
    if n < MIN_ITEMS:
        return False, f"people decided {n} items, wanted {MIN_ITEMS} or more"
    if kappa is None:
        return False, "judge and people say one and the same of every item: nothing to tell apart"
    if interval.low is None:
        return False, "too few items differ for an interval"
    may_be_used = interval.low >= threshold
    return may_be_used, f"the interval of kappa starts at {interval.low:.3f}, wanted {threshold:g} or more"


def _interval(matrix: ArrayLike, weights: Floats, confidence: float, n_resamples: int) -> Interval:
    """Percentile interval of kappa over resampled items: cells of the matrix are the patterns of `resampled`."""
    counts = np.asarray(matrix)
    cells = np.flatnonzero(counts)
    found = counts.ravel()[cells]
    samples = []
    for drawn in resampled(found, n_resamples, seed_of(counts), counts.size):
        full = np.zeros((len(drawn), counts.size))
        full[:, cells] = drawn
        samples.append(_kappas(full.reshape(-1, *counts.shape), weights))
    return percentile_interval(np.concatenate(samples), confidence)


def _kappas(counts: Floats, weights: Floats) -> Floats:
    """Kappa of each matrix (rows, classes, classes); NaN where undefined."""
    n = counts.sum(axis=(1, 2))
    observed = (counts * weights).sum(axis=(1, 2)) * n
    expected = ((counts.sum(axis=2) @ weights) * counts.sum(axis=1)).sum(axis=1)
    return np.where(expected > 0, 1 - observed / np.where(expected > 0, expected, 1), np.nan)
