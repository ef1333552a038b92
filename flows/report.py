"""`coldstart report`: how wrong a run's band is and what measuring it cost, as tables, and as a folder of pictures."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipeline.figures.difficulty import Difficulty
    from pipeline.store import Run


@click.command()
@click.option("--run", "run_url", metavar="DIR", required=True, help="Run folder: a path or fsspec URL.")
@click.option("-o", "--output", metavar="FOLDER", help="Write pictures (SVG and PNG) and their numbers (CSV) there.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, for machines.")
def report(run_url: str, output: str | None, as_json: bool) -> None:
    """How wrong a run's band is, and what it cost to measure.

    The stated error (decided prompts and capped ones apart), samples by region beside a fixed number, and pass@k of
    the first round. FOLDER, or an earlier report there, is written whole or not at all.
    """
    from flows.console import say, show_table
    from flows.reports import recipe_of
    from pipeline.card_difficulty import spent_frame, stated_frame
    from pipeline.pass_rates.band_error import MIN_PROMPTS
    from pipeline.store import open_run
    from schemas.errors import InputError

    run = open_run(run_url)
    settings = recipe_of(run)
    difficulty = _difficulty(run, settings)
    if difficulty.spent.is_empty():
        raise InputError(f"{run_url}: no pass rates yet; `coldstart run RECIPE --run {run_url}` measures them")
    stated, spent = difficulty.stated, difficulty.spent
    show_table("stated error", stated if as_json else stated_frame(stated), as_json=as_json)
    if not as_json and not stated["error"].count():
        say(f"not stated of fewer than {MIN_PROMPTS} measured prompts")
    show_table("samples", spent if as_json else spent_frame(spent), as_json=as_json)
    show_table("pass@k", difficulty.pass_at_k, as_json=as_json)
    if output:
        _write(output, settings["recipe"]["name"], difficulty)
        say(f"\nreport: {output}", err=as_json)


def _difficulty(run: "Run", settings: dict[str, Any]) -> "Difficulty":
    """The difficulty of a run, from no more columns than it takes."""
    from pipeline.figures.difficulty import difficulty_of
    from schemas.tables import Audits, PassRates, Prompts, Rollouts, Screened, Verdicts

    tables = {
        "prompts": run.keys(Prompts, "verifier"),
        "screened": run.keys(Screened, "decision"),
        "rollouts": run.keys(Rollouts, "prompt_id", "arm", "phase", "generator_id", "model", "n_completion_tokens"),
        "verdicts": run.keys(Verdicts, "outcome", "reason"),
        "pass_rates": run.read(PassRates),
        "audits": run.read(Audits),
    }
    return difficulty_of(tables, settings)


def _write(output: str, name: str, difficulty: "Difficulty") -> None:
    """The folder: every picture and its numbers, and a README.md that shows them with what they say."""
    from pipeline.card_difficulty import report_told
    from pipeline.figures.pictures import draw, is_figure
    from pipeline.folder import README, replace_folder

    pictures = draw(difficulty, "svg", "png")
    files = {name: content for each in pictures for name, content in each.files().items()}
    told = report_told(name, difficulty, pictures)
    replace_folder(output, {**files, README: told.encode()}, "report", is_figure)
