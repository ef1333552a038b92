"""The server's environment: installed once and whole, or not at all."""

import fcntl
import re
import sys
import threading
from pathlib import Path

import pytest

from annotation.server.environment import PYTHON_VARIABLE, REQUIREMENTS, environment_folder, server_python
from schemas.errors import BackendError

LIKE_UV = """#!/bin/sh
echo "$@" >> "{calls}"
if [ "$1" = venv ]; then
    mkdir -p "$5/bin"
    printf '#!/bin/sh\\nexit 0\\n' > "$5/bin/python"
    chmod +x "$5/bin/python"
    exit 0
fi
{install}
"""


class LikeUv:
    """A `uv` that makes an environment of stand-ins, and does `install` for packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        folder.mkdir()
        self.install("exit 0")

    def install(self, script: str) -> None:
        path = self.folder / "uv"
        path.write_text(LIKE_UV.format(calls=self.folder / "calls", install=script))
        path.chmod(0o755)

    def calls(self) -> list[str]:
        """The first word of each call."""
        path = self.folder / "calls"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LikeUv:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    return LikeUv(tmp_path / "bin")


def test_it_is_installed_once(uv: LikeUv) -> None:
    python = server_python(uv.lines.append)
    assert python == environment_folder() / "bin" / "python"
    assert server_python(uv.lines.append) == python
    assert uv.calls() == ["venv", "pip"]
    assert [line.partition(" into ")[0] for line in uv.lines] == ["installing the annotation server"]


def test_a_failed_install_is_one_error_with_the_tools_last_lines_and_leaves_nothing(uv: LikeUv) -> None:
    uv.install("echo 'error: no such index' >&2; exit 2")
    with pytest.raises(BackendError, match=r"exit code 2:\n  error: no such index\nIt needs a package index"):
        server_python(uv.lines.append)
    assert not [path for path in environment_folder().parent.iterdir() if path.is_dir()]


def test_what_was_half_built_is_thrown_away(uv: LikeUv) -> None:
    for folder in (environment_folder(), environment_folder().with_name(f"{environment_folder().name}.building")):
        (folder / "bin").mkdir(parents=True)
        (folder / "half").touch()
    server_python(uv.lines.append)
    assert not list(environment_folder().parent.rglob("half"))


def test_two_starters_install_it_once(uv: LikeUv) -> None:
    uv.install("sleep 0.3")
    threads = [threading.Thread(target=server_python, args=(uv.lines.append,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert uv.calls() == ["venv", "pip"]


def test_a_starter_says_that_it_waits(uv: LikeUv) -> None:
    lock = environment_folder().with_name(f"{environment_folder().name}.lock")
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        thread = threading.Thread(target=server_python, args=(uv.lines.append,))
        thread.start()
        while not uv.lines:
            thread.join(0.01)
        assert uv.lines == ["another command installs the annotation server; waiting for it"]
    thread.join()


def test_another_environment_can_be_named_and_must_have_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    with pytest.raises(BackendError, match="this Python has no argilla-server"):
        server_python(lambda line: None)


def test_the_lock_pins_everything_and_names_no_place() -> None:
    lines = REQUIREMENTS.read_text().splitlines()
    assert [line for line in lines if not re.match(r"[\w.-]+==[\w.]+( ; .+)?$", line)] == []
    direct = REQUIREMENTS.with_suffix(".in").read_text()
    asked = [re.match(r"[\w-]+", line)[0] for line in direct.splitlines() if not line.startswith("#")]  # type: ignore[index]
    assert not set(asked) - {line.partition("==")[0] for line in lines}
