"""How difficult the prompts were, as small tables: what the pictures draw, and what the card and the report say.

Every frame has the column `role`: `target`, and `strong` where a recipe has it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.figures.measured import MEASURED, ROLE, measured_rates, measured_roles, measured_samples, models_of
from pipeline.funnel import Tables
from pipeline.intervals import Z_95, pass_at_k
from pipeline.ledger import CORRECT, n_samples
from pipeline.pass_rates.band_error import CELL, expected_errors, stated_error
from pipeline.pass_rates.corrected_band import verifier_errors
from pipeline.pass_rates.stopping import Rule
from schemas.recipe import Band

N_RATE_BINS = 20
N_TOKEN_BINS = 10
ERROR_BINS = (0.01, 0.05, 0.1, 0.2, 0.4)
"""Edges of the bins of stated error, which is 0 at least and 2/3 at most."""


@dataclass(frozen=True)
class Difficulty:
    """What was measured, and how well; the frames are empty where nothing was."""

    band: Band
    models: Mapping[str, str]
    """Role -> the names of its models, which are text from outside."""
    edges: tuple[tuple[float, float], ...]
    """Edges of the band that counted: several where verifiers' errors moved them."""
    histogram: pl.DataFrame
    spent: pl.DataFrame
    tokens: pl.DataFrame
    tokens_per_correct: pl.DataFrame
    calibration: pl.DataFrame
    pass_at_k: pl.DataFrame
    stated: pl.DataFrame

    def n_truncated(self) -> int:
        """Answers of all roles that their token limit cut off."""
        return int(self.spent["n_truncated"].sum())


def difficulty_of(tables: Tables, settings: Mapping[str, Any]) -> Difficulty:
    """The difficulty of a run from its tables by name and the content of its `recipe.json`.

    Reads prompts, screened, rollouts, verdicts, pass_rates and audits; of rollouts and verdicts only keys, arm, phase,
    generator_id, model, n_completion_tokens, outcome and reason.
    """
    recipe = settings.get("recipe", {})
    band = Band.model_validate(recipe.get("band", {}))
    rule = Rule(**band.model_dump(), verifier_errors=verifier_errors(tables["audits"]))
    roles = measured_roles(settings)
    rates = measured_rates(tables, roles, rule)
    samples = measured_samples(tables, rates)
    return Difficulty(
        band=band,
        models=models_of(tables["rollouts"], roles),
        edges=tuple(rates.select("low", "high").unique().sort("low", "high").rows()),
        histogram=histogram(rates),
        spent=spent(rates, samples, rule.max_samples),
        tokens=tokens(samples),
        tokens_per_correct=tokens_per_correct(samples),
        calibration=_by_role(rates, calibration),
        pass_at_k=first_round(rates, rule.round_size()),
        stated=_by_role(rates, stated_error),
    )


def histogram(rates: pl.DataFrame) -> pl.DataFrame:
    """Prompts by pass rate: role, rate_low, rate_high and n_prompts, a row a twentieth (1 is in the last).

    The last row of a role, with null edges, counts the prompts without a pass rate.
    """
    counted = rates.group_by("role", bin=_bin(N_RATE_BINS)).agg(n_prompts=pl.len().cast(pl.Int64))
    every = rates.select(pl.col("role").unique()).join(
        pl.DataFrame({"bin": [*range(N_RATE_BINS), None]}, {"bin": pl.Int64}), how="cross"
    )
    joined = every.join(counted, on=["role", "bin"], how="left", nulls_equal=True)
    filled = joined.with_columns(pl.col("n_prompts").fill_null(0)).sort("role", "bin", nulls_last=True)
    return filled.select("role", *_edges(N_RATE_BINS), "n_prompts")


def spent(rates: pl.DataFrame, samples: pl.DataFrame, max_samples: int) -> pl.DataFrame:
    """What each region cost, a row a role, region and is_decided that has prompts.

    n_prompts, n_samples (all verdicts, undecided ones too), n_truncated among them, samples_each (a prompt), n_tokens
    (of completions, null where none was counted), n_fixed (samples that `max_samples` for each prompt would have
    taken) and n_saved, which is negative where more were drawn under an earlier, higher cap.
    """
    by = ["role", "region", "is_decided"]
    tokens = samples.group_by(by).agg(n_tokens=sum_if_any("n_tokens"))
    return (
        rates.group_by(by)
        .agg(n_prompts=pl.len().cast(pl.Int64), n_samples=n_samples().sum().cast(pl.Int64),
             n_truncated=pl.col("n_truncated").sum().cast(pl.Int64))
        .join(tokens, on=by, how="left")
        .with_columns(n_fixed=pl.col("n_prompts") * max_samples)
        .select(*by, "n_prompts", "n_samples", "n_truncated", samples_each=pl.col("n_samples") / pl.col("n_prompts"),
                n_tokens="n_tokens", n_fixed="n_fixed", n_saved=pl.col("n_fixed") - pl.col("n_samples"))
        .sort("role", "region", "is_decided", descending=[False, False, True])
    )  # fmt: skip


def tokens(samples: pl.DataFrame) -> pl.DataFrame:
    """Length of answers by their prompt's pass rate: role, rate_low, rate_high, answer, n_rollouts and tokens_mean.

    A row a tenth of the pass rate (1 is in the last) and kind of answer; only those whose tokens were counted.
    """
    by = ["role", "bin", "answer"]
    counted = _counted(samples).filter(pl.col("answer").is_not_null()).group_by(by)
    means = counted.agg(n_rollouts=pl.len().cast(pl.Int64), tokens_mean=pl.col("n_tokens").mean()).sort(by)
    return means.select("role", *_edges(N_TOKEN_BINS), "answer", "n_rollouts", "tokens_mean")


def tokens_per_correct(samples: pl.DataFrame) -> pl.DataFrame:
    """What a right answer costs by pass rate: the tokens of all attempts, for each right one.

    role, rate_low, rate_high, n_rollouts, n_right, n_tokens and tokens_per_correct (null without a right one), a row a
    tenth of the pass rate; attempts that could not be judged cost too, and those without counted tokens are left out.
    """
    by, is_right = ["role", "bin"], pl.col("answer") == CORRECT
    sums = _counted(samples).group_by(by).agg(
        n_rollouts=pl.len().cast(pl.Int64), n_right=is_right.sum().cast(pl.Int64), n_tokens=pl.col("n_tokens").sum()
    )  # fmt: skip
    each = pl.col("n_tokens") / pl.when(pl.col("n_right") > 0).then("n_right")
    named = sums.sort(by).select("role", *_edges(N_TOKEN_BINS), "n_rollouts", "n_right", "n_tokens")
    return named.with_columns(tokens_per_correct=each)


def calibration(rates: pl.DataFrame) -> pl.DataFrame:
    """The error that posteriors state beside the one expected: error_low, error_high, n_prompts, stated and expected.

    A row a bin of the stated error (1 less the mass of the region, under the prior of the rule) that has prompts, and
    the means of both errors in it; `expected` is under the cross-fitted prior of the run, as in `stated_error`. No
    rows where there are too few prompts for that.
    """
    edges = pl.Series([0.0, *ERROR_BINS, 1.0])
    stated = 1 - pl.max_horizontal("p_below", "p_in", "p_above")
    cells = rates.with_columns(pl.col("region").cast(pl.String)).group_by(CELL).agg(stated=stated.mean())
    both = cells.join(expected_errors(rates), on=CELL)
    bin = pl.sum_horizontal((pl.col("stated") >= edge).cast(pl.Int64) for edge in ERROR_BINS)
    n = pl.col("n_prompts").sum()
    means = both.group_by(bin=bin).agg(
        n_prompts=n.cast(pl.Int64), stated=(pl.col("stated") * pl.col("n_prompts")).sum() / n,
        expected=pl.col("n_wrong").sum() / n,
    ).sort("bin")  # fmt: skip
    low, high = (pl.Series(name, edges.gather(means["bin"] + i)) for i, name in enumerate(("error_low", "error_high")))
    return means.select(low, high, "n_prompts", "stated", "expected")


def first_round(rates: pl.DataFrame, size: int) -> pl.DataFrame:
    """pass@k of the first round, whose size was fixed in advance: role, k, n_prompts, pass_at_k, ci_low and ci_high.

    k is 1, 2, 4 and so on up to `size`. Only prompts whose whole first round was rated count. The estimate is the
    unbiased one (Chen et al. 2021, section 2.1) in the mean over prompts, its interval (95 %) normal over prompts and
    null for one prompt. What was sampled after the first round depends on its outcome, and would bias it.
    """
    whole = rates.filter(pl.col("n_first_round") == size)
    ks = [2**i for i in range(size.bit_length())]
    rows = [
        whole.group_by("role").agg(pl.len().cast(pl.Int64).alias("n_prompts"), each.mean().alias("pass_at_k"),
                                   (each.std() * Z_95 / pl.len().sqrt()).alias("reach"))
        .select("role", pl.lit(k, pl.Int64).alias("k"), "n_prompts", "pass_at_k",
                ci_low=(pl.col("pass_at_k") - pl.col("reach")).clip(0, 1),
                ci_high=(pl.col("pass_at_k") + pl.col("reach")).clip(0, 1))
        for k in ks
        for each in [pass_at_k(pl.col("c_first_round"), pl.col("n_first_round"), k)]
    ]  # fmt: skip
    return pl.concat(rows).sort("role", "k")


def sum_if_any(name: str) -> pl.Expr:
    """The sum of the numbers that there are; null where there are none."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum())


def _by_role(rates: pl.DataFrame, frame_of: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """The frames of each role below each other; without any role, the empty frame."""
    found = rates["role"].unique().sort().to_list() or [MEASURED[0]]
    frames = [(role, frame_of(rates.filter(pl.col("role") == role))) for role in found]
    named = [frame.select(pl.lit(role, ROLE).alias("role"), pl.all()) for role, frame in frames]
    return pl.concat(named).filter(pl.lit(not rates.is_empty()))


def _counted(samples: pl.DataFrame) -> pl.DataFrame:
    """Rollouts of measured prompts whose tokens were counted, with the tenth of their prompt's pass rate."""
    measured = samples.filter(pl.col("n_rated") > 0, pl.col("n_tokens").is_not_null())
    return measured.with_columns(bin=_bin(N_TOKEN_BINS))


def _bin(n_bins: int) -> pl.Expr:
    """Number of the bin of a pass rate, worked out in whole numbers; null without a rate."""
    n = pl.when(pl.col("n_rated") > 0).then(pl.col("n_rated").cast(pl.Int64))
    return (pl.col("n_correct").cast(pl.Int64) * n_bins // n).clip(upper_bound=n_bins - 1)


def _edges(n_bins: int) -> list[pl.Expr]:
    edges = {"rate_low": pl.col("bin"), "rate_high": pl.col("bin") + 1}
    return [(edge / n_bins).round(2).alias(name) for name, edge in edges.items()]
