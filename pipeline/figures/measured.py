"""What measured the prompts that the screen kept: pass rates of their own verifier, without a plan, and the samples.

Told apart are the roles that are measured: `target`, and `strong` where a recipe has it.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.funnel import Tables
from pipeline.ledger import CORRECT, INCORRECT, entry
from pipeline.pass_rates.corrected_band import by_verifier
from pipeline.pass_rates.stopping import Rule
from pipeline.sampling import of_screen
from pipeline.verifiers import TRUNCATED
from pipeline.verify import latest

MEASURED = ("target", "strong")
"""Roles whose pass rates are measured, the one that defines the band first."""
ROLE = pl.Enum(MEASURED)

ANSWERS = (CORRECT, INCORRECT, TRUNCATED)
"""Rollouts whose tokens are told apart; what could not be judged for another reason is in none of them."""


def measured_roles(settings: Mapping[str, Any]) -> dict[str, str]:
    """generator_id -> its role, of those that are measured; one that has both is the target."""
    found = {}
    for generator_id, said in settings.get("generators", {}).items():
        roles = [role for role in MEASURED if role in str(said.get("role")).split(", ")]
        if roles:
            found[generator_id] = roles[0]
    return dict(sorted(found.items(), key=lambda item: MEASURED.index(item[1])))


def models_of(rollouts: pl.DataFrame, roles: Mapping[str, str]) -> dict[str, str]:
    """Role -> the models that answered in it; empty where none said its name."""
    return {
        role: ", ".join(rollouts.filter(generator_id=id)["model"].drop_nulls().unique().sort())
        for id, role in roles.items()
    }


def measured_rates(tables: Tables, roles: Mapping[str, str], rule: Rule) -> pl.DataFrame:
    """Rows of `pass_rates` that measure prompts, with role, and low and high: the edges that counted for each."""
    kept = tables["screened"].filter(pl.col("decision") == "kept")
    own = tables["prompts"].join(kept, on="prompt_id", how="semi").select("prompt_id", "verifier")
    names = pl.DataFrame(list(roles.items()), {"generator_id": pl.String, "role": ROLE}, orient="row")
    measured = (
        of_screen(tables["pass_rates"])
        .join(own, on=["prompt_id", "verifier"], how="semi")
        .join(names, on="generator_id")
    )  # fmt: skip
    return by_verifier(measured, rule, _with_edges).sort("role", "prompt_id")


def _with_edges(rates: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    return rates.with_columns(low=pl.lit(rule.low), high=pl.lit(rule.high))


def measured_samples(tables: Tables, rates: pl.DataFrame) -> pl.DataFrame:
    """The rollouts behind those rates: role, prompt_id, region, is_decided, n_rated, n_correct, answer and n_tokens.

    `answer` is one of ANSWERS or null, `n_tokens` null where the tokens were not counted.
    """
    answer = entry().cast(pl.String).cast(pl.Enum(ANSWERS), strict=False)
    verdicts = latest(tables["verdicts"]).select("rollout_id", "verifier", answer=answer)
    key = ["prompt_id", "generator_id", "verifier"]
    measured = rates.select(*key, "role", "region", "is_decided", "n_rated", "n_correct")
    return (
        tables["rollouts"].filter(arm="solve", phase="screen")
        .select("rollout_id", "prompt_id", "generator_id", n_tokens="n_completion_tokens")
        .join(verdicts, on="rollout_id")
        .join(measured, on=key)
        .drop("rollout_id", "generator_id", "verifier")
    )  # fmt: skip
