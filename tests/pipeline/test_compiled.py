"""Where compiled kernels are kept, and that they run where nothing may be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import compiled

CODE = "import polars, pipeline.shingling as s; print(len(s.shingles(polars.Series(['a b'])).hashes))"


def run(**environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | {"PYTHONPATH": "."} | environment, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


@pytest.mark.slow
def test_kernels_are_compiled_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """The folder for compiled kernels is a file, as are the places that numba falls back to."""
    (tmp_path / "file").touch()
    taken = str(tmp_path / "file" / "cache")
    run(NUMBA_CACHE_DIR=taken, HOME=taken, XDG_CACHE_HOME=taken)


@pytest.mark.slow
def test_kernels_are_kept_by_the_digest_of_their_sources(tmp_path: Path) -> None:
    run(NUMBA_CACHE_DIR=str(tmp_path))
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("kernels-")
    assert list(kept.rglob("*.nbc"))


def test_kernels_are_kept_in_the_users_cache_where_the_code_may_not_be_written_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    monkeypatch.setattr(compiled, "_HERE", no_folder)
    monkeypatch.setattr(compiled.numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert compiled.kernel(lambda n: n + 1)(1) == 2
    (kept,) = (tmp_path / "cache" / "coldstart").iterdir()
    assert kept.name.startswith("kernels-")


def test_kernels_are_compiled_for_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    no_folder = tmp_path / "file"
    no_folder.touch()
    monkeypatch.setattr(compiled, "_HERE", no_folder)
    monkeypatch.setattr(compiled.numba.config, "CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert compiled.kernel(lambda n: n + 1)(1) == 2
