"""`coldstart report` tells what a run measured, and writes its folder whole or not at all."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

Coldstart = Callable[..., subprocess.CompletedProcess[str]]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_stated_error_and_the_samples_are_told(coldstart: Coldstart, recorded_run: Path) -> None:
    done = coldstart("report", "--run", recorded_run)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if " " not in line and line] == ["samples", "pass@k"]
    assert "stated error\nrole" in done.stdout


def test_for_machines_every_row_names_its_table(coldstart: Coldstart, recorded_run: Path) -> None:
    rows = [json.loads(line) for line in coldstart("report", "--run", recorded_run, "--json").stdout.splitlines()]
    assert {row["table"] for row in rows} == {"stated error", "samples", "pass@k"}
    samples = pl.DataFrame([row for row in rows if row["table"] == "samples"])
    solved = pl.read_parquet(recorded_run / "rollouts/*.parquet").filter(arm="solve", phase="screen")
    assert samples["n_samples"].sum() == solved.height


def test_the_folder_holds_each_picture_twice_and_its_numbers(
    coldstart: Coldstart, recorded_run: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        done = coldstart("report", "--run", recorded_run, "-o", tmp_path / "out")
        assert done.returncode == 0, done.stderr
    written = files(tmp_path / "out")
    assert {"README.md", "pass-rates.svg", "pass-rates.png", "pass-rates.csv"} <= written.keys()
    assert b"](pass-rates.png)" in written["README.md"]
    assert pl.read_csv(written["pass-rates.csv"])["n_prompts"].sum() > 0


def test_a_folder_of_somebody_else_is_refused_in_a_line(
    coldstart: Coldstart, recorded_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = coldstart("report", "--run", recorded_run, "-o", tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "'thesis.txt'" in done.stderr
    assert files(tmp_path) == {"thesis.txt": b"mine"}


def test_a_run_that_measured_nothing_is_said_to_be_so(coldstart: Coldstart, recorded_run: Path, tmp_path: Path) -> None:
    shutil.copytree(recorded_run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run/pass_rates")
    done = coldstart("report", "--run", tmp_path / "run", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "no pass rates yet; `coldstart run RECIPE --run" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_matplotlib_the_tables_are_told_and_the_extra_named(
    coldstart: Coldstart, recorded_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    done = coldstart("report", "--run", recorded_run, "-o", tmp_path / "out")
    assert "stated error" in done.stdout
    assert done.returncode == 2
    assert "pip install '.[pictures]'" in done.stderr
    assert not (tmp_path / "out").exists()
