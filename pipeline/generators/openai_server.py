"""Any OpenAI-compatible server: vLLM, SGLang, llama.cpp, TGI, OpenAI itself and others, asked over HTTP.

Samples of one prompt go out as one request where the server can do that and count the tokens of each; otherwise one by
one. What it can do is learned from its first answers, and remembered by this process.
"""

import asyncio
import importlib.util
import os
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator

from pipeline.chat_completion import ChatCompletion, RequestFailed, replies
from pipeline.generators import CONTEXT_OVERFLOW, Generate, Reply, Request, failed_reply, samples_by_prompt
from schemas.errors import RecipeError
from schemas.recipe import Settings, identity_fields, mutable

if TYPE_CHECKING:
    from pipeline.model_server import ModelServer

INSTALL = "install it, in Coldstart's folder: pip install '.[openai]'"

MAX_CHOICES = 64
"""Most samples in one request: OpenAI takes up to 128, and all of them come back when the slowest is done."""

UNSUPPORTED = (400, 422, 500, 501)
"""How servers answer a request for something that they cannot do (llama.cpp: 500 where `n` is above 1)."""

OURS = frozenset(
    {"model", "messages", "temperature", "top_p", "max_tokens", "stop", "n", "stream", "logprobs", "response_format"}
    | {"return_token_ids"}
)
"""Fields of a request that have settings of their own, or that are decided here."""


class Config(Settings):
    """A model behind an OpenAI-compatible server, and how samples are drawn."""

    base_url: str = mutable(
        "http://127.0.0.1:8000/v1", "Where the server is; most end in /v1.", min_length=1, max_length=2000
    )
    model: str = Field(min_length=1, max_length=500, description="The model's name, as the server has it.")
    revision: str = Field("", max_length=500, description="Which version of the model it is, in your own words.")
    temperature: float = Field(
        1.0, ge=0, le=10, description="Sampling temperature; 0, the most probable token, only for planners and judges."
    )
    top_p: float = Field(1.0, gt=0, le=1, description="Sample from the most probable tokens of this total probability.")
    max_tokens: int = Field(2048, ge=1, description="Longest answer in tokens, thinking included.")
    stop: list[Annotated[str, Field(min_length=1)]] = Field(
        [], max_length=16, description="Strings that end an answer and are cut off; OpenAI takes four."
    )
    omit: list[Literal["temperature", "top_p", "max_tokens"]] = Field(
        [], description="Settings that are not sent, for models that refuse them; the server's own defaults then count."
    )
    extra_body: dict[str, JsonValue] = Field(
        {}, description="More fields of the request, such as top_k, min_p or chat_template_kwargs."
    )
    structured: Literal["json_schema", "off"] = Field(
        "json_schema", description="How plans are held to their schema; off: the server is not asked to."
    )
    api_key_env: str = mutable(
        "", "Name of the environment variable that holds the key; empty: none is sent.", pattern=r"^([A-Za-z_]\w*)?$"
    )
    concurrency: int = mutable(32, "Requests in flight; each asks for up to 64 samples of a prompt.", ge=1, le=512)
    timeout_s: float = mutable(600, "Longest silence of the server while it answers, in seconds.", gt=0, le=86_400)
    max_attempts: int = mutable(5, "Times that a request is tried before it counts as failed.", ge=1, le=20)
    count_tokens: bool = mutable(
        True, "Know the tokens of each sample, even if the server must then be asked for samples one by one."
    )
    logprobs: bool = mutable(False, "Ask for log-probabilities, for the mean of each answer.")

    @field_validator("base_url")
    @classmethod
    def _is_plain_url(cls, url: str) -> str:
        """Raises RecipeError, which unlike pydantic's own error does not repeat a password that stands in the URL."""
        try:
            parts = urlsplit(url)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            is_url = False
        if not is_url or url != url.strip():
            raise RecipeError("base_url: wanted a URL with http:// or https://, such as http://127.0.0.1:8000/v1")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise RecipeError(
                "base_url: wanted a URL without user, password, query or fragment; a key belongs in the environment "
                "variable that api_key_env names"
            )
        return url.rstrip("/")

    @field_validator("extra_body")
    @classmethod
    def _adds(cls, extra_body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted(OURS & extra_body.keys()):
            raise ValueError(
                f"{', '.join(taken)} cannot be set here: it is decided by the other settings or by Coldstart"
            )
        return extra_body


def identity(config: Config) -> dict[str, Any]:
    """The model and how samples are drawn; never where the server is. RecipeError where the library is missing."""
    if importlib.util.find_spec("openai") is None:
        raise RecipeError(f"openai_server needs the library openai; {INSTALL}")
    return {"generator": "openai_server", **identity_fields(config)}


@asynccontextmanager
async def open_generator(config: Config) -> AsyncIterator[Generate]:
    """Ask the server; what is in flight when this closes is cancelled.

    `generate` raises BackendError where the server cannot be reached, refuses access or does not have the model.
    """
    from pipeline.model_server import connect

    key = _key(config)
    async with connect(config.base_url, key, config.api_key_env, config.timeout_s, config.max_attempts) as server:
        asking = _Asking(server, config, _abilities(config.base_url, config.model))
        try:
            yield asking.generate
        finally:
            await asking.cancel()


@dataclass
class _Abilities:
    """What a server has shown that it can do."""

    takes_n: bool = True
    counts_each: bool | None = None
    """Whether it gives the tokens of each choice (`return_token_ids`: vLLM, SGLang); None: not known yet."""


@lru_cache(maxsize=64)
def _abilities(base_url: str, model: str) -> _Abilities:
    """The one object of this process for a server and model, which every shard of work goes on with."""
    return _Abilities()


@dataclass
class _Asking:
    """Requests on their way to a server."""

    server: "ModelServer"
    config: Config
    can: _Abilities
    in_flight: set["asyncio.Task[tuple[list[Reply], list[Request]]]"] = field(default_factory=set)

    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[Reply]:
        todo = deque(samples_by_prompt(requests))
        while todo or self.in_flight:
            while todo and len(self.in_flight) < self.config.concurrency:
                self.in_flight.add(asyncio.create_task(self._ask(self._take(todo))))
            done, self.in_flight = await asyncio.wait(self.in_flight, return_when=asyncio.FIRST_COMPLETED)
            # What came back is handed over before an error ends it all.
            for task in sorted(done, key=lambda task: task.exception() is not None):
                answered, left = task.result()
                if left:
                    todo.appendleft(left)
                for reply in answered:
                    yield reply

    async def cancel(self) -> None:
        for task in self.in_flight:
            task.cancel()
        await asyncio.gather(*self.in_flight, return_exceptions=True)

    def _take(self, todo: deque[list[Request]]) -> list[Request]:
        """The next samples of one prompt that are asked for together; the others of the prompt stay next in line."""
        group = todo.popleft()
        together = self.can.takes_n and self.config.temperature > 0  # vLLM refuses several equal answers
        n = MAX_CHOICES if together and (self.can.counts_each or not self.config.count_tokens) else 1
        if group[n:]:
            todo.appendleft(group[n:])
        return group[:n]

    async def _ask(self, requests: list[Request]) -> tuple[list[Reply], list[Request]]:
        """Replies, and the requests that the server left out."""
        try:
            completion = await self._complete(requests)
        except RequestFailed as failure:
            return [failed_reply(request, failure.kind, failure.text) for request in requests], []
        answered = list(replies(completion, requests, self.config.model))
        return answered, requests[len(answered) :]

    async def _complete(self, requests: list[Request]) -> ChatCompletion:
        """One completion; where the server refuses `n` or `return_token_ids`, one without it."""
        n = len(requests)
        counts = self.config.count_tokens and self.can.counts_each is not False
        is_proven = n == 1 and (self.can.counts_each is True or not counts)
        try:
            completion = await self.server.complete(_body(requests[0], self.config, n, counts))
        except RequestFailed as failure:
            if is_proven or failure.status not in UNSUPPORTED or failure.kind == CONTEXT_OVERFLOW:
                raise
            counts = counts and n > 1
            completion = await self.server.complete(_body(requests[0], self.config, 1, counts))
            if n == 1:
                self.can.counts_each = False
        if counts:
            self.can.counts_each = all(choice.token_ids is not None for choice in completion.choices)
        if len(completion.choices) < n:
            self.can.takes_n = False
        return completion


def _body(request: Request, config: Config, n: int, counts: bool) -> dict[str, Any]:
    sampling = {"temperature": config.temperature, "top_p": config.top_p, "max_tokens": config.max_tokens}
    body: dict[str, Any] = {
        "model": config.model,
        "messages": request.messages,
        **{name: value for name, value in sampling.items() if name not in config.omit},
        **config.extra_body,
    }
    if config.stop:
        body["stop"] = config.stop
    if config.logprobs:
        body["logprobs"] = True
    if n > 1:
        body["n"] = n
    if counts:
        body["return_token_ids"] = True
    if request.response_schema is not None and config.structured == "json_schema":
        schema = {"name": "answer", "schema": request.response_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _key(config: Config) -> str:
    """The key from the environment; RecipeError where it is not there."""
    if not config.api_key_env:
        return ""
    key = os.environ.get(config.api_key_env, "").strip()
    if not key or not (key.isascii() and key.isprintable()):
        found = "is not set" if not key else "holds characters that no key has"
        raise RecipeError(f"api_key_env: ${config.api_key_env} {found}; export {config.api_key_env}=... before the run")
    return key
