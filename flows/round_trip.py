"""The verbs `annotate push`, `pull` and `status`: what people are asked, what they say, how well they agree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from flows.annotate import annotate

if TYPE_CHECKING:
    from annotation.standing import Standing
    from pipeline.store import Run
    from schemas.recipe import Recipe

run_option = click.option("--run", "run_url", metavar="DIR", required=True, help="Run folder: a path or fsspec URL.")
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="A.B=C",
    help="Override a setting of [annotate] for this command, such as annotate.records=200.",
)


@annotate.command()
@run_option
@set_option
def push(run_url: str, overrides: tuple[str, ...]) -> None:
    """Choose the plans that people are asked about, and send them.

    Sends what the server does not have yet: the same command finishes a push that was cut off, and adds what a larger
    annotate.records allows or what waits for the adjudicator. A record that the server refuses is named; the others go.
    """
    from annotation.round_trip import push as push_run
    from flows.console import say
    from schemas.errors import BackendError

    with _of_run(run_url, overrides) as (run, recipe):
        report = push_run(run, recipe, _counting())
    for line in report.lines():
        say(line)
    if report.refused:
        raise BackendError(report.refusals())


@annotate.command()
@run_option
@set_option
def pull(run_url: str, overrides: tuple[str, ...]) -> None:
    """Fetch what people have answered.

    Each answer is a row of `annotations`, and a change of it the next version. Plans about which people disagree are
    queued for the adjudicator: `annotate push` sends them.
    """
    from annotation.round_trip import pull as pull_run
    from annotation.standing import standing
    from flows.console import say

    with _of_run(run_url, overrides) as (run, recipe):
        report = pull_run(run, recipe)
        stands = standing(run, recipe.annotate)
    for line in [*report.lines(), *_standing_lines(stands, run_url)]:
        say(line)


@annotate.command()
@run_option
@set_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, for machines.")
def status(run_url: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """What was asked and decided, and how far people agree.

    As of the last `annotate pull`; the server is not asked.
    """
    from annotation.standing import standing
    from flows.agreement import tell
    from flows.console import say, show_frame
    from pipeline.store import open_run

    run = open_run(run_url)
    stands = standing(run, _overridden(run, overrides).annotate)
    for line in _standing_lines(stands, run_url):
        say(line, err=as_json)
    if as_json:
        show_frame(stands.agreement, as_json=True)
    else:
        tell(stands.agreement)


def _counting() -> Callable[[int], None]:
    """Say after each batch how many records are done: of thousands, a server takes about a hundred a second."""
    from flows.console import say

    n_done = 0

    def count(n: int) -> None:
        nonlocal n_done
        n_done += n
        if n:
            say(f"records done: {n_done:,}", err=True)

    return count


def _standing_lines(stands: "Standing", run_url: str) -> list[str]:
    """What was asked and how plans were decided, and what to do next."""
    decided = ", ".join(f"{n:,} {how}" for how, n in stands.decided.items() if how != "open") or "none"
    lines = [f"asked: {stands.n_asked:,} records; plans decided: {decided}; open: {stands.n_open:,}"]
    if stands.n_for_adjudicator:
        lines.append(f"{stands.n_for_adjudicator:,} of the open ones wait for the adjudicator")
    if stands.is_done:
        lines.append(f"all is decided: `coldstart run RECIPE --run {run_url}` tries edited plans and exports the rest")
    return lines


@contextmanager
def _of_run(run_url: str, overrides: tuple[str, ...]) -> "Iterator[tuple[Run, Recipe]]":
    """A run that this process has locked, and its recipe with what is overridden."""
    from pipeline.lock import locked
    from pipeline.store import open_run

    run = open_run(run_url)
    recipe = _overridden(run, overrides)
    with locked(run) as mine:
        yield mine, recipe


def _overridden(run: "Run", overrides: tuple[str, ...]) -> "Recipe":
    """The recipe of a run with other settings of [annotate]; RecipeError where others are named, or one is wrong."""
    from flows.run_folder import stored
    from schemas.errors import RecipeError

    if others := [override for override in overrides if not override.strip().startswith("annotate.")]:
        raise RecipeError(f"--set {others[0]}: wanted a setting of [annotate], such as annotate.records=200")
    return stored(run, overrides)
