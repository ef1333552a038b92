"""The demo recipe on the embedded model: a whole run, run again, and killed at random points."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.reports import describe
from flows.steps import wanted_rollouts
from pipeline.checks import check
from pipeline.journal import journal_folder, leftover
from pipeline.resolve import Resolved, resolve
from pipeline.store import Run, open_run
from schemas.recipe_file import load_recipe
from schemas.tables import TABLES, Bands, Examples, PassRates, Plans, PlanScores, Prompts, Rollouts, frame_of

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "flows/recipes/demo.toml"
SETTINGS = [f"data={ROOT / 'data/models'}", "sources.puzzles.size=5", "plans.samples=8", "work.shard_rows=100"]
COMMAND = [
    Path(sys.executable).parent / "coldstart", "run", RECIPE,
    *(word for setting in SETTINGS for word in ("--set", setting)), "--run",
]  # fmt: skip
N_KILLS = 20

pytestmark = pytest.mark.slow


def finish(run: Path) -> float:
    """Run to the end; the seconds it took."""
    started = time.monotonic()
    done = subprocess.run([*COMMAND, run], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - started


def kill_after(run: Path, seconds: float) -> int:
    process = subprocess.Popen([*COMMAND, run], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def resolved() -> Resolved:
    return resolve(*load_recipe(RECIPE, SETTINGS))


def finished_rollouts(run: Run) -> pl.DataFrame:
    """Rollouts that were paid for: published, or in a journal that a dead process left."""
    left = [row for _, rows in leftover(journal_folder(run, Rollouts)) for row in rows]
    found = pl.concat([run.read(Rollouts), frame_of(Rollouts, left)])
    return found.unique("rollout_id", keep="first").sort("rollout_id")


def decided(run: Run) -> pl.DataFrame:
    return (
        run.read(PassRates)
        .filter("is_decided", arm="solve", phase="screen")
        .select("prompt_id", "region")
        .sort("prompt_id")
    )


def broken_claims(run: Run) -> list[str]:
    return check(run).filter(pl.col("n_broken") > 0)["check"].to_list()


def ids(frame: pl.DataFrame) -> list[str]:
    return sorted(frame["rollout_id"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A finished run, and the seconds that a warm one takes."""
    folder = tmp_path_factory.mktemp("live")
    finish(folder / "cold")
    return folder / "whole", finish(folder / "whole")


def test_a_live_run_keeps_every_claim_and_ends_with_examples(whole: tuple[Path, float]) -> None:
    run = open_run(str(whole[0]))
    assert broken_claims(run) == []
    regions = set(run.read(Bands)["region"])
    assert {"in_band", "too_easy"} <= regions
    examples = run.read(Examples)
    assert examples.height > 0
    assert (examples["uplift"] > 0).all()
    assert examples["plan_id"].is_in(run.read(PlanScores).filter(decision="helps")["plan_id"].to_list()).all()


def test_exactly_the_wanted_rollouts_are_there(whole: tuple[Path, float]) -> None:
    run = open_run(str(whole[0]))
    assert ids(run.read(Rollouts)) == ids(wanted_rollouts(run, resolved()))


def test_a_finished_run_is_left_as_it_is(whole: tuple[Path, float]) -> None:
    run = open_run(str(whole[0]))
    before = {table: run.read(table).sort(table.primary_key()) for table in TABLES}
    finish(whole[0])
    for table, frame in before.items():
        assert_frame_equal(run.read(table).sort(table.primary_key()), frame)


def test_a_plan_is_shown_with_its_score_and_a_prompt_with_its_plans(whole: tuple[Path, float]) -> None:
    run = open_run(str(whole[0]))
    row = run.read(PlanScores).filter(decision="helps").row(0, named=True)
    assert f"n_execute: {row['n_execute']}" in describe(run, row["plan_id"])
    prompt_id = run.read(Plans).filter(plan_id=row["plan_id"])["prompt_id"][0]
    (line,) = [line for line in describe(run, prompt_id).splitlines() if row["plan_id"] in line]
    assert line.split()[1:4] == ["helps", f"{row['uplift']:+.2f}", f"{row['over_placebo']:+.2f}"]


def test_every_plan_of_the_model_is_read_or_says_why_not(whole: tuple[Path, float]) -> None:
    run = open_run(str(whole[0]))
    plans = run.read(Plans)
    assert (plans["status"] == "parsed").mean() > 0.8
    shown = run.read(Rollouts).filter(arm="execute").join(plans.select("plan_id", of="prompt_id"), on="plan_id")
    assert (shown["prompt_id"] == shown["of"]).all()


def test_more_prompts_ask_only_for_what_is_new(whole: tuple[Path, float], tmp_path: Path) -> None:
    few, many = tmp_path / "run", open_run(str(tmp_path / "run"))
    done = subprocess.run([*COMMAND, few, "--limit", "10"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 3, done.stderr
    before = finished_rollouts(many)
    finish(few)
    after = finished_rollouts(many)
    assert_frame_equal(after.join(before, on="rollout_id", how="semi"), before)
    assert many.read(Prompts).height == open_run(str(whole[0])).read(Prompts).height


@pytest.mark.timeout(1200)
def test_killed_anywhere_nothing_is_lost_doubled_or_decided_anew(whole: tuple[Path, float], tmp_path: Path) -> None:
    points = random.Random(20)
    statuses = []
    for number in range(N_KILLS):
        run = open_run(str(tmp_path / f"killed-{number}"))
        statuses.append(kill_after(tmp_path / f"killed-{number}", points.uniform(0.3, whole[1])))
        paid, settled = finished_rollouts(run), decided(run)
        finish(tmp_path / f"killed-{number}")
        rollouts = run.read(Rollouts).sort("rollout_id")
        assert rollouts["rollout_id"].is_unique().all()
        assert_frame_equal(rollouts.join(paid, on="rollout_id", how="semi"), paid)
        assert ids(rollouts) == ids(wanted_rollouts(run, resolved()))
        assert_frame_equal(decided(run).join(settled, on="prompt_id", how="semi"), settled)
        assert broken_claims(run) == []
    assert statuses.count(-signal.SIGKILL) >= N_KILLS // 2
