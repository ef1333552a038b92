"""Rule `optimal`: to stop where the next samples cost more than what they mend, by dynamic programming on a prior.

Backward from the cap, each state takes what is expected to be cheaper: to stop or to go on (Wald and Wolfowitz 1948;
Bellman 1957). What a mistake costs is no setting: wrong regions, and in-band prompts that are called something else,
are priced so that both are expected to be no more frequent than with a fixed number of samples, for the fewest tokens.
Not every policy has such prices (Everett 1963), so what they leave of the mistakes that are allowed is used up
afterwards, by single states.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.pass_rates.course import Bools, Course, Outlook, Policy, Sampling
from pipeline.pass_rates.prior import Floats

MAX_SAMPLES = 256
"""The highest cap: what is worked out before the first sample grows with its square."""

LOSS_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 4.0, 16.0, 64.0)
"""What it may cost to lose an in-band prompt, on top of the price of its wrong region and in relation to it."""

PRICES = (0.0, 24.0)
"""Logarithms to base 2 of the lowest and the highest price of a wrong region, in samples of a mean prompt."""

N_HALVINGS = 14
"""Steps in which the price is searched, for each weight."""

CAUTION = 0.02
"""By what share fewer mistakes are planned for, where the cap allows: a pilot's prior is only near the truth."""

ROUNDING = 1e-9
"""Differences that decide nothing, so that no host's last bit does."""


@dataclass(frozen=True)
class Plan:
    """When to stop, and what to expect of it where every sample can be judged.

    `table` says whether to stop with c of n right, at [n, c]: shape (max_samples + 1, max_samples + 1).
    """

    table: Bools
    outlook: Outlook
    target: Outlook

    @property
    def is_as_good(self) -> bool:
        """Whether it is expected to make no more mistakes of either kind than the fixed number of samples."""
        return _excess(self.outlook, self.target) == 0


def plan(sampling: Sampling, as_good_as: int) -> Plan:
    """The cheapest plan that is as good as `as_good_as` fixed samples; where none is, the one that comes nearest.

    At n = 0 nobody stops, and at the cap everybody. Where samples could not be judged, rounds end at other n than
    multiples of the batch; there, prices alone decide.
    """
    target = sampling.fixed(as_good_as)
    fewer = replace(target, error=target.error * (1 - CAUTION), lost=target.lost * (1 - CAUTION))
    course, prices = _best(sampling, fewer)
    if _excess(course.outlook, fewer):
        course, prices = _best(sampling, target)
    table = np.ones((sampling.max_samples + 1, sampling.max_samples + 1), bool)
    starts = range(1, min(sampling.batch, sampling.max_samples))
    for policy in (course.policy, *(_priced(sampling, prices, start).policy for start in starts)):
        for n, is_stop in policy.items():
            table[n, : n + 1] = is_stop
    return Plan(table, course.outlook, target)


def _best(sampling: Sampling, target: Outlook) -> tuple[Course, Floats]:
    """The cheapest course as good as the target, or the nearest to it, and the prices that it was found with."""
    found = []
    for weight in LOSS_WEIGHTS:
        prices = _lowest_prices(sampling, weight, target)
        course = _priced(sampling, prices)
        if not _excess(course.outlook, target):
            course = _used_up(sampling, course, target)
        found.append((_excess(course.outlook, target), course.outlook.tokens, weight, course, prices))
    *_, course, prices = min(found, key=lambda one: one[:3])
    return course, prices


def _lowest_prices(sampling: Sampling, weight: float, target: Outlook) -> Floats:
    """The lowest prices at which the cheapest course is as good as the target; the highest ones, where there are none.

    Prices are those of tokens, of a wrong region and of an in-band prompt that is lost.
    """
    lowest, highest = PRICES
    prices = sampling.mean_tokens() * np.array([0.0, 1.0, weight])
    for _ in range(N_HALVINGS):
        middle = (lowest + highest) / 2
        if _excess(_priced(sampling, [1, 0, 0] + prices * 2**middle).outlook, target):
            lowest = middle
        else:
            highest = middle
    return [1, 0, 0] + prices * 2**highest


def _priced(sampling: Sampling, prices: Floats, start: int = 0) -> Course:
    """The cheapest course at these prices."""
    return sampling.course(lambda n, stop, go_on: prices @ stop <= prices @ go_on * (1 + ROUNDING), start)


def _followed(sampling: Sampling, policy: Policy) -> Course:
    return sampling.course(lambda n, stop, go_on: policy[n])


def _used_up(sampling: Sampling, course: Course, target: Outlook) -> Course:
    """A course that stops, or goes on, in single other states, for as long as that saves tokens and is as good."""
    allowed = np.array([np.inf, target.error, target.lost])[:, None]
    while True:
        outlook = course.outlook
        now = np.array([outlook.tokens, outlook.error, outlook.lost])[:, None]
        best = (-ROUNDING, 0, 0)
        for n, reached in sampling.reached(course.policy).items():
            change = np.where(course.policy[n], reached, -reached) * (course.going_on[n] - sampling.ends[n])
            saved = np.where((now + change <= allowed).all(axis=0), change[0], 0.0)
            best = min(best, (float(saved.min()), n, int(saved.argmin())))
        _, n, c = best
        if n == 0:
            return course
        course = _followed(sampling, course.policy | {n: course.policy[n] ^ (np.arange(n + 1) == c)})


def _excess(outlook: Outlook, target: Outlook) -> float:
    """How much more frequent either kind of mistake is than allowed; 0 where neither is."""
    worst = max(outlook.error - target.error, outlook.lost - target.lost)
    return round(worst, 9) if worst > ROUNDING else 0.0
