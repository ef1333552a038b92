"""A run folder as a flow finds it: its recipe, and its lock, which another process may hold just now."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pydantic import ValidationError

from flows.reports import recipe_of
from pipeline.bound import RECIPE_FILE
from pipeline.lease import describe_holder
from pipeline.lock import holder, is_stale, locked
from pipeline.store import Run
from schemas.errors import StoreError
from schemas.recipe import Recipe
from schemas.recipe_file import Origin, overridden

PATIENCE_S = 600.0
POLL_S = 2.0


def stored(run: Run, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a run as the last command left it, with `a.b=value` overrides; StoreError where there is no run.

    RecipeError where a setting is wrong: one that is overridden, or one that another version of Coldstart wrote.
    """
    document = overridden(recipe_of(run)["recipe"], overrides)
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise Origin(run.location(RECIPE_FILE), overrides=tuple(overrides)).error(error, Recipe) from None


@contextmanager
def lock_or_none(run: Run) -> Iterator[Run | None]:
    """Hold the run's lock; None where another process has it."""
    with ExitStack() as held:
        yield _taken(run, held)


@contextmanager
def lock_awaited(run: Run, patience_s: float = PATIENCE_S) -> Iterator[Run]:
    """Hold the run's lock, for which others are waited for so long; StoreError names who has it then."""
    deadline = time.monotonic() + patience_s
    with ExitStack() as held:
        while not (mine := _taken(run, held)):
            if time.monotonic() > deadline:
                raise StoreError(f"{run.url} is locked: {held_by(run)}; retry when that is done")
            time.sleep(POLL_S * random.uniform(0.5, 1.5))
        yield mine


def held_by(run: Run) -> str:
    """Who works on a run now, in words; empty where nobody does."""
    lock = holder(run)
    return "" if lock is None or is_stale(lock) else describe_holder(lock)


def _taken(run: Run, held: ExitStack) -> Run | None:
    """The run with its lock, which `held` releases; None where another process has it."""
    for is_last in (False, True):
        try:
            return held.enter_context(locked(run))
        except StoreError:
            if held_by(run):
                return None
            if is_last:  # it was not released between the two looks: something else is wrong
                raise
    return None
