"""Generators answer requests.

A generator is a module here with
- `Config`, a pydantic model: its table in the recipe; a `temperature` of 0 is refused for roles with a pass rate;
- `identity(config) -> dict`: model, revision and sampling settings, hashed into `generator_id` with the template;
  never an endpoint, a path or a concurrency;
- `open_generator(config)`, an async context manager that yields `generate`, where `generate(requests)` is an async
  iterator of replies in any order, each as soon as it is there, so that it can be journalled before the next. It takes
  a request only when it can soon send it: what was taken is paid for, and is in flight until its reply. So whoever
  asks may end the requests early, and what is in flight then still comes back;
- where there is something that every data set made with it must say, `notice(config) -> str`: it goes onto the card.

A failure is a `Reply` with `error_kind` and `error`, never text and never an exception: an exception from `generate`
means that the backend as a whole is gone. The generate stage gives a request without a reply an error of its own, and
the store sorts rows by key.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NOT_RUN = "not_run"
"""The error_kind of a sample that was never produced, such as one beyond the end of a recording."""

CONTEXT_OVERFLOW = "context_overflow"
"""The error_kind of a prompt that leaves no room for an answer in the model's context."""


@dataclass(frozen=True, slots=True)
class Request:
    """One sample that is owed."""

    rollout_id: str
    source: str
    source_key: str
    sample_index: int
    messages: list[dict[str, str]]
    """What is sent: templates have been applied. Samples of one prompt have equal messages, and come in a row."""
    response_schema: Mapping[str, Any] | None = None
    """JSON schema that the answer should follow; backends that cannot enforce one ignore it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request. `text` is null exactly where `error_kind` is set."""

    rollout_id: str
    text: str | None = None
    reasoning: str | None = None
    finish_reason: str = "stop"
    model: str | None = None
    messages: list[dict[str, str]] | None = None
    """The messages as sent, where they differ from the request's (a recording)."""
    n_prompt_tokens: int | None = None
    n_completion_tokens: int | None = None
    n_reasoning_tokens: int | None = None
    n_cached_tokens: int | None = None
    """Prompt tokens that the backend did not have to read again."""
    mean_logprob: float | None = None
    """Mean natural log-probability of the completion tokens."""
    seed: int | None = None
    tool_calls: str | None = None
    final_state: str | None = None
    error_kind: str | None = None
    error: str | None = None
    failed_attempts: tuple[str, ...] = ()
    """The error_kind of every attempt that failed before this reply. Where samples were asked for together, the first
    of their replies has them, so that each is counted once."""


Generate = Callable[[Iterable[Request]], AsyncIterator[Reply]]


def failed_reply(request: Request, kind: str, error: str) -> Reply:
    """The reply to a request that brought no text."""
    return Reply(request.rollout_id, finish_reason="error", error_kind=kind, error=error)


def samples_by_prompt(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """Requests in a row that are samples of one prompt, together, in the order in which they come."""
    for _, group in itertools.groupby(requests, key=lambda request: (request.messages, request.response_schema)):
        yield list(group)
