"""How far a verifier agrees with labels, or with another verifier: agreement and Cohen's kappa, with intervals.

Both come from the confusion counts that the table `audits` holds: its `kind` is the verdict of the reference, and its
counts are those of the verifier. `undecided` is a verdict like the others, so that an undecided answer agrees with no
label.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from pipeline.error_rates import LABEL, OTHER_VERIFIER
from pipeline.intervals import Z_95, wilson_interval
from schemas.tables import OUTCOMES

COMPARED = ("source", "verifier", "verifier_version", "compared_with")
RESULT: dict[str, Any] = {
    **dict.fromkeys(COMPARED, pl.String), "n": pl.Int64,
    **dict.fromkeys(("agreement", "ci_low", "ci_high", "kappa", "kappa_low", "kappa_high"), pl.Float64),
}  # fmt: skip
"""Columns of `agreement`."""

DECIMALS = 6
"""Kappa is rounded to so many places."""


class Kappa(NamedTuple):
    """Cohen's kappa and the ends of its interval; all None where it is not defined."""

    kappa: float | None
    low: float | None
    high: float | None


def agreement(audits: pl.DataFrame) -> pl.DataFrame:
    """One row a source, verifier and what it was compared with: `labels`, or the name of another verifier.

    n answers, the share of them with equal verdicts with its Wilson interval, and kappa with its own; all at 95 %.
    Kappa is null where both sides gave one and the same verdict to everything.
    """
    is_label = pl.col("against") == LABEL
    other, verdict = (pl.col("kind").str.extract(pattern) for pattern in ("^(.*):", "([^:]*)$"))
    compared = audits.with_columns(pl.col("against").cast(pl.String)).filter(
        is_label | (pl.col("against") == OTHER_VERIFIER)
    )
    named = compared.with_columns(
        compared_with=pl.when(is_label).then(pl.lit("labels")).otherwise(other), verdict=verdict
    )
    rows = [
        dict(zip(COMPARED, key, strict=True)) | _measures(group)
        for key, group in named.group_by(COMPARED, maintain_order=True)
    ]
    low, high = wilson_interval(pl.col("n_equal"), pl.col("n"))
    schema = {**RESULT, "n_equal": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(agreement=pl.col("n_equal") / pl.col("n"), ci_low=low, ci_high=high).select(list(RESULT))


def _measures(group: pl.DataFrame) -> dict[str, Any]:
    matrix = np.zeros((len(OUTCOMES), len(OUTCOMES)))
    for row in group.iter_rows(named=True):
        matrix[OUTCOMES.index(row["verdict"])] = [row[f"n_{outcome}"] for outcome in OUTCOMES]
    kappa, low, high = cohens_kappa(matrix)
    n_equal, n = int(np.trace(matrix)), int(matrix.sum())
    return {"n": n, "n_equal": n_equal, "kappa": kappa, "kappa_low": low, "kappa_high": high}


def cohens_kappa(matrix: ArrayLike) -> Kappa:
    """Cohen's kappa of a square matrix of confusion counts, with its large-sample interval at 95 %, within [-1, 1].

    None where it is undefined: no counts, or both sides always say one and the same. The interval has no width where
    all agree; the Wilson interval of the agreement then says how much that means. Source: Fleiss, Cohen and Everitt,
    1969, equation 13.

    >>> [round(value, 3) for value in cohens_kappa([[88, 10, 2], [14, 40, 6], [18, 10, 12]])]
    [0.492, 0.392, 0.591]
    """
    counts = np.asarray(matrix, float)
    n = counts.sum()
    if not n:
        return Kappa(None, None, None)
    p = counts / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed, chance = float(np.trace(p)), float(rows @ columns)
    if math.isclose(chance, 1):
        return Kappa(None, None, None)
    kappa = (observed - chance) / (1 - chance)
    diagonal = np.diag(p) * (1 - (rows + columns) * (1 - kappa)) ** 2
    other = p * (columns[:, None] + rows[None, :]) ** 2
    spread = diagonal.sum() + (1 - kappa) ** 2 * (other.sum() - np.diag(other).sum())
    variance = max(0.0, float(spread) - (kappa - chance * (1 - kappa)) ** 2) / (n * (1 - chance) ** 2)
    reach = Z_95 * math.sqrt(variance)
    low, high = max(-1.0, kappa - reach), min(1.0, kappa + reach)
    # A variance of 0 comes out as 1e-16, and -0.0 is no number to show.
    return Kappa(*(round(value, DECIMALS) + 0.0 for value in (kappa, low, high)))
