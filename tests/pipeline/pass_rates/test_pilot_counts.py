"""Pilot files: outcomes or counts, checked row by row."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.pass_rates.pilot_counts import pilot_counts, read_pilot, sample_tokens
from pipeline.pass_rates.prior import beta_prior
from schemas.errors import SchemaError
from schemas.recipe import Band

FLAT = beta_prior(1, 1)


def test_outcomes_are_counted_by_prompt_and_prompts_by_counts() -> None:
    outcomes = ["correct", "incorrect", "undecided", "incorrect", "correct", "undecided"]
    frame = pl.DataFrame({"prompt_id": ["a", "a", "a", "b", "b", "c"], "outcome": outcomes})
    assert pilot_counts(frame, Band()) == ((2, 1, 2, None),)


def test_tokens_of_outcomes_are_means_over_all_samples_of_a_prompt() -> None:
    frame = pl.DataFrame(
        {"prompt_id": [1, 1, 2], "outcome": ["correct", "undecided", "correct"], "n_completion_tokens": [10, 30, 50]}
    )
    assert pilot_counts(frame, Band()) == ((1, 1, 2, 35.0),)


@pytest.mark.parametrize(
    "columns",
    [
        {"n_correct": [1, 0], "n_incorrect": [3, 4]},
        {"n_correct": [1, 0], "n_rated": [4, 4]},
        {"c": [1, 0], "n": [4, 4]},
        {"c": ["1", "0"], "n": ["4", "4"]},
        {"c": [1.0, 0.0], "n": [4.0, 4.0], "tokens_mean": [None, None]},
    ],
)
def test_counts_come_in_any_of_their_columns(columns: dict[str, list[Any]]) -> None:
    assert pilot_counts(pl.DataFrame(columns), Band()) == ((4, 0, 1, None), (4, 1, 1, None))


@pytest.mark.parametrize(("truncated", "found"), [("undecided", (1, 1, 1, None)), ("incorrect", (4, 1, 1, None))])
@pytest.mark.parametrize(
    "columns",
    [
        {"prompt_id": [1] * 4, "outcome": ["correct"] + ["undecided"] * 3, "reason": ["correct"] + ["truncated"] * 3},
        {"n_correct": [1], "n_incorrect": [0], "n_truncated": [3], "n_rated": [1]},
    ],
    ids=["outcomes", "counts"],
)
def test_what_was_cut_off_counts_as_the_band_says(columns: dict[str, list[Any]], truncated: Any, found: Any) -> None:
    assert pilot_counts(pl.DataFrame(columns), Band(truncated=truncated)) == (found,)


def test_a_prompt_without_a_verdict_says_nothing() -> None:
    assert pilot_counts(pl.DataFrame({"n": [0, 8], "c": [0, 2]}), Band()) == ((8, 2, 1, None),)


def test_of_pass_rates_only_prompts_solved_alone_are_taken() -> None:
    frame = pl.DataFrame({"n": [4, 4], "c": [1, 4], "arm": ["solve", "execute"], "plan_id": ["", "p"]})
    assert pilot_counts(frame, Band()) == ((4, 1, 1, None),)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"c": [1, 5], "n": [4, 4]}, "record 2, c: found 5, wanted at most n"),
        ({"c": [-1], "n": [4]}, "record 1, c: found -1, wanted a whole number from 0"),
        ({"c": [0.5], "n": [4]}, "record 1, c: found 0.5, wanted a whole number from 0"),
        ({"c": ["few"], "n": ["4"]}, 'record 1, c: found "few", wanted a whole number from 0'),
        ({"c": [None, 1], "n": [4, 4]}, "record 1, c: found null, wanted a whole number"),
        ({"c": [float("nan")], "n": [4]}, "record 1, c: found NaN, wanted a whole number"),
        ({"c": [1], "n": [4], "tokens_mean": [-3.0]}, "record 1, tokens_mean: found -3.0, wanted a number from 0"),
        ({"c": [2**63], "n": [2**63]}, "record 1, n: found"),
        ({"c": [1], "n": [4], "tokens_mean": [1e300]}, "record 1, tokens_mean: found 1e+300, wanted a number from 0"),
        ({"prompt_id": ["p"], "outcome": ["right"]}, 'record 1, outcome: found "right", wanted one of correct'),
        ({"prompt_id": [None], "outcome": ["correct"]}, "record 1, prompt_id: found null"),
        ({"outcome": ["correct"]}, "no column 'prompt_id'"),
        ({"prompt_id": ["p"], "outcome": [True]}, "record 1, outcome: found true, wanted one of correct"),
        ({"rate": [0.5]}, "wanted outcomes (prompt_id and outcome) or counts (n_correct and n_incorrect, or c and n)"),
        ({"c": [0], "n": [0]}, "no sample that was judged right or wrong"),
        ({"c": [], "n": []}, "no sample that was judged right or wrong"),
        ({}, "wanted outcomes (prompt_id and outcome) or counts"),
        ({"c": [1, 1], "n": [4, 4], "generator_id": ["g", "h"]}, "generator_id: found 2 models, wanted one"),
        ({"prompt_id": [1, 1], "outcome": ["correct"] * 2, "generator_id": ["g", "h"]}, "generator_id: found 2 models"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_a_line(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(SchemaError) as error:
        pilot_counts(pl.DataFrame(columns, strict=False), Band(), "pilot.csv")
    assert str(error.value).startswith(f"pilot.csv: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pilot.csv", "c,n\n1,4\n3,4\n"),
        ("pilot.jsonl", '{"n_correct": 1, "n_incorrect": 3}\n{"n_correct": 3, "n_incorrect": 1}\n'),
    ],
)
def test_files_of_any_kind_are_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_pilot(tmp_path / name, Band()) == ((4, 1, 1, None), (4, 3, 1, None))


@pytest.mark.parametrize(
    ("name", "message"), [("pilot.jsonl", "it has no columns"), ("pilot.csv", "the file is empty")]
)
def test_an_empty_file_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(SchemaError, match=f"{name}: .*{message}"):
        read_pilot(tmp_path / name, Band())


def test_tokens_are_a_line_over_rates() -> None:
    counts = tuple((8, c, 5, 1000.0 - 800.0 * (c + 1) / 10) for c in range(9))
    assert sample_tokens(counts, FLAT) == pytest.approx((1000, 280))


def test_tokens_never_fall_below_what_was_seen() -> None:
    hard, easy = sample_tokens(((8, 0, 50, 1000.0), (8, 4, 50, 10.0)), FLAT) or (0, 0)
    assert easy == 10
    assert hard > 1000


def test_tokens_of_one_kind_of_prompt_or_none() -> None:
    assert sample_tokens(((8, 4, 50, 70.0),), FLAT) == (70.0, 70.0)
    assert sample_tokens(((8, 4, 50, None),), FLAT) is None
