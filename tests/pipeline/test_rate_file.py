"""Plain rows are rated as they came, or with the stopping rule replayed over them."""

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

from pipeline.ledger import COUNTS, ENTRIES
from pipeline.pass_rates.stopping import Rule, regions, stops
from pipeline.rate_file import rate_rows
from pipeline.verifiers import UNDECIDED_REASONS
from schemas.errors import SchemaError
from schemas.tables import PassRates

RULE = Rule()
PILOT = ((8, 0, 40, None), (8, 4, 20, None), (8, 8, 40, None))


def rows(outcomes: Iterable[str], prompt_id: str = "p") -> pl.DataFrame:
    verdicts = [(prompt_id, *(("undecided", o) if o in UNDECIDED_REASONS else (o, None))) for o in outcomes]
    schema = {"prompt_id": pl.String, "outcome": pl.String, "reason": pl.String}
    return pl.DataFrame(verdicts, schema=schema, orient="row")


@pytest.mark.parametrize("reason", ["cosmic_ray", "", None])
def test_an_undecided_verdict_with_another_reason_is_a_verifier_error(reason: str | None) -> None:
    frame = pl.DataFrame({"prompt_id": ["p"], "outcome": ["undecided"], "reason": [reason]})
    assert rate_rows(frame, RULE)["n_verifier_error"].item() == 1


def test_rows_give_a_row_a_prompt_with_the_columns_that_apply() -> None:
    frame = pl.concat([rows(["correct", "incorrect", "timeout"], "b"), rows(["no_answer"], "a")])
    result = rate_rows(frame, RULE)
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
    assert rate_rows(frame, RULE).select("prompt_id", "decision").rows() == [(1, "unmeasured"), (2, "in_band")]


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
        ({"prompt_id": ["p"], "outcome": ["correct"], "reason": ["timeout"]},
         'record 1, reason: found "timeout", wanted one that agrees'),
        ({"prompt_id": ["p"], "outcome": ["undecided"], "reason": ["correct"]},
         'record 1, reason: found "correct", wanted one that agrees'),
        ({"prompt_id": ["p"], "outcome": ["correct"], "n_completion_tokens": [-1]},
         "record 1, n_completion_tokens: found -1, wanted a whole number"),
        ({"prompt_id": ["p"], "outcome": ["correct"], "n_completion_tokens": ["many"]},
         'record 1, n_completion_tokens: found "many", wanted a whole number'),
        ({"prompt_id": ["p"], "outcome": ["correct"], "n_completion_tokens": [2**63 - 1]},
         "record 1, n_completion_tokens: found 9223372036854775807, wanted a whole number"),
    ],
)  # fmt: skip
def test_bad_rows_are_named_with_field_found_and_wanted(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(SchemaError) as error:
        rate_rows(pl.DataFrame(columns), RULE, where="verdicts.jsonl")
    assert str(error.value).startswith(f"verdicts.jsonl: {message}")
    assert "\n" not in str(error.value)


def test_no_rows_give_no_rows() -> None:
    assert rate_rows(rows([]), RULE, sequential=True).is_empty()


def test_a_decided_prompt_stops_after_its_round_and_the_rest_is_not_counted() -> None:
    result = rate_rows(rows(["correct", "incorrect"] * 8), RULE, sequential=True).row(0, named=True)
    assert (result["n_used"], result["n_correct"], result["n_incorrect"]) == (4, 2, 2)
    assert result["stop_rule"] == "jeffreys"


def slow_n_used(outcomes: list[str], rule: Rule) -> int:
    """The stopping rule as one would write it down: look after each round."""
    for n in range(1, len(outcomes) + 1):
        used = outcomes[:n]
        if n == rule.max_samples or n == len(outcomes):
            return n
        if rule.rule == "fixed" or n % rule.batch:
            continue
        wrong = used.count("incorrect") + (rule.truncated == "incorrect") * used.count("truncated")
        c = used.count("correct")
        if "not_run" in used or is_settled(c + wrong, c, rule.max_samples - n, rule):
            return n
    raise ValueError("no outcomes")


def is_settled(n: int, c: int, n_left: int, rule: Rule) -> bool:
    if rule.rule == "jeffreys":
        posterior = beta(c + 0.5, n - c + 0.5)
        below, above = posterior.cdf(rule.low), posterior.sf(rule.high)
        return n > 0 and max(below, 1 - below - above, above) >= rule.confidence
    if rule.rule == "curtailed":
        ends = pl.DataFrame(
            [(n + right + wrong, c + right) for right in range(n_left + 1) for wrong in (n_left - right,)],
            schema=["n", "c"],
            orient="row",
        )
        return regions(ends, rule)["region"].n_unique() == 1
    return stops(pl.DataFrame({"n": [n], "c": [c], "n_left": [n_left]}), rule).item()


RULES = st.builds(
    Rule,
    batch=st.integers(1, 5),
    max_samples=st.integers(5, 20),
    rule=st.sampled_from(["jeffreys", "curtailed", "optimal", "fixed"]),
    truncated=st.sampled_from(["undecided", "incorrect"]),
    pilot_counts=st.just(PILOT),
    as_good_as=st.just(5),
)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from(ENTRIES[:4] + ENTRIES[-1:]), min_size=1, max_size=24), min_size=1, max_size=5),
    RULES,
)
def test_the_replay_is_the_slow_obvious_loop(prompts: list[list[str]], rule: Rule) -> None:
    frame = pl.concat([rows(outcomes, f"{n:02}") for n, outcomes in enumerate(prompts)])
    result = rate_rows(frame, rule, sequential=True)
    assert result["n_used"].to_list() == [slow_n_used(outcomes, rule) for outcomes in prompts]
    assert result["n_used"].to_list() == result.select(pl.sum_horizontal(COUNTS)).to_series().to_list()


def test_prompts_may_be_interleaved() -> None:
    apart = pl.concat([rows(["correct"] * 6, "a"), rows(["incorrect", "correct"] * 3, "b")])
    mixed = apart[[0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]]
    assert_frame_equal(rate_rows(apart, RULE, sequential=True), rate_rows(mixed, RULE, sequential=True))


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_million_rows_are_replayed_in_seconds() -> None:
    outcomes = np.random.default_rng(0).choice(["correct", "incorrect", "undecided"], 1_000_000)
    ids = np.repeat(np.arange(50_000), 20)
    result = rate_rows(pl.DataFrame({"prompt_id": ids, "outcome": outcomes}), RULE, sequential=True)
    assert result.height == 50_000


def cruxeval(shared_data: Path, task: str) -> tuple[pl.DataFrame, float]:
    """Outcomes as they were published, and the published mean pass rate."""
    with gzip.open(shared_data / "cruxeval" / f"codellama7b_t0.2_{task}_scored.json.gz") as file:
        published = json.load(file)
    frame = pl.concat(
        rows(["correct" if is_correct else "incorrect" for is_correct in scores], name)
        for name, scores in published["raw_scored_generations"].items()
    )
    return frame, published["pass_at_1"] / 100


@pytest.mark.parametrize(
    ("task", "too_hard", "in_band", "too_easy"), [("input", 420, 170, 210), ("output", 465, 116, 219)]
)
def test_real_outcomes_of_cruxeval(shared_data: Path, task: str, too_hard: int, in_band: int, too_easy: int) -> None:
    frame, published = cruxeval(shared_data, task)
    result = rate_rows(frame, RULE)
    assert result["pass_rate"].mean() == pytest.approx(published)
    counts = dict(result["decision"].value_counts().rows())
    assert counts == {"too_hard": too_hard, "in_band": in_band, "too_easy": too_easy}


@pytest.mark.parametrize("task", ["input", "output"])
def test_curtailed_decides_real_outcomes_as_fixed_with_fewer_samples(shared_data: Path, task: str) -> None:
    frame, _ = cruxeval(shared_data, task)
    fixed, curtailed = (
        rate_rows(frame, Rule(rule=rule, batch=1, max_samples=10), sequential=True) for rule in ("fixed", "curtailed")
    )
    assert fixed["decision"].to_list() == curtailed["decision"].to_list()
    assert curtailed["n_used"].sum() < fixed["n_used"].sum() == 8000


def test_pass_at_k_is_of_the_first_round_alone() -> None:
    frame = pl.concat(
        [rows(["correct", "incorrect", "incorrect", "incorrect", "correct"], "a"), rows(["timeout"], "b")]
    )
    result = rate_rows(frame, RULE, pass_at=2)
    assert result["pass_at_2"].to_list() == [0.5, None]


def test_tokens_are_read_where_they_are_given() -> None:
    frame = rows(["correct", "incorrect", "correct"]).with_columns(n_completion_tokens=pl.Series(["100", "300", None]))
    row = rate_rows(frame, RULE).row(0, named=True)
    assert (row["tokens_mean"], row["tokens_per_correct"]) == (200, 400)


def test_a_prompt_judged_twice_is_refused_and_both_are_shown() -> None:
    frame = rows(["correct", "incorrect"]).with_columns(verifier=pl.lit("math"))
    judges: list[tuple[str, list[str | None], str]] = [
        ("verifier", ["math", "code"], "code and math"),
        ("verifier", [None, "math"], "math and none"),
        ("verifier_version", ["2", "10"], "math version 10 and math version 2"),
    ]
    for name, values, shown in judges:
        with pytest.raises(
            SchemaError, match=f'^in.csv: prompt "p" has rollouts judged by {shown}, wanted one of them; '
        ):
            rate_rows(frame.with_columns(pl.Series(name, values)), RULE, where="in.csv")


def test_prompts_may_have_different_judges() -> None:
    frame = pl.concat([rows(["correct"], name).with_columns(verifier=pl.lit(name)) for name in ("a", "b")])
    assert rate_rows(frame, RULE).height == 2
