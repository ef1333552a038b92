"""Reuse: rollouts that other runs have paid for are taken where they are the very samples that are owed.

A rollout_id is a hash of the prompt, what was asked, the model with its template and settings, and the number of the
sample, so the same id is the same sample. Only answers and guesses without a plan are taken: what else a request shows,
such as the strategy of a plan or an answer to be judged, is in no id. Verdicts are made anew, by today's verifiers.
"""

import logging
from collections.abc import Iterator, Sequence

import polars as pl

from pipeline.spending import COUNTS, Spending
from pipeline.store import Provenance, Run, append, open_run
from schemas.ids import NONE
from schemas.tables import Rollouts

ARMS = ("solve", "guess")

_log = logging.getLogger(__name__)


def found(urls: Sequence[str], owed: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Of the samples that are owed those that other runs have: (run, column rollout_id), each sample once.

    Samples that failed are not taken: they are asked for again.
    """
    left = owed.filter(pl.col("arm").cast(pl.String).is_in(ARMS)).select("rollout_id")
    for url in urls:
        if left.is_empty():
            return
        rollouts = open_run(url).keys(Rollouts, "error_kind", "plan_id")
        there = rollouts.filter(pl.col("error_kind").is_null(), plan_id=NONE)
        here = left.join(there, on="rollout_id", how="semi")
        left = left.join(here, on="rollout_id", how="anti")
        if here.height:
            yield url, here


def take(run: Run, owed: pl.DataFrame, urls: Sequence[str], role: str, spending: Spending) -> int:
    """Publish what other runs have of the samples that are owed, in the role that is asked here; returns how many.

    They count towards the budget as if this run had asked for them, now and in later commands.
    """
    n = 0
    for url, ids in found(urls, owed):
        rollouts = open_run(url).read(Rollouts).join(ids, on="rollout_id", how="semi")
        append(run, Rollouts, rollouts.with_columns(role=pl.lit(role, rollouts.schema["role"])), Provenance(__name__))
        spending.reused(rollouts.select(COUNTS))
        _log.info("took %s rollouts from %s", f"{ids.height:,}", url)
        n += ids.height
    return n
