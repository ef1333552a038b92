"""kill -9 at random points, then the same command: nothing lost, nothing doubled, the same tables."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.lock import holder
from pipeline.store import Run, open_run
from schemas.tables import TABLES, Verdicts

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [Path(sys.executable).parent / "coldstart", "run", ROOT / "flows/recipes/recorded.toml"]
SETTINGS = ["--set", f"data={ROOT / 'data/recorded'}", "--set", "work.shard_rows=40"]
N_KILLS = 20


def finish(run: Path) -> float:
    """Run to the end; the seconds it took."""
    started = time.monotonic()
    done = subprocess.run([*COMMAND, *SETTINGS, "--run", run], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - started


def kill_after(run: Path, seconds: float) -> int:
    """Start the command, kill -9 it; the exit status, which is 0 where it was done already."""
    process = subprocess.Popen(
        [*COMMAND, *SETTINGS, "--run", run], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def tables(run: Run) -> dict[str, pl.DataFrame]:
    """Every table without the one column that is a measurement of time, sorted by key."""
    frames = {}
    for table in TABLES:
        frame = run.read(table).sort(table.primary_key())
        frames[table.__name__] = frame.drop("seconds") if table is Verdicts else frame
    return frames


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_anywhere_the_same_command_gives_the_tables_of_an_unbroken_run(tmp_path: Path) -> None:
    # The first run also fills the disk cache; kill points are drawn over the time of a warm one.
    whole_s = min(finish(tmp_path / "cold"), finish(tmp_path / "whole"))
    expected = tables(open_run(str(tmp_path / "whole")))
    points = random.Random(20)
    statuses = []
    for number in range(N_KILLS):
        broken = tmp_path / f"killed-{number}"
        statuses.append(kill_after(broken, points.uniform(0.3, whole_s)))
        finish(broken)
        for name, frame in tables(open_run(str(broken))).items():
            assert_frame_equal(frame, expected[name])
        assert holder(open_run(str(broken))) is None
        assert not list(broken.glob("journal/*/*.jsonl"))
        on_disk = {path.name for path in broken.glob("*/part-*.parquet")}
        named = {part["name"] for t in TABLES for part in (open_run(str(broken)).manifest(t) or {"parts": []})["parts"]}
        assert on_disk == named
    assert statuses.count(-signal.SIGKILL) >= N_KILLS // 2


@pytest.mark.slow
def test_killed_again_and_again_one_run_still_arrives(tmp_path: Path) -> None:
    whole_s = finish(tmp_path / "whole")
    expected = tables(open_run(str(tmp_path / "whole")))
    for number in range(5):
        kill_after(tmp_path / "run", whole_s * (number + 1) / 6)
    finish(tmp_path / "run")
    for name, frame in tables(open_run(str(tmp_path / "run"))).items():
        assert_frame_equal(frame, expected[name])
