"""The steps of plans: written, tried, scored, and decided on by people; and which plans and traces are used.

What people answered since the last time comes in here: by `plans` (their edits, which are tried as any plan is) and by
`adjudicate`.
"""

from collections.abc import Iterator
from typing import Literal

import polars as pl

from annotation import adjudicate
from flows.console import say
from flows.decontamination import outputs_decontaminated
from flows.row_wise import Step, Wanted, batch, generate_owed
from flows.verdicts import verdicts_owed
from pipeline import choices, leaks, planning, plans, rate, score
from pipeline.pass_rates.stopping import Rule
from pipeline.resolve import RECORDED, Model, Resolved
from pipeline.spending import Spending
from pipeline.store import Run
from schemas.recipe import Recipe
from schemas.tables import Bands, Choices, Plans, Prompts, Queue, Rollouts, Verdicts


def wanted_of_plans(run: Run, resolved: Resolved) -> list[pl.DataFrame]:
    """Every sample that is wanted of plans, judging by the tables as they are now."""
    if resolved.tries_plans():
        return [_wanted_strategies(run, resolved), _wanted_plans(run, resolved), _wanted_trials(run, resolved)]
    planner = resolved.models.get("planner")
    return [_wanted_recorded_plans(run, planner)] if planner else []


def recorded_plans(run: Run, resolved: Resolved, spending: Spending) -> Iterator[Step]:
    """Plans that were recorded with the responses; without a planner, none."""
    if planner := resolved.models.get("planner"):
        wanted = Wanted(planner, "plans", _wanted_recorded_plans(run, planner))
        yield from generate_owed(run, resolved, wanted, spending)
    yield batch(run, plans, plans.Config(recorded=planner is not None))
    yield from _adjudicated(run, resolved.recipe)


def _wanted_recorded_plans(run: Run, planner: Model) -> pl.DataFrame:
    tables = run.read(Bands), run.read(Rollouts), run.read(Verdicts)
    return planning.wanted_recorded_plans(*tables, planner.generator_id)


def tried_plans(run: Run, resolved: Resolved, rule: Rule, spending: Spending) -> Iterator[Step]:
    """Strategies, plans and their trials for the prompts that are kept, and what the results say of each plan."""
    recipe, planner, executor = resolved.recipe, resolved.models["planner"], resolved.executor()
    strategies = Wanted(planner, "strategies", _wanted_strategies(run, resolved))
    yield from generate_owed(run, resolved, strategies, spending)
    yield from generate_owed(run, resolved, Wanted(planner, "plans", _wanted_plans(run, resolved)), spending)
    yield batch(run, plans, plans.Config(recorded=planner.kind == RECORDED))
    yield from chosen(run, recipe, "execute")
    yield from generate_owed(run, resolved, Wanted(executor, "trials", _wanted_trials(run, resolved)), spending)
    yield from verdicts_owed(run, resolved, spending)
    yield batch(run, rate, rule)
    n_tokens = recipe.keep.guess_tokens
    scoring = score.Config(executor=executor.generator_id, confidence=recipe.plans.confidence, guess_tokens=n_tokens)
    yield batch(run, score, scoring)
    if note := leaks.told(run.read(Rollouts), executor.generator_id, n_tokens):
        say(note, err=True)
    yield from _adjudicated(run, recipe)


def _wanted_strategies(run: Run, resolved: Resolved) -> pl.DataFrame:
    """None of a recording: it holds plans."""
    planner = resolved.models["planner"]
    is_listing = resolved.recipe.plans.strategies and planner.kind != RECORDED
    banded = run.read(Bands)
    return planning.wanted_strategies(banded if is_listing else banded.clear(), planner.generator_id)


def _wanted_plans(run: Run, resolved: Resolved) -> pl.DataFrame:
    planner, n = resolved.models["planner"].generator_id, resolved.recipe.plans.n
    return planning.wanted_plans(run.read(Bands), run.read(Rollouts), planner, n)


def _wanted_trials(run: Run, resolved: Resolved) -> pl.DataFrame:
    """A recording holds no guesses, so that its plans have no leak test."""
    tables, executor = (run.read(Prompts), run.read(Plans), run.read(Choices)), resolved.executor()
    settings = resolved.recipe.plans
    if executor.kind == RECORDED:
        settings = settings.model_copy(update={"leak_test": "none"})
    return planning.wanted_trials(*tables, executor.generator_id, settings)


def chosen(run: Run, recipe: Recipe, arm: Literal["solve", "execute"]) -> Iterator[Step]:
    """Which traces and plans are used."""
    yield from outputs_decontaminated(run, recipe, arm)
    settings = recipe.choose.model_dump() | {"annotated_only": recipe.assemble.annotated_only}
    yield batch(run, choices, choices.Config(arm=arm, plans=recipe.plans, **settings))


def _adjudicated(run: Run, recipe: Recipe) -> Iterator[Step]:
    """What people decided; nothing on a run where nobody was asked."""
    if run.keys(Queue).height:
        yield batch(run, adjudicate, adjudicate.Config(min_submitted=recipe.annotate.min_submitted))
