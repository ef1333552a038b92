"""OpenAI batch files: requests to be answered elsewhere, a JSON line a sample, and what their answers say.

An answer is read by the code that reads live ones. Covers the files of OpenAI and Azure, of vLLM's run-batch (failures
stand in `error`), and of servers that leave out `status_code` or put the completion straight into `response`. Does not
cover other formats, such as Anthropic's.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from pipeline.generators import Reply, Request, failed_reply
from pipeline.hostile import one_line
from pipeline.rows import check_output, open_bytes, whole_file
from pipeline.served_model.completion import RequestFailed, as_completion, replies
from pipeline.served_model.prompt import body
from pipeline.served_model.refusals import refusal, said
from pipeline.served_model.settings import NO_KEY, ServedSettings
from pipeline.served_model.structured import held_to_schema, schema_key
from schemas.errors import BackendError, SchemaError
from schemas.messages import first_line, short

SUFFIXES = (".jsonl", ".jsonl.gz")
URL = "/v1/chat/completions"
NEVER_TRIED = ("batch_expired", "batch_cancelled")
"""Codes of requests that a batch ended without."""


@dataclass(frozen=True)
class Answer:
    """One line of a file of answers: a completion, a failure, or why the sample was never produced."""

    custom_id: str
    completion: Any = None
    failure: RequestFailed | None = None
    unanswered: str = ""
    """Not empty where the batch ended before this sample, or a key, an account or a model was refused."""


def check_requests_file(path: str) -> None:
    """Raise a SchemaError where requests cannot be written to, or would replace answers that were paid for."""
    if not path.endswith(SUFFIXES):
        raise SchemaError(f"{path}: batches are JSON lines; wanted a name that ends in {' or '.join(SUFFIXES)}")
    check_output(path)
    if Path(path).exists() and _holds_answers(path):
        raise SchemaError(f"{path}: this file holds answers, which would be lost; write the requests to another")


def write_requests(path: str, requests: Iterable[Request], settings: ServedSettings, model: str) -> int:
    """Write a line a sample, in the words of a live request, whole or not at all; returns how many."""
    n_lines = 0
    with whole_file(path) as plain:
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0) if path.endswith(".gz") else None
        file = cast(BinaryIO, packed or plain)
        for request in requests:
            asked = {"method": "POST", "url": URL, "body": body(request, settings, model)}
            file.write(json.dumps({"custom_id": request.rollout_id, **asked}).encode() + b"\n")
            n_lines += 1
        if packed:
            packed.close()
    return n_lines


def require_answers(path: str) -> None:
    """Raise a SchemaError where no line of a file is an answer; it says what the first line is."""
    problem = ""
    for place, line in lines(path):
        try:
            read_answer(line)
        except SchemaError as error:
            problem = problem or f"{place}: {error}"
        else:
            return
    raise SchemaError(problem or f"{path}: the file is empty; wanted the answers of a batch, a JSON line each")


def lines(path: str) -> Iterator[tuple[str, bytes]]:
    """Lines that are not blank, and where each stands; a SchemaError where they cannot be read."""
    with open_bytes(path) as raw:
        file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if path.endswith(".gz") else raw
        number = 0
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path} line {number}", line
        except (OSError, EOFError, zlib.error) as error:
            why = f"cannot be read: {first_line(error)}; fetch the file again: what came before is kept"
            raise SchemaError(f"{path} line {number + 1}: {why}") from None


def read_answer(line: bytes) -> Answer:
    """One line of a file of answers, or a SchemaError that says what it is instead.

    >>> read_answer(b'{"custom_id": "a", "response": {"status_code": 200, "body": {"choices": []}}}').completion
    {'choices': []}
    """
    try:
        value = json.loads(line.decode("utf-8-sig", "replace"))
        custom_id = value.get("custom_id") if isinstance(value, dict) else None
        if not isinstance(custom_id, str) or not value.keys() & {"response", "error", "body"}:
            raise SchemaError(f"wanted an answer with custom_id, response and error, found {one_line(short(value))}")
        if not value.keys() & {"response", "error"}:
            raise SchemaError("a request, not an answer; give the file that the server wrote")
        return _answer(custom_id, value.get("response"), value.get("error"))
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"broken JSON: {first_line(error)}") from None


def reply_to(request: Request, answer: Answer, settings: ServedSettings, model: str) -> Reply:
    """What an answer says, read as live ones are; `model` is its name where the answer does not say."""
    try:
        if answer.failure:
            raise answer.failure
        (reply,) = replies(as_completion(answer.completion), [request], model)
    except RequestFailed as failure:
        return failed_reply(request, failure.kind, failure.text)
    return held_to_schema(reply, schema_key(request.response_schema) if settings.structured != "off" else "")


def _answer(custom_id: str, response: Any, error: Any) -> Answer:
    """A completion where the status is 200; servers that leave it out put nothing else into `response`."""
    fields = response if isinstance(response, dict) else {"status_code": 0}
    status, body = _status(fields.get("status_code", 200)), fields.get("body", fields)
    if status == 200 and not error:
        return Answer(custom_id, completion=body)
    text, code = said(json.dumps(error or body).encode(), "no reason is given")
    text = f"{f'HTTP {status}: ' if status else ''}{one_line(text, 300)}"
    if code in NEVER_TRIED:
        return Answer(custom_id, unanswered=code)
    if status < 400:
        status = 408 if code == "request_timeout" else max(400, _status(code))
    failed = refusal(status, text, code, NO_KEY)
    if isinstance(failed, BackendError) or status in (404, 405) or code == "model_not_found":
        return Answer(custom_id, unanswered=text)
    return Answer(custom_id, failure=failed)


def _status(value: Any) -> int:
    """An HTTP status, also from text; 0 where it is none."""
    text = str(value)
    return int(text) if len(text) == 3 and text.isdecimal() else 0


def _holds_answers(path: str) -> bool:
    try:
        require_answers(path)
    except SchemaError:
        return False
    return True
