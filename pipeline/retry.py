"""Owe failed rows again: they are set aside, never deleted, and the next run works them off like new ones."""

import polars as pl

from pipeline.store import Run, set_aside
from pipeline.verifiers import NOT_RUN, TIMEOUT, VERIFIER_ERROR
from schemas.errors import InputError
from schemas.tables import Rollouts, Verdicts

FAILED_VERDICTS = (VERIFIER_ERROR, TIMEOUT)
RETRIED = ("rollouts", "verdicts")


def retry(run: Run, table: str) -> int:
    """Set the failed rows of `rollouts` or `verdicts` aside; returns how many are owed again.

    A rollout failed where it has an error_kind (a sample that was never produced did not fail); its verdict goes with
    it. A verdict failed where the verifier did.
    """
    if table not in RETRIED:
        raise InputError(f"retry {table}: only row-wise tables can be retried: {', '.join(RETRIED)}")
    verdicts = run.read(Verdicts)
    if table == "verdicts":
        return set_aside(run, Verdicts, verdicts.filter(pl.col("reason").is_in(FAILED_VERDICTS)))
    failed = run.read(Rollouts).filter(pl.col("error_kind") != NOT_RUN)
    # Verdicts first: a crash in between leaves rollouts without a verdict, which are simply owed one.
    set_aside(run, Verdicts, verdicts.join(failed, on="rollout_id", how="semi"))
    return set_aside(run, Rollouts, failed)
