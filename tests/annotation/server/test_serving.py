"""How a server that cannot start ends, with a stand-in for its Python."""

from pathlib import Path

import pytest

from annotation.server.environment import PYTHON_VARIABLE
from annotation.server.launch import Settings
from annotation.server.serving import serving
from schemas.errors import BackendError

LIKE_PYTHON = """#!/bin/sh
case "$*" in *" -c "*) exit 0;; esac
echo "Starting"
echo "{said}" >&2
exit 1
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "environment" / "bin" / "python"))
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    return Settings(tmp_path / "data", port=0)


def give(folder: Path, said: str) -> None:
    """The stand-in: it passes for a Python with the server, and its modules say something and end."""
    python = folder / "environment" / "bin" / "python"
    python.write_text(LIKE_PYTHON.format(said=said))
    python.chmod(0o755)


def test_the_error_has_the_end_of_the_log(tmp_path: Path, start: Settings) -> None:
    give(tmp_path, "OSError: the moon is full")
    with (
        pytest.raises(
            BackendError, match=r"redis process did not start; its log ends with\n  Starting\n  OSError: the"
        ),
        serving(start, print),
    ):
        pass
    assert (tmp_path / "data" / "logs" / "redis.log").exists()


def test_an_environment_that_lacks_a_part_is_named(tmp_path: Path, start: Settings) -> None:
    give(tmp_path, "ModuleNotFoundError: No module named 'fakeredis'")
    with (
        pytest.raises(BackendError, match=f"the environment {tmp_path}/environment lacks a part"),
        serving(start, print),
    ):
        pass


def test_the_folder_is_free_again_after_a_failed_start(tmp_path: Path, start: Settings) -> None:
    give(tmp_path, "OSError")
    for _ in range(2):
        with pytest.raises(BackendError, match="did not start"), serving(start, print):
            pass
