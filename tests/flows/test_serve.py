"""`coldstart serve` as a command: what it starts, that it survives, and that it leaves nothing behind."""

import os
import signal
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.serve import serve
from schemas.errors import RecipeError
from tests.annotation.conftest import server_environment  # noqa: F401  a fixture
from tests.flows.prefect_server import ROOT
from tests.flows.serving import serving

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
