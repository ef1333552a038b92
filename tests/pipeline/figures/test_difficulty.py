"""The frames of difficulty count what was measured, and only that."""

from typing import Any

import polars as pl
import pytest

from pipeline.figures.difficulty import Difficulty, difficulty_of
from schemas.tables import TABLES, Audits, PassRates, Prompts, Rollouts, Screened, Verdicts, frame_of, table_name

TARGET, STRONG = "1" * 32, "2" * 32
SETTINGS = {
    "generators": {
        STRONG: {"role": "strong"},
        TARGET: {"role": "target, executor"},
        "3" * 32: {"role": "judge"},
    },
    "recipe": {"band": {"max_samples": 8}},
}


def id_of(number: int) -> str:
    return f"{number:032x}"


def prompt(i: int) -> dict[str, Any]:
    return {
        "prompt_id": id_of(i), "source": "s", "source_key": str(i), "revision": "r", "license": "MIT", "domain": "d",
        "task_family": "f", "messages": [], "problem_text": "p", "content_hash": id_of(i), "task": "{}",
        "verifier": "math", "group_id": id_of(i), "is_withdrawn": False,
    }  # fmt: skip


def rate(i: int, c: int, n: int, region: str, *, generator: str = TARGET, **columns: Any) -> dict[str, Any]:
    """A row of `pass_rates` with c of n right, the first four of them rated in the first round."""
    mass = dict.fromkeys(("p_below", "p_in", "p_above"), None if n == 0 else 0.02) | (
        {} if n == 0 else {{"too_hard": "p_below", "in_band": "p_in", "too_easy": "p_above"}[region]: 0.96}
    )
    undecided = dict.fromkeys(
        (
            "n_truncated",
            "n_no_answer",
            "n_ambiguous",
            "n_verifier_error",
            "n_timeout",
            "n_generation_error",
            "n_not_run",
        ),
        0,
    )
    return {
        "prompt_id": id_of(i), "generator_id": generator, "verifier": "math", "arm": "solve", "plan_id": "",
        "phase": "screen", "n_correct": c, "n_incorrect": n - c, **undecided, "n_rated": n,
        "pass_rate": c / n if n else None, **mass, "region": region, "is_decided": n > 0, "stop_rule": "jeffreys",
        "n_first_round": min(n, 4), "c_first_round": min(c, 4),
    } | columns  # fmt: skip


def sample(i: int, outcome: str, tokens: int | None, number: int, reason: str = "x") -> list[dict[str, Any]]:
    """A rollout of the target and its verdict."""
    rollout = {
        "rollout_id": id_of(100 * i + number), "prompt_id": id_of(i), "plan_id": "", "step_id": "", "arm": "solve",
        "phase": "screen", "role": "target", "generator_id": TARGET, "sample_index": number, "model": f"m{number}",
        "request_hash": id_of(8), "messages": [], "text": "42", "finish_reason": "stop", "n_completion_tokens": tokens,
    }  # fmt: skip
    verdict = {"rollout_id": rollout["rollout_id"], "verifier": "math", "verifier_version": "1", "outcome": outcome,
               "reason": reason, "seconds": 0.0}  # fmt: skip
    return [rollout, verdict]


def measured(rates: list[dict[str, Any]], samples: list[list[dict[str, Any]]], n_prompts: int = 9) -> Difficulty:
    tables = {table_name(table): table.create_empty() for table in TABLES} | {
        "prompts": frame_of(Prompts, [prompt(i) for i in range(n_prompts)]),
        "screened": frame_of(Screened, [
            {"prompt_id": id_of(i), "decision": "dropped" if i == 8 else "kept",
             "reason": "too_long" if i == 8 else "kept", "cluster_id": id_of(i)} for i in range(n_prompts)
        ]),
        "pass_rates": frame_of(PassRates, rates),
        "rollouts": frame_of(Rollouts, [rollout for rollout, _ in samples]),
        "verdicts": frame_of(Verdicts, [verdict for _, verdict in samples]),
        "audits": Audits.create_empty(),
    }  # fmt: skip
    return difficulty_of(tables, SETTINGS)


def test_prompts_are_counted_by_rate_and_unmeasured_ones_beside() -> None:
    rates = [
        rate(0, 0, 4, "too_hard"),
        rate(1, 3, 20, "in_band"),
        rate(2, 4, 4, "too_easy"),
        rate(3, 0, 0, "unmeasured"),
    ]
    found = measured(rates, []).histogram
    assert found.height == 21
    assert found.filter(pl.col("n_prompts") > 0).rows() == [
        ("target", 0.0, 0.05, 1), ("target", 0.15, 0.2, 1), ("target", 0.95, 1.0, 1), ("target", None, None, 1)
    ]  # fmt: skip


def test_only_the_screens_own_measurements_of_kept_prompts_count() -> None:
    others = [
        rate(0, 4, 4, "too_easy", phase="search"), rate(1, 4, 4, "too_easy", arm="execute", plan_id="a" * 32),
        rate(2, 4, 4, "too_easy", verifier="other"), rate(3, 4, 4, "too_easy", generator="3" * 32),
        rate(8, 4, 4, "too_easy"),
    ]  # fmt: skip
    found = measured(others, [])
    assert found.spent.is_empty()
    assert found.histogram.is_empty()
    assert found.stated.is_empty()


def test_samples_and_tokens_are_counted_by_region_beside_a_fixed_number() -> None:
    rates = [rate(0, 0, 4, "too_hard"), rate(1, 0, 2, "too_hard", is_decided=False, n_truncated=2)]
    samples = [sample(0, "incorrect", 10, k) for k in range(4)] + [sample(1, "incorrect", None, 0)]
    assert measured(rates, samples).spent.rows(named=True) == [
        {"role": "target", "region": "too_hard", "is_decided": True, "n_prompts": 1, "n_samples": 4, "n_truncated": 0,
         "samples_each": 4.0, "n_tokens": 40, "n_fixed": 8, "n_saved": 4},
        {"role": "target", "region": "too_hard", "is_decided": False, "n_prompts": 1, "n_samples": 4, "n_truncated": 2,
         "samples_each": 4.0, "n_tokens": None, "n_fixed": 8, "n_saved": 4},
    ]  # fmt: skip


def test_tokens_are_told_by_pass_rate_for_right_wrong_and_cut_off_answers() -> None:
    samples = [
        sample(0, "correct", 10, 0), sample(0, "correct", 20, 1), sample(0, "incorrect", 50, 2),
        sample(0, "undecided", 99, 3, "truncated"), sample(0, "undecided", 7, 4, "no_answer"),
        sample(0, "correct", None, 5), sample(1, "correct", 8, 0),
    ]  # fmt: skip
    found = measured([rate(0, 2, 4, "in_band"), rate(1, 0, 0, "unmeasured")], samples)
    assert found.tokens.rows() == [
        ("target", 0.5, 0.6, "correct", 2, 15.0), ("target", 0.5, 0.6, "incorrect", 1, 50.0),
        ("target", 0.5, 0.6, "truncated", 1, 99.0),
    ]  # fmt: skip


def test_every_attempt_counts_towards_what_a_right_answer_costs() -> None:
    samples = [sample(0, "correct", 10, 0), sample(0, "incorrect", 50, 1), sample(0, "undecided", 40, 2, "truncated"),
               sample(1, "incorrect", 30, 0)]  # fmt: skip
    found = measured([rate(0, 2, 4, "in_band"), rate(1, 0, 4, "too_hard")], samples)
    assert found.tokens_per_correct.rows() == [
        ("target", 0.0, 0.1, 1, 0, 30, None), ("target", 0.5, 0.6, 3, 1, 100, 100.0)
    ]  # fmt: skip


def test_pass_at_k_is_of_whole_first_rounds_only() -> None:
    rates = [
        rate(0, 2, 4, "in_band"), rate(1, 9, 32, "in_band", c_first_round=0),
        rate(2, 3, 3, "too_easy", n_first_round=3),
    ]  # fmt: skip
    found = measured(rates, []).pass_at_k
    assert found.select("role", "k", "n_prompts").rows() == [("target", k, 2) for k in (1, 2, 4)]
    assert found["pass_at_k"].to_list() == pytest.approx([0.25, (1 - 1 / 6) / 2, 0.5])
    assert found["ci_low"].min() == 0


def test_calibration_sets_the_posteriors_error_beside_the_expected_one() -> None:
    rates = [rate(i, 16, 32, "in_band") for i in range(20, 80)]
    mass = {"p_below": 0.3, "p_in": 0.7, "p_above": 0.0}
    rates += [rate(i, 1, 8, "in_band", **mass, is_decided=False) for i in range(80, 140)]
    found = measured(rates, [], n_prompts=200).calibration
    assert found.select("error_low", "error_high", "n_prompts").rows() == [(0.01, 0.05, 60), (0.2, 0.4, 60)]
    assert found["stated"].to_list() == pytest.approx([0.04, 0.3])
    sure, unsure = found["expected"]
    assert sure < 0.001 < unsure < 1


def test_calibration_adds_up_to_the_stated_error() -> None:
    found = measured([rate(i, i % 9, 8, "in_band") for i in range(20, 200)], [], n_prompts=200)
    n, expected = found.calibration["n_prompts"], found.calibration["expected"]
    assert (n * expected).sum() / n.sum() == pytest.approx(found.stated.filter(group="all")["error"].item())


def test_a_few_prompts_state_no_error() -> None:
    found = measured([rate(0, 2, 4, "in_band")], [])
    assert found.calibration.is_empty()
    assert found.stated["error"].null_count() == 3
    assert found.stated["n_prompts"].to_list() == [1, 0, 1]


def test_two_models_are_told_apart_the_target_first() -> None:
    rates = [rate(0, 0, 4, "too_hard"), rate(0, 4, 4, "too_easy", generator=STRONG)]
    found = measured(rates, [sample(0, "correct", 1, 0), sample(0, "correct", 1, 1)])
    assert found.models == {"target": "m0, m1", "strong": ""}
    assert found.spent.select("role", "region").rows() == [("target", "too_hard"), ("strong", "too_easy")]
    assert found.stated["role"].to_list() == ["target"] * 3 + ["strong"] * 3
    assert found.pass_at_k.filter(k=1)["pass_at_k"].to_list() == [0.0, 1.0]


def test_a_run_without_a_recipe_has_measured_nothing() -> None:
    found = difficulty_of({table_name(table): table.create_empty() for table in TABLES}, {})
    frames = (found.histogram, found.spent, found.tokens, found.tokens_per_correct, found.calibration, found.stated)
    assert all(frame.is_empty() for frame in (*frames, found.pass_at_k))
