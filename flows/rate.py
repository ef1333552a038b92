"""`coldstart rate`: pass rates and bands of the judged responses in a file, and how far off they are expected to be."""

from typing import TYPE_CHECKING, Any

import click

from flows.file_verbs import output_option, write_counted

if TYPE_CHECKING:
    import polars as pl

    from pipeline.pass_rates.stopping import PilotCount, Rule

share = click.FloatRange(0, 1)
count = click.IntRange(min=1)

NAMES = {"decided": "decided", "capped": "not decided", "all": "in all"}
JUDGE = "of this file"
"""What stands for the verifier whose errors are given: the rows need not name it."""


@click.command()
@click.argument("input")
@output_option
@click.option("--low", type=float, default=0.1, show_default=True, help="Lowest pass rate in the band.")
@click.option("--high", type=float, default=0.9, show_default=True, help="Highest pass rate in the band.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Posterior that decides.")
@click.option(
    "--truncated",
    type=click.Choice(["undecided", "incorrect"]),
    default="undecided",
    show_default=True,
    help="What a response that was cut off counts as.",
)
@click.option("--false-negatives", type=share, default=0.0, help="Right answers that the verifier rejects, a share.")
@click.option("--false-positives", type=share, default=0.0, help="Wrong ones that it accepts: both move the band.")
@click.option("--pass-at", type=count, metavar="K", help="Add pass_at_K, unbiased, from the first round.")
@click.option("--sequential", is_flag=True, help="Replay the stopping rule over the rows, in order; adds n_used.")
@click.option("--batch", type=int, default=4, show_default=True, help="Rows in a round.")
@click.option("--max", "max_samples", type=int, default=32, show_default=True, help="Most rows a prompt.")
@click.option(
    "--rule",
    type=click.Choice(["jeffreys", "curtailed", "optimal", "fixed"]),
    default="jeffreys",
    show_default=True,
    help="With `fixed` all --max rows are the first round.",
)
@click.option("--pilot", default="", metavar="FILE", help="Rule `optimal`: counts or outcomes to fit its prior to.")
@click.option(
    "--as-good-as", type=int, default=16, show_default=True, help="Rule `optimal`: so many fixed samples are no better."
)
def rate(input: str, output: str, sequential: bool, pass_at: int | None, **settings: Any) -> None:
    """Pass rates and bands from the judged responses in a file.

    INPUT has prompt_id and outcome, a row a response in sampling order; reason, n_completion_tokens, verifier and
    verifier_version may be left out. The output has a row a prompt with counts, rate and decision; then comes what the
    error of the decisions is expected to be, under a prior that is fitted to these rows.
    """
    from pipeline.rate_file import rate_rows
    from pipeline.rows import check_output, read_rows
    from schemas.errors import RecipeError

    rule = _rule(**settings)
    if pass_at and pass_at > rule.round_size():
        raise RecipeError(
            f"rate: --pass-at {pass_at} is more than the first round has: {rule.round_size()} rows; set "
            "--batch, or --rule fixed and --max where the rows of a prompt were fixed in advance"
        )
    for source in (input, settings["pilot"]):
        check_output(output, source)
    frame = read_rows(input, ["prompt_id", "outcome"])
    rates = rate_rows(frame, rule, sequential=sequential, pass_at=pass_at, where=input)
    write_counted(rates, output, "decision")
    _tell(rates, rule)


def _rule(*, false_negatives: float, false_positives: float, pilot: str, **band: Any) -> "Rule":
    """The rule that the options describe, its band where this verifier shows it; RecipeError where they do not fit."""
    from pydantic import ValidationError

    from pipeline.pass_rates.corrected_band import for_verifier
    from pipeline.pass_rates.stopping import Rule
    from schemas.errors import RecipeError
    from schemas.recipe_file import explain

    if (band["rule"] == "optimal") != bool(pilot):
        raise RecipeError("rate: --rule optimal and --pilot FILE need each other: its prior is fitted to it")
    errors = (JUDGE, false_negatives, false_positives)
    try:
        rule = Rule(
            **band,
            pilot=pilot,
            pilot_counts=_counts(pilot, band["truncated"]),
            verifier_errors=(errors,),
            correct_verifiers=True,
        )
    except ValidationError as error:
        raise RecipeError(explain(error, Rule, "rate")) from None
    return for_verifier(rule, JUDGE)


def _counts(pilot: str, truncated: Any) -> "tuple[PilotCount, ...]":
    if not pilot:
        return ()
    from pipeline.pass_rates.pilot_counts import read_pilot
    from schemas.recipe import Band

    return read_pilot(pilot, Band(truncated=truncated))


def _tell(rates: "pl.DataFrame", rule: "Rule") -> None:
    """Say what truncated rows counted as, and what the error of the decisions is expected to be."""
    import polars as pl

    from flows.console import say
    from pipeline.pass_rates.band_error import MIN_PROMPTS, stated_error

    if n_truncated := rates["n_truncated"].sum():
        say(f"{n_truncated} truncated, counted as {rule.truncated}")
    edges = pl.lit(rule.low).alias("low"), pl.lit(rule.high).alias("high")
    stated = stated_error(rates.with_columns(*edges))
    if rates.filter(pl.col("n_rated") > 0).height < MIN_PROMPTS:
        say(f"expected error: not stated of fewer than {MIN_PROMPTS} measured prompts")
        return
    for row in stated.filter(pl.col("n_prompts") > 0).iter_rows(named=True):
        say(_error_line(row))


def _error_line(row: dict[str, Any]) -> str:
    """What is expected to be wrong in a group of prompts, each with its interval at 95 %."""
    words = {
        "error": "in the wrong region",
        "impure": "of those called in band are not",
        "lost": "of those in band are lost",
    }
    told = [f"{_range(row, name)} {text}" for name, text in words.items() if row[name] is not None]
    return f"expected of {row['n_prompts']} {NAMES[row['group']]}: " + "; ".join(told)


def _range(row: dict[str, Any], name: str) -> str:
    value, low, high = (f"{100 * row[key]:.1f}" for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} % ({low} to {high})"
