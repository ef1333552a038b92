"""Bands: which of the prompts that were sampled go on, by the pass rates of the target and of a stronger model.

The region is a measurement of the target, the decision a policy over it. Kept prompts of the screen that nobody has
sampled yet have no row: they are pending, not excluded.
"""

import polars as pl
from pydantic import Field

from pipeline import guesses
from pipeline.guesses import GUESSABLE
from pipeline.sampling import of_model
from schemas.ids import NONE
from schemas.recipe import Keep
from schemas.tables import Bands, PassRates, Prompts, Rollouts, Screened, Verdicts, polars_schema

READS = (Prompts, Screened, Rollouts, Verdicts, PassRates)
WRITES = Bands

IN_BAND, TEACHABLE, REPLAYED = KEPT_REASONS = ("in_band", "teachable", "replayed")
TOO_HARD, UNSOLVED = LATER_REASONS = ("too_hard", "unsolved")
TOO_EASY, UNMEASURED = "too_easy", "unmeasured"


class Config(Keep):
    """Whose pass rates decide, and how."""

    target: str = Field(description="generator_id of the target: the model that is to be trained.")
    strong: str | None = Field(None, description="generator_id of the stronger model, where the recipe has one.")


def run(
    prompts: pl.DataFrame, screened: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame,
    pass_rates: pl.DataFrame, config: Config,
) -> pl.DataFrame:  # fmt: skip
    """One row a kept prompt that the target was sampled on and its own verifier judged, sorted by prompt_id.

    Whatever `who` says, a prompt without a rated answer of the target is `unmeasured`, and so is one without a rated
    answer of the stronger model where that decides; a prompt that would go on and is guessed is `guessable`.
    """
    key = ["prompt_id", "verifier"]
    own = prompts.join(screened.filter(decision="kept"), on="prompt_id", how="semi").select(key)
    strong = of_model(pass_rates, config.strong or NONE)
    asked = pl.col("strong_region").fill_null(UNMEASURED) if config.strong else pl.col("strong_region")
    measured = (
        of_model(pass_rates, config.target)
        .join(own, on=key, how="semi")
        .join(strong.select(*key, strong_pass_rate="pass_rate", strong_region="region"), on=key, how="left")
        .join(guesses.counted(rollouts, verdicts, config.target, config), on=key, how="left")
        .with_columns(pl.col("n_guesses", "c_guesses").fill_null(0), strong_region=asked)
    )
    decided = measured.with_columns(
        reason=_reason(config),
        role=pl.when(_asks_strong(config)).then(pl.lit("target, strong")).otherwise(pl.lit("target")),
        strong_generator_id=pl.lit(config.strong, pl.String),
    ).with_columns(decision=_decision())
    return decided.select(pl.col(name).cast(dtype) for name, dtype in polars_schema(Bands).items()).sort("prompt_id")


def _asks_strong(config: Config) -> pl.Expr:
    """Whether the stronger model's pass rate decides on a prompt, once the target's is known."""
    region = pl.col("region").cast(pl.String)
    return region.is_in({"target": [], "teachable": [TOO_HARD, IN_BAND], "edge": [IN_BAND]}[config.who])


def _reason(config: Config) -> pl.Expr:
    region, strong = pl.col("region"), pl.col("strong_region")
    asks = _asks_strong(config)
    reason = (
        pl.when((region == UNMEASURED) | (asks & (strong == UNMEASURED))).then(pl.lit(UNMEASURED))
        .when((region == TOO_EASY) & _is_replayed(config.easy_share)).then(pl.lit(REPLAYED))
        .when(region == TOO_EASY).then(pl.lit(TOO_EASY))
        .when(asks & (strong == TOO_HARD)).then(pl.lit(UNSOLVED))
        .when(region == IN_BAND).then(pl.lit(IN_BAND))
        .when(asks).then(pl.lit(TEACHABLE))
        .otherwise(pl.lit(TOO_HARD))
    )  # fmt: skip
    return pl.when(reason.is_in(KEPT_REASONS) & (pl.col("c_guesses") > 0)).then(pl.lit(GUESSABLE)).otherwise(reason)


def _is_replayed(share: float) -> pl.Expr:
    """Drawn by the end of the prompt_id, which is a hash of its content: more prompts move nobody.

    Its beginning is what `--limit` draws by.
    """
    return pl.col("prompt_id").str.tail(8).str.to_integer(base=16, dtype=pl.Int64) < share * 2**32


def _decision() -> pl.Expr:
    reason = pl.col("reason")
    return (
        pl.when(reason.is_in(KEPT_REASONS)).then(pl.lit("kept"))
        .when(reason.is_in(LATER_REASONS)).then(pl.lit("later"))
        .otherwise(pl.lit("dropped"))
    )  # fmt: skip
