"""Fixtures that several packages share."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# Never a wall-clock assertion: a loaded machine is no failure.
hypothesis.settings.register_profile("coldstart", deadline=None)
hypothesis.settings.load_profile("coldstart")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which is not part of the project; tests that need it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("COLDSTART_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data is not here: {folder} (set COLDSTART_SHARED_DATA to its folder)")
    return folder


@pytest.fixture(scope="session")
def fake_vllm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment that has a stand-in for vLLM's CPU build: its server starts at once."""
    python = tmp_path_factory.mktemp("fake-vllm") / "python"
    found = Path(__file__).parent / "fake_vllm"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(found))} exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return str(python)


@pytest.fixture
def members() -> Callable[[int], list[int]]:
    """The processes of a group that run."""

    def find(group: int) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, of, *_ = path.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            found += [int(path.parent.name)] if int(of) == group and state != "Z" else []
        return found

    return find
