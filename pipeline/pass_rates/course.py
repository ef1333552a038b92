"""What becomes of prompts under a policy of stopping: tokens and mistakes expected from each count on, exactly.

A state is (n, c): n rated samples, c of them right. To stop there calls the prompt's most probable region, which is
wrong with the probability of the others; to go on costs the tokens of a round, and leads on with the probabilities that
the posterior gives to its outcomes (Bellman 1957).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln, logsumexp

from pipeline.pass_rates.prior import JEFFREYS, Floats, Prior, mean_rates, region_masses

Bools = NDArray[np.bool_]
Policy = dict[int, Bools]
"""Whether to stop with c of n right: an array over c for each n at which a round may end, but the last."""


@dataclass(frozen=True)
class Outlook:
    """What is expected for a prompt: tokens, and the probabilities of a wrong region and of an in-band prompt lost."""

    tokens: float
    error: float
    lost: float


@dataclass(frozen=True)
class Course:
    """A policy with what it leads to: `going_on` holds tokens, error and lost, shape (3, n + 1), for each n."""

    policy: Policy
    going_on: dict[int, Floats]
    outlook: Outlook


@dataclass(frozen=True)
class Sampling:
    """Rounds of `batch` samples up to a cap, of prompts from a prior.

    `tokens` are those of a sample of a prompt that is never solved, and of one that always is; linear between.
    """

    prior: Prior
    low: float
    high: float
    batch: int
    max_samples: int
    tokens: tuple[float, float] = (1.0, 1.0)

    def fixed(self, n: int) -> Outlook:
        """What is expected of `n` samples of each prompt, called under Jeffreys' prior as rule `fixed` does."""
        probable = self._probable(n)
        mistakes = _mistakes(self._masses(self.prior, n), _most_probable(self._masses(JEFFREYS, n))) @ probable
        return Outlook(n * self.mean_tokens(), *mistakes.tolist())

    def _probable(self, n: int) -> Floats:
        """How many right ones of n are to be expected: the probability of each c."""
        c, n_each = np.arange(n + 1), np.full(n + 1, n)
        return np.exp(log_choose(n_each, c) + log_moments(self.prior, n_each, c))

    def mean_tokens(self) -> float:
        """Tokens of one sample of any prompt."""
        return float(np.interp(self.prior.mean(), (0, 1), self.tokens))

    def course(self, is_stop: Callable[[int, Floats, Floats], Bools], start: int = 0) -> Course:
        """From the cap back to `start`: what stopping and going on lead to, for `is_stop` to choose between.

        It is given n and two arrays (3, n + 1): tokens still to come, error and lost. At n = 0 nobody stops.
        """
        ahead, policy, going_on = self.ends[self.max_samples], {}, {}
        for n, after in reversed(self._rounds(start)):
            outcomes = np.arange(n + 1)[:, None] + np.arange(after - n + 1)
            going_on[n] = np.einsum("ck,qck->qc", self._predicted(n, after), ahead[:, outcomes])
            going_on[n][0] += (after - n) * self._tokens_at(n)
            policy[n] = is_stop(n, self.ends[n], going_on[n]) if n else np.zeros(1, bool)
            ahead = np.where(policy[n], self.ends[n], going_on[n])
        return Course(policy, going_on, Outlook(*ahead[:, 0].tolist()))

    def reached(self, policy: Policy) -> dict[int, Floats]:
        """Probabilities to come to c of n right at the end of each round before the cap."""
        reached = {0: np.ones(1)}
        for n, after in self._rounds(0):
            leaving = np.where(policy[n], 0.0, reached[n])[:, None] * self._predicted(n, after)
            reached[after] = np.zeros(after + 1)
            for k in range(after - n + 1):
                reached[after][k : k + n + 1] += leaving[:, k]
        return {n: probable for n, probable in reached.items() if 0 < n < self.max_samples}

    @cached_property
    def ends(self) -> list[Floats]:
        """Tokens still to come (none), error and lost where sampling stops: at [n] shape (3, n + 1)."""
        masses = [self._masses(self.prior, n) for n in range(self.max_samples + 1)]
        mistakes = [_mistakes(of_n, _most_probable(of_n)) for of_n in masses]
        return [np.concatenate([np.zeros((1, found.shape[1])), found]) for found in mistakes]

    def _masses(self, prior: Prior, n: int) -> Floats:
        """Posterior masses of the regions for each c, shape (n + 1, 3)."""
        return region_masses(prior, np.full(n + 1, n), np.arange(n + 1), low=self.low, high=self.high)

    def _rounds(self, start: int) -> list[tuple[int, int]]:
        """Rated samples before and after each round."""
        return list(pairwise([*range(start, self.max_samples, self.batch), self.max_samples]))

    def _tokens_at(self, n: int) -> Floats:
        """Expected tokens of one more sample for each c: as they are linear in the rate, its mean is enough."""
        return np.interp(mean_rates(self.prior, np.full(n + 1, n), np.arange(n + 1)), (0, 1), self.tokens)

    def _predicted(self, n: int, after: int) -> Floats:
        """Probabilities of k more right ones in a round, for each c: shape (n + 1, after - n + 1)."""
        if (n, after) not in self._known:
            c, k = np.arange(n + 1)[:, None], np.arange(after - n + 1)
            log_ratio = self._log_moments[after][c + k] - self._log_moments[n][:, None]
            self._known[n, after] = np.exp(log_choose(after - n, k) + log_ratio)
        return self._known[n, after]

    @cached_property
    def _known(self) -> dict[tuple[int, int], Floats]:
        return {}

    @cached_property
    def _log_moments(self) -> list[Floats]:
        return [log_moments(self.prior, np.full(n + 1, n), np.arange(n + 1)) for n in range(self.max_samples + 1)]


def log_moments(prior: Prior, n: ArrayLike, c: ArrayLike) -> Floats:
    """Logarithm of the mean of p^c (1 - p)^(n - c): how probable one order of c right samples among n is."""
    c, n = np.asarray(c, float)[:, None], np.asarray(n, float)[:, None]
    log_beta = betaln(prior.a + c, prior.b + n - c) - betaln(prior.a, prior.b)
    found: Floats = logsumexp(log_beta, b=prior.weights, axis=1)
    return found


def log_choose(n: ArrayLike, c: ArrayLike) -> Floats:
    """Logarithm of the number of orders of c right samples among n."""
    found: Floats = gammaln(np.add(n, 1)) - gammaln(np.add(c, 1)) - gammaln(np.subtract(n, c) + 1)
    return found


def _most_probable(masses: Floats) -> NDArray[np.intp]:
    """Index of the region of each row; ties go to the band, then below it."""
    order = np.array([1, 0, 2])
    found: NDArray[np.intp] = order[masses[:, order].argmax(axis=1)]
    return found


def _mistakes(masses: Floats, called: NDArray[np.intp]) -> Floats:
    """Probabilities that a called region is wrong, and that an in-band prompt is lost by it: shape (2, S)."""
    return np.stack([1 - masses[np.arange(len(masses)), called], masses[:, 1] * (called != 1)])
