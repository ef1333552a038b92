"""Bands: the region of each kept prompt, from the target's solve rollouts while screening, and nothing else."""

from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from pipeline import bands
from schemas.ids import content_id
from schemas.tables import Bands, PassRates, Prompts, Screened, frame_of

TARGET = content_id("generator", n=0)


def run(*rates: dict[str, Any], decision: str = "kept") -> pl.DataFrame:
    prompts = frame_of(Prompts, [{"prompt_id": name, "verifier": "math"} for name in "abcd"])
    screened = frame_of(Screened, [{"prompt_id": name, "decision": decision} for name in "abcd"])
    return bands.run(prompts, screened, frame_of(PassRates, list(rates)), bands.Config(target=TARGET))


def rate(prompt_id: str, region: str, pass_rate: float | None, *, is_decided: bool, **other: str) -> dict[str, Any]:
    key = {"generator_id": TARGET, "verifier": "math", "arm": "solve", "plan_id": "", "phase": "screen"}
    return {"prompt_id": prompt_id, "region": region, "pass_rate": pass_rate, "is_decided": is_decided, **key, **other}


def test_every_band_says_how_it_was_decided() -> None:
    result = run(
        rate("c", "unmeasured", None, is_decided=False),
        rate("b", "too_easy", 0.75, is_decided=False),
        rate("a", "in_band", 0.5, is_decided=True),
    )
    expected = frame_of(
        Bands,
        [
            {"prompt_id": "a", "region": "in_band", "is_decided": True, "reason": "posterior", "pass_rate": 0.5},
            {"prompt_id": "b", "region": "too_easy", "is_decided": False, "reason": "most_probable", "pass_rate": 0.75},
            {"prompt_id": "c", "region": "unmeasured", "is_decided": False, "reason": "unmeasured"},
        ],
    ).with_columns(role=pl.lit("target"), generator_id=pl.lit(TARGET))
    assert_frame_equal(result, expected)


def test_only_the_targets_own_solve_rollouts_decide() -> None:
    other = content_id("generator", n=1)
    result = run(
        rate("a", "in_band", 0.5, is_decided=True, generator_id=other),
        rate("b", "in_band", 0.5, is_decided=True, arm="execute", plan_id=other),
        rate("c", "in_band", 0.5, is_decided=True, phase="confirm"),
        rate("d", "in_band", 0.5, is_decided=True, verifier="a verifier that the source no longer names"),
    )
    assert result.is_empty()


def test_a_prompt_that_was_dropped_after_sampling_has_no_band() -> None:
    assert run(rate("a", "in_band", 0.5, is_decided=True), decision="dropped").is_empty()
