"""What is found of contamination: by a rule in some texts, and in words."""

from typing import NamedTuple

import numpy as np
import polars as pl


class Hits(NamedTuple):
    """What a rule found in some texts: pairs of a text and a benchmark row, and which texts it could judge."""

    text: np.ndarray  # int64, place among the texts
    row: np.ndarray  # int64, place in the benchmarks
    score: np.ndarray  # float64, in [0, 1]
    is_judged: np.ndarray  # bool [texts]


def hits(found: pl.DataFrame, id: str) -> dict[str, str]:
    """Value of the column `id` -> what the rules hit, of rows of `prompt_contamination` or `output_contamination`.

    Only what is contaminated has an entry.

    >>> row = {"id": "a", "rule": "ngram_8", "contaminated": True, "benchmark": "gsm8k", "benchmark_row": "7"}
    >>> hits(pl.DataFrame([row, row | {"rule": "numbers"}]), "id")
    {'a': 'gsm8k row 7 by ngram_8, numbers'}
    """
    hit = found.filter("contaminated").sort(id, "benchmark", "benchmark_row", "rule")
    by_row = hit.group_by(id, "benchmark", "benchmark_row", maintain_order=True).agg(pl.col("rule").str.join(", "))
    said = pl.format("{} row {} by {}", "benchmark", "benchmark_row", "rule").str.join("; ")
    return dict(by_row.group_by(id, maintain_order=True).agg(said).rows())
