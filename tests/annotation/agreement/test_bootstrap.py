"""Resampling: as many items as there are, the same each time, and no interval of what is mostly undefined."""

import numpy as np

from annotation.agreement.bootstrap import percentile_interval, resampled, seed_of


def test_each_row_draws_as_many_items_as_there_are() -> None:
    blocks = list(resampled(np.array([3, 1, 6]), 500, 1, 100_000))
    assert len(blocks) == 50
    drawn = np.concatenate(blocks)
    assert drawn.shape == (500, 3)
    assert set(drawn.sum(axis=1).tolist()) == {10}


def test_the_same_seed_draws_the_same() -> None:
    one, other = (np.concatenate(list(resampled(np.array([5, 5]), 20, 3, 2))) for _ in range(2))
    assert (one == other).all()


def test_a_seed_sees_numbers_shape_and_order() -> None:
    seeds = {seed_of([1, 2]), seed_of([2, 1]), seed_of([[1, 2]]), seed_of([1], [2]), seed_of([1.5, 2])}
    assert len(seeds) == 5


def test_few_undefined_resamples_are_left_out_and_many_leave_no_interval() -> None:
    samples = np.arange(100.0)
    samples[:5] = np.nan
    assert percentile_interval(samples, 0.5) == (28.5, 75.5)
    samples[5] = np.nan
    assert percentile_interval(samples, 0.5) == (None, None)
