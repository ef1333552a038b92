"""Priors over pass rates: mixtures of Beta distributions, fitted to counts without assuming one shape.

Pass rates of a model pile up at both ends, where no single Beta fits. A fitted prior weighs many fixed, narrow Betas by
their likelihood, as smoothly as the counts allow, so that it has any smooth shape; posteriors stay mixtures of Betas,
and their masses exact. Counts may come from any stopping rule, since the likelihood of a rate is the same under all of
them; what they must not depend on is why a sample could not be judged.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln

from pipeline.intervals import DECIMALS
from pipeline.pass_rates.smooth_weights import SMOOTHNESS, Floats, draws, most_probable, weights_of

N_BETAS = 48
"""Betas that are mixed, spread evenly over arcsin(sqrt(rate)), where counts are equally sure everywhere."""

STRENGTH = 300.0
"""Pseudo-samples of each Beta: a standard deviation of at most .03, so that both sides of an edge can be told apart."""

SPIKE = 0.02
"""Pseudo-samples on the other side of the Betas at 0 and at 1: prompts that are never, or always, solved."""

N_SPIKES = 2


@dataclass(frozen=True)
class Prior:
    """A mixture of J Beta distributions: parameters `a` and `b` and `weights`, each of shape (J,); weights add to 1.

    A batch of B priors has weights of shape (B, J), for the same Betas.
    """

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
    """The prior that is most probable given counts: columns n (rated samples), c (right ones) and n_prompts with both.

    How smooth it is is what makes the counts most probable (`pipeline/pass_rates/smooth_weights.py`). Prompts with
    n = 0 say nothing; without any others all weights are even.

    >>> pilot = pl.DataFrame({"n": [16, 16, 16], "c": [0, 8, 16], "n_prompts": [400, 200, 400]})
    >>> fit_prior(pilot).shares(0.1, 0.9).round(1).tolist()
    [0.4, 0.2, 0.4]
    """
    _, log_weights = _best_fit(_likelihood(counts), _n_prompts(counts))
    return Prior(*_components(), weights_of(log_weights))


def cross_fitted_priors(counts: pl.DataFrame, n_prompts: Floats) -> Prior:
    """A batch of priors, the k-th fitted to all prompts but those of fold k; `n_prompts` is (folds, rows of `counts`).

    Only how smooth they are is chosen once, on all prompts.
    """
    likelihood, total = _likelihood(counts), n_prompts.sum(axis=0)
    smoothness, _ = _best_fit(likelihood, total)
    fits = most_probable(likelihood, total - n_prompts, np.full(len(n_prompts), smoothness), n_free=N_SPIKES)
    return Prior(*_components(), weights_of(fits.log_weights))


def drawn_priors(counts: pl.DataFrame, n: int, *, seed: int = 0) -> Prior:
    """A batch of `n` priors drawn from all that the counts leave possible: how far the prior could be another."""
    a, b = _components()
    return Prior(a, b, draws(_likelihood(counts), _n_prompts(counts), n, n_free=N_SPIKES, seed=seed))


def region_masses(prior: Prior, n: ArrayLike, c: ArrayLike, *, low: float, high: float) -> Floats:
    """Posterior probabilities that the rate of prompts with `c` of `n` right is below, in and above [low, high].

    Shape (S, 3) for S pairs, (B, S, 3) under a batch of B priors; each row sums to 1, rounded so that no host's last
    bit decides a tie.

    >>> region_masses(JEFFREYS, [4, 20], [2, 0], low=0.1, high=0.9).round(2).tolist()
    [[0.02, 0.97, 0.02], [0.96, 0.04, 0.0]]
    """
    right, wrong, joint = _posterior(prior, n, c)
    total = prior.weights @ joint.T
    below = prior.weights @ (joint * betainc(right, wrong, low)).T / total
    above = prior.weights @ (joint * betainc(wrong, right, 1 - high)).T / total
    inside = np.clip(1 - below - above, 0, 1)
    return np.round(np.stack([below, inside, above], axis=-1), DECIMALS)


def mean_rates(prior: Prior, n: ArrayLike, c: ArrayLike) -> Floats:
    """Posterior mean pass rates of prompts with `c` of `n` right, shape (S,): how probable a right sample is next."""
    right, wrong, joint = _posterior(prior, n, c)
    found: Floats = prior.weights @ (joint * right / (right + wrong)).T / (prior.weights @ joint.T)
    return found


def draw_rates(prior: Prior, n: int, rng: np.random.Generator) -> Floats:
    """`n` pass rates drawn from a prior."""
    component = rng.choice(len(prior.weights), size=n, p=prior.weights)
    return rng.beta(prior.a[component], prior.b[component])


def _posterior(prior: Prior, n: ArrayLike, c: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Parameters of the posterior's Betas, and the likelihood of each pair under each Beta, up to a factor a pair."""
    c, n = np.asarray(c, float)[:, None], np.asarray(n, float)[:, None]
    right, wrong = prior.a + c, prior.b + n - c
    log_likelihood = betaln(right, wrong) - betaln(prior.a, prior.b)
    is_possible = prior.weights.reshape(-1, len(prior.a)).any(axis=0)
    best = log_likelihood.max(axis=1, keepdims=True, where=is_possible, initial=-np.inf)
    return right, wrong, np.exp(np.minimum(log_likelihood - best, 0))


@cache
def _components() -> tuple[Floats, Floats]:
    """Parameters of the Betas that fitted priors are mixed from; the last two are the spikes, at 0 and at 1."""
    means = np.sin(np.pi / 2 * (np.arange(N_BETAS) + 0.5) / N_BETAS) ** 2
    a = np.concatenate([STRENGTH * means, [SPIKE, STRENGTH]])
    b = np.concatenate([STRENGTH * (1 - means), [STRENGTH, SPIKE]])
    return a, b


def _n_prompts(counts: pl.DataFrame) -> Floats:
    return counts["n_prompts"].to_numpy().astype(float)


def _likelihood(counts: pl.DataFrame) -> Floats:
    a, b = _components()
    return _posterior(Prior(a, b, np.ones(len(a))), counts["n"], counts["c"])[2]


def _best_fit(likelihood: Floats, n_prompts: Floats) -> tuple[float, Floats]:
    """The smoothness that makes the counts most probable, and the log weights that are most probable with it."""
    tried = most_probable(likelihood, np.tile(n_prompts, (len(SMOOTHNESS), 1)), SMOOTHNESS, n_free=N_SPIKES)
    best = int(tried.evidence.argmax())
    return float(SMOOTHNESS[best]), tried.log_weights[best]
