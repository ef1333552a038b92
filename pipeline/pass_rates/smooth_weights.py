"""Weights of a mixture learnt from counts: the most probable ones, and draws from all that the counts leave possible.

Log weights of neighbouring components differ by normal steps of one variance, which the counts choose themselves; those
of components without neighbours are free. All that decides a posterior of rates is smooth where the counts say
nothing, and as sharp as they say where they do. Log-linear priors as such: Efron 2016, "Empirical Bayes deconvolution
estimates"; intervals here come from a Markov chain instead of his delta method, since they are skewed.

Shapes: S counts, J components, B sets of prompt numbers over the same counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SMOOTHNESS = np.array([0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0])
"""Inverse variances of a step between neighbours that the counts may choose from."""

UNDERSMOOTHED = 1
"""Draws are this many places rougher than what was chosen: what is most probable is a little too smooth where truth is
not, by more than the draws around it show (Hall 1992, "Effect of bias estimation on coverage accuracy")."""

LEVEL = 0.1
"""Inverse variance of each log weight itself: a component may weigh e^3 times another before that is surprising."""

N_NEWTON_STEPS = 40
N_HALVINGS = 10
LONGEST_STEP = 3.0
"""Most that one step of the search changes a log weight by."""

CLOSE_ENOUGH = 1e-5
"""A step that gains less than this log probability is the last."""

N_CHAIN_STEPS = 40


@dataclass(frozen=True)
class Mode:
    """The most probable log weights (B, J), their precision there (B, J, J), and the log evidence for each set (B,)."""

    log_weights: Floats
    precision: Floats
    evidence: Floats


def most_probable(likelihood: Floats, n_prompts: Floats, smoothness: Floats, *, n_free: int) -> Mode:
    """Modes for B sets of prompt numbers (B, S), each with its smoothness (B,), by damped Newton steps.

    `likelihood` (S, J) is that of each count under each component, up to a factor for each count; the last `n_free`
    components have no neighbours. The precision is the outer product of the scores, plus that of the prior.
    """
    penalty = _penalties(likelihood.shape[1], smoothness, n_free)
    at = np.zeros((len(smoothness), likelihood.shape[1]))
    value = _log_posterior(at, likelihood, n_prompts, penalty)
    for _ in range(N_NEWTON_STEPS):
        gradient, precision = _slopes(at, likelihood, n_prompts, penalty)
        step = np.linalg.solve(precision, gradient[:, :, None])[:, :, 0]
        step *= np.minimum(1, LONGEST_STEP / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-12))
        gain = np.zeros_like(value)
        for halving in range(N_HALVINGS):
            tried = at + step * 0.5**halving
            reached = _log_posterior(tried, likelihood, n_prompts, penalty)
            is_better = (gain == 0) & (reached > value)
            at = np.where(is_better[:, None], tried, at)
            gain, value = np.where(is_better, reached - value, gain), np.where(is_better, reached, value)
            if (gain > 0).all():
                break
        if gain.max() < CLOSE_ENOUGH:
            break
    _, precision = _slopes(at, likelihood, n_prompts, penalty)
    evidence = value + (np.linalg.slogdet(penalty)[1] - np.linalg.slogdet(precision)[1]) / 2
    return Mode(at, precision, evidence)


def draws(likelihood: Floats, n_prompts: Floats, n: int, *, n_free: int, seed: int) -> Floats:
    """Weights (n, J) drawn from their posterior, given the prompt numbers (S,) of each count.

    As many chains as draws start from the normal distribution around the mode, for a smoothness in proportion to its
    evidence; proposals of any length keep that distribution (preconditioned Crank-Nicolson: Neal 1999; Cotter et al.
    2013), so that only what is not normal of the posterior is left for the chain to mend.
    """
    rng = np.random.default_rng(seed)
    mode = most_probable(likelihood, np.tile(n_prompts, (len(SMOOTHNESS), 1)), SMOOTHNESS, n_free=n_free)
    shares = np.exp(mode.evidence - mode.evidence.max())
    chosen = rng.choice(len(SMOOTHNESS), size=n, p=shares / shares.sum())
    chosen = np.sort(np.maximum(chosen - UNDERSMOOTHED, 0))
    scale = np.linalg.inv(np.linalg.cholesky(mode.precision))
    penalty = _penalties(likelihood.shape[1], SMOOTHNESS, n_free)

    def placed(noise: Floats) -> tuple[Floats, Floats]:
        """Log weights for standard normal noise, and how much more probable they are than the normal says."""
        at, value = np.empty_like(noise), np.empty(n)
        for k in np.unique(chosen):
            own = chosen == k
            at[own] = mode.log_weights[k] + noise[own] @ scale[k]
            value[own] = _log_posterior(at[own], likelihood, n_prompts, penalty[k])
        return at, value + (noise**2).sum(axis=1) / 2

    noise = rng.standard_normal((n, likelihood.shape[1]))
    at, value = placed(noise)
    for _ in range(N_CHAIN_STEPS):
        fresh = rng.random((n, 1))
        proposed = np.sqrt(1 - fresh**2) * noise + fresh * rng.standard_normal(noise.shape)
        tried, reached = placed(proposed)
        is_taken = np.log(rng.random(n)) < reached - value
        noise[is_taken], at[is_taken], value[is_taken] = proposed[is_taken], tried[is_taken], reached[is_taken]
    return weights_of(at)


def weights_of(log_weights: Floats) -> Floats:
    """Weights that add to 1 along the last axis."""
    weights: Floats = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _penalties(n_components: int, smoothness: Floats, n_free: int) -> Floats:
    """Precisions of the log weights before any count is seen: (B, J, J)."""
    steps = np.diff(np.eye(n_components - n_free), axis=0)
    smooth = np.pad(steps.T @ steps, (0, n_free))
    return smoothness[:, None, None] * smooth + LEVEL * np.eye(n_components)


def _log_posterior(at: Floats, likelihood: Floats, n_prompts: Floats, penalty: Floats) -> Floats:
    """Of log weights (B, J); `n_prompts` and `penalty` are one for all, or one for each."""
    explained = np.log(weights_of(at) @ likelihood.T)
    resisted = (np.matmul(at[:, None, :], penalty)[:, 0, :] * at).sum(axis=1)
    found: Floats = (n_prompts * explained).sum(axis=-1) - resisted / 2
    return found


def _slopes(at: Floats, likelihood: Floats, n_prompts: Floats, penalty: Floats) -> tuple[Floats, Floats]:
    weights = weights_of(at)
    score = weights[:, None, :] * (likelihood / (weights @ likelihood.T)[:, :, None] - 1)
    weighted = (n_prompts[:, :, None] * score).transpose(0, 2, 1)
    gradient = weighted.sum(axis=2) - np.matmul(penalty, at[:, :, None])[:, :, 0]
    return gradient, weighted @ score + penalty
