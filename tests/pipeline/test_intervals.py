"""Wilson intervals and Jeffreys masses, against closed forms, published values and their own properties."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from pipeline.intervals import wilson_interval
from pipeline.prior import JEFFREYS, region_masses

COUNTS = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
BANDS = st.tuples(st.floats(0, 0.49), st.floats(0.5, 1))


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


@given(COUNTS, BANDS)
def test_masses_are_the_posterior_of_scipy_and_sum_to_one(counts: tuple[int, int], band: tuple[float, float]) -> None:
    c, n = counts
    masses = region_masses(JEFFREYS, [n], [c], low=band[0], high=band[1])[0]
    posterior = beta(c + 0.5, n - c + 0.5)
    assert masses.sum() == pytest.approx(1, abs=1e-9)
    assert (masses >= 0).all()
    assert masses == pytest.approx([posterior.cdf(band[0]), np.diff(posterior.cdf(band))[0], posterior.sf(band[1])])


@given(st.integers(1, 64), BANDS)
def test_more_correct_ones_move_mass_upwards(n: int, band: tuple[float, float]) -> None:
    below, _, above = region_masses(JEFFREYS, np.full(n + 1, n), np.arange(n + 1), low=band[0], high=band[1]).T
    assert (np.diff(below) <= 0).all()
    assert (np.diff(above) >= 0).all()


def test_a_band_that_is_symmetrical_sees_right_and_wrong_alike() -> None:
    masses = region_masses(JEFFREYS, np.full(21, 20), np.arange(21), low=0.25, high=0.75)
    assert (masses == masses[::-1, ::-1]).all()


@pytest.mark.parametrize(
    ("low", "high", "n", "below", "inside", "above"),
    [
        (0.1, 0.9, 4, [], [2], []),
        (0.1, 0.9, 8, [], [3, 4, 5], []),
        (0.1, 0.9, 12, [], [4, 5, 6, 7, 8], []),
        (0.1, 0.9, 16, [], list(range(4, 13)), []),
        (0.1, 0.9, 20, [0], list(range(5, 16)), [20]),
        (0.2, 0.8, 8, [], [], []),
        (0.2, 0.8, 12, [0], [5, 6, 7], [12]),
        (0.2, 0.8, 16, [0], [6, 7, 8, 9, 10], [16]),
        (0.2, 0.8, 20, [0, 1], [8, 9, 10, 11, 12], [19, 20]),
        (0.2, 0.8, 28, [0, 1, 2], list(range(10, 19)), [26, 27, 28]),
    ],
)
def test_the_decision_table_at_95_percent(
    low: float, high: float, n: int, below: list[int], inside: list[int], above: list[int]
) -> None:
    decided = region_masses(JEFFREYS, np.full(n + 1, n), np.arange(n + 1), low=low, high=high) >= 0.95
    assert [list(np.flatnonzero(column)) for column in decided.T] == [below, inside, above]


@pytest.mark.parametrize(("low", "n"), [(0.1, 18), (0.2, 9), (0.05, 38)])
def test_how_many_failures_certify_a_rate_below_the_band(low: float, n: int) -> None:
    before, now = region_masses(JEFFREYS, [n - 1, n], [0, 0], low=low, high=0.95)[:, 0]
    assert before < 0.95 <= now
