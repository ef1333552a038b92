"""`coldstart rate`: what it writes, what it says of its own error, and which options it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest

from flows.rate import rate
from schemas.errors import InputError

Outcomes = list[tuple[str, str, str | None]]

MANY: Outcomes = [(f"p{n:03}", "correct" if i < n % 5 * 4 else "incorrect", None) for n in range(60) for i in range(16)]
CUT: Outcomes = [("q", "undecided", "truncated")] * 4


def write(path: Path, outcomes: Outcomes) -> str:
    rows = [{"prompt_id": prompt, "outcome": outcome, "reason": reason} for prompt, outcome, reason in outcomes]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def rated(tmp_path: Path, outcomes: Outcomes, *options: str) -> pl.DataFrame:
    output = str(tmp_path / "out.parquet")
    rate.main([write(tmp_path / "in.jsonl", outcomes), "-o", output, *options], standalone_mode=False)
    return pl.read_parquet(output)


def test_decided_and_capped_prompts_are_told_apart(
    coldstart: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    done = coldstart("rate", write(tmp_path / "in.jsonl", MANY + CUT), "-o", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    counted, truncated, decided, capped, all_ = done.stdout.splitlines()
    assert counted.endswith("61 rows: 36 in_band, 12 too_easy, 12 too_hard, 1 unmeasured")
    assert truncated == "4 truncated, counted as undecided"
    assert decided.startswith("expected of 36 decided: ")
    assert capped.startswith("expected of 24 not decided: ")
    assert all_.startswith("expected of 60 in all: ")
    assert "in the wrong region; " in all_
    assert all_.endswith("of those in band are lost")


def test_no_error_is_stated_of_few_prompts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rated(tmp_path, [("p", "correct", None)] * 4)
    assert "not stated of fewer than 50 measured prompts" in capsys.readouterr().out


def test_truncated_rows_count_as_wrong_where_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes: Outcomes = [*CUT * 5, ("q", "correct", None)]
    assert rated(tmp_path, outcomes)["pass_rate"].item() == 1
    assert rated(tmp_path, outcomes, "--truncated", "incorrect")["pass_rate"].item() == 1 / 21
    assert "20 truncated, counted as incorrect" in capsys.readouterr().out


def test_errors_of_the_verifier_move_the_band_and_not_the_rate(tmp_path: Path) -> None:
    outcomes: Outcomes = [("p", "correct" if n < 26 else "incorrect", None) for n in range(32)]
    plain, moved = rated(tmp_path, outcomes), rated(tmp_path, outcomes, "--false-negatives", "0.2")
    assert [row["decision"].item() for row in (plain, moved)] == ["in_band", "too_easy"]
    assert plain["pass_rate"].equals(moved["pass_rate"])


def test_the_optimal_rule_is_replayed_with_its_pilot(tmp_path: Path) -> None:
    pilot = write(tmp_path / "pilot.jsonl", MANY)
    options = ["--sequential", "--rule", "optimal", "--pilot", pilot, "--max", "16"]
    found = rated(tmp_path, MANY, *options)
    assert found["stop_rule"].unique().to_list() == ["optimal"]
    assert found["n_used"].sum() < len(MANY)


def test_the_pilot_is_not_overwritten(tmp_path: Path) -> None:
    pilot = tmp_path / "out.parquet"
    pl.DataFrame({"n": [4], "c": [2]}).write_parquet(pilot)
    with pytest.raises(InputError, match="this is the input too"):
        rated(tmp_path, MANY, "--rule", "optimal", "--pilot", str(pilot))
    assert pl.read_parquet(pilot).columns == ["n", "c"]


def test_pass_at_k_is_a_column(tmp_path: Path) -> None:
    found = rated(tmp_path, MANY, "--rule", "fixed", "--max", "16", "--pass-at", "16")
    assert found["pass_at_16"].to_list() == [float(n % 5 > 0) for n in range(60)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--low", "0.5", "--high", "0.5"], "low must be below high: low is 0.5, high is 0.5"),
        (["--confidence", "0.5"], "confidence: input should be greater than 0.5"),
        (["--confidence", "1"], "confidence: input should be less than 1"),
        (["--low", "nan"], "low: input should be less than 1, found NaN"),
        (["--max", "3"], "max_samples must be at least batch: 3 < 4"),
        (["--batch", "0"], "batch: input should be greater than or equal to 1, found 0"),
        (["--rule", "optimal"], "--rule optimal and --pilot FILE need each other"),
        (["--pilot", "pilot.csv"], "--rule optimal and --pilot FILE need each other"),
        (["--rule", "optimal", "--pilot", "none.csv"], "none.csv: there is no such file"),
        (["--pass-at", "5"], "--pass-at 5 is more than the first round has: 4 rows"),
        (["--false-negatives", "0.6", "--false-positives", "0.4"], "tell nothing of right and wrong"),
        (["--false-negatives", "nan"], "tell nothing of right and wrong"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_line_and_writes_nothing(tmp_path: Path, options: list[str], words: str) -> None:
    with pytest.raises(InputError) as error:
        rated(tmp_path, MANY[:4], *options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            ("p", "right", None),
            'in.jsonl: record 3, outcome: found "right", wanted one of correct, incorrect, undecided',
        ),
        (("p", "correct", "truncated"), 'in.jsonl: record 3, reason: found "truncated", wanted one that agrees'),
        ((None, "correct", None), "in.jsonl: record 3, prompt_id: found null, wanted text or a whole number"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_written(tmp_path: Path, row: tuple[str, str, str], words: str) -> None:
    with pytest.raises(InputError) as error:
        rated(tmp_path, [*MANY[:2], row])
    assert words in str(error.value)
    assert not (tmp_path / "out.parquet").exists()
