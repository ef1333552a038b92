"""What goes wrong with one request is told apart, in one line that says where and what to do."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.served_model.refusals import LONGER_CONTEXT, refusal, retry_after_s, said
from pipeline.served_model.settings import NO_KEY, Key
from schemas.errors import BackendError

pytestmark = pytest.mark.server


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
    assert text.startswith(f"{model_server.url}: no such model; set model to one that this server has: qwen-a, qwen-b")
    assert text.endswith(f"(HTTP {status}: no `m`)")


def test_a_url_without_v1_shows_the_one_with_it(model_server: Any, answer: Any, prompts: Any) -> None:
    url = model_server.url.removesuffix("/v1")
    text = broken(answer, At(url), prompts("a"))
    assert text.startswith(f'{url}: no such path; set base_url = "{model_server.url}"')


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


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
def test_a_prompt_that_a_filter_refuses_is_told_apart(
    model_server: Any, faults: Any, answer: Any, prompts: Any, code: str
) -> None:
    model_server.faults.append(faults.body({"error": {"message": "filtered", "code": code}}, 400))
    (reply,) = answer(model_server, prompts("a"))
    assert (reply.error_kind, reply.error) == ("content_filter", "HTTP 400: filtered")


def test_an_answer_cut_off_in_the_middle_of_its_json_is_asked_for_again(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.append(faults.body(b'{"choices": [{"message": {"content": "4'))
    (reply,) = answer(model_server, prompts("a"))
    assert (reply.text, reply.failed_attempts) == ("sample 0", ("bad_response",))


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


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "", "does $K hold the right key?"),
        (403, "", "does $K hold the right key?"),
        (402, "", "no credit left"),
        (429, "insufficient_quota", "no credit left"),
    ],
)
def test_what_somebody_must_mend_ends_it_all(status: int, code: str, words: str) -> None:
    found = refusal(status, "x", code, Key("secret", "K"))
    assert isinstance(found, BackendError)
    assert words in str(found)
    assert "api_key_env" in str(refusal(401, "x", "", NO_KEY))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"error": {"message": "no", "code": "c"}}', ("no", "c")),
        (b'{"error": "no"}', ("no", "")),
        (b'{"message": "no", "type": "t"}', ("no", "t")),
        (b'{"detail": [{"msg": "no"}]}', ('[{"msg": "no"}]', "")),
        (b"<html>no</html>", ("<html>no</html>", "")),
        (b"[]", ("Bad", "")),
        (b"", ("Bad", "")),
    ],
)
def test_what_a_server_said_is_found_where_it_put_it(content: bytes, found: tuple[str, str]) -> None:
    assert said(content, "Bad") == found


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("inf", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, datetime(2026, 11, 21, 12, tzinfo=UTC)) == seconds
