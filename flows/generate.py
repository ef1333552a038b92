"""The verb `generate`: what a run owes of a served model, as batch files instead of live requests."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.resolve import Resolved
    from pipeline.store import Run


@click.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override a setting of the recipe.")
@click.option("--run", "run_url", metavar="DIR", required=True, help="Run folder: a path or fsspec URL.")
@click.option("--emit-batch", "to", metavar="FILE", help="Write the samples that are owed as requests: .jsonl (.gz).")
@click.option("--ingest-batch", "answers", metavar="FILE", multiple=True, help="Take answers in; may be repeated.")
def generate(
    recipe: Path | None, overrides: tuple[str, ...], run_url: str, to: str | None, answers: tuple[str, ...]
) -> None:
    """Write OpenAI batch files and take answers in.

    --emit-batch does all that is due and ends with exit code 3 while samples await their batch, with 0 once the run is
    done. RECIPE starts a run or changes its settings; otherwise the run's own is used.
    """
    from flows.batch import emit_batch, ingest_batch
    from flows.console import say, show_end
    from flows.reports import require_examples
    from pipeline.store import open_run

    if bool(to) == bool(answers):
        raise click.UsageError("give either --emit-batch or --ingest-batch")
    if overrides and recipe is None:
        raise click.UsageError("--set overrides a setting of a RECIPE; give that too")
    run = open_run(run_url)
    resolved = _resolved(run, recipe, overrides)
    if to:
        emit_batch(run, resolved, to)
        show_end(run)
        require_examples(run)
        say(f"nothing is owed any more; data set: {resolved.recipe.export.to or run.location('export')}")
    else:
        for line in ingest_batch(run, resolved, answers).lines():
            say(line)
        say(f"next: coldstart generate --run {run.url} --emit-batch REQUESTS.jsonl")


def _resolved(run: "Run", recipe: Path | None, overrides: tuple[str, ...]) -> "Resolved":
    """The recipe that is given, else the run's own; StoreError where there is neither."""
    from pipeline.bound import stored_recipe
    from pipeline.resolve import resolve
    from schemas.errors import StoreError
    from schemas.recipe import Recipe
    from schemas.recipe_file import load_recipe

    if recipe is not None:
        return resolve(*load_recipe(recipe, overrides))
    document = stored_recipe(run)
    if document is None:
        start = f"coldstart generate RECIPE --run {run.url} --emit-batch REQUESTS.jsonl"
        raise StoreError(f"--run {run.url}: there is no run here; `{start}` starts one")
    return resolve(Recipe.model_validate(document["recipe"]))
