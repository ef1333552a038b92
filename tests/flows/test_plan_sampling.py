"""The verb plan-sampling: a table of rules, for a pilot, a Beta distribution or what was published."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.plan_sampling import plan_sampling
from schemas.errors import RecipeError, SchemaError

PILOT = "n_correct,n_incorrect,tokens_mean\n" + "0,8,900\n" * 40 + "3,5,500\n" * 20 + "8,0,200\n" * 60


def planned(*options: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(plan_sampling, [*options, "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_rule_has_a_row_and_the_published_shares_are_named() -> None:
    done = CliRunner().invoke(plan_sampling, [])
    rules = [line.split()[0] for line in done.stdout.splitlines()[1:7]]
    assert rules == ["fixed", "fixed", "fixed", "curtailed", "jeffreys", "optimal"]
    assert "Pass rates from Beta(0.25, 0.19), fitted to what Skywork-OR1 published" in done.stdout
    assert "jeffreys: A prompt with a pass rate of 0.05" in done.stdout


def test_rules_stand_beside_the_fixed_cap() -> None:
    rows = {(row["rule"], row["max"]): row for row in planned("--low", ".2", "--high", ".8", "--max", "64")}
    fixed = rows["fixed", 64]
    assert [key[1] for key in rows if key[0] == "fixed"] == [8, 16, 32, 64]
    assert fixed["of_fixed"] == pytest.approx(1)
    assert rows["curtailed", 64]["error"] == pytest.approx(fixed["error"])
    assert rows["optimal", 64]["error"] <= rows["fixed", 16]["error"]
    assert rows["optimal", 64]["samples"] < rows["jeffreys", 64]["samples"] < 64


def test_a_pilot_gives_the_prior_and_tokens(tmp_path: Path) -> None:
    (tmp_path / "pilot.csv").write_text(PILOT)
    done = CliRunner().invoke(plan_sampling, ["--pilot", str(tmp_path / "pilot.csv"), "--max", "16"])
    assert "tokens_of_fixed" in done.stdout.splitlines()[0]
    assert "Pass rates as in 120 prompts of" in done.stdout
    assert "tokens" not in planned("--beta", "1", "1")[0]


@pytest.mark.parametrize("beta", [("1e-6", "1e-6"), ("1e6", "1e6"), ("1e-6", "1e6")])
def test_extreme_priors_are_summed_right(beta: tuple[str, str]) -> None:
    assert [row["samples"] for row in planned("--beta", *beta)][:3] == pytest.approx([8, 16, 32], rel=1e-6)


def test_a_cap_that_optimal_cannot_work_out_leaves_it_out() -> None:
    assert {row["rule"] for row in planned("--max", "300", "--batch", "20")} == {"fixed", "curtailed", "jeffreys"}


def test_a_batch_above_eight_and_a_cap_of_one_are_fine() -> None:
    assert planned("--batch", "12", "--max", "24")[0]["samples"] == pytest.approx(8)
    assert [row["max"] for row in planned("--max", "1", "--batch", "1")] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--low", ".9", "--high", ".1"], "low must be below high: low is 0.9, high is 0.1"),
        (["--confidence", ".4"], "confidence: input should be greater than 0.5, found 0.4"),
        (["--max", "3"], "max_samples must be at least batch: 3 < 4"),
        (["--max", "0"], "max_samples: input should be greater than or equal to 1, found 0"),
        (["--as-good-as", "64"], "max_samples must be at least as_good_as: 32 < 64"),
    ],
)
def test_options_that_are_no_band_are_told_in_a_line(options: list[str], message: str) -> None:
    with pytest.raises(RecipeError) as error:
        CliRunner().invoke(plan_sampling, options, catch_exceptions=False)
    assert str(error.value) == f"plan-sampling: {message}"


def test_a_broken_pilot_is_told_by_its_record(tmp_path: Path) -> None:
    (tmp_path / "pilot.csv").write_text("c,n\n1,4\n5,4\n")
    with pytest.raises(SchemaError, match=r'pilot\.csv: record 2, c: found "5", wanted at most n'):
        CliRunner().invoke(plan_sampling, ["--pilot", str(tmp_path / "pilot.csv")], catch_exceptions=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--beta", "0", "1"], "--beta 0 1: wanted two numbers from 1e-06 to 1,000,000"),
        (["--beta", "nan", "1"], "--beta nan 1: wanted two numbers from 1e-06 to 1,000,000"),
        (["--beta", "1e-300", "1"], "--beta 1e-300 1: wanted two numbers"),
        (["--beta", "1", "1", "--pilot", "x.csv"], "--pilot and --beta both say"),
    ],
)
def test_what_no_prior_can_be_is_a_usage_error(options: list[str], message: str) -> None:
    done = CliRunner().invoke(plan_sampling, options)
    assert done.exit_code == 2
    assert message in done.stderr
