import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta as beta_distribution

from pipeline.pass_rates.prior import (
    JEFFREYS,
    beta_prior,
    cross_fitted_priors,
    draw_rates,
    drawn_priors,
    fit_prior,
    mean_rates,
    region_masses,
)

BAND = {"low": 0.1, "high": 0.9}


def counted(rates, n, rng) -> pl.DataFrame:
    """Counts of prompts of known rates with n samples each."""
    c = pl.Series("c", rng.binomial(n, rates))
    return c.value_counts(name="n_prompts").with_columns(n=pl.lit(n)).sort("c")


def test_masses_under_one_beta_are_those_of_its_posterior():
    below, inside, above = region_masses(beta_prior(2, 3), [10], [3], **BAND)[0]
    posterior = beta_distribution(5, 10)
    assert below == pytest.approx(posterior.cdf(0.1))
    assert inside == pytest.approx(posterior.cdf(0.9) - posterior.cdf(0.1))
    assert above == pytest.approx(posterior.sf(0.9))


@given(n=st.integers(0, 1024), share=st.floats(0, 1))
def test_masses_and_means_are_probabilities_under_a_fitted_prior(n, share):
    prior, c = fit_prior(pl.DataFrame({"n": [16, 16], "c": [0, 16], "n_prompts": [5, 5]})), round(n * share)
    masses = region_masses(prior, [n], [c], **BAND)
    assert masses.sum() == pytest.approx(1)
    assert (masses >= 0).all()
    assert 0 < mean_rates(prior, [n], [c])[0] < 1


def test_many_samples_overrule_a_prior():
    prior = fit_prior(pl.DataFrame({"n": [16], "c": [0], "n_prompts": [1000]}))
    assert region_masses(prior, [1024], [512], **BAND)[0, 1] > 0.999


def test_a_batch_of_priors_gives_each_ones_masses():
    counts = pl.DataFrame({"n": [8, 8, 8], "c": [0, 3, 8], "n_prompts": [50, 20, 30]})
    batch = drawn_priors(counts, 3)
    masses = region_masses(batch, [8, 4], [3, 0], **BAND)
    one = type(batch)(batch.a, batch.b, batch.weights[1])
    assert masses.shape == (3, 2, 3)
    np.testing.assert_allclose(masses[1], region_masses(one, [8, 4], [3, 0], **BAND))
    np.testing.assert_allclose(mean_rates(batch, [8], [3])[1], mean_rates(one, [8], [3]))


def test_a_fitted_prior_finds_both_ends_and_the_middle():
    rng = np.random.default_rng(0)
    rates = np.concatenate([np.zeros(800), np.full(400, 0.5), np.ones(800)])
    below, inside, above = fit_prior(counted(rates, 16, rng)).shares(0.1, 0.9)
    assert (below, inside, above) == pytest.approx((0.4, 0.2, 0.4), abs=0.02)


def test_a_fitted_prior_tells_mass_beside_an_edge_from_mass_at_zero():
    rng = np.random.default_rng(1)
    near, far = (fit_prior(counted(np.full(3000, rate), 32, rng)) for rate in (0.06, 0.0))
    assert near.shares(0.03, 0.1)[1] > 0.8
    assert far.shares(0.03, 0.1)[0] > 0.99


def test_calibrated_posteriors_are_right_as_often_as_they_say():
    rng = np.random.default_rng(2)
    rates = rng.beta(0.25, 0.19, 20_000)
    right = rng.binomial(8, rates)
    masses = region_masses(fit_prior(counted(rates, 8, rng)), np.full(9, 8), np.arange(9), **BAND)
    for c in range(9):
        inside = ((rates >= 0.1) & (rates <= 0.9))[right == c].mean()
        assert masses[c, 1] == pytest.approx(inside, abs=0.05)


def test_prompts_without_samples_say_nothing():
    counts = pl.DataFrame({"n": [8, 8, 0], "c": [1, 7, 0], "n_prompts": [30, 10, 0]})
    more = counts.with_columns(n_prompts=pl.Series([30, 10, 500]))
    np.testing.assert_allclose(fit_prior(counts).weights, fit_prior(more).weights)


def test_without_counts_all_weights_are_even():
    weights = fit_prior(
        pl.DataFrame({"n": [], "c": [], "n_prompts": []}, schema=dict.fromkeys(["n", "c", "n_prompts"], pl.Int64))
    ).weights
    np.testing.assert_allclose(weights, 1 / len(weights))


def test_a_cross_fitted_prior_has_not_seen_its_own_fold():
    counts = pl.DataFrame({"n": [16, 16], "c": [0, 16], "n_prompts": [60, 60]})
    priors = cross_fitted_priors(counts, np.array([[60.0, 0.0], [0.0, 60.0]]))
    assert region_masses(priors, [0], [0], **BAND)[0, 0, 2] > 0.9
    assert region_masses(priors, [0], [0], **BAND)[1, 0, 0] > 0.9


def test_drawn_priors_scatter_less_with_more_prompts():
    counts = counted(np.random.default_rng(3).random(200), 16, np.random.default_rng(4))
    many = counts.with_columns(pl.col("n_prompts") * 100)
    spread = [region_masses(drawn_priors(one, 200), [0], [0], **BAND)[:, 0, 1].std() for one in (counts, many)]
    assert spread[0] == pytest.approx(np.sqrt(0.8 * 0.2 / 200), rel=0.5)
    assert spread[1] < spread[0] / 2


def test_the_same_seed_draws_the_same_priors():
    counts = pl.DataFrame({"n": [8, 8], "c": [0, 8], "n_prompts": [50, 50]})
    np.testing.assert_array_equal(drawn_priors(counts, 5, seed=1).weights, drawn_priors(counts, 5, seed=1).weights)
    assert (drawn_priors(counts, 5, seed=1).weights != drawn_priors(counts, 5, seed=2).weights).any()


def test_drawn_rates_follow_the_prior():
    rates = draw_rates(JEFFREYS, 20_000, np.random.default_rng(0))
    assert np.mean((rates > 0.1) & (rates < 0.9)) == pytest.approx(JEFFREYS.shares(0.1, 0.9)[1], abs=0.01)
    assert rates.mean() == pytest.approx(JEFFREYS.mean(), abs=0.01)
