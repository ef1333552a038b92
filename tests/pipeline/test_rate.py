"""The ledger, the pass rate and the decision: from tables, from plain rows, and with the stopping rule replayed."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import beta

from pipeline import rate
from pipeline.ledger import COUNTS
from pipeline.rate_file import rate_rows
from pipeline.stopping import Rule
from pipeline.verifiers import UNDECIDED_REASONS
from schemas.errors import SchemaError
from schemas.ids import content_id
from schemas.tables import PassRates, Rollouts, Verdicts, frame_of, polars_schema

BAND = Rule()
ENTRIES = ("correct", "incorrect", *UNDECIDED_REASONS)
PROMPT, TARGET = content_id("prompt", n=0), content_id("generator", n=0)
RIGHT, WRONG = ("correct", "correct"), ("incorrect", "wrong_answer")


def tables(*samples: tuple[str, str], **columns: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rollouts and verdicts of one prompt; samples are (outcome, reason) in sampling order."""
    rollouts, verdicts = [], []
    for index, (outcome, reason) in enumerate(samples):
        key = {"rollout_id": content_id("rollout", n=index, **columns)}
        name = {"prompt_id": PROMPT, "generator_id": TARGET, "arm": "solve", "plan_id": "", "phase": "screen"} | columns
        rollouts.append({**key, **name, "sample_index": index})
        verdicts.append({**key, "verifier": "math", "verifier_version": "1", "outcome": outcome, "reason": reason})
    return frame_of(Rollouts, rollouts), frame_of(Verdicts, verdicts)


def rated(*samples: tuple[str, str], band: Rule = BAND) -> dict[str, Any]:
    return rate.run(*tables(*samples), band).row(0, named=True)


def rows(outcomes: Iterable[str], prompt_id: str = "p") -> pl.DataFrame:
    verdicts = [(prompt_id, *(("undecided", o) if o in UNDECIDED_REASONS else (o, None))) for o in outcomes]
    schema = {"prompt_id": pl.String, "outcome": pl.String, "reason": pl.String}
    return pl.DataFrame(verdicts, schema=schema, orient="row")


def test_one_row_has_the_declared_columns() -> None:
    result = rate.run(*tables(RIGHT, WRONG, RIGHT, WRONG), BAND)
    expected = {
        "prompt_id": PROMPT, "generator_id": TARGET, "verifier": "math", "arm": "solve", "plan_id": "",
        "phase": "screen", "n_correct": 2, "n_incorrect": 2, "pass_rate": 0.5, "region": "in_band", "is_decided": True,
        "stop_rule": "jeffreys", "n_first_round": 4, "c_first_round": 2, "tokens_mean": None,
    }  # fmt: skip
    assert result.schema == polars_schema(PassRates)
    assert result.select(*expected).row(0, named=True) == expected


@pytest.mark.parametrize("reason", UNDECIDED_REASONS)
def test_what_has_no_verdict_is_not_wrong_and_is_counted_by_its_reason(reason: str) -> None:
    row = rated(RIGHT, ("undecided", reason))
    assert {name: row[name] for name in COUNTS if row[name]} == {"n_correct": 1, f"n_{reason}": 1}
    assert row["pass_rate"] == 1


@pytest.mark.parametrize("reason", ["cosmic_ray", "", None])
def test_an_undecided_verdict_with_another_reason_is_a_verifier_error(reason: str | None) -> None:
    frame = pl.DataFrame({"prompt_id": ["p"], "outcome": ["undecided"], "reason": [reason]})
    assert rate_rows(frame, BAND)["n_verifier_error"].item() == 1


def test_a_correct_verdict_with_an_undecided_reason_is_correct() -> None:
    assert rated(("correct", "timeout"))["n_correct"] == 1


def test_a_prompt_without_a_verdict_is_unmeasured_and_has_no_numbers() -> None:
    row = rated(*[("undecided", "no_answer")] * 32)
    numbers = ("pass_rate", "ci_low", "ci_high", "p_below", "p_in", "p_above")
    assert [row[name] for name in numbers] == [None] * 6
    assert (row["region"], row["is_decided"], row["n_first_round"]) == ("unmeasured", False, 0)


def test_a_region_below_the_confidence_is_the_most_probable_one_and_says_so() -> None:
    row = rated(RIGHT, RIGHT, RIGHT, RIGHT)
    assert row["p_in"] < row["p_above"] < 0.95
    assert (row["region"], row["is_decided"]) == ("too_easy", False)


def test_only_the_newest_version_of_a_verifier_counts() -> None:
    rollouts, verdicts = tables(WRONG)
    newer = verdicts.with_columns(
        verifier_version=pl.lit("10"), outcome=pl.lit("correct").cast(verdicts["outcome"].dtype)
    )
    older = verdicts.with_columns(verifier_version=pl.lit("9"))
    row = rate.run(rollouts, pl.concat([newer, older]), BAND).row(0, named=True)
    assert (row["n_correct"], row["n_incorrect"]) == (1, 0)


def test_a_rollout_without_a_verdict_is_counted_nowhere() -> None:
    rollouts, verdicts = tables(RIGHT, WRONG)
    row = rate.run(rollouts, verdicts.head(1), BAND).row(0, named=True)
    assert sum(row[name] for name in COUNTS) == 1


def test_arms_phases_plans_and_generators_are_rated_apart() -> None:
    samples = [tables(RIGHT, arm=arm, generator_id=name) for arm in ("solve", "guess") for name in ("g", "h")]
    result = rate.run(*(pl.concat(frames) for frames in zip(*samples, strict=True)), BAND)
    assert result.select("arm", "generator_id", "n_correct").rows() == [
        (arm, name, 1) for name in ("g", "h") for arm in ("solve", "guess")
    ]


def test_tokens_are_taken_over_the_rollouts_that_have_them() -> None:
    rollouts, verdicts = tables(RIGHT, WRONG, RIGHT)
    rollouts = rollouts.with_columns(n_completion_tokens=pl.Series([100, 300, None], dtype=pl.Int32))
    row = rate.run(rollouts, verdicts, BAND).row(0, named=True)
    assert (row["tokens_mean"], row["tokens_per_correct"]) == (200, 400)
    assert rated(RIGHT)["tokens_per_correct"] is None


def test_tokens_for_each_correct_one_are_unknown_where_none_is_correct() -> None:
    rollouts, verdicts = tables(WRONG)
    row = rate.run(rollouts.with_columns(n_completion_tokens=pl.lit(7, pl.Int32)), verdicts, BAND).row(0, named=True)
    assert (row["tokens_mean"], row["tokens_per_correct"]) == (7, None)


def test_the_first_round_is_the_batch_or_all_that_the_fixed_rule_takes() -> None:
    samples = [RIGHT, ("undecided", "timeout"), WRONG, RIGHT, RIGHT]
    row, fixed = rated(*samples), rated(*samples, band=Rule(rule="fixed", max_samples=5))
    assert (row["n_first_round"], row["c_first_round"]) == (3, 2)
    assert (fixed["n_first_round"], fixed["c_first_round"]) == (4, 3)


def test_no_rollouts_give_no_rows_of_the_declared_types() -> None:
    assert_frame_equal(rate.run(*tables(), BAND), frame_of(PassRates, []))


@settings(max_examples=50)
@given(st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=20), st.randoms())
def test_the_order_of_rows_changes_nothing_and_every_verdict_is_counted_once(entries: list[str], random: Any) -> None:
    samples = [(entry, "") if entry in ("correct", "incorrect") else ("undecided", entry) for entry in entries]
    rollouts, verdicts = tables(*samples)
    result = PassRates.validate(rate.run(rollouts, verdicts, BAND))
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=random.randrange(99)) for frame in (rollouts, verdicts)]
    assert_frame_equal(result, rate.run(*shuffled, BAND))
    row = result.row(0, named=True)
    assert {name: row[name] for name in COUNTS} == {f"n_{entry}": entries.count(entry) for entry in ENTRIES}


def test_rows_give_a_row_a_prompt_with_the_columns_that_apply() -> None:
    frame = pl.concat([rows(["correct", "incorrect", "timeout"], "b"), rows(["no_answer"], "a")])
    result = rate_rows(frame, BAND)
    expected = pl.DataFrame(
        {
            "prompt_id": ["a", "b"],
            "n_undecided": [1, 1],
            "pass_rate": [None, 0.5],
            "decision": ["unmeasured", "in_band"],
        },
        schema_overrides={"n_undecided": pl.Int32},
    )
    assert_frame_equal(result.select(expected.columns), expected)
    key = {"generator_id", "verifier", "arm", "plan_id", "phase"}
    assert result.columns == [
        *(name for name in PassRates.column_names() if name not in key),
        "n_undecided",
        "decision",
    ]
    assert result["stop_rule"].to_list() == ["as_given"] * 2


def test_rows_need_no_reason_and_may_have_numbers_for_ids() -> None:
    frame = pl.DataFrame({"prompt_id": [2, 1], "outcome": ["correct", "undecided"], "other": [0, 0]})
    assert rate_rows(frame, BAND).select("prompt_id", "decision").rows() == [(1, "unmeasured"), (2, "in_band")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prompt_id": ["p"]}, "no column 'outcome'; it has prompt_id"),
        ({"outcome": ["correct"]}, "no column 'prompt_id'"),
        ({"prompt_id": ["p", "p"], "outcome": ["correct", "right"]}, 'record 2, outcome: found "right", wanted one of'),
        ({"prompt_id": ["p", "p"], "outcome": ["correct", None]}, "record 2, outcome: found null, wanted one of"),
        ({"prompt_id": ["p"], "outcome": [True]}, "record 1, outcome: found true, wanted one of correct"),
        ({"prompt_id": ["p", None], "outcome": ["correct"] * 2}, "record 2, prompt_id: found null, wanted text"),
        ({"prompt_id": [0.5], "outcome": ["correct"]}, "record 1, prompt_id: found 0.5, wanted text or a whole number"),
        ({"prompt_id": ["p"], "outcome": ["correct"], "reason": [7]}, "record 1, reason: found 7, wanted text"),
    ],
)  # fmt: skip
def test_bad_rows_are_named_with_field_found_and_wanted(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(SchemaError) as error:
        rate_rows(pl.DataFrame(columns), BAND, where="verdicts.jsonl")
    assert str(error.value).startswith(f"verdicts.jsonl: {message}")
    assert "\n" not in str(error.value)


def test_no_rows_give_no_rows() -> None:
    assert rate_rows(rows([]), BAND, sequential=True).is_empty()


def test_a_decided_prompt_stops_after_its_round_and_the_rest_is_not_counted() -> None:
    result = rate_rows(rows(["correct", "incorrect"] * 8), BAND, sequential=True).row(0, named=True)
    assert (result["n_used"], result["n_correct"], result["n_incorrect"]) == (4, 2, 2)
    assert result["stop_rule"] == "jeffreys"


def slow_n_used(outcomes: list[str], band: Rule) -> int:
    """The stopping rule as one would write it down: look after each round."""
    for n in range(1, len(outcomes) + 1):
        used = outcomes[:n]
        if n == band.max_samples or n == len(outcomes):
            return n
        if band.rule == "fixed" or n % band.batch:
            continue
        c, i = used.count("correct"), used.count("incorrect")
        posterior = beta(c + 0.5, i + 0.5)
        masses = [posterior.cdf(band.low), posterior.cdf(band.high) - posterior.cdf(band.low), posterior.sf(band.high)]
        if "not_run" in used or (c + i > 0 and max(masses) >= band.confidence):
            return n
    raise ValueError("no outcomes")


@given(
    st.lists(st.lists(st.sampled_from(ENTRIES[:4] + ENTRIES[-1:]), min_size=1, max_size=24), min_size=1, max_size=5),
    st.builds(
        Rule, batch=st.integers(1, 5), max_samples=st.integers(5, 20), rule=st.sampled_from(["jeffreys", "fixed"])
    ),
)
def test_the_replay_is_the_slow_obvious_loop(prompts: list[list[str]], band: Rule) -> None:
    frame = pl.concat([rows(outcomes, f"{n:02}") for n, outcomes in enumerate(prompts)])
    result = rate_rows(frame, band, sequential=True)
    assert result["n_used"].to_list() == [slow_n_used(outcomes, band) for outcomes in prompts]
    assert result["n_used"].to_list() == result.select(pl.sum_horizontal(COUNTS)).to_series().to_list()


def test_prompts_may_be_interleaved() -> None:
    apart = pl.concat([rows(["correct"] * 6, "a"), rows(["incorrect", "correct"] * 3, "b")])
    mixed = apart[[0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]]
    assert_frame_equal(rate_rows(apart, BAND, sequential=True), rate_rows(mixed, BAND, sequential=True))


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_million_rows_are_replayed_in_seconds() -> None:
    outcomes = np.random.default_rng(0).choice(["correct", "incorrect", "undecided"], 1_000_000)
    ids = np.repeat(np.arange(50_000), 20)
    result = rate_rows(pl.DataFrame({"prompt_id": ids, "outcome": outcomes}), BAND, sequential=True)
    assert result.height == 50_000


@pytest.mark.parametrize(
    ("task", "too_hard", "in_band", "too_easy"), [("input", 420, 170, 210), ("output", 465, 116, 219)]
)
def test_real_outcomes_of_cruxeval(shared_data: Path, task: str, too_hard: int, in_band: int, too_easy: int) -> None:
    with gzip.open(shared_data / "cruxeval" / f"codellama7b_t0.2_{task}_scored.json.gz") as file:
        published = json.load(file)
    frame = pl.concat(
        rows(["correct" if is_correct else "incorrect" for is_correct in scores], name)
        for name, scores in published["raw_scored_generations"].items()
    )
    result = rate_rows(frame, BAND)
    assert result["pass_rate"].mean() == pytest.approx(published["pass_at_1"] / 100)
    counts = dict(result["decision"].value_counts().rows())
    assert counts == {"too_hard": too_hard, "in_band": in_band, "too_easy": too_easy}
