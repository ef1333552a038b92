"""What servers answer is read whole; an odd field becomes null, and never costs the answer."""

import json
from typing import Any

import pytest

from pipeline.generators import Reply, Request
from pipeline.served_model.completion import RequestFailed, as_completion, parse_completion, replies

ASKED = [Request(f"{k:032}", "s", "1", k, [{"role": "user", "content": "2 + 2?"}]) for k in range(3)]


def read(answer: Any, n: int = 1) -> list[Reply]:
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return list(replies(parse_completion(content), ASKED[:n], "m"))


def one(message: Any = None, usage: Any = None, **choice: Any) -> Reply:
    said = {"content": "4"} if message is None else message
    (reply,) = read({"choices": [{"message": said, **choice}], "usage": usage})
    return reply


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 2**40},
        {"prompt_tokens": "7", "completion_tokens": 2.5},
        {"prompt_tokens": True, "completion_tokens": None, "completion_tokens_details": 3},
        [7, 5],
        "12",
        None,
    ],
)
def test_a_count_that_is_none_is_null(usage: Any) -> None:
    reply = one(usage=usage)
    assert (reply.text, reply.n_prompt_tokens, reply.n_completion_tokens, reply.n_cached_tokens) == ("4", *[None] * 3)


def test_cached_tokens_are_counted_and_none_is_a_count() -> None:
    usage = {"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}
    assert one(usage=usage).n_cached_tokens == 4
    assert one(usage={"prompt_tokens_details": {"cached_tokens": 0}}).n_cached_tokens == 0


def test_of_several_choices_only_the_prompt_is_everybodys() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    found = read({"choices": [{"message": {"content": "4"}}] * 2, "usage": usage}, n=2)
    counts = [(r.n_prompt_tokens, r.n_cached_tokens, r.n_completion_tokens, r.n_reasoning_tokens) for r in found]
    assert counts == [(7, 4, None, None)] * 2


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "2 + 2"}, {"type": "image"}, "x", {"type": "text", "text": " = 4"}], "2 + 2 = 4"),
        (["4"], ""),
        (4, ""),
        ({"text": "4"}, ""),
        (None, ""),
    ],
)
def test_text_in_parts_is_joined_and_what_is_no_text_is_none(content: Any, text: str) -> None:
    assert one({"content": content}).text == text


def test_a_half_of_a_character_is_replaced() -> None:
    (reply,) = read(b'{"choices": [{"message": {"content": "a\\ud83d", "reasoning": "\\ude00 \\ud83d\\ude00"}}]}')
    assert (reply.text, reply.reasoning) == ("a\ufffd", "\ufffd 😀")
    (reply,) = read(b'{"choices": [{"message": {"content": "a\xffb", "tool_calls": ["\\ud83d"]}}]}')
    assert (reply.text, reply.tool_calls) == ("a\ufffdb", '["\ufffd"]')


@pytest.mark.parametrize(
    "message",
    [
        {"content": "4", "reasoning": "2 + 2"},
        {"content": "4", "reasoning": None, "reasoning_content": "2 + 2"},
        {"content": "<think>2 + 2</think>4"},
        {"content": "2 + 2</think>\n\n4"},
    ],
)
def test_reasoning_is_found_where_servers_put_it(message: dict[str, Any]) -> None:
    reply = one(message)
    assert (reply.reasoning, reply.text) == ("2 + 2", "4")


@pytest.mark.parametrize(
    ("details", "n_tokens"), [({"reasoning_tokens": 2}, 2), ({"reasoning_tokens": 0}, None), (None, None), ({}, None)]
)
def test_tokens_of_thinking_are_what_the_server_says_or_null(details: Any, n_tokens: int | None) -> None:
    usage = {"completion_tokens_details": details}
    assert one({"content": "4", "reasoning": "2 + 2"}, usage).n_reasoning_tokens == n_tokens


def test_no_thinking_has_no_tokens() -> None:
    assert one(usage={"completion_tokens_details": {"reasoning_tokens": 0}}).n_reasoning_tokens == 0


@pytest.mark.parametrize(
    ("usage", "ids", "n_tokens"),
    [(None, [5, 6], 2), ({"completion_tokens": 0}, [5, 6], 2), ({"completion_tokens": 9}, [5, 6], 9), (None, [], None)],
)
def test_where_the_server_does_not_count_the_ids_of_the_tokens_do(usage: Any, ids: Any, n_tokens: int | None) -> None:
    assert one(usage=usage, token_ids=ids).n_completion_tokens == n_tokens


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
def test_how_an_answer_ended(ended: str | None, finish: str, kind: str | None) -> None:
    reply = one(finish_reason=ended)
    assert (reply.finish_reason, reply.error_kind) == (finish, kind)
    assert reply.text == (None if kind else "4")


def test_a_refusal_in_words_is_an_answer() -> None:
    reply = one({"content": None, "refusal": "I cannot."})
    assert (reply.text, reply.error_kind) == ("I cannot.", None)


def test_tool_calls_are_kept_as_json() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    reply = one({"content": None, "tool_calls": calls})
    assert json.loads(reply.tool_calls or "") == calls
    assert one().tool_calls is None


def test_log_probabilities_are_averaged() -> None:
    assert one(logprobs={"content": [{"logprob": -1.0}, {"logprob": -3.0}]}).mean_logprob == -2.0
    assert one().mean_logprob is None


@pytest.mark.parametrize("logprob", [None, "x", float("nan"), float("-inf")])
def test_a_mean_over_log_probabilities_that_are_not_all_there_is_null(logprob: Any) -> None:
    reply = one(logprobs={"content": [{"logprob": -1.0}, {"logprob": logprob}]})
    assert (reply.text, reply.mean_logprob) == ("4", None)


def test_thinking_that_never_ends_leaves_no_answer() -> None:
    reply = one({"content": "<think>2 + "}, finish_reason="length")
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("", "2 +", "length")


def test_a_tag_inside_of_json_that_was_asked_for_ends_no_thinking() -> None:
    said = '{"strategy": "<think>add</think>"}'
    request = Request("0" * 32, "s", "1", 0, [{"role": "user", "content": "2 + 2?"}], {"type": "object"})
    (reply,) = replies(as_completion({"choices": [{"message": {"content": said}}]}), [request], "m")
    assert (reply.text, reply.reasoning) == (said, None)


def test_a_choice_without_a_message_leaves_the_others_alone() -> None:
    found = read({"choices": [{"message": None}, {"message": {"content": "4"}}, 5]}, n=3)
    assert [(reply.error_kind, reply.text) for reply in found] == [
        ("bad_response", None),
        (None, "4"),
        ("bad_response", None),
    ]


def test_more_choices_than_were_asked_for_are_nobodys() -> None:
    assert len(read({"choices": [{"message": {"content": "4"}}] * 3}, n=2)) == 2


def test_odd_names_of_endings_are_shown_on_one_line() -> None:
    reply = one(finish_reason=["x\n\x1b"])
    assert reply.error_kind == "bad_response"
    assert "\x1b" not in str(reply.error)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b'{"choices": [',
        b"[" * 100_000,
        b"1" * 10_000,
        b"null",
        b'"yes"',
        b'{"choices": []}',
        b'{"choices": null}',
        b'{"choices": [{"message": null}]}',
    ],
)
def test_what_is_no_completion_is_said_so(content: bytes) -> None:
    with pytest.raises(RequestFailed) as caught:
        parse_completion(content)
    assert caught.value.kind == "bad_response"


def test_an_error_in_an_answer_of_200_is_shown() -> None:
    with pytest.raises(RequestFailed, match="overloaded"):
        as_completion({"error": {"message": "overloaded"}})
