"""A server is asked for what it can do; every sample is one choice, and every failure is a row or one line."""

import asyncio
import json
import logging
import re
import socket
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
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

pytestmark = pytest.mark.server

README = (Path(__file__).resolve().parents[3] / "README.md").read_text()
KEY = "sk-this-is-secret"
NOWHERE = SimpleNamespace(url="http://127.0.0.1:1/v1")


def configure(**settings: Any) -> openai_server.Config:
    options = {"model": "m", "max_attempts": 2, **settings}
    config = plugins.configure(openai_server, options, Origin("recipe.toml"), ("models", "target"))
    assert isinstance(config, openai_server.Config)
    return config


def asking(*problems: str, n: int = 1, schema: dict[str, Any] | None = None) -> list[Request]:
    return [
        Request(f"{p}-{i}", "s", str(p), i, [{"role": "user", "content": problem}], schema)
        for p, problem in enumerate(problems)
        for i in range(n)
    ]


def answer(server: Any, requests: list[Request], **settings: Any) -> list[Reply]:
    async def collect() -> list[Reply]:
        async with openai_server.open_generator(configure(**{"base_url": server.url, **settings})) as generate:
            return [reply async for reply in generate(requests)]

    return sorted(asyncio.run(collect()), key=lambda reply: reply.rollout_id)


def n_asked(server: Any) -> list[int]:
    """How many samples each request asked for."""
    return [body.get("n", 1) for body in server.asked]


# Samples


def test_samples_of_a_prompt_go_out_together_once_the_server_shows_that_it_counts_each(model_server: Any) -> None:
    replies = answer(model_server, asking("a", "b", n=4), concurrency=1)
    assert n_asked(model_server) == [1, 3, 4]
    assert [reply.rollout_id for reply in replies] == [f"{p}-{i}" for p in range(2) for i in range(4)]
    assert len({reply.text for reply in replies}) == 8
    assert all(reply.n_completion_tokens == 3 + int(str(reply.text).split()[1]) for reply in replies)
    assert {reply.n_prompt_tokens for reply in replies} == {7}


def test_what_was_learned_is_not_asked_again(model_server: Any) -> None:
    answer(model_server, asking("a", n=4), concurrency=1)
    answer(model_server, asking("b", n=4), concurrency=1)
    assert n_asked(model_server) == [1, 3, 4]


def test_a_server_without_counts_of_each_is_asked_one_by_one(model_server: Any) -> None:
    model_server.has_token_ids = False
    replies = answer(model_server, asking("a", n=4), concurrency=1)
    assert n_asked(model_server) == [1, 1, 1, 1]
    assert [reply.n_completion_tokens for reply in replies] == [3, 4, 5, 6]


def test_without_count_tokens_the_sum_of_several_is_nobodys(model_server: Any) -> None:
    replies = answer(model_server, asking("a", n=4), count_tokens=False)
    assert n_asked(model_server) == [4]
    assert {(reply.n_prompt_tokens, reply.n_completion_tokens, reply.n_reasoning_tokens) for reply in replies} == {
        (7, None, None)
    }


@pytest.mark.parametrize("count_tokens", [True, False])
def test_where_n_is_dropped_the_rest_is_asked_for_one_by_one(model_server: Any, count_tokens: bool) -> None:
    model_server.drops_n = True
    replies = answer(model_server, asking("a", "b", n=4), count_tokens=count_tokens, concurrency=1)
    assert Counter(n_asked(model_server))[1] >= 6
    assert sum(n > 1 for n in n_asked(model_server)) == 1
    assert len({reply.text for reply in replies}) == 8
    assert all(reply.n_completion_tokens for reply in replies)


@pytest.mark.parametrize("field", ["n", "return_token_ids"])
def test_a_field_that_is_refused_is_left_out_from_then_on(model_server: Any, field: str) -> None:
    model_server.refuses = frozenset([field])
    replies = answer(model_server, asking("a", "b", n=4), concurrency=1)
    assert all(reply.text and reply.n_completion_tokens for reply in replies)
    assert sum(field in body for body in model_server.asked) == 1


def test_greedy_samples_are_asked_one_by_one_as_vllm_wants(model_server: Any) -> None:
    answer(model_server, asking("a", n=3), temperature=0, concurrency=1)
    assert n_asked(model_server) == [1, 1, 1]


def test_more_samples_than_one_request_may_have_are_spread(model_server: Any) -> None:
    replies = answer(model_server, asking("a", n=100), count_tokens=False)
    assert n_asked(model_server) == [64, 36]
    assert len({reply.text for reply in replies}) == 100


def test_settings_reach_the_server(model_server: Any) -> None:
    settings = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 9, "stop": ["x"], "extra_body": {"top_k": 5}}
    answer(model_server, asking("a", schema={"type": "object"}), count_tokens=False, **settings)
    schema = {"name": "answer", "schema": {"type": "object"}, "strict": True}
    assert model_server.asked == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "a"}],
            **{name: value for name, value in settings.items() if name != "extra_body"},
            "top_k": 5,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
    ]


def test_settings_can_be_left_out(model_server: Any) -> None:
    left_out = {"omit": ["top_p", "max_tokens"], "structured": "off", "count_tokens": False}
    answer(model_server, asking("a", schema={"type": "object"}), **left_out)
    assert model_server.asked[0].keys() == {"model", "messages", "temperature"}


# What comes back


@pytest.mark.parametrize(
    "message",
    [
        {"content": "4", "reasoning": "2 + 2"},
        {"content": "4", "reasoning": None, "reasoning_content": "2 + 2"},
        {"content": "<think>2 + 2</think>4"},
        {"content": "2 + 2</think>\n\n4"},
    ],
)
def test_reasoning_is_found_where_servers_put_it(model_server: Any, message: dict[str, Any]) -> None:
    model_server.message = message
    (reply,) = answer(model_server, asking("a"))
    assert (reply.reasoning, reply.text) == ("2 + 2", "4")


@pytest.mark.parametrize(
    ("details", "n_tokens"), [({"reasoning_tokens": 2}, 2), ({"reasoning_tokens": 0}, None), (None, None), ({}, None)]
)
def test_thinking_tokens_are_what_the_server_says_or_null(model_server: Any, details: Any, n_tokens: Any) -> None:
    model_server.message = {"reasoning": "2 + 2"}
    model_server.usage = {"completion_tokens_details": details}
    assert answer(model_server, asking("a"))[0].n_reasoning_tokens == n_tokens


def test_without_usage_the_token_ids_count(model_server: Any) -> None:
    model_server.usage = None
    replies = answer(model_server, asking("a", n=3), concurrency=1)
    assert [(reply.n_prompt_tokens, reply.n_completion_tokens) for reply in replies] == [
        (None, 3 + k) for k in range(3)
    ]


def test_without_usage_and_token_ids_counts_are_null(model_server: Any) -> None:
    model_server.usage, model_server.has_token_ids = None, False
    (reply,) = answer(model_server, asking("a"))
    assert (reply.text, reply.n_prompt_tokens, reply.n_completion_tokens) == ("sample 0", None, None)


@pytest.mark.parametrize(
    ("ended", "finish", "kind"),
    [
        ("stop", "stop", None),
        (None, "stop", None),
        ("tool_calls", "stop", None),
        ("length", "length", None),
        ("content_filter", "error", "content_filter"),
        ("abort", "error", "bad_response"),
        ("meteor", "error", "bad_response"),
    ],
)
def test_how_an_answer_ended(model_server: Any, ended: str | None, finish: str, kind: str | None) -> None:
    model_server.changes = {"finish_reason": ended}
    (reply,) = answer(model_server, asking("a"))
    assert (reply.finish_reason, reply.error_kind) == (finish, kind)
    assert (reply.text is None) is (kind is not None)


@pytest.mark.parametrize(
    ("message", "text"), [({"content": None}, ""), ({"content": None, "refusal": "I cannot."}, "I cannot.")]
)
def test_an_empty_answer_is_an_answer(model_server: Any, message: dict[str, Any], text: str) -> None:
    model_server.message = message
    (reply,) = answer(model_server, asking("a"))
    assert (reply.text, reply.error_kind) == (text, None)


def test_tool_calls_are_kept_as_json(model_server: Any) -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    model_server.message = {"content": None, "tool_calls": calls}
    (reply,) = answer(model_server, asking("a"))
    assert json.loads(reply.tool_calls or "") == calls


def test_log_probabilities_are_averaged_where_they_are_asked_for(model_server: Any) -> None:
    assert answer(model_server, asking("a"), logprobs=True)[0].mean_logprob == -2.0
    assert answer(model_server, asking("a"))[0].mean_logprob is None


# Failures of one request


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "This model's maximum context length is 10 tokens.", "context_overflow"),
        (400, "The input (20 tokens) is longer than the model's context length (10 tokens).", "context_overflow"),
        (400, "the request exceeds the available context size, try increasing it", "context_overflow"),
        (400, "The decoder prompt (length 9) is longer than the maximum model length of 4.", "context_overflow"),
        (422, "Input validation error: `inputs` must have less than 1024 tokens.", "context_overflow"),
        (400, "temperature is out of range", "bad_request"),
        (429, "slow down", "rate_limit"),
        (500, "out of order", "server_error"),
    ],
)
def test_a_status_that_stays_is_a_row_with_its_kind(
    model_server: Any, faults: Any, status: int, message: str, kind: str
) -> None:
    model_server.faults, model_server.stays_broken = [faults.status(status, message)], True
    replies = answer(model_server, asking("a", n=2))
    assert [(reply.error_kind, reply.text, reply.finish_reason) for reply in replies] == [(kind, None, "error")] * 2
    assert replies[0].error.startswith(f"HTTP {status}: {message.rstrip('.')}")


def test_one_prompt_that_fails_leaves_the_others_alone(model_server: Any, faults: Any) -> None:
    model_server.faults.append(faults.status(400, "maximum context length"))
    replies = answer(model_server, asking("a", "b", "c"), concurrency=1)
    assert [reply.error_kind for reply in replies] == ["context_overflow", None, None]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_what_passes_is_tried_again(model_server: Any, faults: Any, status: int) -> None:
    model_server.faults.append(faults.status(status, Retry_After="0.01"))
    assert answer(model_server, asking("a"))[0].text == "sample 0"
    assert len(model_server.asked) == 2


def test_attempts_are_bounded(model_server: Any, faults: Any) -> None:
    model_server.faults, model_server.stays_broken = [faults.status(503, Retry_After="0.01")], True
    answer(model_server, asking("a"), max_attempts=3)
    assert len(model_server.asked) == 3


def test_a_server_that_wants_peace_for_longer_than_there_is_patience_ends_the_run(
    model_server: Any, faults: Any
) -> None:
    model_server.faults.append(faults.status(429, Retry_After="300"))
    with pytest.raises(BackendError, match=r"wants no requests before 2.* UTC, .* patience_s \(299 s\)"):
        answer(model_server, asking("a"), patience_s=299)
    assert len(model_server.asked) == 1


def test_a_server_that_says_nothing_is_a_time_out(model_server: Any, faults: Any) -> None:
    model_server.faults.append(faults.silence)
    (reply,) = answer(model_server, asking("a"), timeout_s=0.2, slowest_tokens_per_s=2e4, max_attempts=1)
    assert (reply.error_kind, reply.text) == ("timeout", None)
    assert model_server.hung_up.get(timeout=20)


def test_a_connection_that_breaks_off_is_tried_again_and_then_a_row(model_server: Any, faults: Any) -> None:
    model_server.faults.extend([faults.broken_off] * 3)
    assert answer(model_server, asking("a"), max_attempts=1)[0].error_kind == "connection"
    assert answer(model_server, asking("a"), max_attempts=3)[0].text == "sample 0"


@pytest.mark.parametrize(
    "payload",
    [
        b"<html>Welcome</html>",
        b'{"choices": [',
        b'"yes"',
        b"",
        {"choices": []},
        {"choices": None},
        {"choices": [{"message": None}]},
        {"error": {"message": "no"}},
    ],
)
def test_what_is_no_completion_is_a_bad_response(model_server: Any, faults: Any, payload: Any) -> None:
    model_server.faults, model_server.stays_broken = [faults.body(payload)], True
    replies = answer(model_server, asking("a", n=3), count_tokens=False)
    assert [(reply.error_kind, reply.text) for reply in replies] == [("bad_response", None)] * 3
    assert len(model_server.asked) == 2


# Failures of the server


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (401, "Incorrect API key provided: " + KEY, "refuses access: does $MY_KEY hold the right key?"),
        (403, "forbidden", "refuses access"),
        (402, "pay first", "no credit left"),
        (404, "The model `m` does not exist.", "no such model"),
    ],
)
def test_a_server_that_is_of_no_use_is_one_line_without_the_key(
    model_server: Any, faults: Any, monkeypatch: pytest.MonkeyPatch, status: int, message: str, said: str
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    model_server.faults, model_server.stays_broken = [faults.status(status, message)], True
    with pytest.raises(BackendError) as caught:
        answer(model_server, asking("a", "b", n=8), api_key_env="MY_KEY")
    text = str(caught.value)
    assert text.startswith(f"{model_server.url}: ")
    assert said in text
    assert KEY not in text
    assert "\n" not in text


def test_credit_that_ran_out_stops_the_run(model_server: Any, faults: Any) -> None:
    payload = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    model_server.faults.append(faults.body(payload, 429, Retry_After="300"))
    with pytest.raises(BackendError, match="no credit left"):
        answer(model_server, asking("a"))


def test_what_came_back_beside_a_failure_of_the_server_is_handed_over(model_server: Any, faults: Any) -> None:
    async def by_prompt(server: Any, _: Any, body: dict[str, Any]) -> Any:
        prompt = body["messages"][0]["content"]
        if prompt != "b":
            await asyncio.sleep(0.2)
        return server.reply(401 if prompt == "b" else 200, server.completion(body))

    found = []

    async def collect() -> None:
        async with openai_server.open_generator(configure(base_url=model_server.url)) as generate:
            async for reply in generate(asking("a", "b", "c", "d")):
                found.append(reply.rollout_id)

    model_server.faults.extend([by_prompt] * 4)
    with pytest.raises(BackendError):
        asyncio.run(collect())
    assert sorted(found) == ["0-0", "2-0", "3-0"]


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_a_server_that_is_not_there_is_one_line() -> None:
    class Gone:
        url = f"http://127.0.0.1:{free_port()}/v1"

    with pytest.raises(
        BackendError, match=rf"^{Gone.url}: cannot be reached \(.*\); start the server or mend base_url"
    ):
        answer(Gone, asking("a", "b", n=4))


def test_the_command_line_shows_one_line_and_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
        base_url = "http://127.0.0.1:{free_port()}/v1"
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


# Stopping, secrets, settings


def test_stopping_early_hangs_up_on_what_is_in_flight(model_server: Any, faults: Any) -> None:
    model_server.faults.extend([faults.body({"choices": [{"message": {"content": "4"}}]}), *[faults.silence] * 3])

    async def first() -> Reply:
        async with openai_server.open_generator(configure(base_url=model_server.url, concurrency=4)) as generate:
            async for reply in generate(asking("a", "b", "c", "d")):
                while len(model_server.asked) < 4:
                    await asyncio.sleep(0.01)
                return reply
        raise AssertionError("no reply")

    assert asyncio.run(first()).text == "4"
    assert [model_server.hung_up.get(timeout=20) for _ in range(3)] == [True] * 3


def test_as_many_requests_are_in_flight_as_concurrency_says(model_server: Any) -> None:
    model_server.delay_s = 0.05
    assert len(answer(model_server, asking(*"abcdef"), concurrency=2)) == 6
    assert model_server.most_in_flight == 2


def test_the_key_comes_from_the_named_variable_alone(model_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    answer(model_server, asking("a"))
    answer(model_server, asking("a"), api_key_env="MY_KEY")
    assert model_server.keys == [None, f"Bearer {KEY}"]


@pytest.mark.parametrize("value", ["", "sk\nx", "schlüssel"])
def test_a_key_that_cannot_be_one_is_said_without_showing_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(RecipeError, match=r"^api_key_env: \$MY_KEY .*; export MY_KEY=... before the run$"):
        answer(NOWHERE, asking("a"), api_key_env="MY_KEY")


def test_logs_do_not_hold_the_key(
    model_server: Any, faults: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    model_server.faults.append(faults.status(400, f"I do not like {KEY}"))
    with caplog.at_level(logging.DEBUG):
        (reply,) = answer(model_server, asking("a"), api_key_env="MY_KEY", count_tokens=False)
    assert reply.error == "HTTP 400: I do not like ***"
    assert KEY not in caplog.text


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    model_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert answer(model_server, asking("a"))[0].text == "sample 0"


def test_only_what_changes_samples_is_identity() -> None:
    config = configure(api_key_env="MY_KEY", extra_body={"top_k": 5})
    names = set(identity_fields(config))
    sampling = {"temperature", "top_p", "max_tokens", "stop", "omit", "extra_body", "structured"}
    assert names == {"model", "revision", *sampling}
    assert openai_server.identity(config) == {"generator": "openai_server", **identity_fields(config)}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": "127.0.0.1:8000"}, "base_url: wanted a URL"),
        ({"base_url": "ftp://x/v1"}, "base_url: wanted a URL"),
        ({"base_url": "http://x:99999/v1"}, "base_url: wanted a URL"),
        ({"base_url": f"http://me:{KEY}@x/v1"}, "base_url: wanted a URL without user"),
        ({"base_url": f"http://x/v1?key={KEY}"}, "base_url: wanted a URL without user"),
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


def test_a_slash_at_the_end_of_the_url_does_not_matter(model_server: Any) -> None:
    assert answer(model_server, asking("a"), base_url=model_server.url + "/")[0].text == "sample 0"


def test_a_list_of_servers_is_asked_as_one(model_server: Any) -> None:
    gone = f"http://127.0.0.1:{free_port()}/v1"
    replies = answer(model_server, asking(*"abcd"), base_url=[gone, model_server.url + "/"])
    assert all(reply.text for reply in replies)


def test_a_server_that_is_named_twice_is_said(model_server: Any) -> None:
    with pytest.raises(RecipeError, match="is there twice"):
        configure(base_url=[model_server.url, model_server.url + "/"])
