"""How often a run's regions are wrong: what its own counts say of it, with an interval.

The confidence at which sampling stops is no error rate: prompts near an edge of the band are decided wrongly more often
than that, those far from it hardly ever, and what met its cap was never decided. How many lie where is in the
counts themselves.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.pass_rates.prior import Floats, Prior, cross_fitted_priors, drawn_priors, region_masses
from schemas.tables import REGIONS

Bools = NDArray[np.bool_]

GROUPS = ("decided", "capped", "all")
FIGURES = ("error", "impure", "lost")
HALF_A_PROMPT = 0.5
"""Shares of fewer prompts than are expected to be one are shares of nothing."""

N_FOLDS = 5
"""Parts of the prompts; each part's posteriors are under a prior fitted to the others."""

MIN_PROMPTS = 50
"""With fewer measured prompts nothing is stated: they say too little of how many lie near an edge."""

N_DRAWS = 400
"""Priors, and regions of all prompts under each, that an interval is read from."""

CONFIDENCE = 0.95

SCHEMA: dict[str, Any] = {
    "group": pl.Enum(GROUPS),
    "n_prompts": pl.Int64,
    "n_kept": pl.Int64,
    **{f"{figure}{end}": pl.Float64 for figure in FIGURES for end in ("", "_low", "_high")},
}

TELLING = REGIONS[:3]
"""Regions in the order of the posterior's masses."""

CELL = ("n_rated", "n_correct", "region", "is_decided", "low", "high")
IN_BAND = TELLING.index("in_band")


def stated_error(rates: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame:
    """The expected shares of wrong regions in a run, with 95 % intervals for the shares that are really there.

    `rates` has a row a prompt: prompt_id, n_rated, n_correct, region, is_decided, and low and high, the edges of the
    band that it was held against. Returns a row each for the prompts that were decided, those that were not
    (`capped`), and all, with n_prompts, n_kept (those called in band), and

        error    share of its prompts that are called what they are not
        impure   share of those called in band that are not
        lost     share of those really in band that are called something else

    Each prompt's posterior is under a prior fitted to the other folds of the run's prompts. The interval
    (`_low`, `_high`) holds both what the counts leave open about the prior and the chance of the single prompts:
    regions of all prompts are drawn under priors drawn from their posterior. What was not measured is in no
    group. Null where the share is of nothing, and everywhere with fewer than MIN_PROMPTS measured prompts. All of it
    is as true as the verdicts are, and takes a prompt's samples to be independent.

    >>> rates = pl.DataFrame({"prompt_id": [f"{i:04}" for i in range(900)], "n_rated": 16}).with_columns(
    ...     n_correct=pl.Series([0, 8, 16] * 300), region=pl.Series(["too_hard", "in_band", "too_easy"] * 300),
    ...     is_decided=pl.lit(True), low=0.1, high=0.9)
    >>> stated_error(rates).select("group", "n_prompts", pl.col("error").round(2)).rows()
    [('decided', 900, 0.0), ('capped', 0, None), ('all', 900, 0.0)]
    """
    cells, n_prompts = _cells(rates)
    if n_prompts.sum() < MIN_PROMPTS:
        expected, drawn = np.zeros((len(cells), 3)), np.zeros((1, len(cells), 3))
    else:
        expected, drawn = _expected(cells, n_prompts), _drawn(cells, seed)
    is_decided = cells["is_decided"].to_numpy()
    groups = (is_decided, ~is_decided, np.ones(len(cells), bool))
    rows = [_row(cells, is_own, expected, drawn) for is_own in groups]
    return pl.DataFrame(rows, schema_overrides=SCHEMA).insert_column(0, pl.Series("group", GROUPS, SCHEMA["group"]))


def expected_errors(rates: pl.DataFrame) -> pl.DataFrame:
    """Prompts that have n_rated, n_correct, region, is_decided, low and high in common: n_prompts, and n_wrong of them.

    `n_wrong` is the expected number in another region, as in `stated_error`; no rows with fewer than MIN_PROMPTS.
    """
    cells, n_prompts = _cells(rates)
    if n_prompts.sum() < MIN_PROMPTS:
        return cells.select(*CELL, "n_prompts", n_wrong=pl.lit(0.0)).clear()
    n_right = (_expected(cells, n_prompts) * _called(cells)).sum(axis=-1)
    return cells.select(*CELL, "n_prompts", n_wrong=pl.col("n_prompts") - pl.Series(n_right))


def _cells(rates: pl.DataFrame) -> tuple[pl.DataFrame, Floats]:
    """What prompts can have in common, with n_prompts, and the numbers of prompts in each fold (N_FOLDS, cells).

    A prompt's fold comes from its rank, so that rows may come in any order.
    """
    measured = rates.filter(pl.col("n_rated") > 0)
    fold = (pl.col("prompt_id").rank("dense") - 1) % N_FOLDS
    by_fold: list[Any] = [(pl.col("fold") == k).sum().alias(f"fold_{k}") for k in range(N_FOLDS)]
    cells = (
        measured.with_columns(pl.col("region").cast(pl.String), fold=fold)
        .group_by(CELL)
        .agg(pl.len().alias("n_prompts"), *by_fold)
        .sort(CELL)
    )
    return cells, cells.select("^fold_.*$").to_numpy().T.astype(float)


def _expected(cells: pl.DataFrame, n_prompts: Floats) -> Floats:
    """Expected numbers of prompts really below, in and above the band, for each cell: (cells, 3)."""
    priors = cross_fitted_priors(_counts(cells), n_prompts)
    found: Floats = (n_prompts[:, :, None] * _masses(priors, cells)).sum(axis=0)
    return found


def _drawn(cells: pl.DataFrame, seed: int) -> Floats:
    """Numbers of prompts really below, in and above the band, drawn N_DRAWS times: (N_DRAWS, cells, 3)."""
    masses = _masses(drawn_priors(_counts(cells), N_DRAWS, seed=seed), cells)
    masses /= masses.sum(axis=-1, keepdims=True)
    return np.random.default_rng(seed).multinomial(cells["n_prompts"].to_numpy(), masses).astype(float)


def _counts(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.select("n_prompts", n="n_rated", c="n_correct")


def _masses(priors: Prior, cells: pl.DataFrame) -> Floats:
    """Posterior masses of the regions for each cell under each prior: (priors, cells, 3)."""
    masses = np.empty((len(priors.weights), len(cells), 3))
    for low, high in cells.select("low", "high").unique().rows():
        own = ((cells["low"] == low) & (cells["high"] == high)).to_numpy()
        n, c = (cells[name].to_numpy()[own] for name in ("n_rated", "n_correct"))
        masses[:, own] = region_masses(priors, n, c, low=low, high=high)
    return masses


def _row(cells: pl.DataFrame, is_own: Bools, expected: Floats, drawn: Floats) -> dict[str, Any]:
    """Numbers and figures of the cells that belong to a group."""
    called = _called(cells)[is_own]
    sizes = cells["n_prompts"].to_numpy()[is_own]
    row: dict[str, Any] = {"n_prompts": int(sizes.sum()), "n_kept": int(sizes[called[:, IN_BAND]].sum())}
    told, spread = _shares(expected[is_own], called), _shares(drawn[:, is_own], called)
    for figure, share, shares in zip(FIGURES, told, spread.T, strict=True):
        row[figure], row[f"{figure}_low"], row[f"{figure}_high"] = _with_interval(share, shares)
    return row


def _called(cells: pl.DataFrame) -> Bools:
    """Whether a cell is called too hard, in the band, too easy: (cells, 3)."""
    return np.stack([(cells["region"] == region).to_numpy() for region in TELLING], axis=1)


def _shares(really: Floats, called: Bools) -> Floats:
    """The FIGURES, from prompts by what they really are (..., cells, 3) and what each cell is called (cells, 3)."""
    right = (really * called).sum(axis=-1)
    kept = called[:, IN_BAND]
    parts = (
        (right.sum(axis=-1), really.sum(axis=(-2, -1))),
        (right[..., kept].sum(axis=-1), really[..., kept, :].sum(axis=(-2, -1))),
        (right[..., kept].sum(axis=-1), really[..., IN_BAND].sum(axis=-1)),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = [np.where(whole < HALF_A_PROMPT, np.nan, 1 - good / whole) for good, whole in parts]
    return np.stack(shares, axis=-1).clip(0, 1)


def _with_interval(share: float, shares: Floats) -> tuple[float | None, float | None, float | None]:
    """The share and the ends of its interval, which holds it; null where a share is of nothing.

    The ends are shares that were drawn, since what lies between two of a few prompts' shares cannot be.
    """
    known = shares[np.isfinite(shares)]
    if not np.isfinite(share) or not known.size:
        return None, None, None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, tail, method="lower"), np.quantile(known, 1 - tail, method="higher")
    return float(share), float(min(low, share)), float(max(high, share))
