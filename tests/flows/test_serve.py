"""`coldstart serve` as a command: what it starts, that it survives, and that it leaves nothing behind."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.serve import serve
from schemas.errors import RecipeError
from tests.annotation.conftest import server_environment  # noqa: F401  a fixture

ROOT = Path(__file__).resolve().parents[2]
CODE = (
    "import sys; from flows.serve import serve; from flows.endings import end_with;"
    "end_with(lambda: serve(sys.argv[1:], 'coldstart serve', standalone_mode=False))"
)
FLOWS = ["annotate/people", "collect-annotations/poll", "curate/demo", "export/annotated"]


def test_it_wants_the_folder_that_has_the_deployments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"prefect\.yaml is not in this folder; start it in the"):
        CliRunner().invoke(serve, [], catch_exceptions=False)


@pytest.mark.parametrize("option", ["--port-prefect", "--port-annotation"])
def test_a_taken_port_is_named_before_anything_starts(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    ports = {"--port-prefect": "0", "--port-annotation": "0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports[option] = str(taken.getsockname()[1])
        words = [word for pair in ports.items() for word in pair]
        with pytest.raises(RecipeError, match=f"{option} {ports[option]}: cannot listen there"):
            CliRunner().invoke(serve, ["--data", str(tmp_path / "data"), *words], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


@dataclass
class Serving:
    """The command on a data folder, with what it said by name."""

    process: "subprocess.Popen[str]"
    data: Path
    said: dict[str, str]

    def ask(self, path: str) -> Any:
        request = urllib.request.Request(
            f"{self.said['Prefect']}/api{path}", b"{}", {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def processes(self) -> dict[int, list[bytes]]:
        """Its processes with their commands, but for the one that was started."""
        ours = (f"ARGILLA_HOME_PATH={self.data}".encode(), f"PREFECT_HOME={self.data / 'prefect'}".encode())
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                is_zombie = (path / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
                environment = (path / "environ").read_bytes().split(b"\0")
                if not is_zombie and any(one in environment for one in ours):
                    found[int(path.name)] = (path / "cmdline").read_bytes().split(b"\0")
        return found

    def end(self, number: int) -> int:
        """Send it a signal; its exit code, once none of its processes is left."""
        self.process.send_signal(number)
        code = self.process.wait(90)
        while self.processes():
            time.sleep(0.1)
        return code


@contextlib.contextmanager
def serving(data: Path, python: Path) -> Iterator[Serving]:
    environment = os.environ | {"COLDSTART_ANNOTATION_PYTHON": str(python), "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", CODE, "--data", str(data), "--port-prefect", "0", "--port-annotation", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=ROOT
    )
    assert process.stdout is not None
    said: dict[str, str] = {}
    for line in process.stdout:
        name, _, value = line.strip().partition(": ")
        said[name] = value
        if line.startswith("Ctrl-C"):
            break
    try:
        yield Serving(process, data, said)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.server
@pytest.mark.timeout(600)
def test_everything_starts_survives_and_ends_together(
    tmp_path: Path,
    server_environment: Path,  # noqa: F811
) -> None:
    data = tmp_path / "data"
    with serving(data, server_environment) as first:
        assert first.said["deployments"] == ", ".join(FLOWS)
        assert first.said["Prefect"].startswith("http://127.0.0.1:")
        assert first.said["annotation server"].startswith("http://127.0.0.1:")
        assert first.said["their passwords and API keys"] == str(data / "accounts.json")
        command = [b"-P", b"-m", b"prefect", b"worker"]
        (worker,) = (pid for pid, words in first.processes().items() if words[1:5] == command)
        os.kill(worker, signal.SIGKILL)
        assert first.process.stdout is not None
        assert "Prefect's worker process ended and is started again" in first.process.stdout.readline()
        made = {one["id"] for one in first.ask("/deployments/filter")}
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    with serving(data, server_environment) as second:
        assert {one["id"] for one in second.ask("/deployments/filter")} == made
        (automation,) = second.ask("/automations/filter")
        assert (automation["name"], automation["enabled"]) == ("export what is annotated", True)
        assert second.end(signal.SIGTERM) == 0
