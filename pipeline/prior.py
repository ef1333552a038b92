"""Priors over pass rates: mixtures of Beta distributions, fitted to counts without assuming one shape.

Pass rates of a model pile up at both ends, where no single Beta fits. A fitted prior weighs many fixed, smooth Betas by
their likelihood, so that it has any smooth shape; posteriors stay mixtures of Betas, and their masses exact. Counts
may come from any stopping rule, since the likelihood of a rate is the same under all of them; what they must not
depend on is why a sample could not be judged.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln

from pipeline.intervals import DECIMALS

Floats = NDArray[np.float64]

DEGREE = 24
"""Bernstein polynomials of this degree: Betas of a standard deviation of at most 0.1, spread over [0, 1]."""

SPIKES = ((0.5, 100.0), (1.0, 60.0), (0.5, 8.0), (1.0, 30.0))
"""Betas at 0, and mirrored at 1: prompts that are hardly ever, or almost always, solved."""

N_STEPS = 300
"""Steps of expectation and maximisation; from even weights, more of them sharpen what the data cannot tell."""


@dataclass(frozen=True)
class Prior:
    """A mixture of J Beta distributions: parameters `a` and `b` and `weights`, each of shape (J,); weights add to 1."""

    a: Floats
    b: Floats
    weights: Floats

    def mean(self) -> float:
        """The mean pass rate of all prompts."""
        return float(self.weights @ (self.a / (self.a + self.b)))

    def shares(self, low: float, high: float) -> Floats:
        """Shares of prompts below, in and above the band: shape (3,)."""
        return region_masses(self, [0], [0], low=low, high=high)[0]


def beta_prior(a: float, b: float) -> Prior:
    """One Beta distribution; `beta_prior(0.5, 0.5)` is that of Jeffreys."""
    return Prior(np.array([a]), np.array([b]), np.ones(1))


JEFFREYS = beta_prior(0.5, 0.5)


def fit_prior(counts: pl.DataFrame) -> Prior:
    """The prior that explains counts best: columns n (rated samples), c (right ones) and n_prompts that have them.

    Maximum likelihood of the weights of fixed Betas (Laird 1978), from even weights by a fixed number of steps.
    Prompts with n = 0 say nothing; without any others all weights are even.
    """
    a, b = _components()
    n_prompts = counts["n_prompts"].to_numpy().astype(float)
    return Prior(a, b, _weights(counts, n_prompts[None, :])[0])


def bootstrap_priors(counts: pl.DataFrame, n: int, *, seed: int = 0) -> list[Prior]:
    """`n` priors, each fitted to prompts drawn again with replacement: how far the prior could be another."""
    a, b = _components()
    n_prompts = counts["n_prompts"].to_numpy().astype(float)
    total = int(n_prompts.sum())
    drawn = np.random.default_rng(seed).multinomial(total, n_prompts / max(total, 1), size=n).astype(float)
    return [Prior(a, b, weights) for weights in _weights(counts, drawn)]


def region_masses(prior: Prior, n: ArrayLike, c: ArrayLike, *, low: float, high: float) -> Floats:
    """Posterior probabilities that the rate of prompts with `c` of `n` right is below, in and above [low, high].

    Shape (S, 3) for S pairs, each row summing to 1, rounded so that no host's last bit decides a tie.

    >>> region_masses(JEFFREYS, [4, 20], [2, 0], low=0.1, high=0.9).round(2).tolist()
    [[0.02, 0.97, 0.02], [0.96, 0.04, 0.0]]
    """
    right, wrong, share = _posterior(prior, n, c)
    below = (share * betainc(right, wrong, low)).sum(axis=1)
    above = (share * betainc(wrong, right, 1 - high)).sum(axis=1)
    inside = np.clip(1 - below - above, 0, 1)
    return np.round(np.stack([below, inside, above], axis=-1), DECIMALS)


def mean_rates(prior: Prior, n: ArrayLike, c: ArrayLike) -> Floats:
    """Posterior mean pass rates of prompts with `c` of `n` right, shape (S,): how probable a right sample is next."""
    right, wrong, share = _posterior(prior, n, c)
    found: Floats = (share * right / (right + wrong)).sum(axis=1)
    return found


def draw_rates(prior: Prior, n: int, rng: np.random.Generator) -> Floats:
    """`n` pass rates drawn from a prior."""
    component = rng.choice(len(prior.weights), size=n, p=prior.weights)
    return rng.beta(prior.a[component], prior.b[component])


def _posterior(prior: Prior, n: ArrayLike, c: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Parameters of the posterior's Betas and their shares, each (S, J)."""
    c, n = np.asarray(c, float)[:, None], np.asarray(n, float)[:, None]
    right, wrong = prior.a + c, prior.b + n - c
    log_share = np.log(np.maximum(prior.weights, 1e-300)) + betaln(right, wrong) - betaln(prior.a, prior.b)
    share = np.exp(log_share - log_share.max(axis=1, keepdims=True))
    return right, wrong, share / share.sum(axis=1, keepdims=True)


@cache
def _components() -> tuple[Floats, Floats]:
    """Parameters of the Betas that fitted priors are mixed from."""
    k = np.arange(DEGREE + 1.0)
    spike_a, spike_b = np.array(SPIKES).T
    a, b = np.concatenate([k + 1, spike_a, spike_b]), np.concatenate([DEGREE - k + 1, spike_b, spike_a])
    return a, b


def _weights(counts: pl.DataFrame, n_prompts: Floats) -> Floats:
    """Weights (B, J) for B sets of prompt numbers (B, S) over the S pairs of `counts`."""
    a, b = _components()
    n, c = (counts[name].to_numpy().astype(float)[:, None] for name in ("n", "c"))
    log_likelihood = betaln(a + c, b + n - c) - betaln(a, b)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True, initial=-np.inf))
    weights = np.full((n_prompts.shape[0], len(a)), 1 / len(a))
    n_informed = n_prompts * (n[:, 0] > 0)
    total = n_informed.sum(axis=1, keepdims=True)
    for _ in range(N_STEPS if likelihood.size else 0):
        expected = n_informed / (weights @ likelihood.T)
        weights = np.where(total > 0, weights * (expected @ likelihood) / np.maximum(total, 1), weights)
    return weights / weights.sum(axis=1, keepdims=True)
