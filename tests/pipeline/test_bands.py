"""Bands: the target's region of each prompt, and who goes on by it, by a stronger model and by guesses."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import bands
from schemas.ids import content_id, rollout_id
from schemas.tables import REGIONS, Bands, PassRates, Prompts, Rollouts, Screened, Verdicts, frame_of

TARGET, STRONG = content_id("generator", n=0), content_id("generator", n=1)
A, B, C, D = (content_id("prompt", n=n) for n in range(4))


def run(
    *rates: dict[str, Any], decision: str = "kept", tries: list[dict[str, Any]] | None = None, **settings: Any
) -> pl.DataFrame:
    """Bands of the prompts A to D; a guess is a rollout with the outcome of its verdict."""
    prompts = frame_of(Prompts, [{"prompt_id": id, "verifier": "math"} for id in (A, B, C, D)])
    screened = frame_of(Screened, [{"prompt_id": id, "decision": decision} for id in (A, B, C, D)])
    tried = tries or []
    rollouts = frame_of(Rollouts, [{k: v for k, v in one.items() if k != "outcome"} for one in tried])
    judged = [{"rollout_id": one["rollout_id"], "outcome": one["outcome"]} for one in tried]
    verdicts = frame_of(Verdicts, [{**one, "verifier": "math", "verifier_version": "1"} for one in judged])
    config = bands.Config(target=TARGET, **settings)
    return bands.run(prompts, screened, rollouts, verdicts, frame_of(PassRates, list(rates)), config)


def rate(prompt_id: str, region: str, pass_rate: float | None = None, **other: Any) -> dict[str, Any]:
    key = {"generator_id": TARGET, "verifier": "math", "arm": "solve", "plan_id": "", "phase": "screen"}
    return {"prompt_id": prompt_id, "region": region, "pass_rate": pass_rate, "is_decided": True, **key, **other}


def guess(prompt_id: str, outcome: str, index: int = 0, **other: Any) -> dict[str, Any]:
    generator = other.get("generator_id", TARGET)
    key = {"prompt_id": prompt_id, "arm": "guess", "phase": "screen", "generator_id": generator, "sample_index": index}
    text = {"text": "42", "n_completion_tokens": 2, "reasoning": None, "outcome": outcome}
    return {"rollout_id": rollout_id(prompt_id, generator, index, arm="guess"), **key, **text, **other}


def reasons(frame: pl.DataFrame) -> dict[str, tuple[str, str]]:
    return {row["prompt_id"]: (row["decision"], row["reason"]) for row in frame.iter_rows(named=True)}


def test_a_band_is_the_targets_region_and_what_becomes_of_the_prompt() -> None:
    result = run(
        rate(C, "unmeasured", is_decided=False),
        rate(B, "too_easy", 0.95, is_decided=False),
        rate(A, "in_band", 0.5),
        rate(D, "too_hard", 0.0),
    )
    expected = frame_of(
        Bands,
        [
            {"prompt_id": A, "region": "in_band", "is_decided": True, "pass_rate": 0.5} | _kept("in_band"),
            {"prompt_id": B, "region": "too_easy", "is_decided": False, "pass_rate": 0.95} | _dropped("too_easy"),
            {"prompt_id": C, "region": "unmeasured", "is_decided": False} | _dropped("unmeasured"),
            {"prompt_id": D, "region": "too_hard", "is_decided": True, "pass_rate": 0.0}
            | {"decision": "later", "reason": "too_hard"},
        ],
    ).with_columns(role=pl.lit("target"), generator_id=pl.lit(TARGET), n_guesses=0, c_guesses=0)
    assert_frame_equal(result, expected.sort("prompt_id"), check_dtypes=False)
    Bands.validate(result)


def _kept(reason: str) -> dict[str, str]:
    return {"decision": "kept", "reason": reason}


def _dropped(reason: str) -> dict[str, str]:
    return {"decision": "dropped", "reason": reason}


def test_only_the_targets_own_solve_rollouts_decide() -> None:
    result = run(
        rate(A, "in_band", generator_id=STRONG),
        rate(B, "in_band", arm="execute", plan_id=STRONG),
        rate(C, "in_band", phase="confirm"),
        rate(D, "in_band", verifier="a verifier that the source no longer names"),
    )
    assert result.is_empty()


def test_a_prompt_that_was_dropped_after_sampling_has_no_band() -> None:
    assert run(rate(A, "in_band"), decision="dropped").is_empty()


def test_a_strong_model_that_decides_nothing_stands_beside_the_target() -> None:
    (row,) = run(rate(A, "in_band"), rate(A, "too_hard", 0.1, generator_id=STRONG), strong=STRONG).to_dicts()
    assert (row["decision"], row["role"]) == ("kept", "target")
    assert (row["strong_generator_id"], row["strong_region"], row["strong_pass_rate"]) == (STRONG, "too_hard", 0.1)


# target, strong -> decision and reason for `teachable` and for `edge`
TWO_MODELS = {
    ("in_band", "in_band"): ("kept in_band", "kept in_band"),
    ("in_band", "too_easy"): ("kept in_band", "kept in_band"),
    ("in_band", "too_hard"): ("later unsolved", "later unsolved"),
    ("in_band", "unmeasured"): ("dropped unmeasured", "dropped unmeasured"),
    ("in_band", None): ("dropped unmeasured", "dropped unmeasured"),
    ("too_hard", "in_band"): ("kept teachable", "later too_hard"),
    ("too_hard", "too_easy"): ("kept teachable", "later too_hard"),
    ("too_hard", "too_hard"): ("later unsolved", "later too_hard"),
    ("too_hard", "unmeasured"): ("dropped unmeasured", "later too_hard"),
    ("too_easy", "too_hard"): ("dropped too_easy", "dropped too_easy"),
    ("too_easy", "in_band"): ("dropped too_easy", "dropped too_easy"),
    ("unmeasured", "too_easy"): ("dropped unmeasured", "dropped unmeasured"),
}


@pytest.mark.parametrize(("regions", "told"), list(TWO_MODELS.items()))
@pytest.mark.parametrize(("place", "who"), [(0, "teachable"), (1, "edge")])
def test_a_stronger_model_says_what_can_be_taught(
    regions: tuple[str, str | None], told: tuple[str, str], place: int, who: str
) -> None:
    target, strong = regions
    rates = [rate(A, target), *([rate(A, strong, generator_id=STRONG)] if strong else [])]
    (row,) = run(*rates, strong=STRONG, who=who).to_dicts()
    assert f"{row['decision']} {row['reason']}" == told[place]


def test_a_row_says_whose_pass_rates_decided_it() -> None:
    rates = [rate(A, "too_hard"), rate(B, "too_easy")]
    both = run(*rates, *({**one, "generator_id": STRONG} for one in rates), strong=STRONG, who="teachable")
    assert dict(both.select("prompt_id", "role").rows()) == {A: "target, strong", B: "target"}


def test_a_share_of_the_easy_prompts_is_replayed_and_more_prompts_move_nobody() -> None:
    ids = [content_id("prompt", n=n) for n in range(400)]
    prompts = frame_of(Prompts, [{"prompt_id": id, "verifier": "math"} for id in ids])
    screened = frame_of(Screened, [{"prompt_id": id, "decision": "kept"} for id in ids])
    rates = frame_of(PassRates, [rate(id, "too_easy") for id in ids])
    tables = prompts, screened, frame_of(Rollouts, []), frame_of(Verdicts, [])

    def replayed(frame: pl.DataFrame, share: float) -> set[str]:
        decided = bands.run(*tables, frame, bands.Config(target=TARGET, easy_share=share))
        return set(decided.filter(decision="kept", reason="replayed")["prompt_id"])

    few = replayed(rates.head(200), 0.25)
    assert 30 < len(few) < 70
    assert few == replayed(rates, 0.25) & set(ids[:200])
    assert few < replayed(rates.head(200), 0.5) < replayed(rates.head(200), 1.0) == set(ids[:200])
    assert replayed(rates, 0.0) == set()


def test_one_right_guess_drops_a_prompt_that_would_go_on() -> None:
    tries = [guess(A, "incorrect"), guess(A, "correct", 1), guess(B, "incorrect"), guess(C, "correct")]
    result = run(rate(A, "in_band"), rate(B, "in_band"), rate(C, "too_hard"), tries=tries)
    assert reasons(result)[A] == ("kept", "in_band")  # keep.guesses is 0
    result = run(rate(A, "in_band"), rate(B, "in_band"), rate(C, "too_hard"), tries=tries, guesses=2)
    assert reasons(result) == {A: ("dropped", "guessable"), B: ("kept", "in_band"), C: ("later", "too_hard")}


@pytest.mark.parametrize(
    "other",
    [
        {"index": 2},
        {"reasoning": "6 * 7 = 42"},
        {"n_completion_tokens": 65},
        {"n_completion_tokens": None, "text": "so " * 65},
        {"generator_id": STRONG},
        {"phase": "search"},
        {"arm": "solve"},
        {"outcome": "undecided"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_is_no_guess_of_the_target_counts_for_nothing(other: dict[str, Any]) -> None:
    (row,) = run(rate(A, "in_band"), tries=[guess(A, **({"outcome": "correct"} | other))], guesses=2).to_dicts()
    assert (row["decision"], row["n_guesses"], row["c_guesses"]) == ("kept", 0, 0)


@pytest.mark.parametrize("other", [{"reasoning": " \n"}, {"n_completion_tokens": None, "text": "so " * 64}])
def test_short_answers_without_reasoning_are_guesses(other: dict[str, Any]) -> None:
    (row,) = run(rate(A, "in_band"), tries=[guess(A, "correct", **other)], guesses=2).to_dicts()
    assert (row["reason"], row["n_guesses"], row["c_guesses"]) == ("guessable", 1, 1)


@given(st.sampled_from(REGIONS), st.sampled_from([*REGIONS, None]), st.sampled_from(["target", "teachable", "edge"]))
def test_nothing_that_is_unmeasured_ever_goes_on(target: str, strong: str | None, who: str) -> None:
    rates = [rate(A, target), *([rate(A, strong, generator_id=STRONG)] if strong else [])]
    (row,) = run(*rates, strong=STRONG, who=who, easy_share=1.0).to_dicts()
    assert (target == "unmeasured") <= (row["decision"] == "dropped")
    assert (row["role"] == "target, strong" and strong in (None, "unmeasured")) <= (row["reason"] == "unmeasured")
