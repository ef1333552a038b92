"""Kendall's W: equal to textbook examples with and without ties, and to a recount in fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, spearmanr

from annotation.agreement.concordance import kendalls_w

TIED = (
    (1, 4.5, 2, 4.5, 3, 7.5, 6, 9, 7.5, 10),
    (2.5, 1, 2.5, 4.5, 4.5, 8, 9, 6.5, 10, 6.5),
    (2, 1, 4.5, 4.5, 4.5, 4.5, 8, 8, 8, 10),
)
"""Kendall 1948, section 6.5: three rankings of ten things, with ties."""
EXECUTIVES = ((1, 6, 3, 2, 5, 4), (1, 5, 6, 4, 2, 3), (6, 3, 2, 5, 4, 1))
"""Siegel 1956, table 9.2: three executives rank six applicants."""

permutations = st.integers(2, 6).flatmap(lambda n: st.lists(st.permutations(list(range(n))), min_size=2, max_size=5))


def test_the_published_example_with_ties() -> None:
    found = kendalls_w(TIED)
    assert found is not None
    assert found.w == pytest.approx(float(Fraction(591, 714)), abs=1e-12)
    assert round(found.w, 3) == 0.828


def test_the_published_example_without_ties() -> None:
    found = kendalls_w(EXECUTIVES)
    assert found is not None
    assert found.w == pytest.approx(float(Fraction(51, 315)), abs=1e-12)
    assert round(found.w, 2) == 0.16


@pytest.mark.parametrize("ranks", [TIED, EXECUTIVES])
def test_its_test_is_that_of_friedman(ranks: tuple[tuple[float, ...], ...]) -> None:
    found = kendalls_w(ranks)
    expected = friedmanchisquare(*zip(*ranks, strict=True))
    assert found is not None
    assert (found.chi_square, found.p) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-12)


@given(ranks=permutations)
def test_without_ties_it_is_the_mean_rank_correlation(ranks: list[list[int]]) -> None:
    found, m = kendalls_w(ranks), len(ranks)
    pairs = [spearmanr(ranks[a], ranks[b]).statistic for a in range(m) for b in range(a)]
    assert found is not None
    assert found.rank_correlation == pytest.approx(float(np.mean(pairs)), abs=1e-9)


@given(ranks=permutations)
def test_any_numbers_of_the_same_order_will_do(ranks: list[list[int]]) -> None:
    assert kendalls_w(ranks) == kendalls_w([[10.0**rank for rank in row] for row in ranks])
    assert kendalls_w(ranks) == kendalls_w(ranks[::-1])


@pytest.mark.parametrize("ranks", [[], [[1, 2]], [[1], [1]], [[1, 1], [2, 2]]])
def test_without_two_rankings_of_two_things_it_is_undefined(ranks: list[list[int]]) -> None:
    assert kendalls_w(ranks) is None
