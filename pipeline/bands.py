"""Bands: for each prompt that was sampled, the region that counts, taken from the target's pass rate.

Kept prompts that nobody has sampled yet have no row: they are pending, not excluded.
"""

import polars as pl
from pydantic import Field

from pipeline.sampling import of_model
from schemas.recipe import Settings
from schemas.tables import Bands, PassRates, Prompts, Screened

READS = (Prompts, Screened, PassRates)
WRITES = Bands

POSTERIOR = "posterior"
MOST_PROBABLE = "most_probable"
UNMEASURED = "unmeasured"


class Config(Settings):
    """Whose pass rate decides."""

    target: str = Field(description="generator_id of the target: the model that is to be trained.")


def run(prompts: pl.DataFrame, screened: pl.DataFrame, pass_rates: pl.DataFrame, config: Config) -> pl.DataFrame:
    """One row a kept prompt with a verdict of its own verifier, sorted by prompt_id.

    reason is `posterior` where the region reached the confidence, `most_probable` where it did not, `unmeasured` where
    no verdict says right or wrong.
    """
    reason = (
        pl.when("is_decided").then(pl.lit(POSTERIOR))
        .when(pl.col("region") == "unmeasured").then(pl.lit(UNMEASURED))
        .otherwise(pl.lit(MOST_PROBABLE))
    )  # fmt: skip
    kept = prompts.join(screened.filter(decision="kept"), on="prompt_id", how="semi").select("prompt_id", "verifier")
    return (
        of_model(pass_rates, config.target)
        .join(kept, on=["prompt_id", "verifier"], how="semi")
        .with_columns(reason=reason, role=pl.lit("target"))
        .select(Bands.column_names())
        .sort("prompt_id")
    )
