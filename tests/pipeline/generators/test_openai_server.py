"""What a recipe says of a server reaches it, and a key never shows; tests/pipeline/served_model has what is asked."""

import asyncio
import importlib.util
import logging
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from pipeline import plugins
from pipeline.generators import Reply, Request, openai_server
from pipeline.store import open_run
from schemas.errors import BackendError, NoExamples, RecipeError
from schemas.recipe import identity_fields
from schemas.recipe_file import Origin
from schemas.tables import PassRates

README = (Path(__file__).resolve().parents[3] / "README.md").read_text()
KEY = "sk-this-is-secret"


def configure(**settings: Any) -> openai_server.Config:
    options = {"model": "m", "max_attempts": 2, **settings}
    config = plugins.configure(openai_server, options, Origin("recipe.toml"), ("models", "target"))
    assert isinstance(config, openai_server.Config)
    return config


def answer(server: Any, requests: list[Request], **settings: Any) -> list[Reply]:
    async def collect() -> list[Reply]:
        async with openai_server.open_generator(configure(**{"base_url": server.url, **settings})) as generate:
            return [reply async for reply in generate(requests)]

    return sorted(asyncio.run(collect()), key=lambda reply: reply.rollout_id)


@pytest.fixture
def closed_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


# From a recipe to its replies


def test_what_the_recipe_says_reaches_the_server(model_server: Any, prompts: Any) -> None:
    sampling = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 9, "stop": ["x"]}
    settings = {"extra_body": {"top_k": 5}, "structured": "structured_outputs", "count_tokens": False}
    replies = answer(model_server, prompts("a", n=2, schema={"type": "object"}), **sampling, **settings)
    assert [(reply.rollout_id, reply.text) for reply in replies] == [("0-0", "sample 0"), ("0-1", "sample 1")]
    (asked,) = model_server.asked
    messages = [{"role": "user", "content": "a"}]
    held = {"structured_outputs": {"json": {"type": "object"}}}
    assert asked == {"model": "m", "messages": messages, "n": 2, "top_k": 5, **sampling, **held}


def test_a_list_of_servers_is_asked_as_one(model_server: Any, prompts: Any, closed_port: int) -> None:
    gone = f"http://127.0.0.1:{closed_port}/v1"
    replies = answer(model_server, prompts(*"abcd"), base_url=[gone, model_server.url + "/"])
    assert all(reply.text for reply in replies)


def test_the_command_line_shows_one_line_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], closed_port: int
) -> None:
    (tmp_path / "p.jsonl").write_text('{"key": "1", "problem": "What is 2 + 2?", "answer": "4"}\n')
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        f"""
        name = "x"
        data = "{tmp_path}"
        [sources.p]
        kind = "files"
        path = "p.jsonl"
        license = "MIT"
        domain = "math"
        verifier = "math"
        columns = {{ source_key = "key", text = "problem", task = {{ answer = "answer" }} }}
        [models.target]
        kind = "openai_server"
        model = "m"
        base_url = "http://127.0.0.1:{closed_port}/v1"
        max_attempts = 1
        """
    )
    with pytest.raises(SystemExit) as left:
        main(["run", str(recipe), "--run", str(tmp_path / "run")])
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert (left.value.code, last[:28]) == (1, "coldstart: http://127.0.0.1:"), last
    assert "cannot be reached" in last


def test_the_readmes_recipe_for_data_of_your_own_runs(model_server: Any, tmp_path: Path, monkeypatch: Any) -> None:
    own_data = README.split("## Your own data", 1)[1].split("\n## ", 1)[0]
    for name, language in (("questions.jsonl", "json"), ("mine.toml", "toml")):
        text = re.search(rf"```{language}\n(.*?)```", own_data, flags=re.DOTALL)
        assert text
        (tmp_path / name).write_text(re.sub(r"http://127.0.0.1:800\d/v1", model_server.url, text[1]))
    monkeypatch.chdir(tmp_path)
    model_server.message = {"content": "3 * 12 - 8 = 28, so the answer is 28"}
    with pytest.raises(SystemExit) as left:
        main(["run", "mine.toml"])
    assert left.value.code == NoExamples.exit_code
    rates = open_run("data/runs/mine").read(PassRates)
    assert rates.select("arm", "n_incorrect", "region").rows() == [("solve", 0, "too_easy")]


# The key


def test_the_key_comes_from_the_named_variable_alone(
    model_server: Any, prompts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    answer(model_server, prompts("a"))
    answer(model_server, prompts("a"), api_key_env="MY_KEY")
    assert model_server.keys == [None, f"Bearer {KEY}"]


def test_a_key_that_is_refused_is_one_line_with_its_variable_and_without_the_key(
    model_server: Any, faults: Any, prompts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    model_server.faults.append(faults.status(401, f"Incorrect API key provided: {KEY}"))
    with pytest.raises(BackendError) as caught:
        answer(model_server, prompts("a"), api_key_env="MY_KEY")
    assert str(caught.value) == (
        f"{model_server.url}: the server refuses access: does $MY_KEY hold the right key? "
        "(HTTP 401: Incorrect API key provided: ***)"
    )


def test_neither_rows_nor_logs_hold_the_key(
    model_server: Any, faults: Any, prompts: Any, monkeypatch: Any, caplog: Any
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    model_server.faults.extend([faults.status(400, f"I do not like {KEY}"), faults.body(f'"{KEY}"'.encode())])
    with caplog.at_level(logging.DEBUG):
        replies = answer(model_server, prompts("a", "b"), api_key_env="MY_KEY", concurrency=1, max_attempts=1)
    errors = ["HTTP 400: I do not like ***", 'not a chat completion: "***"']
    assert [reply.error for reply in replies] == errors
    assert KEY not in caplog.text


# Settings and identity


def test_only_what_changes_samples_is_identity() -> None:
    config = configure(api_key_env="MY_KEY", extra_body={"top_k": 5})
    names = set(identity_fields(config))
    sampling = {"temperature", "top_p", "max_tokens", "stop", "omit", "extra_body", "structured"}
    assert names == {"model", "revision", *sampling}
    assert openai_server.identity(config) == {"generator": "openai_server", **identity_fields(config)}


def test_a_library_that_is_missing_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tenacity" else object())
    with pytest.raises(RecipeError, match=r"needs the library tenacity; .* pip install '\.\[openai\]'"):
        openai_server.identity(configure())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": "127.0.0.1:8000"}, "base_url: wanted a URL"),
        ({"base_url": "ftp://x/v1"}, "base_url: wanted a URL"),
        ({"base_url": "http://x:99999/v1"}, "base_url: wanted a URL"),
        ({"base_url": f"http://me:{KEY}@x/v1"}, "base_url: wanted a URL without user"),
        ({"base_url": f"http://x/v1?key={KEY}"}, "base_url: wanted a URL without user"),
        ({"base_url": ["http://x/v1", "x"]}, "base_url: wanted a URL"),
        ({"base_url": ["http://x/v1", "http://x/v1/"]}, "http://x/v1 is there twice"),
        ({"extra_body": {"n": 3}}, "n cannot be set here"),
        ({"api_key_env": "sk-1"}, "api_key_env"),
        ({"temperature": -1}, "temperature"),
        ({"model": ""}, "model"),
    ],
)
def test_wrong_settings_are_one_line_without_secrets(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        configure(**settings)
    assert said in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_slash_at_the_end_of_a_url_does_not_matter() -> None:
    assert configure(base_url="http://x/v1/").urls == ["http://x/v1"]
