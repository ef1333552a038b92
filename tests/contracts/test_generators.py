"""Every generator, found by its file, keeps the contract of `pipeline/generators/__init__.py`."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline import plugins
from pipeline.generators import Reply, Request
from schemas.ids import canonical_json
from schemas.recipe_file import Origin

TINY = Path(__file__).resolve().parents[2] / "data/models/tiny"
GENERATORS = plugins.names("generators")
NOT_HERE = "runs in vLLM's own environment, where tests/live asks it the same"
RUNNABLE = [pytest.param(name, marks=pytest.mark.skipif(name == "vllm_engine", reason=NOT_HERE)) for name in GENERATORS]


class Server(BaseHTTPRequestHandler):
    """As much of an OpenAI-compatible server as answers."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        content = json.dumps({"choices": [{"message": {"content": "x"}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(tmp_path: Path, server_url: str, fake_vllm: str) -> dict[str, dict[str, Any]]:
    """Settings with which each generator answers without a network; a new generator adds its own here."""
    rows = [{"key": "1", "said": "x"}, {"key": "1", "said": None}]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "ctranslate2_model": {"path": str(TINY), "max_tokens": 100},
        "openai_server": {"model": "m", "base_url": server_url},
        "replay": {"path": str(tmp_path / "r.jsonl"), "columns": {"source_key": "key", "text": "said"}},
        "vllm_server": {"path": str(TINY), "python": fake_vllm},
    }


def replies(module: Any, config: BaseModel, requests: list[Request]) -> list[Reply]:
    async def collect() -> list[Reply]:
        async with module.open_generator(config) as generate:
            return [reply async for reply in generate(requests)]

    return asyncio.run(collect())


@pytest.mark.parametrize("name", RUNNABLE)
def test_every_request_gets_one_reply_and_a_failure_is_an_error_without_text(name: str, settings: Any) -> None:
    module = plugins.load("generators", name)
    config = plugins.configure(
        plugins.load("generators", name), settings[name], Origin("recipe.toml"), ("models", "target")
    )
    said = [{"role": "user", "content": "Say x."}]
    requests = [Request(f"{i:032}", "s", "1", i, said) for i in range(4)]
    found = replies(module, config, requests)
    assert sorted(reply.rollout_id for reply in found) == [request.rollout_id for request in requests]
    assert all((reply.text is None) is (reply.error_kind is not None) for reply in found)
    assert all(reply.finish_reason in ("stop", "length", "error") for reply in found)


@pytest.mark.parametrize("name", RUNNABLE)
def test_identity_is_json_and_names_no_place(name: str, settings: Any, tmp_path: Path) -> None:
    module = plugins.load("generators", name)
    config = plugins.configure(
        plugins.load("generators", name), settings[name], Origin("recipe.toml"), ("models", "target")
    )
    text = canonical_json(module.identity(config))
    assert text == canonical_json(module.identity(config))
    assert str(tmp_path) not in text


@pytest.mark.parametrize("name", GENERATORS)
def test_every_setting_is_described_and_unknown_ones_are_refused(name: str) -> None:
    config = plugins.load("generators", name).Config
    assert config.model_config["extra"] == "forbid"
    assert [field for field, info in config.model_fields.items() if not info.description] == []
