"""What a stopping rule does to prompts whose rates are known, or come from a prior: samples, mistakes, and notes.

Nothing is drawn: every way that sampling may end is counted, with the share of the orders of right and wrong answers
that lead there. That share is the same for all rates, so that one pass over the rounds serves every prior and rate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import polars as pl

from pipeline.pass_rates.course import log_choose, log_moments
from pipeline.pass_rates.prior import Floats, Prior, mean_rates, region_masses
from pipeline.pass_rates.stopping import Rule, optimal_plan, regions, stops

BELOW_IN_ABOVE = ("too_hard", "in_band", "too_easy")
"""Regions in the order of their masses."""

LATTICE_LOSS = 0.1
"""Share of the band's width that the counts at the cap may leave out without a note."""

SLIPS_IN = 0.05
"""How often a prompt with half the lowest rate of the band may be called in it without a note."""

EDGE_SHIFT = 0.005
"""How far a verifier may move an edge without a note."""

MIN_PILOT = 100
"""Prompts of a pilot that a prior is fitted to without a note."""


@dataclass(frozen=True)
class Characteristics:
    """What is expected of a rule: samples and tokens a prompt (tokens null where unknown), and shares of mistakes.

    `error` of all prompts are called another region than theirs; `impure` of those called in band are not in it; `lost`
    of those in band are not called so; `undecided` of all end below the confidence. `by_region` has samples of the
    prompts that really are below, in and above the band. Shares of nothing are NaN.
    """

    samples: float
    tokens: float | None
    error: float
    impure: float
    lost: float
    undecided: float
    by_region: tuple[float, float, float]


def characteristics(rule: Rule, nature: Prior, tokens: tuple[float, float] | None = None) -> Characteristics:
    """What to expect where pass rates come from `nature`, which need not be the prior of the rule.

    `tokens` are those of a sample of a prompt that is never solved, and of one that always is. Every sample is rated.
    """
    ends = endings(rule)
    n, c, share = (ends[name].to_numpy() for name in ("n", "c", "share"))
    probable = share * np.exp(log_choose(n, c) + log_moments(nature, n, c))
    masses = region_masses(nature, n, c, low=rule.low, high=rule.high)
    is_called = np.stack([(ends["region"] == name).to_numpy() for name in BELOW_IN_ABOVE], axis=1)
    really, called_in = probable @ masses, probable @ is_called[:, 1]
    with np.errstate(invalid="ignore"):
        return Characteristics(
            samples=float(probable @ n),
            tokens=float(probable @ (n * np.interp(mean_rates(nature, n, c), (0, 1), tokens))) if tokens else None,
            error=float(probable @ (masses * ~is_called).sum(axis=1)),
            impure=float(np.divide(probable @ ((1 - masses[:, 1]) * is_called[:, 1]), called_in)),
            lost=float(np.divide(probable @ (masses[:, 1] * ~is_called[:, 1]), really[1])),
            undecided=float(probable @ ~ends["is_decided"].to_numpy()),
            by_region=tuple(((probable * n) @ masses / really).tolist()),
        )


def called_in_band(rule: Rule, rate: float) -> float:
    """How often a prompt of this pass rate (above 0, below 1) is called in band, where every sample is rated."""
    ends = endings(rule).filter(region="in_band")
    n, c, share = (ends[name].to_numpy() for name in ("n", "c", "share"))
    return float(share @ np.exp(log_choose(n, c) + c * np.log(rate) + (n - c) * np.log1p(-rate)))


@lru_cache(maxsize=16)
def endings(rule: Rule) -> pl.DataFrame:
    """Where sampling may end: n, c, share (of the orders of c right among n that end there), region and is_decided."""
    size, cap = rule.round_size(), rule.max_samples
    rounds = [*range(0, cap, size), cap]
    states = pl.concat([pl.DataFrame({"n": np.full(n + 1, n), "c": np.arange(n + 1)}) for n in rounds])
    is_stop = stops(states.with_columns(n_left=cap - pl.col("n")), rule)
    shares = np.concatenate(list(_shares(rounds, states.with_columns(is_stop=is_stop))))
    ends = states.with_columns(share=pl.Series(shares)).filter(is_stop & (pl.Series(shares) > 0))
    return ends.hstack(regions(ends.select("n", "c"), rule).select("region", "is_decided"))


def _shares(rounds: list[int], states: pl.DataFrame) -> Iterator[Floats]:
    """For each n the shares, over c, of the orders of c right ones among n that come so far without a stop."""
    share = np.ones(1)
    yield share
    stopping = states.partition_by("n", maintain_order=True)
    for (n, after), of_n in zip(pairwise(rounds), stopping, strict=False):
        go_on = np.where(of_n["is_stop"].to_numpy(), 0.0, share)
        size, c_before = after - n, np.arange(n + 1)
        share = np.zeros(after + 1)
        for k in range(size + 1):
            c = c_before + k
            orders = log_choose(n, c_before) + log_choose(size, k) - log_choose(after, c)
            share[c] += go_on * np.exp(orders)
        yield share


def warnings_of(rule: Rule) -> list[str]:
    """What to know of a rule before the first sample: a line each, and only where it matters.

    Raises RecipeError where rule `optimal` lacks its pilot or its cap is too high.
    """
    return [*_optimal_notes(rule), *_lattice_notes(rule), *_slip_notes(rule), *_verifier_notes(rule)]


def _optimal_notes(rule: Rule) -> Iterator[str]:
    if rule.rule != "optimal":
        return
    if not optimal_plan(rule).is_as_good:
        yield (
            f"At most {rule.max_samples} samples are too few for rule optimal to be as good as {rule.as_good_as} fixed "
            "ones: it comes as near as it can; raise band.max_samples."
        )
    if rule.pilot_counts and (n_prompts := sum(count[2] for count in rule.pilot_counts)) < MIN_PILOT:
        yield f"The pilot has only {n_prompts} prompts with a verdict: the prior that is fitted to them may be far off."


def _lattice_notes(rule: Rule) -> Iterator[str]:
    """The counts that are called in band at the cap: rates lie between counts, and the band's edges among them."""
    n, band = rule.max_samples, f"the band [{rule.low:.3g}, {rule.high:.3g}]"
    at_cap = regions(pl.DataFrame({"n": np.full(n + 1, n), "c": np.arange(n + 1)}), rule)
    kept = at_cap.filter(region="in_band")["c"]
    if kept.is_empty():
        yield f"With {n} samples no number of right answers is called in {band}: raise band.max_samples."
        return
    lowest, highest = int(kept.min()), int(kept.max())  # type: ignore[arg-type]
    left_out = max(lowest / n - rule.low, 0) + max(rule.high - highest / n, 0)
    if left_out > LATTICE_LOSS * (rule.high - rule.low):
        counts = f"{lowest} to {highest} right answers: pass rates from {lowest / n:.3g} to {highest / n:.3g}"
        yield f"With {n} samples {band} keeps {counts}, so prompts near its edges are lost."


def _slip_notes(rule: Rule) -> Iterator[str]:
    rate = rule.low / 2
    if rate > 0 and (share := called_in_band(rule, rate)) >= SLIPS_IN:
        yield f"A prompt with a pass rate of {rate:.3g}, half of band.low, is called in band {share:.0%} of the time."


def _verifier_notes(rule: Rule) -> Iterator[str]:
    """What right answers that are called wrong, and wrong ones that are called right, do to the edges."""
    if rule.correct_verifiers or rule.high >= 1:
        return
    if not rule.verifier_errors:
        yield (
            "Each 1 % of right answers that the verifier calls wrong raises the band's real upper edge: "
            f"{rule.high:.3g} becomes {rule.high / 0.99:.3g}; from {1 - rule.high:.0%} on no prompt is too easy."
        )
    for verifier, missed, passed in rule.verifier_errors:
        seen = 1 - missed - passed
        low, high = ((edge - passed) / seen if seen > 0 else np.nan for edge in (rule.low, rule.high))
        if abs(low - rule.low) < EDGE_SHIFT and abs(high - rule.high) < EDGE_SHIFT:
            continue
        errors = f"{verifier} calls {missed:.1%} of right answers wrong and {passed:.1%} of wrong ones right"
        real = f"really is [{max(low, 0):.2f}, {min(high, 1):.2f}]" if seen > 0 else "cannot be told from its verdicts"
        yield f"{errors}: the band [{rule.low:.3g}, {rule.high:.3g}] {real}; band.correct_verifiers mends it."
