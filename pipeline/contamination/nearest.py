"""The rule `embedding`: the benchmark row whose embedding is nearest to ours, and where there is a judge what it says.

Covers rephrased and translated problems, as far as the embedding model knows them. Does not cover problems that differ
in a number only: their embeddings are near, and only a judge tells them apart.
"""

import logging
from collections import Counter
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.embeddings import nearest, neighbours, open_embedder
from schemas.recipe import Decontaminate

MOST_READ = 16
"""Pairs of one row that a judge reads, the nearest first; one row may be near a whole benchmark of one template."""

UNREAD = "unread"
"""What becomes of the pairs beyond; the row stays contaminated."""


class Nearest(NamedTuple):
    """For each row the number of a benchmark row (-1: none), the cosine to it and whether the row is contaminated."""

    other: np.ndarray
    cosine: np.ndarray
    contaminated: np.ndarray


def nearest_rows(rows: pl.DataFrame, benchmarks: pl.DataFrame, config: Decontaminate) -> pl.DataFrame:
    """One row a row: id, benchmark, benchmark_row, score and contaminated.

    `rows` has id and text, `benchmarks` benchmark, benchmark_row and text, all without nulls. The score is the cosine
    to the nearest benchmark row, the first of equals, to five decimals; 0 and no benchmark where there is none, as for
    a text that is empty. It is contaminated from `config.cosine` on, unless `config.judge` says of every such pair
    that the two are different problems; the row that is named is then the nearest of which it does not.

    Raises RecipeError and BackendError as the embedder and the judge do.
    """
    ours, theirs = rows["text"].to_list(), benchmarks["text"].to_list()
    embedded = open_embedder(config.embedder).embed([*ours, *theirs])
    a, b = embedded[: len(ours)], embedded[len(ours) :]
    index, cosine = nearest(a, b)
    found = Nearest(index, cosine, cosine >= config.cosine)
    if config.judge and found.contaminated.any():
        found = _judged(found, neighbours(a[found.contaminated], b, config.cosine), (ours, theirs), config.judge)
    place = pl.Series(found.other).replace(-1, None)
    return rows.select(
        "id",
        benchmark=benchmarks["benchmark"].gather(place),
        benchmark_row=benchmarks["benchmark_row"].gather(place),
        score=pl.Series(found.cosine),
        contaminated=pl.Series(found.contaminated),
    )


def _judged(
    found: Nearest,
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
    texts: tuple[list[str], list[str]],
    judge: str,
) -> Nearest:
    """What is left when a judge has read the pairs; their rows are counted among those that are contaminated."""
    from pipeline.contamination.same_problem import DIFFERENT, same_problems

    ours, theirs = texts
    order = np.lexsort((pairs[1], -pairs[2], pairs[0]))
    i, j, cosine = (part[order] for part in pairs)
    is_read = np.arange(len(i)) - np.searchsorted(i, i) < MOST_READ
    i = np.flatnonzero(found.contaminated)[i]
    said = same_problems([(ours[row], theirs[other]) for row, other in zip(i[is_read], j[is_read], strict=True)], judge)
    verdicts = np.full(len(i), UNREAD, dtype=object)
    verdicts[is_read] = said
    _tell(Counter(verdicts.tolist()))
    stays = np.flatnonzero(verdicts != DIFFERENT)
    row, first = np.unique(i[stays], return_index=True)
    contaminated = np.zeros(len(found.other), bool)
    contaminated[row] = True
    found.other[row], found.cosine[row] = j[stays[first]], cosine[stays[first]]
    return found._replace(contaminated=contaminated)


def _tell(counts: Counter[str]) -> None:
    """Say what the judge made of the pairs, and which stay contaminated because it did not."""
    said = ", ".join(f"{n:,} {verdict}" for verdict, n in sorted(counts.items()))
    level = logging.WARNING if counts[UNREAD] or counts["unreadable"] else logging.INFO
    logging.getLogger(__name__).log(level, "pairs that the judge read: %s (only `different` clears one)", said)
