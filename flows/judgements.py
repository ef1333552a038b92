"""Judgements as steps: what is asked of the model of the role `judge`, where a recipe has one."""

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from flows.row_wise import Step, Wanted, generate_owed
from pipeline.judging import JUDGE, Judging, wanted_known, wanted_votes
from pipeline.resolve import Resolved
from pipeline.spending import Spending
from pipeline.store import Run
from schemas.tables import Prompts, Rollouts, Verdicts


def judgements_owed(run: Run, resolved: Resolved, spending: Spending) -> Iterator[Step]:
    """Judgements that verdicts rest on."""
    if JUDGE in resolved.models:
        yield from _asked(run, resolved, Wanted(resolved.models[JUDGE], "judgements", _votes(run, resolved)), spending)


def known_judgements_owed(run: Run, resolved: Resolved, spending: Spending) -> Iterator[Step]:
    """Judgements of answers that a rule has judged, from which the judge's own error rate is known."""
    if JUDGE in resolved.models:
        known = Wanted(resolved.models[JUDGE], "known judgements", _known(run, resolved))
        yield from _asked(run, resolved, known, spending)


def wanted_judgements(run: Run, resolved: Resolved) -> list[pl.DataFrame]:
    """All judgements that the recipe wants, judging by the tables as they are now."""
    return [_votes(run, resolved), _known(run, resolved)] if JUDGE in resolved.models else []


def _asked(run: Run, resolved: Resolved, wanted: Wanted, spending: Spending) -> Iterator[Step]:
    judged = wanted.samples.select(rollout_id="parent_id")
    texts = run.read(Rollouts).join(judged, on="rollout_id", how="semi").select("rollout_id", "text")
    words = Judging(resolved.verifier_settings(JUDGE).rubric, dict(texts.rows()))
    yield from generate_owed(run, resolved, replace(wanted, judging=words), spending)


def _votes(run: Run, resolved: Resolved) -> pl.DataFrame:
    votes = resolved.verifier_settings(JUDGE).votes
    return wanted_votes(run.read(Prompts), run.read(Rollouts), resolved.models[JUDGE].generator_id, votes)


def _known(run: Run, resolved: Resolved) -> pl.DataFrame:
    settings, judge = resolved.verifier_settings(JUDGE), resolved.models[JUDGE].generator_id
    return wanted_known(run.read(Rollouts), run.read(Verdicts), judge, settings.votes, settings.known)
