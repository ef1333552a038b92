import numpy as np
from scipy.optimize import check_grad

from pipeline.pass_rates.smooth_weights import _log_posterior, _penalties, _slopes, draws, most_probable, weights_of

LIKELIHOOD = np.array([[1.0, 0.6, 0.2, 0.9], [0.5, 1.0, 0.5, 0.1], [0.1, 0.6, 1.0, 0.01]])
N_PROMPTS = np.array([40.0, 20.0, 10.0])
TWO = np.array([1.0, 30.0])


def test_the_slope_is_that_of_the_log_posterior():
    penalty = _penalties(4, TWO[:1], 1)

    def value(at):
        return _log_posterior(at[None], LIKELIHOOD, N_PROMPTS[None], penalty)[0]

    def slope(at):
        return _slopes(at[None], LIKELIHOOD, N_PROMPTS[None], penalty)[0][0]

    assert check_grad(value, slope, np.array([0.3, -1.0, 0.5, 2.0])) < 1e-4


def test_at_the_mode_the_slope_is_flat():
    mode = most_probable(LIKELIHOOD, np.tile(N_PROMPTS, (2, 1)), TWO, n_free=1)
    slope, _ = _slopes(mode.log_weights, LIKELIHOOD, np.tile(N_PROMPTS, (2, 1)), _penalties(4, TWO, 1))
    assert np.abs(slope).max() < 0.05


def test_more_smoothness_brings_neighbours_together():
    mode = most_probable(LIKELIHOOD, np.tile(N_PROMPTS, (2, 1)), TWO, n_free=1)
    rough, smooth = np.ptp(mode.log_weights[:, :3], axis=1)
    assert smooth < rough


def test_a_component_without_neighbours_is_not_smoothed():
    only_last = np.array([[0.01, 0.01, 0.01, 1.0]])
    mode = most_probable(only_last, np.array([[500.0]]), np.array([100.0]), n_free=1)
    assert weights_of(mode.log_weights)[0, 3] > 0.9


def test_draws_have_the_mean_and_the_spread_of_the_exact_posterior():
    """Two free components, one log odds: integrated on a grid of it, for a smoothness that plays no part."""
    likelihood, n_prompts = np.array([[1.0, 0.1], [0.1, 1.0]]), np.array([30.0, 10.0])
    drawn = draws(likelihood, n_prompts, 4000, n_free=2, seed=0)[:, 0]
    odds = np.linspace(-30, 30, 20_001)
    share = 1 / (1 + np.exp(-odds))
    density = (0.9 * share + 0.1) ** 30 * (1 - 0.9 * share) ** 10 * np.exp(-0.1 * odds**2 / 4)
    mean = (share * density).sum() / density.sum()
    spread = np.sqrt((share**2 * density).sum() / density.sum() - mean**2)
    assert abs(drawn.mean() - mean) < 0.01
    assert abs(drawn.std() - spread) < 0.01
