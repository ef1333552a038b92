"""`coldstart audit`: how often verifiers err, on a run or on the rows of a file, and which keys are suspect."""

from typing import TYPE_CHECKING, Any

import click

from flows.file_verbs import settings_option

if TYPE_CHECKING:
    import polars as pl

    from pipeline.audit import Config
    from pipeline.store import Run

SHOWN = 20
"""Errors, and suspect keys, that are printed; all of them are in the tables and in OUTPUT."""


@click.command()
@click.argument("input", required=False)
@click.option("--run", "run_url", metavar="DIR", help="Audit a run instead: its tables `audits` and `suspects`.")
@click.option("-o", "--output", metavar="FILE", help="Write every error as a row: JSONL (.gz), Parquet or CSV.")
@click.option("--verifier", help="Verifier of rows that name none.")
@click.option(
    "--near-misses", type=click.IntRange(min=0), default=4, show_default=True, help="Of each kind, of an answer."
)
@click.option(
    "--near-miss-prompts",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Answers of each source that near-misses are made of.",
)
@click.option(
    "--agreement",
    type=click.FloatRange(0.5, 1, min_open=True),
    default=0.8,
    show_default=True,
    help="A key is suspect where this share of the answers is one and the same wrong one.",
)
@click.option(
    "--min-samples", type=click.IntRange(min=2), default=4, show_default=True, help="Answers that a suspicion takes."
)
@click.option(
    "--few-tokens",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    help="A prompt is suspect where it is solved in this share of its source's median tokens.",
)
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Threads that verify.")
@settings_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, for machines.")
def audit(input: str | None, run_url: str | None, **options: Any) -> None:
    """Measure how often verifiers err, on a file or on a run.

    Gold answers must pass, near-misses made of them must not; verdicts are compared with labels, and with those of a
    second verifier. INPUT has id, task, verifier and one at least of gold, label (true or false, with response) and
    other_verifier (with response; other_task where its task is another). Of a run, suspect keys are queued for people.
    Exit code 0 also where errors were found.
    """
    if (input is None) == (run_url is None):
        raise click.UsageError("give either INPUT or --run DIR")
    if run_url is None:
        _audit_file(str(input), options)
    else:
        _audit_run(run_url, options)


def _audit_file(input: str, options: dict[str, Any]) -> None:
    from flows.file_verbs import verifier_settings
    from pipeline.audit_file import audit_rows
    from pipeline.rows import check_output, read_rows

    if output := options["output"]:
        check_output(output, input)
    config = _config(options, verifier_settings(options["overrides"], "audit"))
    _show(audit_rows(read_rows(input, ["id", "task"]), options["verifier"], config, where=input), options)


def _audit_run(run_url: str, options: dict[str, Any]) -> None:
    from flows.console import say
    from flows.reports import recipe_of
    from pipeline.lock import locked
    from pipeline.rows import check_output
    from pipeline.store import open_run
    from schemas.tables import Audits, Prompts, Suspects

    if options["verifier"] or options["overrides"]:
        raise click.UsageError("--verifier and --set are for INPUT; a run has verifiers and settings in its recipe")
    if output := options["output"]:
        check_output(output)
    settings = recipe_of(open_run(run_url))["recipe"].get("verifiers", {})
    with locked(open_run(run_url)) as run:
        _apply(run, _config(options, settings), options)
        audits, suspects, n_prompts = run.read(Audits), run.read(Suspects), run.read(Prompts).height
    _show(audits, options)
    n_gold = audits.filter(against="gold")["n"].sum()
    say(f"\n{n_gold} of {n_prompts} prompts have a gold answer that could be judged", err=options["as_json"])
    _show_suspects(suspects, options | {"run_url": run_url})


def _apply(run: "Run", config: "Config", options: dict[str, Any]) -> None:
    """Bring the tables `audits` and `suspects` level with the run."""
    from pipeline import audit as audit_stage
    from pipeline import plugins, runner, suspects
    from schemas.tables import Prompts

    names = run.read(Prompts)["verifier"].unique().sort()
    digests = {f"verifier:{name}": runner.source_digest(plugins.load("verifiers", name)) for name in names}
    runner.apply(run, audit_stage, config, extra=digests)
    thresholds = {name: options[name] for name in suspects.Config.model_fields}
    runner.apply(run, suspects, suspects.Config(**thresholds))


def _config(options: dict[str, Any], verifiers: dict[str, Any]) -> "Config":
    from pipeline.audit import Config

    return Config(
        verifiers=verifiers, **{name: options[name] for name in ("near_misses", "near_miss_prompts", "workers")}
    )


def _show(audits: "pl.DataFrame", options: dict[str, Any]) -> None:
    """Print rates, agreement and the first errors; write all errors where that was asked for."""
    from flows.console import say, show_table
    from pipeline.agreement_rates import agreement
    from pipeline.error_rates import listed_errors, reasons
    from pipeline.rows import write_rows

    as_json, errors = options["as_json"], listed_errors(audits)
    rates = audits.drop("errors").with_columns(reasons(audits))
    show_table("audits", rates, as_json=as_json)
    show_table("agreement", agreement(audits), as_json=as_json)
    empty = [name for name in ("failed_step", "answer", "details") if errors[name].is_null().all()]
    listed = errors.drop("source", "verifier_version", *empty)
    show_table("errors", errors if as_json else listed.head(SHOWN), as_json=as_json)
    if output := options["output"]:
        write_rows(errors, output)
    where = f"all in {output}" if output else f"-o FILE writes all {errors.height}" if errors.height > SHOWN else ""
    say(f"\n{_told(errors)}{'; ' if where else ''}{where}", err=as_json)


def _told(errors: "pl.DataFrame") -> str:
    from pipeline.error_rates import DISAGREEMENT, FALSE_NEGATIVE, FALSE_POSITIVE

    kinds = (FALSE_NEGATIVE, FALSE_POSITIVE, DISAGREEMENT)
    counts = {kind: errors.filter(errors["error"] == kind).height for kind in kinds}
    return ", ".join(f"{n} {kind.replace('_', ' ')}{'' if n == 1 else 's'}" for kind, n in counts.items())


def _show_suspects(suspects: "pl.DataFrame", options: dict[str, Any]) -> None:
    from flows.console import say, show_table

    as_json = options["as_json"]
    queue = suspects.sort("rank")
    brief = queue.head(SHOWN).drop("source", "verifier", "n_models_agree", "tokens_median")
    show_table("suspects", queue if as_json else brief, as_json=as_json)
    show = f"`coldstart show PROMPT_ID --run {options['run_url']}` shows a prompt with all its answers"
    say(f"{queue.height} suspect keys; {show}", err=as_json)
