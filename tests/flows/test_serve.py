"""What `coldstart serve` refuses before it starts anything."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.serve import serve
from schemas.errors import RecipeError
from tests.flows.prefect_server import ROOT


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
