"""Kendall's W: how far several annotators rank the same things alike, corrected for ties.

W = 12 S / (m^2 (n^3 - n) - m T) for m annotators and n things, S being the squared deviations of the n sums of ranks
from their mean, and T the sum over groups of t tied ranks of t^3 - t. It is 1 where all rank alike, and 1/m on average
where they rank at random. Source: Kendall and Babington Smith 1939; ties and the test as in Siegel and Castellan 1988,
section 9.7.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc


class Concordance(NamedTuple):
    """W, and the test of W against ranking at random: chi-square m (n - 1) W with n - 1 degrees of freedom.

    `rank_correlation` = (m W - 1) / (m - 1) is the mean of Spearman's correlation over pairs of annotators where there
    are no ties: 0 at random whatever m is. p is that of large samples: with n <= 7 things it is rough.
    """

    w: float
    rank_correlation: float
    chi_square: float
    degrees: int
    p: float


def kendalls_w(ranks: ArrayLike) -> Concordance | None:
    """W of `ranks` (annotators, things), complete; any numbers that order the things will do, as equal ones are ties.

    None where it is undefined: fewer than two annotators or two things, or everybody ties everything.

    >>> kendalls_w([[1, 2, 3], [1, 2, 3]]).w, kendalls_w([[1, 2, 3], [3, 2, 1]]).w, kendalls_w([[1, 1], [2, 2]])
    (1.0, 0.0, None)
    """
    given = np.asarray(ranks, float)
    m, n = given.shape if given.ndim == 2 else (0, 0)
    if m < 2 or n < 2:
        return None
    n_equal = (given[:, :, None] == given[:, None, :]).sum(axis=2)
    n_before = (given[:, :, None] > given[:, None, :]).sum(axis=2)
    sums = (n_before + (n_equal + 1) / 2).sum(axis=0)  # of mid-ranks
    spread = float(((sums - m * (n + 1) / 2) ** 2).sum())
    widest = m * m * (n**3 - n) - m * int((n_equal**2 - 1).sum())  # t things tied are t (t^2 - 1) = t^3 - t
    if not widest:
        return None
    w = 12 * spread / widest
    chi_square = m * (n - 1) * w
    return Concordance(w, (m * w - 1) / (m - 1), chi_square, n - 1, float(chdtrc(n - 1, chi_square)))
