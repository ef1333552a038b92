"""The verb `plan-sampling`: what each stopping rule is expected to cost and to get wrong, before a run."""

from typing import TYPE_CHECKING, Any

import click

from flows.console import say, show_frame

if TYPE_CHECKING:
    import polars as pl

    from pipeline.pass_rates.stopping import Rule

PUBLISHED = (0.25, 0.19)
"""The Beta distribution that fits Skywork-OR1's shares for a 7B model: 21.4 % of 0 and 32.4 % of 16 of 16 right."""

BETAS = (1e-6, 1e6)
"""The lowest and the highest parameter of a Beta distribution that sums of 64 bits are still right for."""


@click.command("plan-sampling")
@click.option("--low", type=float, default=0.1, show_default=True, help="Lowest pass rate in the band.")
@click.option("--high", type=float, default=0.9, show_default=True, help="Highest pass rate in the band.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Posterior that decides.")
@click.option("--batch", type=int, default=4, show_default=True, help="Samples in a round.")
@click.option("--max", "max_samples", type=int, default=32, show_default=True, help="Most samples a prompt.")
@click.option(
    "--as-good-as", type=int, help="Fixed samples that rule optimal must match.  [default: 16, or --max if lower]"
)
@click.option("--pilot", metavar="FILE", help="Outcomes (prompt_id, outcome) or counts (n_correct, n_incorrect).")
@click.option("--beta", type=float, nargs=2, metavar="A B", help="Pass rates are of this Beta distribution.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, for machines.")
def plan_sampling(pilot: str | None, beta: tuple[float, float] | None, as_json: bool, **band: Any) -> None:
    """Expected samples, error and loss of each stopping rule.

    error: of all prompts, in the wrong region; impure: of those called in band, not in it; lost: of those in band, not
    called so. Pass rates come from a pilot or a Beta distribution; with neither, from what is published on a 7B model.
    """
    from pipeline.pass_rates.operating import warnings_of

    if pilot is not None and beta is not None:
        raise click.UsageError("--pilot and --beta both say how pass rates are spread; give one")
    if band["as_good_as"] is None:
        band["as_good_as"] = min(16, max(1, band["max_samples"]))
    chosen = _chosen(band, _known(pilot, beta))
    rules = _rules(chosen)
    show_frame(_table(rules, chosen), as_json=as_json)
    say(f"\n{_origin(chosen, pilot, is_given=beta is not None)}", err=as_json)
    notes: dict[str, list[str]] = {}
    for rule in (rule for rule in rules if rule.rule in ("jeffreys", "optimal")):
        for note in warnings_of(rule):
            notes.setdefault(note, []).append(rule.rule)
    for note, names in notes.items():
        say(f"{' and '.join(names)}: {note}", err=as_json)


def _known(pilot: str | None, beta: tuple[float, float] | None) -> dict[str, Any]:
    """What pass rates are known from, as fields of a rule."""
    from pipeline.pass_rates.pilot_counts import read_pilot
    from schemas.recipe import Band

    if pilot is not None:
        return {"pilot_counts": read_pilot(pilot, Band())}
    if beta and not all(BETAS[0] <= value <= BETAS[1] for value in beta):
        wanted = f"wanted two numbers from {BETAS[0]:g} to {BETAS[1]:,.0f}"
        raise click.UsageError(f"--beta {beta[0]:g} {beta[1]:g}: {wanted}")
    return {"beta": beta or PUBLISHED}


def _chosen(band: dict[str, Any], known: dict[str, Any]) -> "Rule":
    """The options as rule `optimal`; RecipeError where they are no band."""
    from pydantic import ValidationError

    from pipeline.pass_rates.stopping import Rule
    from schemas.errors import RecipeError
    from schemas.recipe_file import explain

    try:
        return Rule(rule="optimal", **band, **known)
    except ValidationError as error:
        raise RecipeError(explain(error, Rule, "plan-sampling")) from None


def _rules(chosen: "Rule") -> list["Rule"]:
    """The rules of the table: fixed ones up to the cap, and the others."""
    from pipeline.pass_rates.optimal import MAX_SAMPLES

    cap = chosen.max_samples
    sizes = [*(n for n in (8, 16, 32, 64, 128) if n < cap), cap]
    fixed: list[dict[str, Any]] = [{"rule": "fixed", "max_samples": n, "batch": min(chosen.batch, n)} for n in sizes]
    names = ("curtailed", "jeffreys", *(["optimal"] if cap <= MAX_SAMPLES else []))
    return [chosen.model_copy(update=update) for update in [*fixed, *({"rule": name} for name in names)]]


def _table(rules: list["Rule"], chosen: "Rule") -> "pl.DataFrame":
    """A row a rule; samples, and tokens where they are known, also in relation to the fixed rule at the cap."""
    import polars as pl

    from pipeline.pass_rates.operating import characteristics
    from pipeline.pass_rates.pilot_counts import sample_tokens

    nature = chosen.prior()
    tokens = sample_tokens(chosen.pilot_counts, nature)
    found = [characteristics(rule, nature, tokens) for rule in rules]
    at_cap = next(one for rule, one in zip(rules, found, strict=True) if rule.max_samples == chosen.max_samples)
    rows = []
    for rule, one in zip(rules, found, strict=True):
        cost = {"samples": one.samples, "of_fixed": one.samples / at_cap.samples}
        if one.tokens is not None and at_cap.tokens:
            cost |= {"tokens": one.tokens, "tokens_of_fixed": one.tokens / at_cap.tokens}
        mistakes = {"error": one.error, "impure": one.impure, "lost": one.lost}
        rows.append({"rule": rule.rule, "max": rule.max_samples} | cost | mistakes)
    return pl.DataFrame(rows).fill_nan(None)


def _origin(chosen: "Rule", pilot: str | None, *, is_given: bool) -> str:
    """Where the pass rates come from, and what they are."""
    below, inside, above = chosen.prior().shares(chosen.low, chosen.high)
    spread = f"{below:.0%} of prompts are below the band, {inside:.0%} in it, {above:.0%} above."
    if pilot is not None:
        n_prompts = sum(count[2] for count in chosen.pilot_counts)
        return f"Pass rates as in {n_prompts} prompts of {pilot}: {spread}"
    a, b = chosen.beta or PUBLISHED
    source = "" if is_given else ", fitted to what Skywork-OR1 published of a 7B model (give yours by --pilot)"
    return f"Pass rates from Beta({a:g}, {b:g}){source}: {spread}"
