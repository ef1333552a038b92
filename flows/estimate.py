"""What `coldstart run --dry-run` says: the rollouts, tokens and time to expect of each stage, from a pilot.

What is sampled grows with the prompts; guesses, and what is done with plans, with the prompts that the band keeps. The
pilot's own prompts are known; of the others as large a share is expected to be kept, give or take its Wilson interval.
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from flows.console import duration, say, show_columns, show_frame
from flows.pilot import ALL, KEPT, SAMPLED, Pilot
from pipeline.intervals import wilson_interval
from pipeline.pass_rates.stopping import Rule
from pipeline.planning import STRATEGIES
from pipeline.resolve import RECORDED, Resolved
from pipeline.spending import cost
from schemas.recipe import Recipe

TOKENS = ("n_prompt_tokens", "n_completion_tokens")
KEY = ("stage", "phase", "role", "arm")
COUNTS = ("n_prompts", "n_rollouts", "n_rollouts_low", "n_rollouts_high", *TOKENS)
TIMES = ("seconds", "seconds_low", "seconds_high")
ENDS = ("", "_low", "_high")
SHOWN = ("prompts", "rollouts", "range", "prompt tokens", "completion tokens", "time")
"""What people are shown of a row beside its KEY."""
UNKNOWN = "unknown"


def expected(pilot: Pilot, resolved: Resolved) -> pl.DataFrame:
    """A row a stage, and of `generate` one a phase, role and arm; then the total: columns KEY, COUNTS and TIMES.

    What the pilot did not reach is null but for the range of its rollouts: the fewest and the most that the recipe
    allows. Tokens are null where the generator does not count them. The total leaves out what is null.
    """
    grown = pilot.costs.join(_growth(pilot), on="grows_with", maintain_order="left")
    rows = grown.select(
        *KEY,
        **{name: pl.col(name) * pl.col("by") for name in ("n_prompts", *TOKENS)},
        **{f"n_rollouts{end}": pl.col("n_rollouts") * pl.col(f"by{end}") for end in ENDS},
        **{f"seconds{end}": pl.col("start_s") + pl.col("work_s") * pl.col(f"by{end}") for end in ENDS},
    )
    if pilot.n_sampled < pilot.n_prompts:
        allowed = _allowed(resolved, pilot.n_prompts)
        rows = pl.concat([rows, allowed.join(rows, on=KEY, how="anti", maintain_order="left")], how="diagonal_relaxed")
    total = rows.select(_known(name) for name in (*COUNTS[1:], *TIMES))
    total = total.with_columns(stage=pl.lit("total"), n_prompts=pl.lit(float(pilot.n_prompts)))
    if pilot.n_prompts and not pilot.n_sampled:
        total = total.drop(TIMES)  # those of reading alone would pass for the run's
    with_total = pl.concat([rows, total], how="diagonal_relaxed")
    return with_total.select(*KEY, pl.col(COUNTS).round().cast(pl.Int64), pl.col(TIMES).round(3))


def summary(pilot: Pilot) -> dict[str, Any]:
    """What to expect of the run as a whole, and what the pilot saw and cost; null where it asked no model.

    The range of the examples is that of the prompts which end in one, each with as many as in the pilot.
    """
    examples: tuple[int | None, ...] = (None, None, None)
    if pilot.n_sampled:
        each = pilot.n_examples / pilot.n_with_examples if pilot.n_with_examples else 1
        ends = (each * n for n in _count_range(pilot, pilot.n_with_examples))
        examples = tuple(round(n) for n in (pilot.n_examples * pilot.n_prompts / pilot.n_sampled, *ends))
    spent = pilot.costs.select(
        *(_known(name).round().cast(pl.Int64) for name in ("n_rollouts", *TOKENS)),
        seconds=pl.sum_horizontal("start_s", "work_s").sum().round(3),
    )
    seen = {"n_prompts": pilot.n_sampled, "n_kept": pilot.n_kept, "n_examples": pilot.n_examples}
    return {
        "screened": dict(pilot.screened.rows()),
        "n_prompts": pilot.n_prompts,
        **{f"n_examples{end}": n for end, n in zip(ENDS, examples, strict=True)},
        "pilot": seen | spent.row(0, named=True),
    }


def show_estimate(pilot: Pilot, resolved: Resolved, *, as_json: bool = False) -> None:
    """Print the stages, and what to expect of the run as a whole; as JSON a line a row, the whole last."""
    rows, whole = expected(pilot, resolved), summary(pilot)
    for note in _notes(resolved):
        say(note, err=True)
    if as_json:
        show_frame(rows, as_json=True)
        show_frame(pl.DataFrame([whole]), as_json=True)
        return
    for reason, n in pilot.screened.rows():
        say(f"{n:>8,} prompts {reason}")
    say()
    cells = [_cells(row) for row in rows.iter_rows(named=True)]
    show_columns([*KEY, *SHOWN], cells, [False] * len(KEY) + [True] * len(SHOWN))
    say()
    for line in (*_sentences(pilot, rows, whole), *_costs(rows, whole, resolved.recipe)):
        say(line)


def _notes(resolved: Resolved) -> Iterator[str]:
    """What an estimate leaves aside."""
    recipe = resolved.recipe
    if recipe.band.correct_verifiers:
        yield "band.correct_verifiers: a dry run has no audit, so its band is uncorrected"
    if recipe.reuse:
        yield "reuse: what other runs have already is not asked for; here it is counted as if it were"


def _growth(pilot: Pilot) -> pl.DataFrame:
    """How many times the pilot's cost a run has, expected and at both ends: grows_with, by, by_low, by_high."""
    by = pilot.n_prompts / pilot.n_sampled if pilot.n_sampled else 1.0
    low, high = (n / pilot.n_kept if pilot.n_kept else by for n in _count_range(pilot, pilot.n_kept))
    rows = [(ALL, 1.0, 1.0, 1.0), (SAMPLED, by, by, by), (KEPT, by, low, high)]
    return pl.DataFrame(rows, ["grows_with", *(f"by{end}" for end in ENDS)], orient="row")


def _count_range(pilot: Pilot, n_found: int) -> tuple[float, float]:
    """How many prompts of the run are like `n_found` of the pilot: those, and the Wilson interval of the others."""
    n_others = pilot.n_prompts - pilot.n_sampled
    low, high = _share_range(n_found, pilot.n_sampled)
    return n_found + n_others * low, n_found + n_others * high


def _share_range(n_found: int, n: int) -> tuple[float, float]:
    """The Wilson interval; any share where there is nothing to tell from."""
    low, high = wilson_interval(pl.lit(n_found), pl.lit(n))
    return pl.select(low.fill_null(0.0).alias("low"), high.fill_null(1.0).alias("high")).row(0)


def _allowed(resolved: Resolved, n_prompts: int) -> pl.DataFrame:
    """The fewest and the most rollouts of each arm that a recipe allows for so many prompts."""
    band, plans, planner = resolved.recipe.band, resolved.recipe.plans, resolved.models.get("planner")
    n_first, n_guesses = Rule(**band.model_dump()).round_size(), resolved.recipe.keep.guesses
    rows = [("screen", model.role, "solve", n_first, band.max_samples) for model in resolved.solvers()]
    if n_guesses:
        rows += [("screen", "target", "guess", 0, n_guesses)]
    if planner and not resolved.tries_plans():
        rows += [("screen", "planner", "write_plan", 0, band.max_samples)]
    elif planner:
        if plans.strategies and planner.kind != RECORDED:
            rows += [("search", "planner", STRATEGIES, 0, 1)]
        rows += [("search", "planner", "write_plan", 0, plans.n)]
        rows += [("search", "executor", "execute", 0, plans.n * plans.samples)]
        rows += [("search", "executor", arm, 0, plans.samples) for arm in ("placebo", "solve")]
        if plans.leak_test == "all":  # of the plans that people edit an estimate knows nothing
            rows += [("search", "executor", "plan_only", 0, plans.n * plans.samples)]
            rows += [("search", "executor", "guess", 0, plans.samples)]
    named = pl.DataFrame(rows, [*KEY[1:], "n_rollouts_low", "n_rollouts_high"], orient="row")
    return named.with_columns(pl.lit("generate").alias("stage"), pl.col("^n_.*$") * float(n_prompts))


def _known(name: str) -> pl.Expr:
    """The sum of what is known; null where nothing is."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def _cells(row: dict[str, Any]) -> list[str]:
    """A row as people read it: unknown counts of what is generated are said to be, other stages have none."""
    is_counted = row["stage"] in ("generate", "total")
    range_ = f"{row['n_rollouts_low']:,} to {row['n_rollouts_high']:,}" if row["n_rollouts_low"] is not None else ""
    exact = row["n_rollouts_low"] == row["n_rollouts_high"] == row["n_rollouts"]
    counts = [_count(row[name], is_counted) for name in ("n_rollouts", *TOKENS)]
    time = UNKNOWN if row["seconds"] is None else duration(row["seconds"])
    prompts = _count(row["n_prompts"], is_counted)
    return [*(row[name] or "" for name in KEY), prompts, counts[0], "" if exact else range_, *counts[1:], time]


def _count(n: int | None, is_counted: bool) -> str:
    if n is None:
        return UNKNOWN if is_counted else ""
    return f"{n:,}"


def _sentences(pilot: Pilot, rows: pl.DataFrame, whole: dict[str, Any]) -> Iterator[str]:
    """What the table does not say."""
    if pilot.n_prompts == 0:
        yield "no prompt is left to sample"
        return
    if pilot.n_sampled == 0:
        yield "no model was asked: the ranges are the fewest and the most rollouts that the recipe allows"
        return
    total, spent, n = rows.row(-1, named=True), whole["pilot"], pilot.n_sampled
    low, high = (100 * share for share in _share_range(pilot.n_kept, n))
    yield f"kept by the band: {pilot.n_kept} of {n} prompts of the pilot, so {low:.0f} to {high:.0f} % of all (95 %)"
    yield f"time: {_ranged(*(duration(total[name]) for name in ('seconds', 'seconds_low', 'seconds_high')))}"
    yield f"examples: {_ranged(*(f'{whole[name]:,}' for name in ('n_examples', 'n_examples_low', 'n_examples_high')))}"
    tokens = " and ".join(f"{_count(spent[name], True)} {name[2:].replace('_', ' ')}" for name in TOKENS)
    yield f"the pilot itself: {spent['n_rollouts']:,} rollouts, {tokens}, {duration(spent['seconds'])}"
    generated = rows.filter(stage="generate")
    if sum(generated.select("n_rollouts", *TOKENS).null_count().row(0)):
        yield "totals leave out what is unknown"
    if (missed := generated.filter(pl.col("n_rollouts").is_null())).height:
        yield f"the pilot reached no {', '.join(missed['arm'].unique(maintain_order=True))}; a larger --pilot may"


def _costs(rows: pl.DataFrame, whole: dict[str, Any], recipe: Recipe) -> Iterator[str]:
    """What the recipe's prices and its budget say to what is expected."""
    total = rows.row(-1, named=True)
    if spent := cost(rows.filter(stage="generate").with_columns(n_cached_tokens=pl.lit(0)), recipe.prices()):
        each = f", {spent / whole['n_examples']:,.4f} for each example" if whole["n_examples"] else ""
        yield f"cost: {spent:,.2f}{each}, were no prompt tokens cached"
    n_tokens = sum(total[name] or 0 for name in TOKENS)
    hours = (total.get("seconds") or 0) / 3600
    needed = {"max_requests": total["n_rollouts"] or 0, "max_tokens": n_tokens, "max_hours": hours}
    for name, need in needed.items():
        limit = getattr(recipe.budget, name)
        if limit is not None and need > limit:
            yield f"budget.{name} = {limit:,} will stop it before its end: {need:,.4g} are expected"


def _ranged(value: str, low: str, high: str) -> str:
    """A value with its range, where it has one."""
    return value if value == low == high else f"{value} ({low} to {high})"
