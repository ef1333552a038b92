"""How far people agree on one question: the coefficients of its scale, and how to read them."""

from typing import Any

import polars as pl

from annotation.agreement.gwet import gwet_ac1
from annotation.agreement.krippendorff import Patterns, alpha_interval, alpha_of, patterns_of, share_equal
from annotation.agreement.rankings import rank_correlation, ranking_agreement
from annotation.agreement.scales import NONE

FIRM, TENTATIVE = 0.8, 0.667
"""Krippendorff 2004, section 11.4: conclusions may be drawn from .800; tentative ones from .667."""

READINGS = ("firm", "tentative", "revise guidelines", "undefined")

SURE_ITEMS = 50
"""On fewer items no interval is trusted to bear out a reading."""

COEFFICIENTS = (
    "n_paired", "alpha", "ci_low", "ci_high", "agreement", "gwet_ac1", "kendall_w", "kendall_p", "rank_correlation",
)  # fmt: skip


def measured(people: pl.DataFrame, scale: str, confidence: float, n_resamples: int) -> dict[str, Any]:
    """COEFFICIENTS of the answers of people to one question (item, label, number), with reading, is_sure and note.

    Those that do not apply to the scale, or are undefined, are None; `note` then says why.
    """
    if scale == NONE or people.is_empty():
        why = "free text or lists: no coefficient, adjudicate" if scale == NONE else "no answers of people"
        found: dict[str, Any] = {"note": why}
    elif scale == "ranking":
        found = _of_rankings(people, confidence, n_resamples)
    else:
        found = _of_values(people, scale, confidence, n_resamples)
    row = dict.fromkeys(COEFFICIENTS) | {"n_paired": 0} | found
    value = row["rank_correlation" if scale == "ranking" else "alpha"]
    return row | {"reading": reading(value), "is_sure": _is_sure(value, row)}


def coefficient(people: pl.DataFrame, scale: str) -> float | None:
    """What is read: alpha, or the mean rank correlation of rankings; None where undefined."""
    if scale == NONE:
        return None
    return rank_correlation(people) if scale == "ranking" else alpha_of(_patterns(people, scale))


def reading(value: float | None) -> str:
    """One of READINGS.

    >>> reading(0.8), reading(0.7), reading(0.1), reading(None)
    ('firm', 'tentative', 'revise guidelines', 'undefined')
    """
    if value is None:
        return READINGS[3]
    return READINGS[0 if value >= FIRM else 1 if value >= TENTATIVE else 2]


def _of_values(people: pl.DataFrame, scale: str, confidence: float, n_resamples: int) -> dict[str, Any]:
    patterns = _patterns(people, scale)
    alpha, n_paired = alpha_of(patterns), int(patterns.n_items.sum())
    low, high = alpha_interval(patterns, confidence, n_resamples)
    note = None
    if alpha is None:
        note = "all answers are equal: nothing to tell apart" if n_paired else "no item has two answers"
    elif low is None:
        note = "too few items differ for an interval"
    is_nominal = scale == "nominal"
    return {
        "n_paired": n_paired,
        "alpha": alpha,
        "ci_low": low,
        "ci_high": high,
        "agreement": share_equal(patterns),
        "gwet_ac1": gwet_ac1(people["item"].to_list(), people["label"].to_list()) if is_nominal else None,
        "note": note,
    }


def _of_rankings(people: pl.DataFrame, confidence: float, n_resamples: int) -> dict[str, Any]:
    found = ranking_agreement(people, confidence, n_resamples)
    note = None if found.n_paired else "no item has two complete rankings"
    if note is None and found.n_incomplete:
        note = f"{found.n_incomplete} rankings leave things out, and are not used"
    return {
        "n_paired": found.n_paired,
        "ci_low": found.interval.low,
        "ci_high": found.interval.high,
        "kendall_w": found.kendall_w,
        "kendall_p": found.kendall_p,
        "rank_correlation": found.rank_correlation,
        "note": note,
    }


def _patterns(people: pl.DataFrame, scale: str) -> Patterns:
    items = people["item"].to_list()
    if scale == "nominal":
        return patterns_of(items, people["label"].to_list(), "nominal")
    return patterns_of(items, people["number"].to_list(), "ordinal" if scale == "ordinal" else "interval")


def _is_sure(value: float | None, row: dict[str, Any]) -> bool | None:
    """Whether both ends of the interval have the same reading as the value, on SURE_ITEMS items or more."""
    if value is None:
        return None
    ends = {reading(row["ci_low"]), reading(row["ci_high"])}
    return ends == {reading(value)} and row["n_paired"] >= SURE_ITEMS
