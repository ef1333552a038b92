"""The search engine's contract tests, run where they belong: in the Argilla server's own environment."""

import importlib
import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
PACKAGES = HERE.parents[2] / "annotation" / "server"


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that lends the server's environment the runner of these tests, pure Python without needs of its own."""
    folder = tmp_path_factory.mktemp("runner")
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "py"):
        path = Path(str(importlib.import_module(name).__file__))
        found = path.parent if path.name == "__init__.py" else path
        (folder / found.name).symlink_to(found)
    return folder


def _run(python: Path, runner: Path, url: str | None = None) -> subprocess.CompletedProcess[str]:
    contract = HERE / "search_contract"
    command = [str(python), "-m", "pytest", "-c", str(contract / "pytest.ini"), str(contract), "-q"]
    kept = {name: value for name, value in os.environ.items() if name != "COLDSTART_SEARCH_URL"}
    environment = {
        **kept,
        "PYTHONPATH": f"{PACKAGES}{os.pathsep}{runner}",
        **({"COLDSTART_SEARCH_URL": url} if url else {}),
    }
    return subprocess.run(command, env=environment, cwd=contract, capture_output=True, text=True, check=False)


def test_the_embedded_engine_keeps_the_contract(server_environment: Path, runner: Path) -> None:
    done = _run(server_environment, runner)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout[-5000:]
    assert int(passed.group(1)) > 300


@pytest.mark.skipif("COLDSTART_SEARCH_URL" not in os.environ, reason="COLDSTART_SEARCH_URL names no search server")
def test_a_search_server_keeps_the_same_contract(server_environment: Path, runner: Path) -> None:
    done = _run(server_environment, runner, os.environ["COLDSTART_SEARCH_URL"])
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
