"""Intervals and pass@k, against definitions, published values and their own properties."""

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from pipeline.intervals import clopper_pearson_interval, jeffreys_interval, pass_at_k, wilson_interval

COUNTS = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
Interval = Callable[..., tuple[np.ndarray, np.ndarray]]


def wilson(n_correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    frame = pl.DataFrame({"c": [n_correct], "n": [n]})
    low, high = wilson_interval(pl.col("c"), pl.col("n"), confidence=confidence)
    return frame.select(low.alias("low"), high.alias("high")).row(0)


@pytest.mark.parametrize(("n", "high"), [(8, 0.32), (16, 0.19), (32, 0.11)])
def test_wilson_of_no_success_is_the_published_upper_end(n: int, high: float) -> None:
    assert wilson(0, n) == (0, pytest.approx(high, abs=0.006))


def test_wilson_of_the_textbook_example() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I, method 3


def test_nothing_measured_has_no_interval() -> None:
    assert wilson(0, 0) == (None, None)


@given(COUNTS, st.floats(0.51, 0.999))
def test_wilson_lies_in_the_unit_interval_around_the_rate(counts: tuple[int, int], confidence: float) -> None:
    low, high = wilson(*counts, confidence)
    assert 0 <= low <= counts[0] / counts[1] <= high <= 1


@given(COUNTS, st.floats(0.51, 0.999))
def test_jeffreys_leaves_a_tail_of_the_posterior_on_each_side(counts: tuple[int, int], confidence: float) -> None:
    c, n = counts
    low, high = (bound.item() for bound in jeffreys_interval(c, n, confidence=confidence))
    posterior = beta(c + 0.5, n - c + 0.5)
    assert 0 <= low <= c / n <= high <= 1
    assert low == 0 if c == 0 else posterior.cdf(low) == pytest.approx((1 - confidence) / 2)
    assert high == 1 if c == n else posterior.sf(high) == pytest.approx((1 - confidence) / 2)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.51, 0.999))
def test_clopper_pearson_ends_where_a_binomial_tail_is_rejected(counts: tuple[int, int], confidence: float) -> None:
    c, n = counts
    low, high = (bound.item() for bound in clopper_pearson_interval(c, n, confidence=confidence))
    at_least, at_most = sum_of(range(c, n + 1), n, low), sum_of(range(c + 1), n, high)
    assert low == 0 if c == 0 else at_least == pytest.approx((1 - confidence) / 2)
    assert high == 1 if c == n else at_most == pytest.approx((1 - confidence) / 2)


def sum_of(right: range, n: int, rate: float) -> float:
    """Probability of so many right of n, by definition."""
    return sum(comb(n, c) * rate**c * (1 - rate) ** (n - c) for c in right)


@pytest.mark.parametrize(("n", "high"), [(8, 0.37), (16, 0.21), (32, 0.11)])
def test_clopper_pearson_of_no_success_is_the_published_upper_end(n: int, high: float) -> None:
    assert [bound.item() for bound in clopper_pearson_interval(0, n)] == [0, pytest.approx(high, abs=0.005)]


@pytest.mark.parametrize(
    ("interval", "mean", "least"), [(jeffreys_interval, 0.952, 0.897), (clopper_pearson_interval, 0.979, 0.958)]
)
def test_coverage_at_16_samples_is_the_published_one(interval: Interval, mean: float, least: float) -> None:
    rates, c = np.linspace(0.0005, 0.9995, 1000), np.arange(17)
    low, high = interval(c, np.full(17, 16))
    probable = np.array([comb(16, k) for k in c]) * rates[:, None] ** c * (1 - rates[:, None]) ** (16 - c)
    covered = (probable * ((low <= rates[:, None]) & (rates[:, None] <= high))).sum(axis=1)
    assert covered.mean() == pytest.approx(mean, abs=0.002)
    assert covered[100:-100].min() == pytest.approx(least, abs=0.01)


@pytest.mark.parametrize("interval", [jeffreys_interval, clopper_pearson_interval])
def test_arrays_have_an_interval_for_each_pair_and_none_for_nothing(interval: Interval) -> None:
    low, high = interval([0, 0, 4], [0, 4, 4])
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False, False]
    assert (low[1], high[2]) == (0, 1)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_subsets_that_hold_a_right_answer(case: tuple[int, int, int]) -> None:
    c, n, k = case
    subsets = list(combinations([True] * c + [False] * (n - c), k))
    found = pl.select(pass_at_k(pl.lit(c), pl.lit(n), k)).item()
    assert found == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_is_null_with_fewer_than_k_samples() -> None:
    frame = pl.DataFrame({"c": [0, 3, 3, 4], "n": [0, 3, 4, 4]}, schema=dict.fromkeys("cn", pl.UInt32))
    assert frame.select(pass_at_k(pl.col("c"), pl.col("n"), 4)).to_series().to_list() == [None, None, 1, 1]


def test_pass_at_k_is_unbiased_where_n_is_fixed() -> None:
    c = np.random.default_rng(0).binomial(8, 0.2, 100_000)
    estimates = pl.DataFrame({"c": c}).select(pass_at_k(pl.col("c"), pl.lit(8), 4)).to_series()
    assert estimates.mean() == pytest.approx(1 - 0.8**4, abs=0.004)
