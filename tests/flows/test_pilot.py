"""A pilot is the run itself on few prompts, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import pytest

from flows.console import drive
from flows.pilot import Pilot, run_pilot
from flows.steps import steps
from pipeline.lock import locked
from pipeline.resolve import Resolved, resolve
from pipeline.store import open_run
from schemas.errors import TooManyErrors
from schemas.recipe_file import load_recipe
from schemas.tables import Bands, Examples, Rollouts

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "flows/recipes/recorded.toml"
DATA = f"data={ROOT / 'data/recorded'}"
EVERY = 1_000


def recorded(*overrides: str) -> Resolved:
    return resolve(*load_recipe(RECIPE, [DATA, *overrides]))


def n_rollouts(pilot: Pilot) -> dict[str, int]:
    generated = pilot.costs.filter(stage="generate")
    return dict(generated.select("arm", "n_rollouts").rows())


@pytest.fixture(scope="module")
def whole() -> Pilot:
    return run_pilot(recorded(), EVERY)


def test_a_pilot_of_all_prompts_counts_what_the_run_counts(whole: Pilot, tmp_path: Path) -> None:
    with locked(open_run(str(tmp_path))) as run:
        drive(steps(run, recorded()))
    assert n_rollouts(whole) == dict(run.read(Rollouts)["arm"].cast(pl.String).value_counts().rows())
    assert whole.n_kept == run.read(Bands).filter(decision="kept").height
    assert whole.n_examples == run.read(Examples).height


def test_a_few_prompts_cost_less_and_all_are_counted(whole: Pilot) -> None:
    few = run_pilot(recorded(), 4)
    assert (few.n_sampled, few.n_prompts) == (4, whole.n_prompts)
    assert few.screened.equals(whole.screened)
    assert 0 < n_rollouts(few)["solve"] < n_rollouts(whole)["solve"]


def test_no_prompt_asks_no_model() -> None:
    pilot = run_pilot(recorded(), 0)
    assert pilot.costs["stage"].to_list() == ["collect", "screen"]
    assert (pilot.n_sampled, pilot.n_prompts) == (0, 42)


def test_a_limit_is_what_the_run_would_sample() -> None:
    pilot = run_pilot(recorded(), 8, limit=5)
    assert (pilot.n_sampled, pilot.n_prompts) == (5, 5)


def test_tokens_that_nobody_counted_are_unknown(whole: Pilot) -> None:
    solve = whole.costs.row(by_predicate=pl.col("arm") == "solve", named=True)
    assert solve["n_prompt_tokens"] is None
    assert solve["n_completion_tokens"] > 10_000


def test_every_generated_row_has_its_share_of_the_time(whole: Pilot) -> None:
    assert (whole.costs.filter(stage="generate")["work_s"] > 0).all()
    assert (whole.costs.select(pl.col("start_s", "work_s") >= 0).to_numpy()).all()


def test_nothing_is_exported_or_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    run_pilot(recorded(f"export.to={tmp_path / 'out'}"), EVERY)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["temporary"]


def test_a_failed_pilot_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TooManyErrors, match="max_error_rate"):
        run_pilot(recorded("work.max_error_rate=0"), EVERY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_pilot_leaves_nothing_behind(tmp_path: Path, stop: signal.Signals) -> None:
    command = [Path(sys.executable).parent / "coldstart", "run", RECIPE, "--set", DATA, "--run", tmp_path / "run"]
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    with subprocess.Popen(
        [*map(str, command), "--dry-run"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first step is done
        assert list(tmp_path.glob("temporary/coldstart-pilot-*"))
        process.send_signal(stop)
        assert "stopped" in process.stderr.read()
    assert process.returncode == 130
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["temporary"]
