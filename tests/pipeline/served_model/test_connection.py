"""What goes wrong with one request is told apart, in one line that says where and what to do."""

import socket
from typing import Any

import pytest

from pipeline.served_model.refusals import LONGER_CONTEXT
from schemas.errors import BackendError


class At:
    """A server at another path."""

    def __init__(self, url: str) -> None:
        self.url = url


def broken(answer: Any, server: Any, requests: Any, **settings: Any) -> str:
    with pytest.raises(BackendError) as caught:
        answer(server, requests, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("status", "code"), [(404, None), (400, "model_not_found")])
def test_a_model_that_is_not_there_shows_those_that_are(
    model_server: Any, faults: Any, answer: Any, prompts: Any, status: int, code: str | None
) -> None:
    model_server.models = ["qwen-a", "qwen-b"]
    model_server.faults.append(faults.body({"error": {"message": "no `m`", "code": code}}, status))
    text = broken(answer, model_server, prompts("a"))
    assert text.startswith(f"{model_server.url}: no such model; name one that this server has: qwen-a, qwen-b")
    assert text.endswith(f"(HTTP {status}: no `m`)")


def test_a_url_without_v1_shows_the_one_with_it(model_server: Any, answer: Any, prompts: Any) -> None:
    url = model_server.url.removesuffix("/v1")
    text = broken(answer, At(url), prompts("a"))
    assert text.startswith(f"{url}: no such path; the URL in base_url should be {model_server.url}")


def test_a_path_with_nothing_there_is_said(model_server: Any, answer: Any, prompts: Any) -> None:
    url = model_server.url.removesuffix("/v1") + "/elsewhere"
    assert "no such model or path" in broken(answer, At(url), prompts("a"))


def test_a_server_that_sends_requests_on_says_where_to(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.append(faults.body(b"", 308, Location="https://127.0.0.1/v1/chat/completions"))
    assert "sends requests on to https://127.0.0.1/v1/chat/completions; set base_url" in broken(
        answer, model_server, prompts("a")
    )
    assert len(model_server.asked) == 1


def test_a_server_that_speaks_no_tls_is_not_asked_for_ever(model_server: Any, answer: Any, prompts: Any) -> None:
    text = broken(answer, At(model_server.url.replace("http:", "https:")), prompts("a"))
    assert text.startswith("https://127.0.0.1")


def test_what_overflows_says_what_the_server_said(model_server: Any, faults: Any, answer: Any, prompts: Any) -> None:
    words = "This model's maximum context length is 10 tokens, and your prompt has 12"
    model_server.misbehave = lambda _: faults.status(400, f"{words}.")
    replies = answer(model_server, prompts("a", "b"))
    assert [(r.error_kind, r.error, r.failed_attempts) for r in replies] == [
        ("context_overflow", f"HTTP 400: {words}; {LONGER_CONTEXT}", ("context_overflow",))
    ] * 2


def test_an_answer_cut_off_in_the_middle_of_its_json_is_asked_for_again(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.append(faults.body(b'{"choices": [{"message": {"content": "4'))
    (reply,) = answer(model_server, prompts("a"))
    assert (reply.text, reply.failed_attempts) == ("sample 0", ("bad_response",))


def test_a_connection_that_breaks_off_in_an_answer_is_tried_again_and_then_a_row(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.extend([faults.broken_off] * 2)
    (reply,) = answer(model_server, prompts("a"), max_attempts=1)
    assert (reply.text, reply.error_kind) == (None, "connection")
    (reply,) = answer(model_server, prompts("a"))
    assert (reply.text, reply.failed_attempts) == ("sample 0", ("connection",))


def test_a_server_that_says_nothing_is_a_time_out_and_is_hung_up_on(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.append(faults.silence)
    (reply,) = answer(model_server, prompts("a"), timeout_s=0.2, slowest_tokens_per_s=2e4, max_attempts=1)
    assert (reply.error_kind, reply.text) == ("timeout", None)
    assert model_server.hung_up.get(timeout=20)


def test_time_to_answer_grows_with_the_longest_answer(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.delay_s = 0.6
    settings = {"timeout_s": 0.1, "max_attempts": 1, "slowest_tokens_per_s": 1000}
    assert answer(model_server, prompts("a"), max_tokens=20_000, **settings)[0].text
    (reply,) = answer(model_server, prompts("a"), max_tokens=10, **settings)
    assert (reply.error_kind, reply.failed_attempts) == ("timeout", ("timeout",))
    assert "timeout_s" in str(reply.error)


def test_a_proxy_of_the_environment_is_asked_for_other_machines(
    model_server: Any, answer: Any, prompts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def proxy(server: Any, request: Any, body: Any) -> Any:
        seen.append((request.headers["Host"], request.headers.get("Proxy-Authorization")))
        return server.reply(200, server.completion(body))

    seen: list[Any] = []
    model_server.faults.append(proxy)
    monkeypatch.setenv("http_proxy", model_server.url.removesuffix("/v1").replace("//", "//me:secret@"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    (reply,) = answer(At("http://model.invalid/v1"), prompts("a"))
    assert reply.text == "sample 0"
    assert seen == [("model.invalid", "Basic bWU6c2VjcmV0")]
    assert model_server.keys == [None]


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    model_server: Any, answer: Any, prompts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{deaf.getsockname()[1]}")
        assert answer(model_server, prompts("a"))[0].text == "sample 0"
