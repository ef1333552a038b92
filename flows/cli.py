"""The command line: every verb is a thin layer over a Python function, and is imported only when it is called."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.agreement import agreement
from flows.audit import audit
from flows.console import show_notices
from flows.decontaminate import decontaminate
from flows.dedup import dedup
from flows.endings import end_with
from flows.file_verbs import verify
from flows.generate import generate
from flows.plan_sampling import plan_sampling
from flows.rate import rate
from flows.report import report
from flows.round_trip import annotate
from flows.serve import serve

if TYPE_CHECKING:
    from pipeline.store import Run

RECIPES = Path(__file__).resolve().parent / "recipes"
MODELS = RECIPES.parents[1] / "data" / "models"
PILOT = 16
"""Prompts that a dry run tries out where nothing else is said."""

run_option = click.option("--run", "run_url", metavar="DIR", required=True, help="Run folder: a path or fsspec URL.")
json_option = click.option("--json", "as_json", is_flag=True, help="A JSON object a line, for machines.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="coldstart")
def cli() -> None:
    """Make cold-start SFT data for planning.

    Exit codes: 0 done, 1 the run failed, 2 the input is wrong, 3 stopped with work owed.
    """


for verb in (annotate, serve, generate, report, verify, audit, rate, plan_sampling, dedup, decontaminate, agreement):
    cli.add_command(verb)


@cli.command()
@click.option("--run", "run_url", metavar="DIR", default="data/runs/demo", show_default=True, help="Run folder.")
def demo(run_url: str) -> None:
    """Curate puzzles with the embedded model, and show them."""
    from flows.demo import show_examples
    from pipeline.store import open_run

    _run(RECIPES / "demo.toml", [f"data={MODELS}"], run_url)
    show_examples(open_run(run_url))


@cli.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override a setting of the recipe.")
@click.option("--run", "run_url", metavar="DIR", help="Run folder [default: data/runs/NAME].")
@click.option("--limit", type=click.IntRange(min=1), help="Sample only this many prompts, then stop (exit code 3).")
@click.option(
    "--dry-run", is_flag=True, help="Write nothing; say which rollouts, tokens and time to expect of each stage."
)
@click.option(
    "--pilot",
    type=click.IntRange(min=0),
    help=f"Prompts that a dry run tries out; 0 asks no model.  [default: {PILOT}]",
)
@json_option
def run(
    recipe: Path,
    overrides: tuple[str, ...],
    run_url: str | None,
    limit: int | None,
    dry_run: bool,
    pilot: int | None,
    as_json: bool,
) -> None:
    """Run a recipe, or go on with it.

    Collect, screen, sample, verify, rate, plan, choose, assemble, export. After a kill the same command goes on.
    """
    if pilot is not None and not dry_run:
        raise click.UsageError("--pilot is how many prompts --dry-run tries out; give both or neither")
    if dry_run:
        _dry_run(recipe, list(overrides), run_url, limit, PILOT if pilot is None else pilot, as_json=as_json)
    else:
        from flows.console import say

        to = _run(recipe, list(overrides), run_url, limit, as_json=as_json)
        say(f"data set: {to}", err=as_json)


@cli.command()
@run_option
@json_option
def status(run_url: str, as_json: bool) -> None:
    """Tables and rows of a run, what goes on, and what was spent.

    `in_journal` counts rows that are finished and not yet published; `state` is sealed once no more are due. While
    samples are generated: those paid for by this command, reused from before, failed, in flight, and tokens.
    """
    from flows.console import say, show_frame
    from flows.reports import cost_line, generating_frame, lock_line, status_frame

    run = _existing(run_url)
    show_frame(status_frame(run), as_json=as_json)
    generating = generating_frame(run)
    if generating.height:
        say(err=as_json)
        show_frame(generating, as_json=as_json)
    say(f"\n{cost_line(run)}", err=as_json)
    say(lock_line(run), err=True)


@cli.command()
@run_option
@json_option
def funnel(run_url: str, as_json: bool) -> None:
    """How many rows each stage left, and why the others went.

    Rollouts are those sampled to measure pass rates; trials of plans are counted by their plans.
    """
    from flows.console import show_funnel

    show_funnel(_existing(run_url), as_json=as_json)


@cli.command()
@run_option
@json_option
def check(run_url: str, as_json: bool) -> None:
    """Test what a run claims: keys, counts, decisions.

    Exit code 1 where a claim is broken.
    """
    from flows.console import say, show_frame
    from flows.reports import claims_line
    from pipeline.checks import check as check_run

    claims = check_run(_existing(run_url))
    broken = claims.filter(claims["n_broken"] > 0)
    if as_json or broken.height:
        show_frame(claims if as_json else broken, as_json=as_json)
    say(claims_line(claims), err=True)
    if broken.height:
        sys.exit(1)


@cli.command()
@click.argument("id")
@run_option
@json_option
def why(id: str, run_url: str, as_json: bool) -> None:
    """Why a prompt, rollout or plan was exported or left out.

    ID is an id or its first characters; `coldstart sql "from fates"` lists them.
    """
    from flows.console import show_frame
    from flows.reports import why_frame

    show_frame(why_frame(_existing(run_url), id), as_json=as_json)


@cli.command()
@click.argument("id")
@run_option
def show(id: str, run_url: str) -> None:
    """Everything about a prompt, rollout, plan or example.

    ID is an id or its first characters; `coldstart sql "from fates"` lists them.
    """
    from flows.console import say
    from flows.reports import describe

    say(describe(_existing(run_url), id))


@cli.command()
@click.argument("query")
@run_option
@json_option
def sql(query: str, run_url: str, as_json: bool) -> None:
    """Query the tables of a run with SQL, read-only.

    Every table is a view, and so is `fates`; `coldstart sql "show tables"` lists them.
    """
    from flows.console import show_frame
    from pipeline.query import query as run_query

    show_frame(run_query(_existing(run_url), query), as_json=as_json)


@cli.command()
@click.argument("table")
@run_option
def retry(table: str, run_url: str) -> None:
    """Set failed rows aside: the next run owes them again.

    TABLE is rollouts or verdicts.
    """
    from flows.console import say
    from pipeline.lock import locked
    from pipeline.retry import retry as set_failed_aside

    with locked(_existing(run_url)) as run:
        n = set_failed_aside(run, table)
    told = f"{n} failed rows of {table} went to set_aside/ and are owed again: run the recipe to fill them"
    say(told if n else f"no failed rows in {table}: nothing is owed again")


@cli.command()
@run_option
@click.option("--format", "format_", default="sft", show_default=True, help="Exporter, such as sft.")
@click.option("--to", required=True, metavar="DIR", help="Folder or URL to write the data set to.")
def export(run_url: str, format_: str, to: str) -> None:
    """Write a run's examples as a data set that trainers load."""
    from flows.console import say
    from flows.reports import recipe_of
    from flows.steps import export_examples
    from schemas.recipe import Export

    run = _existing(run_url)
    settings = recipe_of(run)["recipe"]["export"]
    own = settings if settings["format"] == format_ else {}
    say(export_examples(run, Export.model_validate(own | {"format": format_, "to": to})))


def _resolved(recipe: Path, overrides: list[str]) -> Any:
    from pipeline.resolve import resolve
    from schemas.recipe_file import load_recipe

    return resolve(*load_recipe(recipe, overrides))


def _run(
    recipe: Path, overrides: list[str], run_url: str | None, limit: int | None = None, *, as_json: bool = False
) -> str:
    """Run a recipe and show its funnel; where its data set is."""
    from flows.console import drive, show_end
    from flows.reports import require_examples
    from flows.steps import begin, n_owed_prompts, steps
    from pipeline.lock import locked
    from schemas.errors import WorkOwed

    resolved = _resolved(recipe, overrides)
    run = _run_of(resolved, run_url)
    with locked(run) as mine:
        begin(mine, resolved)
        try:
            drive(steps(mine, resolved, limit=limit))
            if n_owed := n_owed_prompts(mine, resolved):
                raise WorkOwed(f"--limit {limit}: {n_owed} prompts are still owed samples; run again without it")
        except WorkOwed:
            show_end(run, as_json=as_json)
            raise
    show_end(run, as_json=as_json)
    require_examples(run)
    return resolved.recipe.export.to or run.location("export")


def _dry_run(
    recipe: Path, overrides: list[str], run_url: str | None, limit: int | None, n_pilot: int, *, as_json: bool
) -> None:
    from flows.console import say
    from flows.estimate import show_estimate
    from flows.pilot import run_pilot
    from schemas.tables import Rollouts

    resolved = _resolved(recipe, overrides)
    run = _run_of(resolved, run_url)
    show_estimate(run_pilot(resolved, n_pilot, limit), resolved, as_json=as_json)
    if manifest := run.manifest(Rollouts):
        say(f"{run.url} has {manifest['rows']:,} rollouts already; the estimate is for a new run", err=True)


def _run_of(resolved: Any, run_url: str | None) -> "Run":
    from pipeline.store import open_run

    return open_run(run_url or f"data/runs/{resolved.recipe.name}")


def _existing(run_url: str) -> "Run":
    """A run that somebody has started, or an error that says there is none."""
    from flows.reports import recipe_of
    from pipeline.store import open_run

    run = open_run(run_url)
    recipe_of(run)
    return run


def main(arguments: list[str] | None = None) -> None:
    """Entry point; `arguments` are those of the process where none are given."""
    show_notices()
    given = sys.argv[1:] if arguments is None else arguments
    end_with(lambda: cli(given or ["--help"], "coldstart", standalone_mode=False))
