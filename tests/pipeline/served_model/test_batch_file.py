"""Batch files: what is written is what a live request says, and every kind of answer is told apart."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.generators import Request
from pipeline.plan_schema import PLAN_SCHEMA
from pipeline.served_model.batch_file import (
    check_requests_file,
    lines,
    read_answer,
    reply_to,
    require_answers,
    write_requests,
)
from pipeline.served_model.prompt import body
from pipeline.served_model.refusals import LONGER_CONTEXT
from pipeline.served_model.settings import ServedSettings
from schemas.errors import SchemaError

ASKING = ServedSettings()
OVERFLOW = "This model's maximum context length is 512 tokens, however you requested 600 tokens"
SAID = {"message": OVERFLOW, "code": 400}


def request(number: int = 1, schema: dict[str, Any] | None = None) -> Request:
    messages = [{"role": "user", "content": "What is 2 + 2? 😀"}]
    return Request(f"{number:032x}", "s", "k", 0, messages, schema)


def completion(text: str = "4", **changed: Any) -> dict[str, Any]:
    said = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    return {"object": "chat.completion", "model": "m-2", "choices": [said], "usage": usage} | changed


def answered(response: Any, error: Any = None) -> bytes:
    return json.dumps({"id": "x", "custom_id": "a", "response": response, "error": error}).encode()


def refused(status: int, message: str, code: Any = None) -> dict[str, Any]:
    return {"status_code": status, "request_id": "r", "body": {"error": {"message": message, "code": code}}}


def kind_of(line: bytes) -> str | None:
    return reply_to(request(), read_answer(line), ASKING, "m").error_kind


# --- writing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requests.jsonl", "requests.jsonl.gz"])
def test_a_line_is_the_body_of_a_live_request(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    asking = ServedSettings(stop=["END"], extra_body={"top_k": 20}, structured="json_schema")
    requests = [request(1), request(2, schema=PLAN_SCHEMA)]
    assert write_requests(str(path), iter(requests), asking, "m") == 2
    text = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    assert [json.loads(line) for line in text.splitlines()] == [
        {"custom_id": r.rollout_id, "method": "POST", "url": "/v1/chat/completions", "body": body(r, asking, "m")}
        for r in requests
    ]


def test_a_file_that_is_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text("old")

    def broken() -> Any:
        yield request(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_requests(str(path), broken(), ASKING, "m")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("name", ["requests.csv", "requests", "none/requests.jsonl"])
def test_places_that_requests_cannot_be_written_to(tmp_path: Path, name: str) -> None:
    with pytest.raises(SchemaError, match="requests"):
        check_requests_file(str(tmp_path / name))


def test_answers_are_never_overwritten_by_requests(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(answered({"status_code": 200, "body": completion()}))
    with pytest.raises(SchemaError, match="holds answers, which would be lost"):
        check_requests_file(str(path))
    write_requests(str(tmp_path / "requests.jsonl"), [request()], ASKING, "m")
    check_requests_file(str(tmp_path / "requests.jsonl"))


# --- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response",
    [
        {"status_code": 200, "request_id": "r", "body": completion()},
        {"status_code": "200", "body": completion()},
        {"request_id": "r", "body": completion()},
        completion(),
    ],
    ids=["OpenAI", "a status as text", "no status", "no body"],
)
def test_an_answer_is_read_as_a_live_one(response: Any) -> None:
    reply = reply_to(request(), read_answer(answered(response)), ASKING, "m")
    assert (reply.rollout_id, reply.text, reply.model, reply.error_kind) == (f"{1:032x}", "4", "m-2", None)
    assert (reply.n_prompt_tokens, reply.n_completion_tokens) == (12, 3)


def test_an_answer_that_does_not_name_its_model_has_the_one_that_was_asked() -> None:
    answer = read_answer(answered({"status_code": 200, "body": completion(model=None)}))
    assert reply_to(request(), answer, ASKING, "m").model == "m"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (answered(refused(400, OVERFLOW)), "context_overflow"),
        (answered(refused(400, "too much", "context_length_exceeded")), "context_overflow"),
        (
            answered({"status_code": 400, "body": None}, {"error": {"message": OVERFLOW, "code": 400}}),
            "context_overflow",
        ),
        (answered({"status_code": 400, "body": None}, SAID), "context_overflow"),
        (answered(refused(400, "temperature: wanted a number")), "bad_request"),
        (answered({"status_code": 400, "body": None}, "Request must not be sent in stream mode"), "bad_request"),
        (answered(refused(400, "blocked", "content_filter")), "content_filter"),
        (answered(refused(429, "slow down")), "rate_limit"),
        (answered(refused(503, "overloaded")), "server_error"),
        (answered(None, {"code": "request_timeout", "message": "timed out"}), "timeout"),
        (answered(None, {"code": "500", "message": "oops"}), "server_error"),
        (answered(None, {"message": "oops"}), "bad_request"),
        (answered({"status_code": 200, "body": {"choices": []}}), "bad_response"),
        (answered({"status_code": 200, "body": None}), "bad_response"),
        (answered({"status_code": 200, "body": completion()}, {"message": "half of it"}), "bad_request"),
        (answered(None), "bad_request"),
    ],
)
def test_failures_are_told_apart(line: bytes, kind: str) -> None:
    assert kind_of(line) == kind


def test_a_failure_says_what_the_server_said() -> None:
    reply = reply_to(request(), read_answer(answered(refused(400, OVERFLOW))), ASKING, "m")
    assert (reply.text, reply.error) == (None, f"HTTP 400: {OVERFLOW}; {LONGER_CONTEXT}")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (answered(None, {"code": "batch_expired", "message": "not in 24 h"}), "batch_expired"),
        (answered(None, {"code": "batch_cancelled", "message": ""}), "batch_cancelled"),
        (answered(refused(401, "no such key")), "HTTP 401: no such key"),
        (answered(refused(429, "pay first", "insufficient_quota")), "HTTP 429: pay first"),
        (answered(refused(404, "no such model", "model_not_found")), "HTTP 404: no such model"),
    ],
)
def test_what_nobody_tried_to_answer_is_no_failure_of_the_sample(line: bytes, why: str) -> None:
    answer = read_answer(line)
    assert (answer.unanswered, answer.failure) == (why, None)


def test_a_plan_is_held_to_its_schema() -> None:
    answer = read_answer(answered({"status_code": 200, "body": completion('{"strategy": "", "steps": []}')}))
    held = request(schema=PLAN_SCHEMA)
    assert reply_to(held, answer, ASKING, "m").error_kind == "schema_violated"
    assert reply_to(held, answer, ServedSettings(structured="off"), "m").error_kind is None


# --- what is no answer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"hello", "line 1: broken JSON"),
        (b'{"a": 1}', "line 1: wanted an answer with custom_id"),
        (b"[1]", "line 1: wanted an answer with custom_id"),
        (b"null", "line 1: wanted an answer with custom_id"),
        (
            b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}}',
            "a request, not an answer",
        ),
        (b"[" * 100_000, "line 1: broken JSON"),
        (b'{"custom_id": "a", "error": ' + b"[" * 900 + b"]" * 900 + b"}" + b"x", "line 1: broken JSON"),
        (b'{"custom_id": "a", "error": 1' + b"1" * 5000 + b"}", "line 1: broken JSON"),
    ],
)
def test_a_file_without_answers_is_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(content)
    with pytest.raises(SchemaError, match=f"answers.jsonl.*{words}"):
        require_answers(str(path))


@pytest.mark.parametrize("depth", [500, 900, 20_000])
def test_nesting_without_end_is_an_answer_that_cannot_be_read(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    for line in (f'{{"custom_id": "a", "error": {deep}}}', f'{{"custom_id": "a", "response": {{"body": {deep}}}}}'):
        try:
            found = kind_of(line.encode())
        except SchemaError:
            found = "bad_response"
        assert found in ("bad_request", "bad_response")


def test_one_answer_among_other_lines_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + answered(completion()) + b'\n{"custom_id": "b", "resp')
    require_answers(str(path))


def test_packed_answers_that_are_cut_off_are_named_after_those_that_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl.gz"
    whole = b"".join(answered(completion(f"{number} " * 50)) + b"\n" for number in range(500))
    path.write_bytes(gzip.compress(whole)[:-200])
    found = []

    def read() -> None:
        for _, line in lines(str(path)):
            found.append(read_answer(line).custom_id)

    with pytest.raises(SchemaError, match=r"answers.jsonl.gz line \d+: cannot be read"):
        read()
    assert set(found) == {"a"}
