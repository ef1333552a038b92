"""What an OpenAI-compatible server answers, read: choices, their reasoning in any of three places, and honest counts.

Servers differ in what they leave out, and one odd field must not lose an answer that was paid for: a count that is no
count is null, text in parts is joined, half a character is replaced. A count that the server did not give for this
very sample is null too: the usage of a request with several choices is that of all of them together.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from pipeline.generators import Reply, Request, failed_reply
from pipeline.hostile import one_line
from pipeline.recordings import FINISH_REASONS
from pipeline.thinking import split_thinking

BAD_RESPONSE = "bad_response"
"""The error_kind of an answer that is no chat completion, or that says it ended in a way that is not known."""

CONTENT_FILTER = "content_filter"
"""The error_kind of an answer that the server's own filter stopped."""

_FILTERED = ("content_filter", "safety", "refusal")
_ENDED = {word: ours for ours in ("stop", "length") for word in FINISH_REASONS[ours]}


class RequestFailed(Exception):
    """One request failed, for a reason that is its own: its samples become rows with this kind and text."""

    def __init__(self, kind: str, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.kind, self.text, self.status = kind, text, status
        self.retry_after_s: float | None = None
        """How long the server wants to be left alone, where it says."""


@dataclass(frozen=True)
class ChatCompletion:
    """The body of an answer: at least one of its choices holds a message."""

    model: str | None
    choices: list[dict[str, Any]]
    usage: dict[str, Any]

    @property
    def counts_each(self) -> bool:
        """Whether every choice has the ids of its tokens (`return_token_ids`)."""
        return all(isinstance(choice.get("token_ids"), list) for choice in self.choices)


def parse_completion(content: bytes) -> ChatCompletion:
    """The completion in the body of an answer; RequestFailed where it is none.

    >>> parse_completion(b'{"choices": [{"message": {"content": "4"}}]}').choices[0]["message"]["content"]
    '4'
    """
    try:
        try:
            answer = from_json(content)
        except ValueError:  # it is three times as fast as json, and as strict with a half of a character
            answer = json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise RequestFailed(BAD_RESPONSE, f"not JSON: {one_line(str(error), 200)}") from None
    return as_completion(answer)


def as_completion(answer: Any) -> ChatCompletion:
    """The completion that a JSON value is; RequestFailed where it is none."""
    fields = _object(answer)
    found = fields.get("choices")
    choices = [_object(choice) for choice in found] if isinstance(found, list) else []
    if not [choice for choice in choices if isinstance(choice.get("message"), dict)]:
        raise RequestFailed(BAD_RESPONSE, f"not a chat completion: {one_line(json.dumps(answer)[:1000], 200)}")
    model = fields.get("model")
    return ChatCompletion(_sound(model) if isinstance(model, str) else None, choices, _object(fields.get("usage")))


def replies(completion: ChatCompletion, requests: Sequence[Request], model: str) -> Iterator[Reply]:
    """A reply to each request that a choice is there for; `model` is its name where the server does not say."""
    usage, name = completion.usage, completion.model or model
    if len(completion.choices) > 1:
        usage = {part: usage.get(part) for part in ("prompt_tokens", "prompt_tokens_details")}
    for request, choice in zip(requests, completion.choices, strict=False):
        yield _reply(request, choice, usage, name)


def _reply(request: Request, choice: dict[str, Any], usage: dict[str, Any], model: str) -> Reply:
    said = choice.get("message")
    if not isinstance(said, dict):
        return failed_reply(request, BAD_RESPONSE, "a choice without a message")
    # A server that does not say how an answer ended gave all of it.
    ended = str(choice.get("finish_reason") or "stop").lower()
    if ended not in _ENDED:
        kind = CONTENT_FILTER if ended in _FILTERED else BAD_RESPONSE
        return failed_reply(request, kind, f"the server ended the answer with finish_reason {one_line(ended, 80)!r}")
    text = _text(said.get("content")) or _text(said.get("refusal"))
    # What a schema held together is JSON from its first character; a tag in it belongs to one of its strings.
    is_json = request.response_schema is not None and text.lstrip()[:1] in ("{", "[")
    thought, text = split_thinking(text) if "<" in text and not is_json else (None, text)
    apart = _text(said.get("reasoning")) or _text(said.get("reasoning_content"))
    reasoning = "\n\n".join(filter(None, [apart, thought])) or None
    calls = said.get("tool_calls")
    return Reply(
        request.rollout_id,
        text=text,
        reasoning=reasoning,
        finish_reason=_ENDED[ended],
        model=model,
        n_prompt_tokens=_count(usage.get("prompt_tokens")) or None,
        n_completion_tokens=_n_tokens(choice, usage),
        n_reasoning_tokens=_n_reasoning_tokens(usage, reasoning),
        n_cached_tokens=_count(_object(usage.get("prompt_tokens_details")).get("cached_tokens")),
        mean_logprob=_mean_logprob(choice),
        tool_calls=_sound(json.dumps(calls, ensure_ascii=False)) if calls else None,
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Text as it is, or the text parts of a list; anything else is no text."""
    if isinstance(value, list):
        value = "".join(_text(_object(part).get("text")) for part in value)
    return _sound(value) if isinstance(value, str) else ""


def _sound(text: str) -> str:
    """Text that can be stored: a half of a surrogate pair, which JSON can carry, becomes U+FFFD.

    >>> _sound("a\\ud800b"), _sound("\\ud83d\\ude00")
    ('a\ufffdb', '😀')
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None


def _n_tokens(choice: dict[str, Any], usage: dict[str, Any]) -> int | None:
    """Null where nobody counted, which some servers call 0: even an empty answer has its end token."""
    ids = choice.get("token_ids")
    return _count(usage.get("completion_tokens")) or (len(ids) if isinstance(ids, list) else 0) or None


def _n_reasoning_tokens(usage: dict[str, Any], reasoning: str | None) -> int | None:
    """Null where the server does not say, or says 0 beside reasoning that is there."""
    n_tokens = _count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    return None if n_tokens == 0 and reasoning else n_tokens


def _mean_logprob(choice: dict[str, Any]) -> float | None:
    """The mean over the tokens; null where one of them is not there."""
    tokens = _object(choice.get("logprobs")).get("content")
    found = [_object(token).get("logprob") for token in tokens] if isinstance(tokens, list) else []
    known = [float(value) for value in found if isinstance(value, int | float) and abs(value) < 1e9]  # no huge int
    return math.fsum(known) / len(known) if known and len(known) == len(found) else None
