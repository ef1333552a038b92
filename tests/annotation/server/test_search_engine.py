"""The search engine's contract tests, run where they belong: in the Argilla server's own environment."""

import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
PACKAGES = HERE.parents[2] / "annotation" / "server"


@pytest.fixture(scope="session")
def server_python() -> Path:
    """The Python of the server's environment, with pytest in it."""
    path = os.environ.get("COLDSTART_ANNOTATION_PYTHON")
    if path is None:
        pytest.skip("COLDSTART_ANNOTATION_PYTHON does not name the Python of the Argilla server's environment")
    return Path(path)


def _run(python: Path, url: str | None = None) -> subprocess.CompletedProcess[str]:
    contract = HERE / "search_contract"
    command = [str(python), "-m", "pytest", "-c", str(contract / "pytest.ini"), str(contract), "-q"]
    kept = {name: value for name, value in os.environ.items() if name != "COLDSTART_SEARCH_URL"}
    environment = {**kept, "PYTHONPATH": str(PACKAGES), **({"COLDSTART_SEARCH_URL": url} if url else {})}
    return subprocess.run(command, env=environment, cwd=contract, capture_output=True, text=True, check=False)


def test_the_embedded_engine_keeps_the_contract(server_python: Path) -> None:
    done = _run(server_python)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout[-5000:]
    assert int(passed.group(1)) > 300


@pytest.mark.skipif("COLDSTART_SEARCH_URL" not in os.environ, reason="COLDSTART_SEARCH_URL names no search server")
def test_a_search_server_keeps_the_same_contract(server_python: Path) -> None:
    done = _run(server_python, os.environ["COLDSTART_SEARCH_URL"])
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
