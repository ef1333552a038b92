"""What an OpenAI-compatible server answers, read: choices, their reasoning in any of three places, and honest counts.

Servers differ in what they leave out. A count that the server did not give for this very sample is null: the usage of
a request with several choices is that of all of them together, so it says nothing of one.
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from pipeline.generators import Reply, Request, failed_reply
from pipeline.recordings import FINISH_REASONS
from pipeline.thinking import split_thinking

BAD_RESPONSE = "bad_response"
"""The error_kind of an answer that is no chat completion, or that says it ended in a way that is not known."""

CONTENT_FILTER = "content_filter"
"""The error_kind of an answer that the server's own filter stopped."""

_FILTERED = ("content_filter", "safety", "refusal")

Count = Annotated[int, Field(ge=0, lt=2**31)]


class RequestFailed(Exception):
    """One request failed, for a reason that is its own: its samples become rows with this kind and text."""

    def __init__(self, kind: str, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.kind, self.text, self.status = kind, text, status
        self.retry_after_s: float | None = None
        """How long the server wants to be left alone, where it says."""


class Message(BaseModel):
    """What the model said."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class Token(BaseModel):
    """One token of an answer."""

    logprob: float


class Logprobs(BaseModel):
    """The tokens of an answer, with natural log-probabilities."""

    content: list[Token] | None = None


class Choice(BaseModel):
    """One sample."""

    message: Message
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    token_ids: list[int] | None = None
    """All tokens that were generated, where the server was asked for them (`return_token_ids`) and has them."""


class TokenDetails(BaseModel):
    """What completion tokens were spent on."""

    reasoning_tokens: Count | None = None


class Usage(BaseModel):
    """Tokens of a whole request: the prompt once, and all choices together."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    completion_tokens_details: TokenDetails | None = None


class ChatCompletion(BaseModel):
    """The body of an answer, as far as it is used."""

    model: str | None = None
    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None


def parse_completion(content: bytes) -> ChatCompletion:
    """The completion in the body of an answer; RequestFailed where it is none.

    >>> parse_completion(b'{"choices": [{"message": {"content": "4"}}]}').choices[0].message.content
    '4'
    """
    try:
        return ChatCompletion.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RequestFailed(
            BAD_RESPONSE, f"not a chat completion: {where + ': ' if where else ''}{first['msg']}"
        ) from None


def replies(completion: ChatCompletion, requests: Sequence[Request], model: str) -> Iterator[Reply]:
    """A reply to each request that a choice is there for; `model` is its name where the server does not say."""
    usage = completion.usage or Usage()
    own = usage if len(completion.choices) == 1 else Usage(prompt_tokens=usage.prompt_tokens)
    for request, choice in zip(requests, completion.choices, strict=False):
        yield _reply(request, choice, own, completion.model or model)


def _reply(request: Request, choice: Choice, usage: Usage, model: str) -> Reply:
    said = choice.message
    # A server that does not say how an answer ended gave all of it.
    ended = (choice.finish_reason or "stop").lower()
    finish = next((ours for ours in ("stop", "length") if ended in FINISH_REASONS[ours]), None)
    if finish is None:
        kind = CONTENT_FILTER if ended in _FILTERED else BAD_RESPONSE
        return failed_reply(request, kind, f"the server ended the answer with finish_reason {ended[:80]!r}")
    thought, text = split_thinking(said.content or said.refusal or "")
    reasoning = "\n\n".join(filter(None, [said.reasoning or said.reasoning_content, thought])) or None
    return Reply(
        request.rollout_id,
        text=text,
        reasoning=reasoning,
        finish_reason=finish,
        model=model,
        n_prompt_tokens=usage.prompt_tokens or None,
        n_completion_tokens=_n_tokens(choice, usage),
        n_reasoning_tokens=_n_reasoning_tokens(usage, reasoning),
        mean_logprob=_mean_logprob(choice),
        tool_calls=json.dumps(said.tool_calls, ensure_ascii=False) if said.tool_calls else None,
    )


def _n_tokens(choice: Choice, usage: Usage) -> int | None:
    """Null where nobody counted, which some servers call 0: even an empty answer has its end token."""
    return usage.completion_tokens or len(choice.token_ids or []) or None


def _n_reasoning_tokens(usage: Usage, reasoning: str | None) -> int | None:
    """Null where the server does not say, or says 0 beside reasoning that is there."""
    n_tokens = usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else None
    return None if n_tokens == 0 and reasoning else n_tokens


def _mean_logprob(choice: Choice) -> float | None:
    tokens = (choice.logprobs.content if choice.logprobs else None) or []
    mean = math.fsum(token.logprob for token in tokens) / len(tokens) if tokens else math.nan
    return mean if math.isfinite(mean) else None
