"""A budget stops a run cleanly, and a higher one lets it go on."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.checks import check
from pipeline.spending import Spending, state_of, state_path
from pipeline.store import open_run
from schemas.tables import Examples, Rollouts

ROOT = Path(__file__).resolve().parents[2]
Call = Callable[..., subprocess.CompletedProcess[str]]
RUN = ("run", ROOT / "flows/recipes/recorded.toml", "--set", f"data={ROOT / 'data/recorded'}")


def run_with(coldstart: Call, folder: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    return coldstart(*RUN, "--run", folder, *(part for setting in settings for part in ("--set", setting)))


def test_a_spent_budget_stops_with_code_3_and_a_higher_one_goes_on(coldstart: Call, tmp_path: Path) -> None:
    stopped = run_with(coldstart, tmp_path / "run", "budget.max_requests=50", "work.shard_rows=20")
    assert stopped.returncode == 3
    assert "budget.max_requests = 50: 50 samples were asked for; " in stopped.stderr
    assert "samples of `generate samples` are owed: raise it and run the same command" in stopped.stderr
    run = open_run(str(tmp_path / "run"))
    first = run.read(Rollouts)
    assert first.height == 50
    assert run_with(coldstart, tmp_path / "run", "budget.max_requests=50").returncode == 3
    assert run.read(Rollouts).height == 50
    assert run_with(coldstart, tmp_path / "run", "budget.max_requests=100_000").returncode == 0
    kept = run.read(Rollouts).join(first, on="rollout_id", how="semi")
    assert kept.sort("rollout_id").equals(first.sort("rollout_id"))
    assert check(run)["n_broken"].fill_null(0).sum() == 0


@pytest.fixture(scope="module")
def whole(coldstart: Call, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a budget, in which answers have a price."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert run_with(coldstart, folder, "models.target.price.completion=1000").returncode == 0
    return folder


def test_a_run_of_two_commands_ends_as_one(coldstart: Call, tmp_path: Path, whole: Path) -> None:
    run_with(coldstart, tmp_path / "run", "budget.max_requests=77")
    assert run_with(coldstart, tmp_path / "run").returncode == 0
    halved, at_once = (open_run(str(folder)).read(Examples) for folder in (tmp_path / "run", whole))
    assert sorted(halved["example_id"]) == sorted(at_once["example_id"])


def test_status_shows_what_is_in_flight(coldstart: Call, whole: Path) -> None:
    spending = Spending(what="generate trials", n_reused=7, n_asked=12, n_paid=3, n_failed=1, n_tokens=450)
    spending.failed_attempts.update(["timeout", "timeout"])
    run = open_run(str(whole))
    with spending.shown(state_path(run)):
        while state_of(run) is None:
            time.sleep(0.01)
        done = coldstart("status", "--run", whole)
    row = next(line for line in done.stdout.splitlines() if line.startswith("generate trials"))
    assert row.split()[2:7] == ["3", "7", "1", "8", "450"]
    assert row.endswith("timeout 2")
    assert "generate trials" not in coldstart("status", "--run", whole).stdout


def test_prices_give_a_cost_for_each_example(coldstart: Call, whole: Path) -> None:
    run = open_run(str(whole))
    spent = run.read(Rollouts).filter(role="target")["n_completion_tokens"].sum() / 1000
    n = run.read(Examples).height
    assert (
        f"; cost {spent:,.2f}, {spent / n:,.4f} for each of {n} examples" in coldstart("status", "--run", whole).stdout
    )
